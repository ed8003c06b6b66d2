//! What a spike did, and how long the target took to recover: second by second, against the phase before it.

use std::ops::Range;

use katydid_record::slo::Limit;
use katydid_record::summary::SpikeSummary;
use katydid_record::{Histogram, PhaseId, PhaseKind, PhaseTotals, Plan, Slo, Timeline};

use crate::series::{self, Piece};

/// Without an objective a response counts as bad from this many times the p95 of the phase before.
const SLOW: f64 = 2.0;
/// And so many may be.
const BUDGET: f64 = 0.05;
/// Recovered means: over so many seconds few are bad, and little more is in flight than before.
const WINDOW_S: u64 = 10;
/// A shorter stretch says nothing.
const LEAST_S: u64 = 3;
/// It must stay so for this long, as far as it was watched.
const STAYS_S: u64 = 30;
/// In flight, against before.
const IN_FLIGHT: f64 = 1.2;
/// Intervals begin where a phase does, to the microsecond, and then at whole seconds.
const SLACK_S: f64 = 0.5;
/// A few requests more are chance.
const IN_FLIGHT_CHANCE: f64 = 3.0;

/// One for each spike after which something was watched, or that came before anything else: then what cannot be said is left out.
///
/// What an event cut off belongs to what it was cut off from: the load did not change there.
pub fn spikes(timeline: &Timeline, plan: &Plan) -> Vec<SpikeSummary> {
    let is_a_rest = |phase: &PhaseTotals| {
        let schedule = plan.schedule.as_ref();
        schedule.is_some_and(|schedule| schedule.is_a_rest(&phase.name))
    };
    let phases: Vec<(PhaseId, &PhaseTotals)> =
        timeline.phases.iter().map(|(id, p)| (*id, p)).collect();
    let pieces = series::pieces(timeline);
    let found = phases.iter().enumerate();
    found
        .filter(|(_, (_, p))| p.kind == PhaseKind::Spike.as_str() && !is_a_rest(p))
        .filter_map(|(index, spike)| {
            let before = phases[..index].iter().rev();
            let before = before.clone().find(|(_, p)| p.total().ok > 0)?;
            let mut after = &phases[index + 1..];
            while let Some((_, more)) = after.split_first().filter(|((_, p), _)| is_a_rest(p)) {
                after = more;
            }
            let around = Around {
                end_of_run: timeline.load_ended.unwrap_or(timeline.end),
                pieces: &pieces,
                before: *before,
                spike: *spike,
                after,
            };
            Some(around.summary(&plan.slos))
        })
        .collect()
}

/// A spike with what came before and after it.
struct Around<'a> {
    end_of_run: u64,
    pieces: &'a [Piece<'a>],
    before: (PhaseId, &'a PhaseTotals),
    spike: (PhaseId, &'a PhaseTotals),
    after: &'a [(PhaseId, &'a PhaseTotals)],
}

impl Around<'_> {
    /// What happened in these phases and up to an instant.
    fn within(&self, phases: Range<PhaseId>, from: u64, to: u64) -> Vec<&Piece<'_>> {
        let wanted = |piece: &&Piece<'_>| {
            phases.contains(&piece.phase) && piece.from_us >= from && piece.until_us <= to
        };
        self.pieces.iter().filter(wanted).collect()
    }

    fn summary(&self, slos: &[Slo]) -> SpikeSummary {
        let (spike_id, spike) = self.spike;
        let (before_id, before) = self.before;
        let began = spike.began.unwrap_or(0);
        let next = self.after.first().copied();
        let ended = next.and_then(|(_, p)| p.began).unwrap_or(self.end_of_run);
        // Until the load changes again.
        let changes = |p: &PhaseTotals| ["spike", "ramp"].contains(&p.kind.as_str());
        let change = self.after.iter().find(|(_, p)| changes(p));
        let watched = change.and_then(|(_, p)| p.began).unwrap_or(self.end_of_run);
        let last = change.map_or(PhaseId::MAX, |(id, _)| *id);
        // A ramp is at the level before only at its end.
        let since = match before.kind.as_str() {
            "ramp" => began.saturating_sub(WINDOW_S * 1_000_000),
            _ => 0,
        };
        let calm = self.within(before_id..before_id + 1, since, began);
        let mut usually = Histogram::default();
        calm.iter()
            .for_each(|piece| usually.add(&piece.second.from_due.to_sparse()));
        let usual = usually.quantile_us(0.95).unwrap_or(0);
        let (limit_us, budget) = limit(slos).unwrap_or(((usual as f64 * SLOW) as u64, BUDGET));
        let counts = |pieces: Vec<&Piece<'_>>| -> Vec<Count> {
            let count = |piece: &&Piece<'_>| Count::of(piece, limit_us);
            pieces.iter().map(count).collect()
        };
        let before_in_flight = mean(calm.iter().map(|piece| piece.second.in_flight() as f64));
        let during = counts(self.within(spike_id..last, 0, watched));
        let worst = during
            .iter()
            .map(|count| (count.bad as f64 / count.all.max(1) as f64, count.at_s))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let most = during.iter().map(|count| count.in_flight).reduce(f64::max);
        let allowed = before_in_flight * IN_FLIGHT + IN_FLIGHT_CHANCE;
        let first = next.map_or(PhaseId::MAX, |(id, _)| id);
        let afterwards = counts(self.within(first..last, 0, watched));
        let back = recovered_at(&afterwards, budget, allowed);
        let second = |us: u64| us as f64 / 1e6;
        SpikeSummary {
            phase: spike.name.clone(),
            before: before.name.clone(),
            limit_ms: limit_us as f64 / 1e3,
            limit_is_an_objective: limit(slos).is_some(),
            budget,
            peak_bad_share: worst.map_or(0.0, |worst| worst.0),
            peak_bad_at_s: worst.map_or(0.0, |worst| worst.1),
            in_flight_before: before_in_flight,
            in_flight_peak: most.unwrap_or(0.0) as u64,
            watched_s: second(watched.saturating_sub(ended)),
            recovered_s: back.map(|at_s| (at_s - second(ended)).max(0.0)),
        }
    }
}

/// Limit, µs, and budget of the first objective about the times of all requests.
fn limit(slos: &[Slo]) -> Option<(u64, f64)> {
    slos.iter().find_map(|slo| match slo.limit {
        Limit::Within { limit_us, .. }
            if slo.endpoint.is_none() && slo.access.is_none() && slo.phase.is_none() =>
        {
            Some((limit_us, slo.limit.budget()))
        }
        _ => None,
    })
}

/// An interval during the spike or after it: a second, or a few in a long phase.
struct Count {
    at_s: f64,
    until_s: f64,
    bad: u64,
    all: u64,
    in_flight: f64,
}

impl Count {
    fn of(piece: &Piece<'_>, limit_us: u64) -> Self {
        let second = &piece.second;
        Self {
            at_s: piece.from_us as f64 / 1e6,
            until_s: piece.until_us as f64 / 1e6,
            bad: second.failed + second.blocked + second.from_due.count_above(limit_us),
            all: second.ok + second.failed + second.blocked,
            in_flight: second.in_flight() as f64,
        }
    }
}

/// The first interval from which on a window is calm, and every window that begins within [`STAYS_S`] after it.
fn recovered_at(counts: &[Count], budget: f64, in_flight: f64) -> Option<f64> {
    let until = |from: &Count, seconds: u64| {
        let end = from.at_s + seconds as f64 - SLACK_S;
        counts.partition_point(|count| count.at_s < end)
    };
    let calm = |from: usize| {
        let window = &counts[from..until(&counts[from], WINDOW_S)];
        let (bad, all) = window
            .iter()
            .fold((0, 0), |(b, a), c| (b + c.bad, a + c.all));
        bad as f64 <= budget * all as f64 && mean(window.iter().map(|c| c.in_flight)) <= in_flight
    };
    let end = counts.last()?.until_s;
    let enough = LEAST_S as f64 - SLACK_S;
    let starts = counts.partition_point(|count| end - count.at_s >= enough);
    (0..starts)
        .find(|from| (*from..starts.min(until(&counts[*from], STAYS_S))).all(calm))
        .map(|from| counts[from].at_s)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    sum / f64::from(n.max(1))
}

#[cfg(test)]
mod tests {
    use katydid_record::{Body, EndpointWindow, Frame, Kind, Mark, Model, Name, Phase, Schedule};

    use super::*;

    fn counts(bad: &[u64], in_flight: impl Fn(usize) -> f64) -> Vec<Count> {
        let one = |(n, bad): (usize, &u64)| Count {
            at_s: 100.0 + n as f64,
            until_s: 101.0 + n as f64,
            bad: *bad,
            all: 100,
            in_flight: in_flight(n),
        };
        bad.iter().enumerate().map(one).collect()
    }

    fn check(bad: &[u64], in_flight: impl Fn(usize) -> f64, expected: Option<u64>) {
        let found = recovered_at(&counts(bad, in_flight), 0.05, 10.0);
        assert_eq!(found, expected.map(|at| at as f64));
    }

    #[test]
    fn recovered_when_it_is_calm_and_stays_so() {
        check(&[0; 20], |_| 4.0, Some(100));
        check(
            &[90, 90, 60, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            |_| 4.0,
            Some(103),
        );
        // All answers are good, but more and more wait.
        check(&[0; 20], |n| if n < 8 { 40.0 } else { 4.0 }, Some(107));
        check(&[0; 20], |_| 40.0, None);
        check(&[90; 20], |_| 4.0, None);
        // Bad again after a while: from then on.
        let mut again = [0; 40];
        again[15..18].fill(80);
        check(&again, |_| 4.0, Some(118));
        check(&[0, 0], |_| 4.0, None);
        check(&[], |_| 4.0, None);
    }

    /// A run with a spike from 20 s to 30 s, cut by these events.
    fn of_a_run(cuts: &[f64]) -> Vec<SpikeSummary> {
        let phase = |kind: PhaseKind, to: f64, length_s: f64| Phase {
            name: kind.as_str().to_owned(),
            kind,
            from: to,
            to,
            rise_s: 0.0,
            length_s,
            after: None,
        };
        let mut schedule = Schedule {
            model: Model::Users,
            phases: vec![
                phase(PhaseKind::Hold, 5.0, 20.0),
                phase(PhaseKind::Spike, 50.0, 10.0),
                phase(PhaseKind::Recovery, 5.0, 40.0),
            ],
            lines: Vec::new(),
        };
        cuts.iter().for_each(|at| schedule.cut(*at, "e"));
        let mut timeline = Timeline::default();
        let mut apply = |at: f64, phase: u32, body: Body| {
            timeline.apply(&Frame {
                at: (at * 1e6) as u64,
                span: 1_000_000,
                source: 0,
                phase,
                body,
            });
        };
        let endpoint = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: "GET".into(),
            name: "/".into(),
            tagged: None,
        };
        apply(0.0, 0, Body::Names(vec![endpoint]));
        let (mut number, mut began) = (0, 0.0);
        for phase in &schedule.phases {
            number += 1;
            let name = phase.name.clone();
            let kind = phase.kind.as_str().to_owned();
            let mark = Mark::PhaseBegan {
                phase: number,
                name,
                kind,
            };
            apply(began, number, Body::Mark(mark));
            for second in 0..phase.length_s as u32 {
                let ms = if phase.kind == PhaseKind::Spike {
                    900
                } else {
                    10
                };
                let mut times = Histogram::default();
                (0..20).for_each(|_| times.record(ms * 1_000));
                let window = EndpointWindow {
                    ok: 20,
                    from_due: times.cut(),
                    ..EndpointWindow::default()
                };
                apply(
                    began + f64::from(second),
                    number,
                    Body::Requests(vec![window]),
                );
            }
            began += phase.length_s;
        }
        let plan = Plan {
            schedule: Some(schedule),
            ..Plan::default()
        };
        spikes(&timeline, &plan)
    }

    #[test]
    fn an_event_makes_no_other_spike_of_it() {
        let whole = of_a_run(&[]);
        assert_eq!((whole.len(), whole[0].recovered_s), (1, Some(0.0)));
        assert_eq!(of_a_run(&[22.0, 27.0]), whole);
        assert_eq!(of_a_run(&[40.0]), whole);
    }
}
