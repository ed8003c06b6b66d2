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
            let endpoints = &phase.endpoints;
            let (name, began, users) = (&phase.name, phase.began, phase.generators.users_max());
            format!("{id} {name} {began:?} {} {users} {endpoints:?}", phase.last)
        })
        .collect();
    format!(
        "{endpoints:?} {:?} {:?} {} {phases:?} {:?} {:?}",
        timeline.seconds, timeline.marks, timeline.end, timeline.slices, timeline.events
    )
}

proptest! {
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
fn an_unknown_body_is_skipped() {
    let frame: Frame =
        serde_json::from_str(r#"{"at":1,"span":2,"source":0,"body":{"holograms":[1,2]}}"#).unwrap();
    assert_eq!(frame.body, Body::Unknown);
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
