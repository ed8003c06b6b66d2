//! How many users are due by when: pure functions of time, and the timer that asks them.
//!
//! It knows numbers of users, not users.

use katydid_record::{Model, PhaseKind, Schedule};

use crate::clock::{MILLISECOND, Nanos, SECOND};

/// Finest step of a fast ramp: 10,000 users in a second come as 50 at a time.
const FINEST_STEP: Nanos = 5 * MILLISECOND;
/// The same for arrivals, each of which keeps the instant it was due.
const FINEST_ARRIVALS: Nanos = MILLISECOND / 5;

/// A straight line from one number of users to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    began: Nanos,
    from: u64,
    to: u64,
    rate: f64,
    last: Option<u64>,
}

impl Ramp {
    /// A ramp that begins now. A rate that is not positive and finite is an immediate step.
    pub fn new(began: Nanos, from: u64, to: u64, rate: f64) -> Self {
        Self {
            began,
            from,
            to,
            rate,
            last: None,
        }
    }

    /// Users due at `now`. Going up the first is due at once, as Locust spawns it; each further one 1/rate later.
    pub fn due(&self, now: Nanos) -> u64 {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return self.to;
        }
        let elapsed = now.saturating_sub(self.began) as f64 / SECOND as f64;
        // The epsilon keeps a step that falls exactly on `now` from being rounded away.
        let steps = (elapsed * self.rate + 1.0 + 1e-9) as u64;
        if self.to >= self.from {
            self.from.saturating_add(steps).min(self.to)
        } else {
            self.from.saturating_sub(steps).max(self.to)
        }
    }

    /// The number due, if it changed since last asked, and when to ask again (`None`: the ramp is over).
    pub fn poll(&mut self, now: Nanos) -> (Option<u64>, Option<Nanos>) {
        let due = self.due(now);
        let changed = (self.last != Some(due)).then_some(due);
        self.last = Some(due);
        if due == self.to {
            return (changed, None);
        }
        let done = self.from.abs_diff(due);
        let next = self.began + (done as f64 / self.rate * SECOND as f64).ceil() as Nanos;
        (changed, Some(next.max(now + FINEST_STEP)))
    }
}

/// The arrivals of one process of several: one of every `of`, at a place that varies, so that turns of user classes and of processes
/// do not fall into step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which process, from 0.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl Share {
    /// All arrivals.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The first of its arrivals from this number on.
    fn from(self, number: u64) -> u64 {
        let block = number / self.of;
        let first = self.in_block(block);
        if first >= number {
            first
        } else {
            self.in_block(block + 1)
        }
    }

    fn in_block(self, block: u64) -> u64 {
        let place = (self.index + mixed(block) % self.of) % self.of;
        block * self.of + place
    }
}

/// A number that looks drawn: the finalizer of `SplitMix64` (Steele, Lea and Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A schedule that began at some instant, followed.
#[derive(Debug)]
pub struct Follower {
    schedule: Schedule,
    began: Nanos,
    users: u64,
    share: Share,
    /// Number of its next arrival.
    next: u64,
    phase: Option<usize>,
}

/// What a [`Follower`] has to tell.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// So many users are due from now on.
    pub users: Option<u64>,
    /// When each of the arrivals was due that have become due since last asked, and its number among those of all processes.
    pub arrivals: Vec<(Nanos, u64)>,
    /// Name and kind of the phases that have begun, in their order.
    pub phases: Vec<(String, PhaseKind)>,
    /// When to ask again; `None`: the schedule is over.
    pub next: Option<Nanos>,
}

impl Follower {
    /// Follows a schedule that begins at `began`, with `users` at work. Users are those of all processes, arrivals only the share's.
    pub fn new(schedule: Schedule, began: Nanos, users: u64, share: Share) -> Self {
        Self {
            schedule,
            began,
            users,
            share,
            next: share.from(0),
            phase: None,
        }
    }

    /// What changed by `now`, since last asked.
    pub fn poll(&mut self, now: Nanos) -> News {
        let t = now.saturating_sub(self.began) as f64 / SECOND as f64;
        let mut news = News::default();
        if let Some((index, _)) = self.schedule.phase_at(t) {
            let first = self.phase.map_or(0, |last| last + 1);
            let begun = self.schedule.phases.get(first..=index).unwrap_or_default();
            news.phases = begun
                .iter()
                .map(|phase| (phase.name.clone(), phase.kind))
                .collect();
            self.phase = Some(index);
        }
        let (change, step) = match self.schedule.model {
            Model::Users => {
                self.follow_users(t, &mut news);
                (self.schedule.change_after(t), FINEST_STEP)
            }
            Model::Arrivals => {
                self.follow_arrivals(t, &mut news);
                (self.next_arrival(t), FINEST_ARRIVALS)
            }
        };
        if t < self.schedule.length_s() {
            let at = self.instant(change.unwrap_or_else(|| self.schedule.length_s()));
            news.next = Some(at.max(now + step));
        }
        news
    }

    fn instant(&self, t: f64) -> Nanos {
        self.began + (t * SECOND as f64).ceil() as Nanos
    }

    fn follow_users(&mut self, t: f64, news: &mut News) {
        let due = self.schedule.users(t);
        if due != self.users {
            self.users = due;
            news.users = Some(due);
        }
    }

    fn follow_arrivals(&mut self, t: f64, news: &mut News) {
        let due = self.schedule.arrivals_by(t);
        while self.next < due
            && let Some(at) = self.schedule.arrival(self.next)
        {
            news.arrivals.push((self.instant(at), self.next));
            self.next = self.share.from(self.next + 1);
        }
    }

    /// The next arrival, or the next phase if that comes first.
    fn next_arrival(&self, t: f64) -> Option<f64> {
        let (index, began) = self.schedule.phase_at(t)?;
        let edge = began + self.schedule.phases[index].length_s;
        let arrival = self.schedule.arrival(self.next);
        Some(arrival.map_or(edge, |at| at.min(edge)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ten_users_at_two_per_second_take_four_and_a_half_seconds() {
        let ramp = Ramp::new(0, 0, 10, 2.0);
        let at = |ms: u64| ramp.due(ms * MILLISECOND);
        assert_eq!(
            [
                at(0),
                at(499),
                at(500),
                at(1000),
                at(4499),
                at(4500),
                at(9000)
            ],
            [1, 1, 2, 3, 9, 10, 10]
        );
    }

    #[test]
    fn down_and_immediate() {
        assert_eq!(Ramp::new(0, 10, 7, 1.0).due(SECOND), 8);
        assert_eq!(Ramp::new(0, 0, 7, f64::INFINITY).due(0), 7);
    }

    #[test]
    fn arrivals_keep_the_instants_they_were_due_at() {
        let phase = |kind: PhaseKind, from: f64, to: f64, length_s: f64| katydid_record::Phase {
            name: kind.as_str().to_owned(),
            kind,
            from,
            to,
            rise_s: if kind == PhaseKind::Ramp {
                length_s
            } else {
                0.0
            },
            length_s,
            after: None,
        };
        let schedule = Schedule {
            model: Model::Arrivals,
            phases: vec![
                phase(PhaseKind::Ramp, 0.0, 2_000.0, 0.5),
                phase(PhaseKind::Hold, 2_000.0, 2_000.0, 0.5),
            ],
        };
        let expected: Vec<(Nanos, u64)> = (0..1_500)
            .filter_map(|n| Some((schedule.arrival(n)?, n)))
            .map(|(t, n)| (7 + (t * SECOND as f64).ceil() as Nanos, n))
            .collect();
        for of in [1, 2, 3, 7] {
            let shares = (0..of).map(|index| arrivals(&schedule, Share { index, of }));
            let shares: Vec<_> = shares.collect();
            assert!(
                shares
                    .iter()
                    .all(|share| share.len().abs_diff(1_500 / of as usize) <= 1)
            );
            let mut all: Vec<_> = shares.concat();
            all.sort_unstable();
            assert_eq!(all, expected);
        }
    }

    /// All that a follower lets arrive of a schedule that begins at 7 and has the phases "ramp" and "hold".
    fn arrivals(schedule: &Schedule, share: Share) -> Vec<(Nanos, u64)> {
        let mut follower = Follower::new(schedule.clone(), 7, 0, share);
        let (mut now, mut seen, mut names) = (7, Vec::new(), Vec::new());
        loop {
            let news = follower.poll(now);
            assert!(news.arrivals.iter().all(|(due, _)| *due <= now + 1));
            assert_eq!(news.users, None);
            seen.extend(news.arrivals);
            names.extend(news.phases.into_iter().map(|(name, _)| name));
            let Some(next) = news.next else { break };
            now = next;
        }
        assert_eq!(names, ["ramp", "hold"]);
        assert!((7 + SECOND..7 + SECOND + MILLISECOND).contains(&now));
        seen
    }

    proptest! {
        /// Asked only when it says so, the pacer is never more than one step (or the finest step) behind, and ends at the target.
        #[test]
        fn polling_follows_the_line(from in 0_u64..500, to in 0_u64..500, rate in 0.5_f64..20_000.0) {
            let mut ramp = Ramp::new(7, from, to, rate);
            let (mut now, mut seen) = (7, from);
            loop {
                let (changed, next) = ramp.poll(now);
                seen = changed.unwrap_or(seen);
                prop_assert_eq!(seen, ramp.due(now));
                let Some(next) = next else { break };
                prop_assert!(next >= now + FINEST_STEP);
                let step = (rate * 0.005).ceil() as u64 + 1;
                prop_assert!(ramp.due(next).abs_diff(seen) <= step);
                now = next;
            }
            prop_assert_eq!(seen, to);
        }
    }
}
