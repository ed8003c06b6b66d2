//! Known distributions through recorder, frames and timeline: the percentiles that come out are those that went in.

use katydid_engine::clock::{MILLISECOND, Nanos, SECOND};
use katydid_engine::message::{Instants, Row};
use katydid_engine::recorder::{FAILURE_TEXTS, Failed, Recorder};
use katydid_record::{Body, Cause, Endpoint, EndpointKey, Frame, Kind, Timeline};

const SAMPLES: usize = 100_000;
const START: Nanos = 1_000 * SECOND;

fn key() -> EndpointKey {
    EndpointKey {
        kind: Kind::Request,
        method: "GET".into(),
        name: "/".into(),
        tagged: None,
    }
}

fn recorder(source: u32) -> Recorder {
    let mut recorder = Recorder::new(source, "io", START);
    recorder.announce(Row {
        name: "/".into(),
        method: "GET".into(),
        ..Row::default()
    });
    recorder
}

fn fold(frames: &[Frame]) -> Endpoint {
    let mut timeline = Timeline::default();
    for frame in frames {
        timeline.apply(frame);
    }
    timeline.endpoints.remove(&key()).unwrap_or_default()
}

/// Nearest rank, as exactly as nanoseconds allow.
fn exact(sorted: &[Nanos], q: f64) -> f64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
    sorted[rank - 1] as f64 / 1_000.0
}

fn check(name: &str, mut draw: impl FnMut(&mut fastrand::Rng) -> f64) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut drawn: Vec<Nanos> = (0..SAMPLES)
        .map(|_| (draw(&mut random) * MILLISECOND as f64) as Nanos)
        .collect();
    // Two sources, a cut every now and then, and frames that come in the wrong order.
    let mut recorders = [recorder(0), recorder(1)];
    let mut frames = Vec::new();
    let mut clock = START;
    for (number, took) in drawn.iter().enumerate() {
        clock += SECOND / 10_000;
        let due = clock;
        let at = Instants {
            due,
            asked: due,
            send: due + took / 2,
            done: due + took,
            ..Instants::default()
        };
        let recorder = &mut recorders[number % 2];
        recorder.ok(0, &at, 200, 10);
        if number % 7_777 == 0 {
            frames.extend(recorder.cut(clock));
        }
    }
    for recorder in &mut recorders {
        frames.extend(recorder.cut(clock));
    }
    frames.reverse();
    let endpoint = fold(&frames);
    assert_eq!(
        (endpoint.ok, endpoint.content_bytes),
        (SAMPLES as u64, 10 * SAMPLES as u64),
        "{name}"
    );
    drawn.sort_unstable();
    let halves: Vec<Nanos> = drawn.iter().map(|took| took - took / 2).collect();
    for (histogram, sorted) in [(&endpoint.from_due, &drawn), (&endpoint.from_send, &halves)] {
        for q in [0.5, 0.95, 0.99, 0.999, 1.0] {
            let (truth, ours) = (
                exact(sorted, q),
                histogram.quantile_us(q).expect("it is not empty") as f64,
            );
            let allowed = if truth >= 2_000.0 {
                truth / 1_000.0
            } else {
                0.5
            };
            assert!(
                (ours - truth).abs() <= allowed,
                "{name} p{}: {ours} µs for {truth} µs",
                q * 100.0
            );
        }
        let (largest, max) = (
            exact(sorted, 1.0),
            histogram.max_us().expect("it is not empty") as f64,
        );
        assert!(
            (max - largest).abs() <= 0.5,
            "{name}: max {max} µs for {largest} µs"
        );
    }
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

#[test]
fn percentiles_are_those_of_the_samples() {
    check("fixed", |_| 20.0);
    check("uniform", |random| 0.01 + 100.0 * random.f64());
    check("fast", |random| 0.02 + 0.5 * random.f64());
    check("exponential", |random| -5.0 * (1.0 - random.f64()).ln());
    check("lognormal", |random| 20.0 * (0.5 * normal(random)).exp());
    check("pareto", |random| {
        (2.0 / (1.0 - random.f64()).powf(1.0 / 1.5)).min(60_000.0)
    });
    check("bimodal", |random| {
        if random.f64() < 0.1 {
            250.0 + random.f64()
        } else {
            3.0 + random.f64()
        }
    });
}

#[test]
fn failures_do_not_improve_percentiles() {
    let mut recorder = recorder(0);
    let at = |due, took| Instants {
        due,
        asked: due,
        send: due,
        done: due + took,
        ..Instants::default()
    };
    for i in 0..100 {
        recorder.ok(0, &at(START + i, 80 * MILLISECOND), 200, 0);
        let failed = Failed {
            cause: Cause::Status,
            text: "500",
            status: 500,
            shape: None,
        };
        recorder.failed(0, &at(START + i, MILLISECOND), 0, failed);
    }
    let endpoint = fold(&recorder.cut(START + SECOND));
    assert_eq!((endpoint.ok, endpoint.failed), (100, 100));
    assert_eq!(endpoint.from_due.min_us(), Some(80_000));
    assert_eq!(endpoint.failed_from_due.max_us(), Some(1_000));
    assert_eq!(endpoint.from_asked.count(), 200);
}

#[test]
fn asked_is_kept_apart_from_the_first_difference_on() {
    let mut recorder = recorder(0);
    let at = |early: Nanos| Instants {
        due: START,
        asked: START + early,
        send: START + early,
        done: START + 10 * MILLISECOND,
        ..Instants::default()
    };
    for early in [0, 0, 4 * MILLISECOND, 0] {
        recorder.ok(0, &at(early), 200, 0);
    }
    let frames = recorder.cut(START + SECOND);
    let endpoint = fold(&frames);
    assert_eq!(
        (endpoint.from_asked.count(), endpoint.from_asked.min_us()),
        (4, Some(6_000))
    );
    assert_eq!(
        (endpoint.from_due.count(), endpoint.from_due.min_us()),
        (4, Some(10_000))
    );
}

#[test]
fn failure_texts_are_capped() {
    let mut recorder = recorder(0);
    let at = Instants {
        due: START,
        asked: START,
        done: START + 1,
        ..Instants::default()
    };
    let count = FAILURE_TEXTS + 500;
    for number in 0..count {
        let text = format!("{number} {}", "é".repeat(600));
        recorder.failed(
            0,
            &at,
            0,
            Failed {
                cause: Cause::Other,
                text: &text,
                status: 0,
                shape: None,
            },
        );
    }
    let frames = recorder.cut(START + SECOND);
    let names = frames.iter().find_map(|frame| match &frame.body {
        Body::Names(names) => Some(names.len()),
        _ => None,
    });
    // The endpoint, the texts, and the one that stands for the rest.
    assert_eq!(names, Some(1 + FAILURE_TEXTS + 1));
    assert_eq!(fold(&frames).failed, count as u64);
}

#[test]
fn nothing_is_counted_twice_or_lost_over_cuts() {
    let mut recorder = recorder(0);
    let at = Instants {
        due: START,
        asked: START,
        send: START,
        done: START + MILLISECOND,
        ..Instants::default()
    };
    let mut frames = Vec::new();
    for second in 1..=5 {
        recorder.ok(0, &at, 200, 0);
        recorder.aborted(0, 5);
        recorder.unjudged(0);
        recorder.untimed(0, 3, None);
        recorder.untimed(0, 3, Some((Cause::Other, "by hand")));
        recorder.skipped_slots(0, 2, 1);
        recorder.bytes(0, 10, 20);
        frames.extend(recorder.cut(START + second * SECOND));
    }
    assert!(
        frames
            .iter()
            .all(|frame| frame.span == 0 || frame.span == 1_000_000)
    );
    let endpoint = fold(&frames);
    assert_eq!(
        (
            endpoint.ok,
            endpoint.failed,
            endpoint.aborted,
            endpoint.unjudged
        ),
        (10, 5, 5, 5)
    );
    assert_eq!(
        (endpoint.untimed, endpoint.blocked, endpoint.missed),
        (10, 10, 5)
    );
    assert_eq!((endpoint.bytes_out, endpoint.bytes_in), (50, 100));
}
