//! How many users are due by when: pure functions of time, and the timer that asks them.
//!
//! It knows numbers of users, not users.

use katydid_record::{Model, Phase, PhaseKind, Schedule};

use crate::clock::{MILLISECOND, Nanos, SECOND};

/// Finest step of a fast ramp: 10,000 users in a second come as 50 at a time.
const FINEST_STEP: Nanos = 5 * MILLISECOND;
/// Arrivals are told so long before they are due, where the last were told long enough ago: what a script does before its first request
/// is done by then, and the request goes out when it is due.
pub const AHEAD: Nanos = 3 * MILLISECOND;
/// They are told in batches at least so far apart: each wakes two threads.
const BATCHES: Nanos = MILLISECOND;
/// The edge of a phase of arrivals is not looked for more often.
const FINEST_EDGE: Nanos = MILLISECOND / 5;

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
    /// One for each line of the schedule; of one without lines itself.
    tracks: Vec<Track>,
    share: Share,
    phase: Option<usize>,
}

#[derive(Debug)]
struct Track {
    schedule: Schedule,
    users: u64,
    /// Number of its next arrival.
    next: u64,
}

/// What a [`Follower`] has to tell.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// Of this line so many users are due from now on.
    pub users: Vec<(u32, u64)>,
    /// The arrivals since last asked that are due within [`AHEAD`], in their order.
    pub arrivals: Vec<Arrival>,
    /// Name and kind of the phases that have begun, in their order.
    pub phases: Vec<(String, PhaseKind)>,
    /// When to ask again; `None`: the schedule is over.
    pub next: Option<Nanos>,
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When it is due.
    pub due: Nanos,
    /// Its number among those of its line in all processes.
    pub number: u64,
    /// Its line's number in the schedule; 0 where there are no lines.
    pub line: u32,
}

impl Follower {
    /// Follows a schedule that begins at `began`, with `users` at work. Users are those of all processes, arrivals only the share's.
    pub fn new(schedule: Schedule, began: Nanos, users: u64, share: Share) -> Self {
        let track = |schedule: &Schedule| Track {
            schedule: schedule.clone(),
            users,
            next: share.from(0),
        };
        let tracks = if schedule.lines.is_empty() {
            vec![track(&schedule)]
        } else {
            let lines = schedule.lines.iter();
            lines.map(|line| track(&line.schedule)).collect()
        };
        Self {
            schedule,
            began,
            tracks,
            share,
            phase: None,
        }
    }

    /// From the instant `at` on these phases come in the place of what was to come. What was told already stays: `at` is at least
    /// [`AHEAD`] away. Not for a schedule with lines.
    pub fn go_on(&mut self, at: Nanos, phases: &[Phase]) {
        let t = at.saturating_sub(self.began) as f64 / SECOND as f64;
        self.schedule.go_on(t, phases.iter().cloned());
        for track in &mut self.tracks {
            track.schedule.clone_from(&self.schedule);
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
        let next = match self.schedule.model {
            Model::Users => {
                self.follow_users(t, &mut news);
                let change = self.schedule.change_after(t);
                let at = change.unwrap_or_else(|| self.schedule.length_s());
                instant(self.began, at).max(now + FINEST_STEP)
            }
            Model::Arrivals => {
                let until = (now + AHEAD).saturating_sub(self.began);
                self.follow_arrivals(until as f64 / SECOND as f64, &mut news);
                self.next_batch(t, now)
            }
        };
        if t < self.schedule.length_s() {
            news.next = Some(next);
        }
        news
    }

    fn follow_users(&mut self, t: f64, news: &mut News) {
        for (line, track) in (0..).zip(&mut self.tracks) {
            let due = track.schedule.users(t);
            if due != track.users {
                track.users = due;
                news.users.push((line, due));
            }
        }
    }

    fn follow_arrivals(&mut self, t: f64, news: &mut News) {
        let (began, share) = (self.began, self.share);
        for (line, track) in (0..).zip(&mut self.tracks) {
            let due = track.schedule.arrivals_by(t);
            while track.next < due
                && let Some(at) = track.schedule.arrival(track.next)
            {
                news.arrivals.push(Arrival {
                    due: instant(began, at),
                    number: track.next,
                    line,
                });
                track.next = share.from(track.next + 1);
            }
        }
        if self.tracks.len() > 1 {
            news.arrivals.sort_unstable();
        }
    }

    /// When the next arrival is to be told, or the next phase begins if that comes first.
    fn next_batch(&self, t: f64, now: Nanos) -> Nanos {
        let edge = self.schedule.phase_at(t).map_or(0.0, |(index, began)| {
            began + self.schedule.phases[index].length_s
        });
        let edge = instant(self.began, edge).max(now + FINEST_EDGE);
        let tracks = self.tracks.iter();
        let arrivals = tracks.filter_map(|track| track.schedule.arrival(track.next));
        let first = arrivals.map(|at| instant(self.began, at)).min();
        let batch = first.map(|due| due.saturating_sub(AHEAD).max(now + BATCHES));
        batch.map_or(edge, |batch| batch.min(edge))
    }
}

fn instant(began: Nanos, t: f64) -> Nanos {
    began + (t * SECOND as f64).ceil() as Nanos
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
            lines: Vec::new(),
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

    /// Steps that follow one another, each told while the one before is on: as one schedule that was known from the beginning.
    #[test]
    fn what_is_told_later_comes_as_if_it_had_been_known() {
        let hold = |name: &str, height: f64, length_s: f64| Phase {
            name: name.to_owned(),
            kind: PhaseKind::Hold,
            from: height,
            to: height,
            rise_s: 0.0,
            length_s,
            after: None,
        };
        let of = |model, phases| Schedule {
            model,
            phases,
            lines: Vec::new(),
        };
        for model in [Model::Arrivals, Model::Users] {
            for share in [Share::WHOLE, Share { index: 1, of: 3 }] {
                let steps = [("a", 100.0, 1.0), ("b", 733.3, 0.5), ("c", 41.7, 2.0)];
                let steps = steps.map(|(name, height, length)| hold(name, height, length));
                let known = of(model, steps.to_vec());
                let expected = all(Follower::new(known, 7, 0, share), |_, _| ());
                // Of each is only known that it will be on for long, until the next is told.
                let long = |step: &Phase| Phase {
                    length_s: 1e6,
                    ..step.clone()
                };
                let first = of(model, vec![long(&steps[0])]);
                let mut told = 1;
                let found = all(Follower::new(first, 7, 0, share), |follower, now| {
                    let edges = [SECOND, SECOND * 3 / 2, SECOND * 7 / 2];
                    let edge = 7 + edges[(told - 1).min(2)];
                    if told <= 3 && now + SECOND / 4 >= edge {
                        let next: Vec<Phase> = steps.get(told).map(long).into_iter().collect();
                        follower.go_on(edge, &next);
                        told += 1;
                    }
                });
                assert_eq!(found, expected, "{model:?} {share:?}");
            }
        }
    }

    /// All arrivals, changes of users and phases of a follower, asked when it says so and every 50 ms.
    fn all(
        mut follower: Follower,
        mut meanwhile: impl FnMut(&mut Follower, Nanos),
    ) -> (Vec<Arrival>, Vec<(u32, u64)>, Vec<String>) {
        let (mut now, mut found) = (7, (Vec::new(), Vec::new(), Vec::new()));
        loop {
            meanwhile(&mut follower, now);
            let news = follower.poll(now);
            found.0.extend(news.arrivals);
            found.1.extend(news.users);
            found
                .2
                .extend(news.phases.into_iter().map(|(name, _)| name));
            let Some(next) = news.next else { return found };
            now = next.min(now + SECOND / 20);
        }
    }

    /// All that a follower lets arrive of a schedule that begins at 7 and has the phases "ramp" and "hold".
    fn arrivals(schedule: &Schedule, share: Share) -> Vec<(Nanos, u64)> {
        let mut follower = Follower::new(schedule.clone(), 7, 0, share);
        let (mut now, mut seen, mut names) = (7, Vec::new(), Vec::new());
        loop {
            let news = follower.poll(now);
            let in_time = now + AHEAD - BATCHES..=now + AHEAD + 1;
            let told_late = now < 7 + BATCHES;
            let dues = news.arrivals.iter().map(|arrival| arrival.due);
            assert!(
                dues.into_iter()
                    .all(|due| told_late || in_time.contains(&due))
            );
            assert_eq!(news.users, []);
            assert!(news.arrivals.is_sorted());
            seen.extend(
                news.arrivals
                    .iter()
                    .map(|arrival| (arrival.due, arrival.number)),
            );
            names.extend(news.phases.into_iter().map(|(name, _)| name));
            let Some(next) = news.next else { break };
            now = next;
        }
        assert_eq!(names, ["ramp", "hold"]);
        assert!((7 + SECOND..7 + SECOND + MILLISECOND).contains(&now));
        seen
    }

    #[test]
    fn each_line_is_followed() {
        let line = |class: &str, to: f64, length_s: f64| katydid_record::Line {
            class: class.to_owned(),
            schedule: Schedule {
                phases: vec![katydid_record::Phase {
                    name: "ramp".to_owned(),
                    kind: PhaseKind::Ramp,
                    from: 0.0,
                    to,
                    rise_s: length_s,
                    length_s,
                    after: None,
                }],
                ..Schedule::default()
            },
        };
        let lines = || vec![line("A", 30.0, 2.0), line("B", 8.0, 1.0)];
        let mut follower = Follower::new(
            Schedule::of_lines(Model::Users, lines()),
            7,
            0,
            Share::WHOLE,
        );
        let (mut now, mut seen) = (7, [Vec::new(), Vec::new()]);
        while let News {
            users,
            next: Some(next),
            ..
        } = follower.poll(now)
        {
            for (line, due) in users {
                seen[line as usize].push(due);
            }
            now = next;
        }
        assert_eq!(seen[0], (1..=30).collect::<Vec<_>>());
        assert_eq!(seen[1], (1..=8).chain([0]).collect::<Vec<_>>());
        assert!(now >= 7 + 2 * SECOND);

        let schedule = Schedule::of_lines(Model::Arrivals, lines());
        for of in [1, 3] {
            let mut seen = [Vec::new(), Vec::new()];
            for index in 0..of {
                let share = Share { index, of };
                let mut follower = Follower::new(schedule.clone(), 7, 0, share);
                let mut now = 7;
                loop {
                    let news = follower.poll(now);
                    assert!(news.arrivals.is_sorted());
                    for arrival in news.arrivals {
                        seen[arrival.line as usize].push((arrival.number, arrival.due));
                    }
                    let Some(next) = news.next else { break };
                    now = next;
                }
            }
            for (line, seen) in schedule.lines.iter().zip(&mut seen) {
                seen.sort_unstable();
                let due = |n| Some((n, instant(7, line.schedule.arrival(n)?)));
                let all: Vec<_> = (0..line.schedule.arrivals()).filter_map(due).collect();
                assert_eq!(*seen, all);
            }
        }
        assert_eq!(schedule.arrivals(), 30 + 4);
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
