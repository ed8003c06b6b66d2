use std::fmt::Write;

use katydid_record::frame::{Body, EndpointWindow, Frame, GeneratorWindow, Kind, Mark, Name};

use super::*;
use crate::chance::Chance;

/// Values of windows that resemble their neighbours with a correlation of ρ, around a line that rises by `drift` standard deviations.
fn wandering(chance: &mut Chance, rho: f64, drift: f64) -> Vec<f64> {
    let mut level = chance.normal();
    let step = (1.0 - rho * rho).sqrt();
    let mut value = |n: usize| {
        level = rho * level + step * chance.normal();
        level + drift * n as f64 / (WINDOWS - 1) as f64
    };
    (0..WINDOWS).map(&mut value).collect()
}

/// Shares of 2,000 holds of which it is said that there is a drift, and that it cannot be told.
fn said(rho: f64, drift: f64) -> (f64, f64) {
    let mut chance = Chance(7);
    let (mut drifts, mut unclear) = (0, 0);
    for _ in 0..2_000 {
        match trend(&wandering(&mut chance, rho, drift)) {
            None => unclear += 1,
            Some(trend) => drifts += u32::from(trend.chance < CHANCE),
        }
    }
    (f64::from(drifts) / 2_000.0, f64::from(unclear) / 2_000.0)
}

/// docs/method.md has this table.
#[test]
fn what_does_not_drift_is_rarely_said_to() {
    let mut table = String::new();
    for rho in [0.0, 0.3, 0.5, 0.8, 0.9] {
        for drift in [0.0, 1.0, 2.0, 4.0, 8.0] {
            let (drifts, unclear) = said(rho, drift);
            writeln!(table, "{rho} {drift}: {drifts:.3}, unclear {unclear:.3}")
                .expect("a text takes it");
        }
    }
    let expected = "\
0 0: 0.005, unclear 0.000
0 1: 0.539, unclear 0.000
0 2: 0.999, unclear 0.000
0 4: 1.000, unclear 0.000
0 8: 1.000, unclear 0.000
0.3 0: 0.005, unclear 0.000
0.3 1: 0.251, unclear 0.000
0.3 2: 0.909, unclear 0.000
0.3 4: 1.000, unclear 0.000
0.3 8: 1.000, unclear 0.000
0.5 0: 0.008, unclear 0.000
0.5 1: 0.129, unclear 0.000
0.5 2: 0.637, unclear 0.000
0.5 4: 0.998, unclear 0.000
0.5 8: 1.000, unclear 0.000
0.8 0: 0.009, unclear 0.099
0.8 1: 0.041, unclear 0.099
0.8 2: 0.164, unclear 0.099
0.8 4: 0.543, unclear 0.099
0.8 8: 0.817, unclear 0.099
0.9 0: 0.020, unclear 0.346
0.9 1: 0.043, unclear 0.346
0.9 2: 0.108, unclear 0.346
0.9 4: 0.330, unclear 0.346
0.9 8: 0.560, unclear 0.346
";
    assert_eq!(table, expected);
}

/// A step, a bend and a late rise of 10 standard deviations are no straight lines, but they are seen.
#[test]
fn a_drift_need_not_be_a_line() {
    let shapes: [fn(f64) -> f64; 4] = [
        |t| f64::from(t > 0.5),
        |t| 1.0 - (-4.0 * t).exp(),
        |t| t.powi(3),
        |t| (t - 0.8).max(0.0) * 5.0,
    ];
    let mut chance = Chance(7);
    for shape in shapes {
        let mut seen = 0;
        for _ in 0..200 {
            let mut values = wandering(&mut chance, 0.0, 0.0);
            for (n, value) in values.iter_mut().enumerate() {
                *value += 10.0 * shape(n as f64 / WINDOWS as f64);
            }
            seen += u32::from(trend(&values).is_some_and(|t| t.rises && t.chance < CHANCE));
        }
        assert!(seen >= 195, "{seen}");
    }
}

#[test]
fn the_pieces_by_hand() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    near(
        slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (3.0, 100.0)]),
        17.5,
    );
    near(tied(&[1.0, 1.0, 2.0, 2.0, 2.0, 3.0]), 18.0 + 66.0);
    assert_eq!(ranks(&[5.0, 1.0, 5.0, 7.0]), [1.5, 0.0, 1.5, 3.0]);
    near(inflation(100, 0.0), 1.0);
    let alike = trend(&[3.0; 120]).expect("they are enough");
    assert!(!alike.rises && alike.chance > 0.999);
}

/// A hold of so many seconds after a ramp of one minute, with 20 requests a second, of which values follow from how much of it is over.
fn run(
    seconds: u64,
    ms: impl Fn(f64) -> f64,
    failing: impl Fn(f64) -> f64,
    mib: impl Fn(f64) -> f64,
) -> Timeline {
    const RAMP_S: u64 = 60;
    let mut timeline = Timeline::default();
    let mut apply = |at_s: u64, phase, body| {
        timeline.apply(&Frame {
            at: at_s * 1_000_000,
            span: 1_000_000,
            source: 0,
            phase,
            body,
        });
    };
    let name = Name::Endpoint {
        id: 0,
        kind: Kind::Request,
        method: "GET".into(),
        name: "/".into(),
        tagged: None,
    };
    apply(0, 0, Body::Names(vec![name]));
    for (phase, at_s, name) in [(1, 0, "ramp"), (2, RAMP_S, "hold")] {
        let mark = Mark::PhaseBegan {
            phase,
            name: name.into(),
            kind: name.into(),
        };
        apply(at_s, phase, Body::Mark(mark));
    }
    let mut chance = Chance(7);
    let mut due = 0.0;
    for at_s in 0..RAMP_S + seconds {
        let phase = 1 + u32::from(at_s >= RAMP_S);
        let over = at_s.saturating_sub(RAMP_S) as f64 / seconds as f64;
        let mut from_due = Histogram::default();
        for _ in 0..20 {
            from_due.record((ms(over) * 1e3 * (0.3 * chance.normal()).exp()) as u64);
        }
        due += 20.0 * failing(over);
        let failed = due as u64;
        due -= failed as f64;
        let window = EndpointWindow {
            ok: 20,
            failed,
            from_due: from_due.cut(),
            ..EndpointWindow::default()
        };
        apply(at_s, phase, Body::Requests(vec![window]));
        let health = GeneratorWindow {
            processors: 2,
            rss_bytes: (mib(over) * 1_048_576.0 + chance.uniform() * 1e6) as u64,
            ..GeneratorWindow::default()
        };
        apply(at_s, phase, Body::Generator(Box::new(health)));
    }
    timeline
}

fn check(timeline: &Timeline, expected: [DriftOutcome; 3]) -> Vec<DriftSummary> {
    let found = drifts(timeline);
    let outcomes: Vec<_> = found.iter().map(|drift| drift.outcome).collect();
    let [p95, errors, memory] = expected;
    assert_eq!(
        outcomes,
        [p95, errors, memory, DriftOutcome::NotObserved],
        "{found:#?}"
    );
    found
}

#[test]
fn what_rises_and_what_does_not() {
    use DriftOutcome::{Fell, None, Rose};
    check(
        &run(1_200, |_| 20.0, |_| 0.01, |_| 90.0),
        [None, None, None],
    );
    let drifting = run(
        7_200,
        |t| 20.0 + 10.0 * t,
        |t| 0.05 * t,
        |t| 90.0 + 60.0 * t,
    );
    let found = check(&drifting, [Rose, Rose, Rose]);
    let near = |value: Option<f64>, expected: f64| {
        let value = value.expect("it is there");
        assert!((value / expected - 1.0).abs() < 0.05, "{value} {expected}");
    };
    // exp(1.645 · 0.3) is p95 over the median.
    near(found[0].from, 20.5 * 1.638);
    near(found[0].to, 29.5 * 1.638);
    near(found[0].per_hour, 5.0 * 1.638);
    near(found[1].to, 0.0475);
    near(found[2].per_hour, 30.0 * 1_048_576.0);
    assert!((found[0].over_s - 7_200.0).abs() < 1.0 && found[0].phase.as_deref() == Some("hold"));
    check(
        &run(3_600, |t| 30.0 - 10.0 * t, |_| 0.0, |_| 90.0),
        [Fell, None, None],
    );
    // Real, but less than a twentieth.
    check(
        &run(3_600, |t| 20.0 + 0.6 * t, |_| 0.0, |t| 90.0 + 3.0 * t),
        [None, None, None],
    );
}

#[test]
fn short_holds_and_long_waves() {
    assert_eq!(
        drifts(&run(590, |t| 20.0 + 80.0 * t, |_| 0.0, |_| 90.0)),
        []
    );
    // One wave in all of it: it rises and falls, and whoever sees only so much of it cannot tell.
    let wave = |t: f64| 20.0 + 10.0 * (t * std::f64::consts::TAU * 1.25).sin();
    let found = drifts(&run(1_200, wave, |_| 0.0, |_| 90.0));
    assert!(
        matches!(found[0].outcome, DriftOutcome::Unclear | DriftOutcome::None),
        "{found:#?}"
    );
}
