//! What happens beyond the limit, when that is known: the way over it and down again, then more load than can be done, then a spike from half
//! of the limit, and back.
//!
//! A service that sheds what it cannot do keeps its goodput; one in which all wait in one queue loses nearly all of it. One that stays
//! broken at a load that it held before is metastable (Bronson et al., *Metastable failures in distributed systems*, 2021). The
//! thresholds are conventions.

pub(super) mod said;

use std::ops::Range;

use katydid_record::search::{Purpose, Seen, Step, Wish};

use super::limits as at;
use super::{is_strained, is_well, share};
use crate::interval;

/// The steps of the search itself, and those after it.
pub(super) fn split(seen: &[Seen]) -> (&[Seen], &[Seen]) {
    let first = seen.iter().position(|seen| seen.step.purpose.is_beyond());
    seen.split_at(first.unwrap_or(seen.len()))
}

/// A search that has found its number.
pub(super) struct Beyond<'a> {
    pub wish: &'a Wish,
    /// All steps.
    pub seen: &'a [Seen],
    /// Those after the search.
    pub after: &'a [Seen],
    /// What was found.
    pub height: f64,
    /// The least height at which the generator did not keep up.
    pub out_of_reach: Option<f64>,
}

impl Beyond<'_> {
    /// The next step, if there is one more.
    pub fn next(&self) -> Option<Step> {
        let Some(last) = self.after.last() else {
            return self.rung().or_else(|| self.overload());
        };
        match last.step.purpose {
            Purpose::Up | Purpose::Down => self.rung().or_else(|| self.calm(at::CALM, at::CALM_S)),
            Purpose::Beyond => self.calm(at::CALM, at::CALM_S),
            Purpose::Base if is_usual(self.wish, last) => {
                self.step(Purpose::Spike, at::SPIKE, (0.0, at::SPIKE_S))
            }
            Purpose::Base if is_strained(last) => self.calm(at::CALM, at::CALM_S),
            Purpose::Spike => self.step(Purpose::Back, at::BASE, (0.0, at::BACK_S)),
            Purpose::Back if recovery(self.wish, &last.slices).is_none() => {
                self.calm(at::RELIEF.0, at::RELIEF.1)
            }
            Purpose::Calm if self.of(Purpose::Base).next().is_none() => {
                let is_well = last.cut || is_well(self.wish, &last.slices);
                // What has not recovered is left alone.
                is_well.then(|| self.overload()).flatten()
            }
            _ => None,
        }
    }

    fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Seen> + Clone {
        let after = self.after.iter();
        after.filter(move |seen| seen.step.purpose == purpose)
    }

    /// The next load of the way over the limit and down again, if that is wished for.
    fn rung(&self) -> Option<Step> {
        let made = self.of(Purpose::Up).count() + self.of(Purpose::Down).count();
        let (purpose, times) = match made.checked_sub(at::WAY_UP.len()) {
            None => (Purpose::Up, at::WAY_UP[made]),
            Some(down) => (Purpose::Down, *at::WAY_DOWN.get(down)?),
        };
        if made > 0 {
            return self.step(purpose, times, at::RUNG_S);
        }
        let [.., most] = at::WAY_UP;
        let steps = (at::WAY_UP.len() + at::WAY_DOWN.len()) as f64;
        let takes_s = steps * (at::RUNG_S.0 + at::RUNG_S.1 + at::TOLD_S);
        let may = self.wish.hysteresis && self.has_room(at::STEPS_OF_RUNGS) && self.reaches(most);
        self.made(purpose, times, at::RUNG_S, takes_s)
            .filter(|_| may)
    }

    /// A run keeps so many more phases apart.
    fn has_room(&self, steps: usize) -> bool {
        self.seen.len() + steps <= at::MOST_PHASES
    }

    /// The next load beyond the limit, or what comes after them: the base of a spike.
    fn overload(&self) -> Option<Step> {
        // Where the generator was at its own limit there is no more load to be had.
        let is_ours = self.of(Purpose::Beyond).any(|seen| seen.invalid);
        let mut made = self.of(Purpose::Beyond);
        let is_full = made.clone().next().is_none() && !self.has_room(at::STEPS_BEYOND);
        if !self.wish.beyond || is_ours || is_full {
            return None;
        }
        let next = at::BEYOND.get(made.clone().count());
        if let Some(times) = next.filter(|_| !made.any(|seen| seen.cut)) {
            let (settle_s, hold_s) = at::BEYOND_S;
            let settle_s = settle_s.max(self.swamps_s(*times));
            let takes_s = settle_s + hold_s + at::CALM_S + 2.0 * at::TOLD_S;
            return self.made(Purpose::Beyond, *times, (settle_s, hold_s), takes_s);
        }
        let (settle_s, hold_s) = at::BASE_S;
        let settle_s = settle_s.max(self.wish.limit_s.ceil());
        let takes_s =
            settle_s + hold_s + at::SPIKE_S + at::BACK_S + at::RELIEF.1 + 4.0 * at::TOLD_S;
        if !self.reaches(at::SPIKE) {
            return None;
        }
        self.made(Purpose::Base, at::BASE, (settle_s, hold_s), takes_s)
    }

    /// A step that begins something, if the load can be made and there is time for all that may follow.
    fn made(
        &self,
        purpose: Purpose,
        times: f64,
        length_s: (f64, f64),
        takes_s: f64,
    ) -> Option<Step> {
        if !self.reaches(times) || self.left_s() < takes_s {
            return None;
        }
        self.step(purpose, times, length_s)
    }

    /// How long it takes until a queue without an end is so long that each request in it takes longer than it may, seconds: of so many times what can be
    /// done, all but one time is added to it.
    fn swamps_s(&self, times: f64) -> f64 {
        (self.wish.limit_s * times / (times - 1.0)).ceil()
    }

    /// The generator may make so much, and was not seen to be unable to.
    fn reaches(&self, times: f64) -> bool {
        let height = self.height_of(times);
        self.wish.ceiling.is_none_or(|ceiling| height <= ceiling)
            && self.out_of_reach.is_none_or(|most| height < most)
    }

    fn height_of(&self, times: f64) -> f64 {
        let height = times * self.height;
        if self.wish.whole {
            height.round().max(1.0)
        } else {
            height.max(at::IDLE)
        }
    }

    fn calm(&self, times: f64, hold_s: f64) -> Option<Step> {
        self.step(Purpose::Calm, times, (0.0, hold_s))
    }

    /// As long as there is time for.
    fn step(&self, purpose: Purpose, times: f64, (settle_s, hold_s): (f64, f64)) -> Option<Step> {
        let hold_s = hold_s.min(self.left_s() - settle_s).floor();
        (hold_s > 0.0).then(|| Step {
            purpose,
            height: self.height_of(times),
            rise_s: 0.0,
            settle_s,
            hold_s,
        })
    }

    fn left_s(&self) -> f64 {
        let spent: f64 = self.seen.iter().map(|seen| seen.lasted_s).sum();
        self.wish.time_s.map_or(f64::INFINITY, |time| time - spent)
    }
}

/// The base of a spike says what is usual: it counts, and all budgets are kept.
pub(super) fn is_usual(wish: &Wish, base: &Seen) -> bool {
    let seconds = base.slices.first().map_or(0, Vec::len);
    !base.cut && !base.invalid && keeps(wish, &base.slices, 0..seconds)
}

/// Whether all budgets are kept in these seconds. A few bad ones of few say nothing.
fn keeps(wish: &Wish, slices: &[Vec<(u64, u64)>], seconds: Range<usize>) -> bool {
    let mut any = false;
    for (slices, budget) in slices.iter().zip(&wish.budgets) {
        let Some(slices) = slices.get(seconds.clone()) else {
            return false;
        };
        let Some(share) = share(slices) else {
            continue;
        };
        let (bad, _) = interval::sum(slices);
        let is_little = bad < at::FEW && share < at::STRAINED;
        if share > *budget && !is_little {
            return false;
        }
        any = true;
    }
    any
}

/// The second from which all budgets are kept, for ten seconds and for the rest of thirty, as far as they were watched. `None`: they are
/// not. Where nothing comes back nothing has recovered.
pub(super) fn recovery(wish: &Wish, slices: &[Vec<(u64, u64)>]) -> Option<usize> {
    let seconds = slices.first()?.len();
    let (first, all) = at::MENDED;
    let is_recovered = |from: &usize| {
        let end = (from + all).min(seconds);
        let spans = [
            *from..from + 1,
            *from..from + first,
            end - first..end,
            *from..end,
        ];
        spans.into_iter().all(|span| keeps(wish, slices, span))
    };
    (0..(seconds + 1).saturating_sub(first)).find(is_recovered)
}

/// It has recovered, and that was watched long enough.
pub(super) fn is_mended(wish: &Wish, slices: &[Vec<(u64, u64)>]) -> bool {
    let seconds = slices.first().map_or(0, Vec::len);
    recovery(wish, slices).is_some_and(|from| from + at::MENDED.1 <= seconds)
}
