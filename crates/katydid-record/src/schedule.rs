//! How much load is due when: pure functions of the time since the run began.
//!
//! A schedule is a row of straight lines, each a phase. Its height is either a number of users, who come back by themselves (the
//! closed model), or a number of arrivals per second, which do not wait for answers (the open model). It knows neither clocks nor
//! who carries the load out.
#![allow(clippy::float_cmp)] // heights are copied, not computed: equal ones are equal

mod lines;

use serde::{Deserialize, Serialize};

pub use lines::{Line, is_numbered};

/// What the height of a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Users at work at the same time.
    #[default]
    Users,
    /// Arrivals per second.
    Arrivals,
}

/// What a phase is for; it decides how its numbers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseKind {
    /// On the way to another level. Its numbers mix levels and are not judged unless asked for.
    Ramp,
    /// A constant level.
    Hold,
    /// Much more than before, for a short time.
    Spike,
    /// What follows a spike, at the level from before it.
    Recovery,
}

impl PhaseKind {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            PhaseKind::Ramp => "ramp",
            PhaseKind::Hold => "hold",
            PhaseKind::Spike => "spike",
            PhaseKind::Recovery => "recovery",
        }
    }

    /// The name of the n-th phase of this kind that was given none: `hold`, `hold 2`.
    pub fn numbered(self, n: u32) -> String {
        match n {
            0 | 1 => self.as_str().to_owned(),
            more => format!("{} {more}", self.as_str()),
        }
    }
}

/// One phase: a straight line, after a rise that may come first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Unique in its schedule.
    pub name: String,
    /// What it is for.
    pub kind: PhaseKind,
    /// Height at its beginning: users, or arrivals per second.
    pub from: f64,
    /// Height at its end.
    pub to: f64,
    /// How long the way from `from` to `to` takes, seconds; constant from then on.
    pub rise_s: f64,
    /// How long it lasts, seconds; at least `rise_s`.
    pub length_s: f64,
    /// The event that cut it off from the phase before it, whose line it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Phase {
    /// Height `t` seconds after its beginning.
    fn level(&self, t: f64) -> f64 {
        if t >= self.rise_s {
            return self.to;
        }
        self.from + (self.to - self.from) * (t / self.rise_s).max(0.0)
    }

    /// The area under it up to `t` seconds after its beginning.
    fn area(&self, t: f64) -> f64 {
        let t = t.clamp(0.0, self.length_s);
        if t >= self.rise_s {
            return self.rise_s * (self.from + self.to) / 2.0 + (t - self.rise_s) * self.to;
        }
        t * (self.from + self.level(t)) / 2.0
    }

    /// The instant, seconds after its beginning, at which the area under it is `area`, which is more than nothing and at most all of
    /// it.
    ///
    /// On the rise the area is `from·t + slope·t²/2`. The root is taken in the form that has no difference of nearly equal numbers
    /// (Press et al., *Numerical Recipes*, section 5.6).
    fn when(&self, area: f64) -> f64 {
        let risen = self.rise_s * (self.from + self.to) / 2.0;
        if area > risen || self.rise_s == 0.0 {
            return self.rise_s + (area - risen) / self.to;
        }
        let slope = (self.to - self.from) / self.rise_s;
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        2.0 * area / (self.from + root)
    }

    /// Ends it `t` seconds after its beginning; answers the rest of its line, a phase of its own that is named after the event.
    fn cut(&mut self, t: f64, event: &str) -> Phase {
        let level = self.level(t);
        let before = self.after.as_ref().map(|before| format!(" after {before}"));
        let name = before.and_then(|before| self.name.strip_suffix(&before));
        let rest = Phase {
            name: format!("{} after {event}", name.unwrap_or(&self.name)),
            kind: self.kind,
            from: level,
            to: self.to,
            rise_s: (self.rise_s - t).max(0.0),
            length_s: self.length_s - t,
            after: Some(event.to_owned()),
        };
        (self.to, self.rise_s, self.length_s) = (level, self.rise_s.min(t), t);
        rest
    }
}

/// The phases of a run, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What its height counts.
    pub model: Model,
    /// In their order. Empty: no load at all. Of a schedule with lines their heights are only what it has at their edges.
    pub phases: Vec<Phase>,
    /// One for each user class, where they were said apart: the schedule is their sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// Arrivals and users are whole; this much is rounding.
const ROUNDING: f64 = 1e-9;
/// An instant that is nearer to the edge of a phase is the edge, seconds.
const EDGE_S: f64 = 1e-6;

impl Schedule {
    /// Length, seconds.
    pub fn length_s(&self) -> f64 {
        self.phases.iter().map(|phase| phase.length_s).sum()
    }

    /// The greatest height.
    pub fn peak(&self) -> f64 {
        if !self.lines.is_empty() {
            let knees = self.knees().into_iter();
            let heights = knees.map(|t| self.level(t).max(self.level_before(t)));
            return heights.fold(0.0, f64::max);
        }
        let heights = self.phases.iter().flat_map(|phase| [phase.from, phase.to]);
        heights.fold(0.0, f64::max)
    }

    /// Most users due at any time. Of lines, at an instant at which one of them bends: in between there may be one more of each.
    pub fn most_users(&self) -> u64 {
        if !self.lines.is_empty() {
            let knees = self.knees().into_iter();
            let users = knees.map(|t| {
                let before = self.lines.iter();
                let before = before.map(|line| whole_users(line.schedule.level_before(t)));
                self.users(t).max(before.sum())
            });
            return users.max().unwrap_or(0);
        }
        whole_users(self.peak())
    }

    /// Which phase runs `t` seconds after the beginning, and since when. The last one goes on for ever.
    pub fn phase_at(&self, t: f64) -> Option<(usize, f64)> {
        let mut began = 0.0;
        for (index, phase) in self.phases.iter().enumerate() {
            let end = began + phase.length_s;
            if t < end || index + 1 == self.phases.len() {
                return Some((index, began));
            }
            began = end;
        }
        None
    }

    /// Height at `t` seconds; at the end of the last phase and after it what that ended with.
    pub fn level(&self, t: f64) -> f64 {
        if !self.lines.is_empty() {
            return self.lines.iter().map(|line| line.schedule.level(t)).sum();
        }
        self.phase_at(t)
            .map_or(0.0, |(index, began)| self.phases[index].level(t - began))
    }

    /// Users due at `t` seconds: on the way up the first of a ramp at once, on the way down the last one at its end.
    pub fn users(&self, t: f64) -> u64 {
        if !self.lines.is_empty() {
            return self.lines.iter().map(|line| line.schedule.users(t)).sum();
        }
        whole_users(self.level(t))
    }

    /// The first instant after `t` seconds at which the number of users may be another one, or another phase begins; `None` when
    /// nothing changes any more.
    pub fn change_after(&self, t: f64) -> Option<f64> {
        let (index, began) = self.phase_at(t)?;
        let phase = &self.phases[index];
        let here = t - began;
        let is_last = index + 1 == self.phases.len();
        let end = (!is_last || here < phase.length_s).then_some(began + phase.length_s);
        if !self.lines.is_empty() {
            let lines = self.lines.iter();
            let changes = lines.filter_map(|line| line.schedule.change_after(t));
            return changes.chain(end).min_by(f64::total_cmp);
        }
        if here >= phase.rise_s || phase.from == phase.to {
            return end;
        }
        let slope = (phase.to - phase.from) / phase.rise_s;
        let now = self.users(t) as f64;
        // On the way up the next one comes when there are `now` in full, on the way down one goes when one less is enough.
        let next = if slope > 0.0 { now } else { now - 1.0 };
        // A little later, so that rounding does not keep it waiting for another look.
        let at = (next + 2.0 * ROUNDING * slope.signum() - phase.from) / slope;
        Some(began + at.clamp(here, phase.rise_s))
    }

    /// The area under the schedule up to `t` seconds: arrivals, or user-seconds.
    pub fn area(&self, t: f64) -> f64 {
        if !self.lines.is_empty() {
            return self.lines.iter().map(|line| line.schedule.area(t)).sum();
        }
        let mut began = 0.0;
        let mut area = 0.0;
        for phase in &self.phases {
            if t <= began {
                break;
            }
            area += phase.area(t - began);
            began += phase.length_s;
        }
        area
    }

    /// All arrivals of the schedule: the first is due when the area leaves zero, the one after `n` others when it is `n`.
    pub fn arrivals(&self) -> u64 {
        if !self.lines.is_empty() {
            let lines = self.lines.iter();
            return lines.map(|line| line.schedule.arrivals()).sum();
        }
        let area = self.area(self.length_s());
        (area - rounding(area)).ceil().max(0.0) as u64
    }

    /// Arrivals due by `t` seconds, that instant included.
    pub fn arrivals_by(&self, t: f64) -> u64 {
        if !self.lines.is_empty() {
            let lines = self.lines.iter();
            return lines.map(|line| line.schedule.arrivals_by(t)).sum();
        }
        let area = self.area(t);
        if area == 0.0 {
            return u64::from(self.arrival(0).is_some_and(|first| first <= t));
        }
        let whole = (area + rounding(area)).floor() as u64;
        (whole + 1).min(self.arrivals())
    }

    /// When the arrival after `n` others is due, seconds; `None` if there are no more. Lines are asked one by one: their arrivals are
    /// numbered apart.
    pub fn arrival(&self, n: u64) -> Option<f64> {
        debug_assert!(self.lines.is_empty());
        if n >= self.arrivals() {
            return None;
        }
        let wanted = n as f64;
        let mut began = 0.0;
        let mut before = 0.0;
        for phase in &self.phases {
            let area = phase.area(phase.length_s);
            if area > 0.0 && before + area > wanted {
                return Some(
                    began
                        + if wanted > before {
                            phase.when(wanted - before)
                        } else {
                            0.0
                        },
                );
            }
            before += area;
            began += phase.length_s;
        }
        // The last one, if rounding put it on the very end.
        Some(began)
    }

    /// Lets a phase begin `t` seconds after the beginning, because of an event: the one that is on then is cut in two, unless
    /// another begins then anyway. How much load is due when stays as it was.
    pub fn cut(&mut self, t: f64, event: &str) {
        let Some((index, began)) = self.phase_at(t) else {
            return;
        };
        let phase = &mut self.phases[index];
        if t - began < EDGE_S || began + phase.length_s - t < EDGE_S {
            return;
        }
        let mut rest = phase.cut(t - began, event);
        if !self.lines.is_empty() {
            rest.from = self.level(t);
            self.phases[index].to = self.level_before(t);
        }
        self.phases.insert(index + 1, rest);
    }

    /// From `t` seconds after the beginning on, these phases come in the place of what was to come; the one that is on then ends there.
    /// What was due before stays due. Not for a schedule with lines.
    pub fn go_on(&mut self, t: f64, phases: impl IntoIterator<Item = Phase>) {
        debug_assert!(self.lines.is_empty());
        if let Some((index, began)) = self.phase_at(t) {
            let is_new = t - began < EDGE_S;
            self.phases.truncate(if is_new { index } else { index + 1 });
            if let Some(last) = self.phases.last_mut().filter(|_| !is_new) {
                last.to = last.level(t - began);
                last.rise_s = last.rise_s.min(t - began);
                last.length_s = t - began;
            }
        }
        self.phases.extend(phases);
    }

    /// Name of the phase that an event at `t` seconds begins or falls into.
    pub fn phase_from(&self, t: f64) -> Option<&str> {
        let (index, _) = self.phase_at(t + EDGE_S)?;
        Some(&self.phases[index].name)
    }

    /// Whether a phase of this name is the rest of one that an event cut.
    pub fn is_a_rest(&self, name: &str) -> bool {
        let mut phases = self.phases.iter();
        phases.any(|phase| phase.name == name && phase.after.is_some())
    }
}

/// On the way up the first of a ramp at once.
fn whole_users(height: f64) -> u64 {
    (height - ROUNDING).ceil().max(0.0) as u64
}

/// Sums and roots are off by some units in the last place.
fn rounding(area: f64) -> f64 {
    ROUNDING + area * 8.0 * f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phase(from: f64, to: f64, rise_s: f64, length_s: f64) -> Phase {
        Phase {
            name: "p".to_owned(),
            kind: PhaseKind::Ramp,
            from,
            to,
            rise_s,
            length_s,
            after: None,
        }
    }

    fn arrivals(phases: Vec<Phase>) -> Schedule {
        Schedule {
            model: Model::Arrivals,
            phases,
            lines: Vec::new(),
        }
    }

    fn users(phases: Vec<Phase>) -> Schedule {
        Schedule {
            model: Model::Users,
            phases,
            lines: Vec::new(),
        }
    }

    #[test]
    fn a_constant_rate_is_exact() {
        let steady = arrivals(vec![phase(20_000.0, 20_000.0, 0.0, 10.0)]);
        assert_eq!(steady.arrivals(), 200_000);
        assert_eq!(
            [0.0, 0.000_049, 0.000_05, 9.999_99, 10.0].map(|t| steady.arrivals_by(t)),
            [1, 1, 2, 200_000, 200_000]
        );
        assert_eq!(steady.arrival(199_999), Some(9.999_95));
        assert_eq!(steady.arrival(200_000), None);
    }

    #[test]
    fn a_ramp_by_hand() {
        // t²/2 arrivals by t: 0 at once, 1 at √2, 2 at 2, …, 50 in 10 s.
        let ramp = arrivals(vec![phase(0.0, 10.0, 10.0, 10.0)]);
        assert_eq!(ramp.arrivals(), 50);
        let at: Vec<f64> = (0..4).filter_map(|n| ramp.arrival(n)).collect();
        let expected = [0.0, 2.0_f64.sqrt(), 2.0, 6.0_f64.sqrt()];
        assert!(
            at.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{at:?}"
        );
    }

    #[test]
    fn users_come_at_once_and_go_at_the_end() {
        let up = users(vec![
            phase(0.0, 10.0, 5.0, 60.0),
            phase(10.0, 0.0, 5.0, 5.0),
        ]);
        let at = |t: f64| up.users(t);
        assert_eq!(
            [at(0.0), at(0.01), at(0.5), at(0.51), at(5.0), at(60.0)],
            [0, 1, 1, 2, 10, 10]
        );
        assert_eq!(
            [at(60.4), at(60.6), at(64.4), at(64.6), at(65.0), at(99.0)],
            [10, 9, 2, 1, 0, 0]
        );
        assert_eq!((up.peak(), up.length_s()), (10.0, 65.0));
    }

    #[test]
    fn ten_thousand_users_in_a_spike_are_spread() {
        let spike = users(vec![phase(0.0, 10_000.0, 1.0, 30.0)]);
        let each: Vec<u64> = (0..=100)
            .map(|c| spike.users(f64::from(c) / 100.0))
            .collect();
        assert!(
            each.windows(2).all(|pair| pair[1] - pair[0] == 100),
            "{each:?}"
        );
    }

    #[test]
    fn a_cut_ramp_goes_on_as_it_would_have() {
        let mut ramp = users(vec![phase(0.0, 10.0, 10.0, 20.0)]);
        ramp.cut(4.0, "e");
        ramp.cut(15.0, "f");
        // Something begins there anyway, or nothing does.
        for edge in [0.0, 4.0, 20.0, 99.0] {
            ramp.cut(edge, "g");
        }
        let after = |event: &str, phase: Phase| Phase {
            after: Some(event.to_owned()),
            ..phase
        };
        let expected = [
            phase(0.0, 4.0, 4.0, 4.0),
            after("e", phase(4.0, 10.0, 6.0, 11.0)),
            after("f", phase(10.0, 10.0, 0.0, 5.0)),
        ];
        let names = ["p", "p after e", "p after f"].map(str::to_owned);
        let expected: Vec<Phase> = std::iter::zip(expected, names)
            .map(|(phase, name)| Phase { name, ..phase })
            .collect();
        assert_eq!(ramp.phases, expected);
        let from = [0.0, 4.0, 14.9, 15.0].map(|t| ramp.phase_from(t).expect("there is one"));
        assert_eq!(from, ["p", "p after e", "p after e", "p after f"]);
        assert!(ramp.is_a_rest("p after f") && !ramp.is_a_rest("p"));
    }

    #[test]
    fn an_hour_of_arrivals_is_not_one_more_when_cut() {
        let mut hour = arrivals(vec![phase(20_000.0, 20_000.0, 0.0, 3_600.0)]);
        for n in 1..60 {
            hour.cut(f64::from(n) * 61.7, "e");
        }
        assert_eq!(hour.arrivals(), 72_000_000);
    }

    prop_compose! {
        fn a_phase()(
            from in 0.0_f64..300.0,
            to in 0.0_f64..300.0,
            share in prop_oneof![Just(0.0), Just(1.0), 0.0_f64..1.0],
            length in 0.01_f64..200.0,
        ) -> Phase {
            phase(from, to, share * length, length)
        }
    }

    proptest! {
        /// The instant of each arrival is the first at which it is counted.
        #[test]
        fn arrivals_and_their_number_agree(phases in prop::collection::vec(a_phase(), 1..5), share in 0.0_f64..1.0) {
            let schedule = arrivals(phases);
            let all = schedule.arrivals();
            prop_assert_eq!(schedule.arrivals_by(schedule.length_s()), all);
            prop_assume!(all > 0);
            let n = ((all - 1) as f64 * share) as u64;
            let at = schedule.arrival(n).expect("it is one of them");
            prop_assert!((0.0..=schedule.length_s()).contains(&at));
            prop_assert!(schedule.arrivals_by(at + 1e-7) > n, "{n} at {at}");
            prop_assert!(at < 1e-7 || schedule.arrivals_by(at - 1e-7) <= n + 1);
            if let Some(next) = schedule.arrival(n + 1) {
                prop_assert!(next >= at);
            }
        }

        /// The formula of the area against a sum of thin slices.
        #[test]
        fn the_area_is_the_integral(phases in prop::collection::vec(a_phase(), 1..4), share in 0.0_f64..1.0) {
            const SLICES: u32 = 40_000;
            let schedule = arrivals(phases);
            let t = schedule.length_s() * share;
            let slice = t / f64::from(SLICES);
            let sum: f64 = (0..SLICES).map(|i| schedule.level((f64::from(i) + 0.5) * slice) * slice).sum();
            // A jump may fall anywhere inside its slice.
            let off = slice * schedule.peak() * schedule.phases.len() as f64 + 1e-6 * sum;
            prop_assert!((schedule.area(t) - sum).abs() <= off + 1e-9, "{} {sum}", schedule.area(t));
        }

        /// Looked at only when it says so, the number of users is right at every instant, up to rounding.
        #[test]
        fn nothing_changes_unannounced(phases in prop::collection::vec(a_phase(), 1..4), share in 0.0_f64..1.0) {
            let schedule = users(phases);
            let t = schedule.length_s() * share;
            let (before, _) = schedule.phase_at(t).expect("there is a phase");
            let next = schedule.change_after(t);
            let until = next.unwrap_or(t + 10.0);
            prop_assert!(until >= t);
            let halfway = t + (until - t) * 0.5;
            prop_assert_eq!(schedule.phase_at(halfway).map(|(index, _)| index), Some(before));
            prop_assert_eq!(schedule.users(halfway), schedule.users(t + (until - t) * 1e-3));
        }

        /// Cut anywhere and as often as one likes, there are as many users at any time, and as many arrivals by then.
        #[test]
        fn a_cut_changes_no_load(
            phases in prop::collection::vec(a_phase(), 1..4),
            cuts in prop::collection::vec(0.0_f64..1.0, 1..5),
            shares in prop::collection::vec(0.0_f64..=1.0, 40),
        ) {
            for whole in [users(phases.clone()), arrivals(phases)] {
                let mut pieces = whole.clone();
                let length = whole.length_s();
                for cut in &cuts {
                    pieces.cut(length * cut, "e");
                }
                prop_assert!((pieces.length_s() - length).abs() < 1e-9);
                prop_assert_eq!(pieces.arrivals(), whole.arrivals());
                for t in shares.iter().chain(&cuts).map(|share| share * length) {
                    // Where it jumps the last digit of an edge decides.
                    let jumps = |schedule: &Schedule| schedule.level(t - 1e-9) - schedule.level(t + 1e-9);
                    if jumps(&whole).abs() > 1e-3 {
                        continue;
                    }
                    prop_assert!((pieces.level(t) - whole.level(t)).abs() < 1e-6, "{t}");
                    prop_assert!((pieces.area(t) - whole.area(t)).abs() < 1e-6, "{t}");
                    // A whole number that is reached at this very instant may be counted an instant later.
                    let around = |count: &dyn Fn(&Schedule, f64) -> u64| {
                        let [a, b, c] = [(&whole, t - 1e-6), (&pieces, t), (&whole, t + 1e-6)].map(|(s, t)| count(s, t));
                        (a.min(c)..=a.max(c)).contains(&b)
                    };
                    prop_assert!(around(&Schedule::users) && around(&Schedule::arrivals_by), "{t}");
                }
            }
        }

        #[test]
        fn parts_add_up(phases in prop::collection::vec(a_phase(), 1..5), cut in 0.0_f64..1.0) {
            let schedule = arrivals(phases);
            let all = schedule.area(schedule.length_s());
            let t = schedule.length_s() * cut;
            let rest: f64 = all - schedule.area(t);
            prop_assert!(rest >= -1e-9 && schedule.area(t) >= 0.0);
        }
    }
}
