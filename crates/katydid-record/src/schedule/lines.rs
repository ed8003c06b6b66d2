//! A line for each user class, and the schedule that they make together.

use serde::{Deserialize, Serialize};

use super::{EDGE_S, Model, Phase, PhaseKind, Schedule};

/// What one user class has of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Name of the user class.
    pub class: String,
    /// Its load when. It has no lines itself.
    pub schedule: Schedule,
}

impl Schedule {
    /// The lines together, as long as the longest of them; the class of a shorter one has nothing to do from its end on. A phase
    /// begins wherever one of a line does. It is of the kind of the line that says most of it: a spike before a recovery, a ramp, a
    /// hold; of equal ones that which begins there and was given a name, or the first.
    pub fn of_lines(model: Model, mut lines: Vec<Line>) -> Self {
        let lengths = lines.iter().map(|line| line.schedule.length_s());
        let length = lengths.fold(0.0, f64::max);
        for line in &mut lines {
            line.schedule.model = model;
            line.schedule.rest_until(length);
        }
        let mut edges: Vec<f64> = lines
            .iter()
            .flat_map(|line| line.schedule.edges())
            .collect();
        sort_apart(&mut edges);
        let mut whole = Self {
            model,
            phases: Vec::new(),
            lines,
        };
        for edge in edges.windows(2) {
            let phase = whole.between(edge[0], edge[1]);
            whole.phases.push(phase);
        }
        whole
    }

    /// Height just before `t` seconds.
    pub(super) fn level_before(&self, t: f64) -> f64 {
        if !self.lines.is_empty() {
            let lines = self.lines.iter();
            return lines.map(|line| line.schedule.level_before(t)).sum();
        }
        self.phase_at(t - EDGE_S / 2.0)
            .map_or(0.0, |(index, began)| self.phases[index].level(t - began))
    }

    /// Where a line begins a phase or has risen: between two such instants all of them are straight.
    pub(super) fn knees(&self) -> Vec<f64> {
        let mut knees = Vec::new();
        for line in &self.lines {
            let phases = line.schedule.phases.iter();
            knees.extend(line.schedule.edges());
            knees.extend(
                phases
                    .zip(line.schedule.edges())
                    .map(|(phase, began)| began + phase.rise_s),
            );
        }
        sort_apart(&mut knees);
        knees
    }

    /// Where its phases begin, and the end of the last.
    fn edges(&self) -> Vec<f64> {
        let ends = self.phases.iter().scan(0.0, |end, phase| {
            *end += phase.length_s;
            Some(*end)
        });
        std::iter::once(0.0).chain(ends).collect()
    }

    fn rest_until(&mut self, length: f64) {
        let rest = length - self.length_s();
        if rest < EDGE_S {
            return;
        }
        self.phases.push(Phase {
            name: "rest".to_owned(),
            kind: PhaseKind::Hold,
            from: self.phases.last().map_or(0.0, |last| last.to),
            to: 0.0,
            rise_s: 0.0,
            length_s: rest,
            after: None,
        });
    }

    /// The phase between two neighbouring edges of the lines.
    fn between(&self, begins: f64, ends: f64) -> Phase {
        let middle = f64::midpoint(begins, ends);
        let at_work = self.lines.iter().filter_map(|line| {
            let (index, began) = line.schedule.phase_at(middle)?;
            Some((&line.schedule.phases[index], began))
        });
        let at_work: Vec<(&Phase, f64)> = at_work.collect();
        let says = |(phase, began): &(&Phase, f64)| {
            let is_busy = phase.level(middle - began) > 0.0;
            // A name that somebody gave is to be found.
            let is_named = !is_numbered(&phase.name, phase.kind.as_str());
            let begins_here = (begins - began).abs() < EDGE_S;
            (is_busy, weight(phase.kind), is_named && begins_here)
        };
        // The first of those that say most.
        let leading = at_work.iter().rev().max_by_key(|one| says(one));
        let leading = leading.map(|(phase, _)| *phase);
        let from = at_work.iter().map(|(phase, began)| {
            if (begins - began).abs() < EDGE_S {
                return phase.from;
            }
            phase.level(begins - began)
        });
        let rises = at_work.iter().filter(|(phase, _)| phase.from != phase.to);
        let tops = rises.map(|(phase, began)| began + phase.rise_s - begins);
        let kind = leading.map_or(PhaseKind::Hold, |phase| phase.kind);
        Phase {
            name: self.name(leading, kind),
            kind,
            from: from.sum(),
            to: self.level_before(ends),
            rise_s: tops.fold(0.0, f64::max).min(ends - begins),
            length_s: ends - begins,
            after: None,
        }
    }

    /// The name that the line's own phase was given, else its kind; with a number if there is another.
    fn name(&self, leading: Option<&Phase>, kind: PhaseKind) -> String {
        let given = leading.filter(|phase| !is_numbered(&phase.name, kind.as_str()));
        let name = given.map_or(kind.as_str(), |phase| phase.name.as_str());
        let mut number = 1;
        let mut distinct = name.to_owned();
        while self.phases.iter().any(|phase| phase.name == distinct) {
            number += 1;
            distinct = format!("{name} {number}");
        }
        distinct
    }
}

/// Whether a phase's name is this one or one of its numbers: `hold`, `hold 2`.
pub fn is_numbered(name: &str, plain: &str) -> bool {
    name.strip_prefix(plain).is_some_and(|rest| {
        let number = rest.strip_prefix(' ').unwrap_or_default();
        rest.is_empty() || (!number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
    })
}

fn weight(kind: PhaseKind) -> u8 {
    match kind {
        PhaseKind::Hold => 0,
        PhaseKind::Ramp => 1,
        PhaseKind::Recovery => 2,
        PhaseKind::Spike => 3,
    }
}

/// Ascending; of those that are hardly apart the first.
fn sort_apart(instants: &mut Vec<f64>) {
    instants.sort_by(f64::total_cmp);
    instants.dedup_by(|later, earlier| *later - *earlier < EDGE_S);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(class: &str, phases: Vec<(PhaseKind, f64, f64, f64, f64)>) -> Line {
        let phases = phases.into_iter().enumerate();
        let phases = phases.map(|(n, (kind, from, to, rise_s, length_s))| Phase {
            name: kind.numbered(n as u32 + 1),
            kind,
            from,
            to,
            rise_s,
            length_s,
            after: None,
        });
        Line {
            class: class.to_owned(),
            schedule: Schedule {
                phases: phases.collect(),
                ..Schedule::default()
            },
        }
    }

    #[test]
    fn two_lines_by_hand() {
        let shopper = line(
            "Shopper",
            vec![
                (PhaseKind::Ramp, 0.0, 200.0, 120.0, 120.0),
                (PhaseKind::Hold, 200.0, 200.0, 0.0, 600.0),
            ],
        );
        let admin = line("Admin", vec![(PhaseKind::Hold, 0.0, 5.0, 1.0, 300.0)]);
        let whole = Schedule::of_lines(Model::Users, vec![shopper, admin]);
        let rows: Vec<_> = whole
            .phases
            .iter()
            .map(|p| (p.name.as_str(), p.from, p.to, p.rise_s, p.length_s))
            .collect();
        assert_eq!(
            rows,
            [
                ("ramp", 0.0, 205.0, 120.0, 120.0),
                ("hold", 205.0, 205.0, 0.0, 180.0),
                ("hold 2", 205.0, 200.0, 0.0, 420.0),
            ]
        );
        assert_eq!(
            [0.3, 60.0, 299.0, 300.0, 720.0].map(|t| whole.users(t)),
            [3, 105, 205, 200, 200]
        );
        assert_eq!(whole.peak(), 205.0);
        assert_eq!(whole.most_users(), 205);
    }

    #[test]
    fn the_peak_is_where_one_has_risen_and_another_falls() {
        let falls = line(
            "A",
            vec![
                (PhaseKind::Hold, 0.0, 100.0, 0.0, 10.0),
                (PhaseKind::Ramp, 100.0, 0.0, 50.0, 50.0),
            ],
        );
        let rises = line(
            "B",
            vec![
                (PhaseKind::Hold, 0.0, 0.0, 0.0, 10.0),
                (PhaseKind::Hold, 0.0, 11.0, 5.0, 50.0),
            ],
        );
        let whole = Schedule::of_lines(Model::Users, vec![falls, rises]);
        assert_eq!(whole.peak(), 101.0);
        assert_eq!(whole.phases[1].kind, PhaseKind::Ramp);
    }

    proptest! {
        /// Whatever the lines are: the whole is their sum, changes when one of them does, and is as long as the longest.
        #[test]
        fn the_whole_is_the_sum(
            drawn in proptest::collection::vec(
                proptest::collection::vec((0_u32..60, 0_u32..60, 0.0_f64..1.0, 0.1_f64..40.0), 1..5),
                1..4,
            ),
            t in 0.0_f64..170.0,
        ) {
            let lines: Vec<Line> = drawn
                .into_iter()
                .map(|phases| {
                    let phases = phases.into_iter().map(|(from, to, rise, length)| {
                        (PhaseKind::Hold, f64::from(from), f64::from(to), rise * length, length)
                    });
                    line("A", phases.collect())
                })
                .collect();
            let apart = lines.clone();
            let whole = Schedule::of_lines(Model::Users, lines);
            let longest = apart.iter().map(|line| line.schedule.length_s()).fold(0.0, f64::max);
            prop_assert!((whole.length_s() - longest).abs() < 1e-3);
            let busy = apart.iter().filter(|line| t < line.schedule.length_s() || line.schedule.length_s() + EDGE_S > longest);
            prop_assert_eq!(whole.users(t), busy.map(|line| line.schedule.users(t)).sum::<u64>());
            prop_assert!(whole.users(t) <= whole.most_users() + whole.lines.len() as u64);
            prop_assert!(whole.level(t) <= whole.peak() + 1e-6);
            let area: f64 = apart.iter().map(|line| line.schedule.area(t)).sum();
            prop_assert!((whole.area(t) - area).abs() < 1e-6 * (1.0 + area));
            if let Some(at) = whole.change_after(t) {
                let between = t + (at - t) * 0.5;
                prop_assert_eq!(whole.users(between.min(at - 1e-7).max(t)), whole.users(t));
            }
            let names: std::collections::BTreeSet<_> = whole.phases.iter().map(|p| &p.name).collect();
            prop_assert_eq!(names.len(), whole.phases.len());
        }
    }
}
