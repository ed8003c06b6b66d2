use katydid_record::frame::EndpointWindow;
use katydid_record::{Body, Frame, Name, OBSERVERS, SeriesKind, Watched};

use super::*;

const S: u64 = 1_000_000;

/// Numbers that scatter, the same each time.
struct Scatter(u64);

impl Scatter {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A run of so many seconds: requests of each endpoint in each second; and two statements, of which each request of an endpoint makes so many calls, one beside that
/// runs by itself three times a second.
fn run(
    seconds: u64,
    per_second: impl Fn(u64, &mut Scatter) -> Vec<u64>,
    calls: &[[u64; 2]],
) -> Timeline {
    let mut timeline = Timeline::default();
    let mut apply = |at: u64, source: u32, body: Body| {
        let span = S;
        timeline.apply(&Frame {
            at,
            span,
            source,
            phase: 0,
            body,
        });
    };
    apply(
        0,
        OBSERVERS,
        Body::Watched(Box::new(Watched {
            subject: "db".into(),
            kind: "postgres".into(),
            ..Watched::default()
        })),
    );
    let series = [
        ("statements.calls", ""),
        ("statement.calls", "a"),
        ("statement.calls", "b"),
    ];
    for (id, (name, statement)) in (0..).zip(series) {
        let labels =
            (!statement.is_empty()).then(|| ("statement".to_owned(), statement.to_owned()));
        apply(
            0,
            OBSERVERS,
            Body::Names(vec![Name::Series {
                id,
                of: "db".into(),
                name: name.into(),
                labels: labels.into_iter().collect(),
                unit: String::new(),
                kind: SeriesKind::Counter,
            }]),
        );
    }
    for id in 0..calls.len() as u32 {
        apply(
            0,
            0,
            Body::Names(vec![Name::Endpoint {
                id,
                kind: Kind::Request,
                method: "GET".into(),
                name: format!("/{id}"),
                tagged: None,
            }]),
        );
    }
    let mut scatter = Scatter(7);
    let mut totals = [0.0; 2];
    for second in 0..seconds {
        if second % 5 == 0 {
            let [a, b] = totals;
            apply(
                second * S,
                OBSERVERS,
                Body::Samples(vec![(0, a + b), (1, a), (2, b)]),
            );
        }
        let windows = per_second(second, &mut scatter);
        for (endpoint, (requests, each)) in (0..).zip(windows.iter().zip(calls)) {
            for (total, each) in totals.iter_mut().zip(each) {
                *total += (requests * each) as f64;
            }
            let window = EndpointWindow {
                endpoint,
                ok: *requests,
                ..EndpointWindow::default()
            };
            apply(second * S, 0, Body::Requests(vec![window]));
        }
        totals[1] += 3.0;
    }
    timeline
}

fn told(timeline: &Timeline, seconds: u64) -> Option<Regression> {
    let part = Part {
        phase: String::new(),
        from: 0,
        until: seconds * S,
    };
    regression(timeline, timeline.target.subjects.values().next()?, &part)
}

#[test]
fn calls_per_request_are_told_from_counts_that_scatter() {
    let rates = |_: u64, scatter: &mut Scatter| {
        vec![
            10 + scatter.below(9),
            20 + scatter.below(13),
            5 + scatter.below(7),
        ]
    };
    let timeline = run(300, rates, &[[21, 0], [0, 1], [1, 0]]);
    let told = told(&timeline, 300).expect("enough of it");
    assert_eq!(told.windows, 59);
    let of: Vec<(&str, &str, f64)> = told
        .calls
        .iter()
        .map(|(key, statement, calls)| (key.name.as_str(), statement.as_str(), *calls))
        .collect();
    let found = |name: &str, statement: &str, truth: f64| {
        let all = of.iter().filter(|(a, b, _)| (*a, *b) == (name, statement));
        let values: Vec<f64> = all.map(|(.., calls)| *calls).collect();
        assert!(
            values.len() == 1 && (values[0] - truth).abs() < 0.02 * truth,
            "{name} {statement}: {of:?}"
        );
    };
    found("/0", "a", 21.0);
    found("/1", "b", 1.0);
    found("/2", "a", 1.0);
    assert_eq!(of.len(), 3, "and nothing else: {of:?}");
}

#[test]
fn endpoints_that_go_together_are_not_told_apart() {
    let rates = |_: u64, scatter: &mut Scatter| {
        let count = 10 + scatter.below(9);
        vec![count, 2 * count]
    };
    let timeline = run(300, rates, &[[21, 0], [0, 1]]);
    assert!(told(&timeline, 300).is_none_or(|told| told.calls.is_empty()));
}

#[test]
fn a_short_run_tells_nothing() {
    let rates = |_: u64, scatter: &mut Scatter| vec![10 + scatter.below(9), 20 + scatter.below(13)];
    assert_eq!(told(&run(50, rates, &[[21, 0], [0, 1]]), 50), None);
}
