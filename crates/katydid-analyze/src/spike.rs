//! What a spike did, and how long the target took to recover: second by second, against the phase before it.

use katydid_record::slo::Limit;
use katydid_record::summary::SpikeSummary;
use katydid_record::timeline::Second;
use katydid_record::{Histogram, PhaseKind, PhaseTotals, Plan, Slo, Timeline};

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
    let phases: Vec<&PhaseTotals> = timeline.phases.values().collect();
    let found = phases.iter().enumerate();
    found
        .filter(|(_, phase)| phase.kind == PhaseKind::Spike.as_str() && !is_a_rest(phase))
        .filter_map(|(index, phase)| {
            let before = phases[..index].iter().rev().find(|p| p.total().ok > 0)?;
            let mut after = &phases[index + 1..];
            while let Some((_, more)) = after.split_first().filter(|(first, _)| is_a_rest(first)) {
                after = more;
            }
            Some(spike(timeline, &plan.slos, before, phase, after))
        })
        .collect()
}

fn spike(
    timeline: &Timeline,
    slos: &[Slo],
    before: &PhaseTotals,
    spike: &PhaseTotals,
    after: &[&PhaseTotals],
) -> SpikeSummary {
    let end_of_run = timeline.load_ended.unwrap_or(timeline.end);
    let began = spike.began.unwrap_or(0);
    let ended = after.first().and_then(|p| p.began).unwrap_or(end_of_run);
    // Until the load changes again.
    let changes = |p: &&&PhaseTotals| ["spike", "ramp"].contains(&p.kind.as_str());
    let watched = after
        .iter()
        .find(changes)
        .and_then(|p| p.began)
        .unwrap_or(end_of_run);
    let range = |from: u64, to: u64| -> Vec<(u64, &Second)> {
        let width = timeline.seconds.width;
        let (from, to) = (from.div_ceil(1_000_000) / width, to / 1_000_000 / width);
        let seconds = timeline.seconds.intervals.range(from..to.max(from));
        seconds.map(|(n, second)| (n * width, second)).collect()
    };
    // A ramp is at the level before only at its end.
    let since = match before.kind.as_str() {
        "ramp" => began.saturating_sub(WINDOW_S * 1_000_000),
        _ => 0,
    };
    let calm = range(before.began.unwrap_or(0).max(since), began);
    let mut usually = Histogram::default();
    calm.iter()
        .for_each(|(_, second)| usually.add(&second.from_due));
    let usual = usually.quantile_us(0.95).unwrap_or(0);
    let (limit_us, budget) = limit(slos).unwrap_or(((usual as f64 * SLOW) as u64, BUDGET));
    let bad =
        |second: &Second| second.failed + second.blocked + second.from_due.count_above(limit_us);
    let all = |second: &Second| second.ok + second.failed + second.blocked;
    let before_in_flight = mean(calm.iter().map(|(_, second)| second.in_flight() as f64));
    let share = |second: &Second| bad(second) as f64 / all(second).max(1) as f64;
    let worst = range(began, watched)
        .into_iter()
        .map(|(at, second)| (share(second), at))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let most = range(began, watched)
        .iter()
        .map(|(_, s)| s.in_flight())
        .max();
    let counts: Vec<Count> = range(ended, watched)
        .iter()
        .map(|(at, second)| Count {
            at_s: *at,
            bad: bad(second),
            all: all(second),
            in_flight: second.in_flight() as f64,
        })
        .collect();
    let allowed = before_in_flight * IN_FLIGHT + IN_FLIGHT_CHANCE;
    let back = recovered_at(&counts, budget, allowed);
    let second = |us: u64| us as f64 / 1e6;
    SpikeSummary {
        phase: spike.name.clone(),
        before: before.name.clone(),
        limit_ms: limit_us as f64 / 1e3,
        limit_is_an_objective: limit(slos).is_some(),
        budget,
        peak_bad_share: worst.map_or(0.0, |worst| worst.0),
        peak_bad_at_s: worst.map_or(0.0, |worst| worst.1 as f64),
        in_flight_before: before_in_flight,
        in_flight_peak: most.unwrap_or(0),
        watched_s: second(watched.saturating_sub(ended)),
        recovered_s: back.map(|at| (at as f64 - second(ended)).max(0.0)),
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

/// A second after the spike.
struct Count {
    at_s: u64,
    bad: u64,
    all: u64,
    in_flight: f64,
}

/// The first second from which on a window is calm, and every window that begins within [`STAYS_S`] after it.
fn recovered_at(counts: &[Count], budget: f64, in_flight: f64) -> Option<u64> {
    let calm = |from: usize| {
        let window = &counts[from..counts.len().min(from + WINDOW_S as usize)];
        let (bad, all) = window
            .iter()
            .fold((0, 0), |(b, a), c| (b + c.bad, a + c.all));
        bad as f64 <= budget * all as f64 && mean(window.iter().map(|c| c.in_flight)) <= in_flight
    };
    let starts = counts.len().saturating_sub(LEAST_S as usize - 1);
    (0..starts)
        .find(|from| (*from..starts.min(from + STAYS_S as usize)).all(calm))
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
            at_s: 100 + n as u64,
            bad: *bad,
            all: 100,
            in_flight: in_flight(n),
        };
        bad.iter().enumerate().map(one).collect()
    }

    fn check(bad: &[u64], in_flight: impl Fn(usize) -> f64, expected: Option<u64>) {
        assert_eq!(recovered_at(&counts(bad, in_flight), 0.05, 10.0), expected);
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
