use proptest::prelude::*;

use super::*;
use crate::histogram::Histogram;

fn window(endpoint: EndpointId, values: &[u64], failures: &[(FailureId, u64)]) -> EndpointWindow {
    let mut h = Histogram::default();
    values.iter().for_each(|v| h.record(*v));
    EndpointWindow {
        endpoint,
        ok: values.len() as u64,
        failed: failures.iter().map(|f| f.1).sum(),
        from_due: h.to_sparse(),
        from_send: h.cut(),
        failures: failures.to_vec(),
        ..EndpointWindow::default()
    }
}

fn frames() -> Vec<Frame> {
    let frame = |at, source, body| Frame {
        at,
        span: 1_000_000,
        source,
        phase: u32::from(at >= 2_000_000),
        body,
    };
    let endpoint = |id, name: &str| Name::Endpoint {
        id,
        kind: Kind::Request,
        method: "GET".into(),
        name: name.into(),
        tagged: None,
    };
    let failure = |id, text: &str| Name::Failure {
        id,
        cause: Cause::Status,
        text: text.into(),
    };
    vec![
        frame(
            0,
            0,
            Body::Names(vec![endpoint(0, "/a"), endpoint(1, "/b")]),
        ),
        frame(
            0,
            1,
            Body::Names(vec![endpoint(0, "/b"), failure(0, "500")]),
        ),
        frame(
            0,
            0,
            Body::Requests(vec![window(0, &[100, 200], &[]), window(1, &[5], &[])]),
        ),
        frame(
            1_000_000,
            1,
            Body::Requests(vec![window(0, &[7, 9, 90_000], &[(0, 3)])]),
        ),
        frame(2_000_000, 0, Body::Requests(vec![window(1, &[5_000], &[])])),
        frame(4_000_000_000, 0, Body::Requests(vec![window(0, &[1], &[])])),
        frame(
            2_000_000,
            0,
            Body::Mark(Mark::PhaseBegan {
                phase: 1,
                name: "hold".into(),
                kind: "hold".into(),
            }),
        ),
        frame(
            3_000_000,
            0,
            Body::Generator(Box::new(crate::GeneratorWindow {
                users: 7,
                processors: 2,
                machine_busy_us: 1_500_000,
                machine_idle_us: 500_000,
                ..Default::default()
            })),
        ),
        frame(
            2_000_100,
            2,
            Body::Mark(Mark::EventBegan {
                event: 0,
                name: "flush".into(),
                command: "true".into(),
                late_us: 100,
            }),
        ),
        frame(
            2_050_100,
            2,
            Body::Mark(Mark::EventEnded {
                event: 0,
                name: "flush".into(),
                outcome: crate::EventOutcome::Done,
                status: Some(0),
                took_us: 50_000,
                output: String::new(),
            }),
        ),
    ]
}

/// Everything that must not depend on the order of arrival, as text.
fn picture(timeline: &Timeline) -> String {
    let endpoints: Vec<String> = timeline
        .endpoints
        .iter()
        .map(|(key, e)| {
            let h = |h: &Histogram| serde_json::to_string(&h.to_sparse()).unwrap();
            format!(
                "{key:?} {} {} {} {} {:?} {:?}",
                e.ok,
                e.failed,
                h(&e.from_due),
                h(&e.from_asked),
                e.failures,
                e.recent
            )
        })
        .collect();
    let phases: Vec<String> = timeline
        .phases
        .iter()
        .map(|(id, phase)| {
            let endpoints = phase.endpoints.iter();
            let endpoints: Vec<_> = endpoints.map(|(key, e)| (key, e.window())).collect();
            let (name, began, users) = (&phase.name, phase.began, phase.generators.users_max());
            format!("{id} {name} {began:?} {} {users} {endpoints:?}", phase.last)
        })
        .collect();
    format!(
        "{endpoints:?} {:?} {:?} {} {phases:?} {:?} {:?} {:?}",
        timeline.seconds,
        timeline.marks,
        timeline.end,
        timeline.slices,
        timeline.events,
        timeline.machine
    )
}

/// Seconds and phases of a run in which every second one thing happens, and the phases' edges lie anywhere.
fn long_run(lengths_s: &[u64]) -> Vec<Frame> {
    let mut frames = frames();
    let mut at = 0;
    for (index, length_s) in lengths_s.iter().enumerate() {
        let phase = index as PhaseId;
        let seconds = (0..*length_s).step_by(7).map(|n| at + n * 1_000_000);
        frames.extend(seconds.map(|at| Frame {
            at,
            span: 1_000_000,
            source: 0,
            phase,
            body: Body::Requests(vec![window(0, &[at % 5_000], &[])]),
        }));
        at += length_s * 1_000_000 - 300_000;
    }
    frames
}

proptest! {
    /// Also when seconds are merged: what is left does not depend on when that was done, and nothing is lost.
    #[test]
    fn merged_seconds_do_not_depend_on_the_order(
        lengths in prop::collection::vec(prop_oneof![1_u64..40, 1_000_u64..9_000], 1..6),
        order in any::<u64>(),
    ) {
        let frames = long_run(&lengths);
        let mut straight = Timeline::default();
        frames.iter().for_each(|f| straight.apply(f));
        let mut shuffled = Timeline::default();
        // A full cycle through all of them, since the step has no divisor in common with their number.
        let n = frames.len() as u64;
        let divides = |step: &u64| (2..=*step).all(|d| !step.is_multiple_of(d) || !n.is_multiple_of(d));
        let step = (1 + order % 500..10_000).find(divides).unwrap_or(1);
        (0..n).for_each(|i| shuffled.apply(&frames[((i * step + order % n) % n) as usize]));
        prop_assert_eq!(&straight.seconds, &shuffled.seconds);
        let kept = straight.seconds.intervals().count() as u64;
        prop_assert!(kept <= INTERVALS + 2 * lengths.len() as u64, "{kept}");
        let counted: u64 = straight.seconds.intervals().map(|second| second.ok).sum();
        prop_assert_eq!(counted, Timeline::total(&straight.endpoints).ok);
        for (phase, stretch) in &straight.seconds.stretches {
            let ok: u64 = stretch.intervals.values().map(|second| second.ok).sum();
            prop_assert_eq!(Some(ok).filter(|_| *phase > 0), straight.phases.get(phase).map(|p| p.total().ok));
        }
    }

    #[test]
    fn frames_may_arrive_in_any_order(order in Just((0..10).collect::<Vec<usize>>()).prop_shuffle()) {
        let frames = frames();
        let slos = [crate::Slo {
            text: String::new(),
            endpoint: Some("/b".to_owned()),
            access: None,
            phase: None,
            limit: crate::Limit::Errors { share: 0.1 },
        }];
        let plan = Plan {
            slos: slos.to_vec(),
            ..Plan::default()
        };
        let (mut straight, mut shuffled) = (Timeline::watching(&plan), Timeline::watching(&plan));
        frames.iter().for_each(|f| straight.apply(f));
        order.iter().for_each(|i| shuffled.apply(&frames[*i]));
        prop_assert_eq!(picture(&straight), picture(&shuffled));
    }
}

#[test]
fn endpoints_merge_by_key_across_sources() {
    let mut timeline = Timeline::default();
    frames().iter().for_each(|f| timeline.apply(f));
    let b = &timeline.endpoints[&EndpointKey {
        kind: Kind::Request,
        method: "GET".into(),
        name: "/b".into(),
        tagged: None,
    }];
    assert_eq!((b.ok, b.failed, b.from_due.max_us()), (5, 3, Some(90_000)));
    assert_eq!(Timeline::total(&timeline.endpoints).ok, 8);
}

#[test]
fn phases_are_kept_apart() {
    let mut timeline = Timeline::default();
    frames().iter().for_each(|f| timeline.apply(f));
    let phases: Vec<_> = timeline.phases.iter().collect();
    let [(1, hold)] = phases.as_slice() else {
        panic!("{phases:?}");
    };
    assert_eq!((hold.name.as_str(), hold.began), ("hold", Some(2_000_000)));
    assert_eq!((hold.total().ok, hold.last), (2, 4_001_000_000));
    assert_eq!(hold.generators.users_max(), 7);
}

#[test]
fn phases_beyond_the_cap_are_one() {
    let mut timeline = Timeline::default();
    for phase in [PHASES, PHASES + 1, PHASES + 7] {
        timeline.apply(&Frame {
            at: u64::from(phase),
            span: 0,
            source: 0,
            phase,
            body: Body::Mark(Mark::PhaseBegan {
                phase,
                name: "hold".into(),
                kind: "hold".into(),
            }),
        });
    }
    let names: Vec<&str> = timeline.phases.values().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["hold", "(later phases)"]);
    assert!(timeline.capped);
}

#[test]
fn the_end_is_kept_after_too_many_marks() {
    let mut timeline = Timeline::default();
    let end = Mark::End {
        reason: "run-time".into(),
        exit_code: 0,
    };
    let many = std::iter::repeat_n(Mark::Warning { text: "it".into() }, MARKS + 5);
    for (at, mark) in (0..).zip(many.chain([end.clone()])) {
        timeline.apply(&Frame {
            at,
            span: 0,
            source: 0,
            phase: 0,
            body: Body::Mark(mark),
        });
    }
    assert_eq!(timeline.marks.len(), MARKS + 1);
    assert_eq!(timeline.marks.values().next_back(), Some(&end));
    assert!(timeline.capped);
}

#[test]
fn an_unknown_body_is_skipped() {
    let frame: Frame =
        serde_json::from_str(r#"{"at":1,"span":2,"source":0,"body":{"holograms":[1,2]}}"#).unwrap();
    assert_eq!(frame.body, Body::Unknown);
    let line = br#"{"at":1,"span":2,"source":0,"body":{"holograms":[1,2]}}"#;
    assert_eq!(Frame::parse(line).unwrap(), frame);
}

#[test]
fn a_reset_starts_the_locust_view_again() {
    let mut timeline = Timeline::default();
    let all = frames();
    all[..5].iter().for_each(|f| timeline.apply(f));
    timeline.apply(&Frame {
        at: 3_000_000,
        span: 0,
        source: 0,
        phase: 0,
        body: Body::Mark(Mark::Reset),
    });
    all[5..].iter().for_each(|f| timeline.apply(f));
    let (since, endpoints) = timeline.locust_endpoints();
    assert_eq!((since, Timeline::total(endpoints).ok), (3_000_000, 1));
    assert_eq!(Timeline::total(&timeline.endpoints).ok, 8);
}
