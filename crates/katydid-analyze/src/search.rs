//! The search for the greatest load that keeps the objectives: which step comes next, and what the steps say.
//!
//! First coarse steps find two neighbouring heights, of which one holds and one does not. Then fine steps are made around the limit,
//! mostly a little below it, in an order that is balanced. None of them decides anything: one curve is laid through all of them
//! (`curve`), and the limit is where that curve reaches the budget. Last, the lower end of the interval is held for some minutes. If it
//! holds, and that is wished for, there are overloads on purpose (`beyond`); they change nothing of the answer.
//!
//! Pure: the next step is a function of those before it. It does not know who makes the load, and does not wait.

mod beyond;
mod bracket;
mod curve;
mod fit;
mod hysteresis;
mod knee;
pub mod limits;
pub mod recorded;
mod spread;
pub mod told;

pub use beyond::said::{Said, said};
pub(crate) use spread::design_effect_of;

use std::cell::OnceCell;

use katydid_record::search::{Confirmation, Lacking, Outcome, Purpose, Seen, Step, Took, Wish};

use self::beyond::Beyond;
use self::bracket::Bracket;
use self::curve::Estimate;
use self::limits as at;
use crate::interval;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// A step.
    Step(Step),
    /// Nothing: the search is over.
    Done(Outcome),
}

/// What follows these steps.
pub fn next(wish: &Wish, seen: &[Seen]) -> Next {
    let (of_search, after) = beyond::split(seen);
    let search = Search {
        wish,
        seen: of_search,
        is_over: !after.is_empty(),
        bracket: Bracket::of(wish, of_search),
        estimate: OnceCell::new(),
    };
    let next = search.next();
    if let Next::Done(Outcome::Found {
        height,
        confirmation: Confirmation::Held(_),
        ..
    }) = next
        && (wish.beyond || wish.hysteresis)
    {
        let beyond = Beyond {
            wish,
            seen,
            after,
            height,
            out_of_reach: search.bracket.beyond_us,
        };
        return beyond.next().map_or(next, Next::Step);
    }
    next
}

/// How long it takes to come from one height to the next: arrivals change at once, users are started one after the other.
fn rise_s(wish: &Wish, from: f64, to: f64) -> f64 {
    if wish.whole {
        ((to - from) / at::RISE)
            .ceil()
            .clamp(0.0, at::LONGEST_RISE_S)
    } else {
        0.0
    }
}

/// Whether a step that is under way is to end now: `slices` are the seconds since it settled, by objective. `is_drowned`: see
/// [`is_drowned`]; of an overload on purpose: whether all users that may be are at work, so that there cannot be more load.
pub fn is_over(
    wish: &Wish,
    purpose: Purpose,
    slices: &[Vec<(u64, u64)>],
    is_drowned: bool,
) -> bool {
    match purpose {
        Purpose::Calm => return !is_drowned && is_well(wish, slices),
        Purpose::Back => return !is_drowned && beyond::is_mended(wish, slices),
        Purpose::Beyond | Purpose::Spike | Purpose::Up | Purpose::Down => return is_drowned,
        Purpose::Coarse | Purpose::Fine | Purpose::Confirm | Purpose::Base => {}
    }
    is_drowned || slices.iter().any(|slices| is_lost(slices))
}

/// Whether the target has more to do than it can: `in_flight` requests are awaited on average, `ended` came back per second, so that
/// one stays for their quotient (Little, *A proof for the queuing formula L = λW*, 1961). An overload that is left alone may break what does not
/// mend by itself. `limit_s`: how long a request may take; `usual_s`: how long one takes under little load.
pub fn is_drowned(in_flight: f64, ended: f64, limit_s: f64, usual_s: f64) -> bool {
    in_flight >= at::AWAITED && in_flight > at::DROWNED * (limit_s + usual_s) * ended
}

/// The last seconds keep all budgets.
fn is_well(wish: &Wish, slices: &[Vec<(u64, u64)>]) -> bool {
    let last = |slices: &Vec<(u64, u64)>| {
        let from = slices.len().checked_sub(at::LAST)?;
        share(&slices[from..])
    };
    let shares: Vec<Option<f64>> = slices.iter().map(last).collect();
    let keeps = |(share, budget): (&Option<f64>, &f64)| share.is_none_or(|share| share <= *budget);
    shares.iter().any(Option::is_some) && shares.iter().zip(&wish.budgets).all(keeps)
}

/// For many seconds nothing worked in any in which something ended.
fn is_lost(slices: &[(u64, u64)]) -> bool {
    let Some(from) = slices.len().checked_sub(at::CUT_AFTER) else {
        return false;
    };
    let shares: Vec<f64> = slices[from..]
        .iter()
        .filter_map(|second| share(&[*second]))
        .collect();
    shares.len() >= at::CUT_AFTER / 2 && shares.iter().all(|share| *share >= at::LOST)
}

/// Share of bad ones; `None` of nothing.
fn share(slices: &[(u64, u64)]) -> Option<f64> {
    let (bad, total) = interval::sum(slices);
    (total > 0).then(|| bad as f64 / total as f64)
}

/// More came than was done, so that what follows would suffer from it.
fn is_strained(seen: &Seen) -> bool {
    let strained = |slices: &Vec<(u64, u64)>| {
        let last = &slices[slices.len().saturating_sub(at::LAST)..];
        let (bad, _) = interval::sum(last);
        bad >= at::FEW && share(last).is_some_and(|share| share >= at::STRAINED)
    };
    seen.cut || seen.slices.iter().any(strained)
}

/// It went its full time, and no request in it was about any objective.
fn is_about_nothing(seen: &Seen) -> bool {
    !seen.cut && seen.slices.iter().all(|slices| share(slices).is_none())
}

struct Search<'a> {
    wish: &'a Wish,
    seen: &'a [Seen],
    /// The limit was known once, and what came late does not reopen it.
    is_over: bool,
    bracket: Bracket,
    /// What all fine steps say: over all objectives, and which of them is broken first.
    estimate: OnceCell<Option<(Estimate, usize)>>,
}

impl Search<'_> {
    fn next(&self) -> Next {
        if self.is_over {
            return self.end();
        }
        if self.valid(Purpose::Coarse).any(is_about_nothing) {
            return self.unfinished(Lacking::Requests);
        }
        if let Some(next) = self.seen.last().and_then(|last| self.after(last)) {
            return next;
        }
        let Bracket {
            held,
            broke,
            beyond_us,
            ..
        } = self.bracket;
        let (Some(low), Some(high)) = (held, broke) else {
            return self.widen();
        };
        let top = beyond_us.map_or(high, |beyond| beyond.min(high));
        if self.of(Purpose::Fine).next().is_none() && top / low > at::NARROW {
            let middle = self.rounded((low * top).sqrt());
            if middle > low && middle < top {
                return self.coarse(middle);
            }
        }
        if self.wish.fast {
            return Next::Done(Outcome::Between {
                held: bracket::safe(self.wish, self.seen),
                broke: high,
                binding: self.bracket.binding,
            });
        }
        if self.fine_is_done() {
            return self.end();
        }
        let height = self.middle(low, high) * part(self.of(Purpose::Fine).count());
        self.step(Purpose::Fine, height, (at::FINE_S.0, self.fine_hold_s()))
    }

    /// What the last step asks for by itself: to be made again, or a time to recover.
    fn after(&self, last: &Seen) -> Option<Next> {
        let Step {
            purpose, height, ..
        } = last.step;
        if purpose != Purpose::Calm {
            let is_last = self.of(Purpose::Confirm).count() >= at::CONFIRMATIONS;
            if is_strained(last) && !is_last {
                let hold_s = at::CALM_S.min(self.left_s()).floor();
                return (hold_s > 0.0).then(|| self.calm(hold_s));
            }
            return self.is_to_repeat(last).then(|| self.again(last));
        }
        let mut earlier = self.seen.iter().rev().skip(1);
        let before = earlier.find(|seen| seen.step.purpose != Purpose::Calm)?;
        let is_cut_short = last.step.hold_s < at::CALM_S;
        if last.cut || is_well(self.wish, &last.slices) || is_cut_short {
            return self.is_to_repeat(before).then(|| self.again(before));
        }
        if last.invalid {
            let mut calm = self.of(Purpose::Calm).filter(|seen| seen.invalid);
            return Some(match calm.nth(1) {
                Some(_) => self.unfinished(Lacking::Generator),
                None => self.again(last),
            });
        }
        let after = before.step.height;
        Some(Next::Done(match self.bracket.held {
            Some(held) if held >= height => Outcome::Stuck { after, at: height },
            _ => Outcome::BrokenAtIdle {
                height,
                binding: bracket::worst(self.wish, last).map_or(0, |(objective, _)| objective),
            },
        }))
    }

    /// The generator may have been disturbed, or the target cold: believed when it comes twice.
    fn is_to_repeat(&self, seen: &Seen) -> bool {
        if seen.step.purpose != Purpose::Coarse {
            return false;
        }
        let coarse = || self.of(Purpose::Coarse);
        let times = coarse()
            .filter(|other| bracket::is_same(other, seen))
            .count();
        let is_cold = coarse().count() == 1 && bracket::broken(self.wish, seen).is_some();
        times == 1 && (is_cold || seen.invalid)
    }

    fn again(&self, seen: &Seen) -> Next {
        let step = self.made(seen.step);
        if self.left_s() < step.length_s() {
            return self.unfinished(Lacking::Time);
        }
        Next::Step(step)
    }

    /// The step as it can be made after the last one.
    fn made(&self, step: Step) -> Step {
        let from = self.seen.last().map_or(0.0, |seen| seen.step.height);
        Step {
            rise_s: rise_s(self.wish, from, step.height),
            ..step
        }
    }

    fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Seen> {
        let seen = self.seen.iter();
        seen.filter(move |seen| seen.step.purpose == purpose)
    }

    fn valid(&self, purpose: Purpose) -> impl Iterator<Item = &Seen> {
        self.of(purpose).filter(|seen| !seen.invalid)
    }

    fn step(&self, purpose: Purpose, height: f64, (settle_s, hold_s): (f64, f64)) -> Next {
        Next::Step(self.made(Step {
            purpose,
            height: self.rounded(height),
            rise_s: 0.0,
            settle_s: self.settles_s(purpose, settle_s),
            hold_s,
        }))
    }

    /// What was sent before the step is not judged in it.
    fn settles_s(&self, purpose: Purpose, least_s: f64) -> f64 {
        match purpose {
            Purpose::Calm => least_s,
            _ => least_s.max(self.wish.limit_s.ceil()),
        }
    }

    fn coarse(&self, height: f64) -> Next {
        let (mut settle_s, hold_s) = at::COARSE_S;
        if self.seen.is_empty() {
            settle_s = at::FIRST_SETTLE_S;
        }
        let next = self.step(Purpose::Coarse, height, (settle_s, hold_s));
        match next {
            Next::Step(step) if self.left_s() < step.length_s() => self.unfinished(Lacking::Time),
            _ => next,
        }
    }

    /// As little load as surely was held before; if none was, next to none.
    fn calm(&self, hold_s: f64) -> Next {
        let held = self.bracket.held.unwrap_or(at::IDLE);
        let broke = self.bracket.broke;
        let height = broke.map_or(held, |broke| self.middle(held, broke));
        let height = (at::CALM * height).max(at::IDLE).min(held);
        self.step(Purpose::Calm, height, (0.0, hold_s))
    }

    fn unfinished(&self, lacking: Lacking) -> Next {
        let Bracket { held, broke, .. } = self.bracket;
        Next::Done(Outcome::Unfinished {
            held,
            broke,
            lacking,
        })
    }

    /// As it can be made: not above the ceiling, and whole where it has to be.
    fn rounded(&self, height: f64) -> f64 {
        let ceiling = self.wish.ceiling.unwrap_or(f64::INFINITY);
        if self.wish.whole {
            height.round().min(ceiling.floor()).max(1.0)
        } else {
            height.min(ceiling)
        }
    }

    fn left_s(&self) -> f64 {
        let spent: f64 = self.seen.iter().map(|seen| seen.lasted_s).sum();
        self.wish.time_s.map_or(f64::INFINITY, |time| time - spent)
    }

    fn longest_rise_s(&self) -> f64 {
        rise_s(self.wish, 0.0, f64::INFINITY)
    }

    /// What of it is kept for what comes after the search, as long as there is an answer.
    fn kept_s(&self) -> f64 {
        let asked = [
            (self.wish.beyond, at::BEYOND_PART, at::BEYOND_MOST_S),
            (self.wish.hysteresis, at::RUNGS_PART, at::RUNGS_MOST_S),
        ];
        let asked = asked.into_iter().filter(|(is_asked, ..)| *is_asked);
        let kept = |time: f64| asked.map(|(_, part, most)| (part * time).min(most)).sum();
        self.wish.time_s.map_or(0.0, kept)
    }

    /// The next coarse step while one end of the bracket is missing.
    fn widen(&self) -> Next {
        let Bracket {
            held,
            broke,
            beyond_us,
            ..
        } = self.bracket;
        let Some(held) = held else {
            let Some(failed) = broke.into_iter().chain(beyond_us).min_by(f64::total_cmp) else {
                return self.coarse(self.wish.start);
            };
            let height = self.rounded(failed / at::DOWN);
            if height >= at::IDLE && height < failed {
                return self.coarse(height);
            }
            return Next::Done(match broke {
                Some(height) if beyond_us.is_none_or(|beyond| height <= beyond) => {
                    Outcome::BrokenAtIdle {
                        height,
                        binding: self.bracket.binding,
                    }
                }
                _ => Outcome::OutOfReach { above: 0.0 },
            });
        };
        let growth = if self.bracket.easily {
            at::FAST
        } else {
            at::CAREFUL
        };
        let height = match beyond_us {
            Some(beyond) if beyond / held <= at::NARROW => held,
            Some(beyond) => (held * beyond).sqrt(),
            None if self.wish.whole => (growth * held).max(held + 1.0),
            None => growth * held,
        };
        let able = self.bracket.able.unwrap_or(f64::INFINITY);
        let height = self.rounded(height.min(able));
        if height > held && (height < able || able > at::LITTLE_MORE * held) {
            return self.coarse(height);
        }
        match self.bracket.kept {
            Some(kept) if kept >= held => Next::Done(Outcome::OutOfReach { above: kept }),
            _ => self.unfinished(Lacking::Generator),
        }
    }

    /// The limit as it looks now, to put the next step around. At first it is in the middle of what coarse steps say.
    fn middle(&self, held: f64, broke: f64) -> f64 {
        let fine: Vec<&Seen> = self.valid(Purpose::Fine).collect();
        let few = fine.iter().take(at::FIT_FROM);
        let moved = few.fold((held * broke).sqrt(), |height, seen| {
            height * self.moved_by(seen)
        });
        if fine.len() < at::FIT_FROM {
            return moved;
        }
        let heights = || fine.iter().map(|seen| seen.step.height);
        let (low, high) = (
            heights().fold(f64::INFINITY, f64::min) / at::LEAP,
            heights().fold(0.0, f64::max) * at::LEAP,
        );
        self.estimate().map_or(moved, |(estimate, _)| {
            estimate.middle.exp().clamp(low, high)
        })
    }

    fn moved_by(&self, seen: &Seen) -> f64 {
        let any = |is_so: &dyn Fn(f64, f64) -> bool| {
            let mut slices = seen.slices.iter().zip(&self.wish.budgets);
            slices.any(|(slices, budget)| share(slices).is_some_and(|share| is_so(share, *budget)))
        };
        if any(&|share, budget| share > (4.0 * budget).min(f64::midpoint(budget, 1.0))) {
            0.92
        } else if any(&|share, budget| share > 0.2 * budget) {
            1.0
        } else {
            1.06
        }
    }

    /// How long a hold at the limit takes for so many bad requests of each objective that is near it.
    fn time_for(&self, witnesses: f64) -> f64 {
        let fine = self.valid(Purpose::Fine).filter(|seen| !seen.cut);
        let held = |seen: &&Seen| self.bracket.held == Some(seen.step.height);
        let Some(last) = fine
            .last()
            .or_else(|| self.valid(Purpose::Coarse).find(held))
        else {
            return 0.0;
        };
        let any_near = (0..self.wish.budgets.len()).any(|objective| self.was_near(objective));
        let needed = (0..)
            .zip(last.slices.iter().zip(&self.wish.budgets))
            .filter_map(|(objective, (slices, budget))| {
                let (_, total) = interval::sum(slices);
                let rate = total as f64 / slices.len().max(1) as f64;
                let counts = total > 0 && (!any_near || self.was_near(objective));
                counts.then(|| witnesses / (budget * rate))
            });
        needed.fold(0.0, f64::max).ceil()
    }

    fn fine_hold_s(&self) -> f64 {
        self.time_for(at::WITNESSES)
            .clamp(at::FINE_S.1, at::LONGEST_FINE_S)
    }

    /// How long a confirmation lasts; `None`: there is no time for one that could succeed.
    fn confirm_hold_s(&self) -> Option<f64> {
        // With less, even if no request is bad, the budget may be exceeded (the rule of three, for 97.5 %).
        let least = self.time_for(at::LEAST_WITNESSES).max(at::SHORT_CONFIRM_S);
        let wanted = self
            .time_for(at::WITNESSES)
            .clamp(at::CONFIRM_S.1, at::LONGEST_CONFIRM_S);
        let left_s = self.left_s() - at::CONFIRM_S.0 - self.longest_rise_s();
        let kept_s = self.kept_s().min(left_s - least).max(0.0);
        let hold_s = wanted.min(left_s - kept_s).floor();
        (hold_s >= least).then_some(hold_s)
    }

    fn fine_is_done(&self) -> bool {
        let (all, valid) = (
            self.of(Purpose::Fine).count(),
            self.valid(Purpose::Fine).count(),
        );
        let is_ours = all >= at::FEWEST && 2 * valid < all;
        if all >= at::MOST || is_ours || self.seen.len() >= at::MOST_STEPS {
            return true;
        }
        // What is too wide for an answer is not confirmed.
        let is_an_answer = || {
            let estimate = self.estimate();
            estimate.is_none_or(|(estimate, _)| !self.is_unsure(&estimate, at::TOO_WIDE))
        };
        let confirm = self.wish.time_s.filter(|_| is_an_answer());
        let confirm = confirm.map_or(0.0, |time| {
            (at::CONFIRM_PART * time).clamp(at::SHORT_CONFIRM_S, at::CONFIRM_S.1) + at::CONFIRM_S.0
        });
        let kept = if confirm > 0.0 && valid >= at::FEWEST {
            self.kept_s()
        } else {
            0.0
        };
        let fine = self.longest_rise_s() + at::FINE_S.0 + self.fine_hold_s();
        if self.left_s() < kept + confirm + fine {
            return true;
        }
        let is_a_look = valid >= at::ENOUGH && (valid - at::ENOUGH).is_multiple_of(at::MORE);
        is_a_look
            && self.estimate().is_some_and(|(estimate, _)| {
                !self.is_unsure(&estimate, at::PRECISE) || self.ceiling_below(&estimate).is_some()
            })
    }

    /// The ceiling, if the limit surely is above it.
    fn ceiling_below(&self, estimate: &Estimate) -> Option<f64> {
        self.wish
            .ceiling
            .filter(|ceiling| estimate.low.exp() > *ceiling)
    }

    /// Confirms, or answers.
    fn end(&self) -> Next {
        let valid = self.valid(Purpose::Fine).count();
        let Some((estimate, binding)) = self.estimate().filter(|_| valid >= at::FEWEST) else {
            let all = self.of(Purpose::Fine).count();
            return self.unfinished(if all >= at::FEWEST {
                Lacking::Generator
            } else {
                Lacking::Time
            });
        };
        let (low, middle, high) = (
            self.rounded_down(estimate.low.exp()),
            estimate.middle.exp(),
            estimate.high.exp(),
        );
        if let Some(above) = self.ceiling_below(&estimate) {
            return Next::Done(Outcome::OutOfReach { above });
        }
        if self.is_unsure(&estimate, at::TOO_WIDE) {
            return Next::Done(Outcome::TooNoisy { low, high, binding });
        }
        let made: Vec<&Seen> = self.valid(Purpose::Confirm).collect();
        let last = made.last().map(|last| last.step.height);
        let holds = made.last().is_some_and(|last| self.keeps(last));
        let height = match last {
            Some(last) if self.wish.whole => (at::LOWER * last).floor().min(last - 1.0),
            Some(last) => at::LOWER * last,
            None => low,
        };
        let tried = self.of(Purpose::Confirm).count();
        let may = !self.is_over && !holds && tried < at::CONFIRMATIONS && height >= at::IDLE;
        if let Some(hold_s) = self.confirm_hold_s().filter(|_| may) {
            return self.step(Purpose::Confirm, height, (at::CONFIRM_S.0, hold_s));
        }
        Next::Done(Outcome::Found {
            height: self.rounded_down(middle),
            low,
            high,
            binding,
            confirmation: match last {
                Some(height) if holds => Confirmation::Held(height),
                Some(height) => Confirmation::Failed(height),
                None => Confirmation::NotMade,
            },
        })
    }

    /// The interval is wider than that, or a longer search could find it elsewhere.
    fn is_unsure(&self, estimate: &Estimate, too_wide: f64) -> bool {
        let (low, high) = (estimate.low.exp(), estimate.high.exp());
        if self.wish.whole && (low.floor() - high.floor()).abs() < 0.5 {
            return false;
        }
        let is_slow = estimate.wider > at::TOO_SLOW && high / low > at::NEGLIGIBLE;
        high / low > too_wide || is_slow || self.wanders(estimate)
    }

    /// From step to step the target is faster or slower by so much that a few slow times, which may be missing, decide. Beyond the limit how long requests
    /// take says how long the step was.
    fn wanders(&self, estimate: &Estimate) -> bool {
        let below = self.valid(Purpose::Fine).filter(|seen| !seen.cut);
        let below = below.map(|seen| (seen.step.height.ln(), seen.took));
        let below = below.filter(|(ln_height, _)| *ln_height <= estimate.middle);
        let took: Vec<(f64, Took)> = below.filter_map(|(ln, took)| Some((ln, took?))).collect();
        spread::speed_scatter(&took).is_some_and(|scatter| scatter > at::WANDERS)
    }

    fn rounded_down(&self, height: f64) -> f64 {
        if self.wish.whole {
            height.floor()
        } else {
            height
        }
    }

    /// Whether all objectives surely hold in a confirmation, of those with enough requests to tell.
    fn keeps(&self, seen: &Seen) -> bool {
        let mut told = 0;
        for (slices, budget) in seen.slices.iter().zip(&self.wish.budgets) {
            let Some(share) = interval::share(slices) else {
                continue;
            };
            let (_, total) = interval::sum(slices);
            let can_tell = total as f64 * budget >= at::LEAST_WITNESSES;
            if share.low > *budget || (can_tell && share.high > *budget) {
                return false;
            }
            told += u32::from(can_tell);
        }
        told > 0 && !seen.cut
    }
}

/// The part of the estimate at which the n-th fine step is made.
fn part(n: usize) -> f64 {
    let row = at::ORDER[n / at::PARTS.len() % at::ORDER.len()];
    at::PARTS[row[n % at::PARTS.len()]]
}

#[cfg(test)]
mod tests;
