use katydid_record::{Body, Fact, Frame, Name, OBSERVERS, SeriesKind, Watched};

use super::*;

const MS: u64 = 1_000;
const LIST: &str = "SELECT id FROM orders";
const ITEM: &str = "SELECT name FROM customers WHERE id = $1";
const TICK: &str = "SELECT now()";

/// A probe of one endpoint: looks every 100 ms, with requests, or nothing, between them.
#[derive(Default)]
struct Made {
    timeline: Timeline,
    looks: u64,
    totals: [f64; 3],
}

impl Made {
    fn new() -> Self {
        let mut made = Self::default();
        made.apply(
            OBSERVERS,
            0,
            0,
            Body::Watched(Box::new(Watched {
                subject: "db".into(),
                kind: "postgres".into(),
                ..Watched::default()
            })),
        );
        let names = [
            ("statements.calls", ""),
            ("statement.calls", "list"),
            ("statement.calls", "item"),
            ("statement.calls", "tick"),
        ];
        let names = (0..)
            .zip(names)
            .map(|(id, (name, statement))| Name::Series {
                id,
                of: "db".into(),
                name: name.into(),
                labels: (!statement.is_empty())
                    .then(|| ("statement".to_owned(), statement.to_owned()))
                    .into_iter()
                    .collect(),
                unit: String::new(),
                kind: SeriesKind::Counter,
            });
        made.apply(OBSERVERS, 0, 0, Body::Names(names.collect()));
        for (id, text) in [("list", LIST), ("item", ITEM), ("tick", TICK)] {
            let fact = Fact {
                topic: "statement".into(),
                subject: id.into(),
                text: text.into(),
            };
            made.apply(OBSERVERS, 0, 0, Body::Facts(vec![fact]));
        }
        made.look([0.0; 3]);
        made
    }

    fn apply(&mut self, source: u32, at: u64, span: u64, body: Body) {
        self.timeline.apply(&Frame {
            at,
            span,
            source,
            phase: 0,
            body,
        });
    }

    fn look(&mut self, by: [f64; 3]) {
        self.totals
            .iter_mut()
            .zip(by)
            .for_each(|(total, by)| *total += by);
        let [list, item, tick] = self.totals;
        let samples = vec![(0, list + item + tick), (1, list), (2, item), (3, tick)];
        self.apply(OBSERVERS, self.looks * 100 * MS, 0, Body::Samples(samples));
        self.looks += 1;
    }

    fn window(mut self, pass: Pass, entries: Option<u32>, by: [f64; 3]) -> Self {
        self.look(by);
        let probed = Probed {
            pass,
            method: if pass == Pass::Idle { "" } else { "GET" }.into(),
            name: if pass == Pass::Idle { "" } else { "/orders" }.into(),
            took_us: vec![10 * MS; if pass == Pass::Together { 8 } else { 1 }],
            failed: 0,
            entries,
            beside: None,
            one_session: false,
            same: None,
            arm: None,
        };
        // Looks are over a moment after the instant of what they read.
        let began = (self.looks - 2) * 100 * MS + 5 * MS;
        self.apply(1, began, 100 * MS, Body::Probed(Box::new(probed)));
        self
    }

    fn found(&self) -> ProbeSummary {
        probe(&self.timeline).expect("a probe")
    }
}

#[test]
fn calls_are_counted_for_each_request_and_grow_with_the_entries() {
    let mut made = Made::new().window(Pass::First, Some(5), [1.0, 5.0, 3.0]);
    for entries in [5, 8, 20, 8, 5] {
        made = made.window(Pass::Again, Some(entries), [1.0, f64::from(entries), 0.0]);
    }
    let made = made.window(Pass::Together, None, [8.0, 64.0, 0.0]);
    let found = made.found();
    let [endpoint] = found.endpoints.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((endpoint.requests, endpoint.together), (6, 8));
    assert_eq!(endpoint.first_queries, Some(9.0));
    let item = endpoint
        .statements
        .iter()
        .find(|of| of.text == ITEM)
        .expect("asked");
    assert!((item.per_entry.expect("it grows") - 1.0).abs() < 1e-9);
    assert_eq!(
        (item.least, item.most, item.together),
        (5.0, 20.0, Some(8.0))
    );
    let list = endpoint
        .statements
        .iter()
        .find(|of| of.text == LIST)
        .expect("asked");
    assert_eq!((list.per_request, list.per_entry), (1.0, None));
}

#[test]
fn what_the_target_does_by_itself_is_taken_off() {
    let mut made = Made::new();
    for _ in 0..10 {
        made = made.window(Pass::Idle, None, [0.0, 0.0, 1.0]);
    }
    for number in 0..10 {
        let stray = f64::from(u8::from(number % 3 == 0));
        made = made.window(Pass::Again, None, [2.0, 0.0, stray]);
    }
    let found = made.found();
    assert!(
        (found.background[0].per_second - 10.0).abs() < 1e-6,
        "{found:?}"
    );
    let texts: Vec<&str> = found.endpoints[0]
        .statements
        .iter()
        .map(|of| of.text.as_str())
        .collect();
    assert_eq!(texts, [LIST]);
    assert_eq!(found.endpoints[0].queries, Some(2.0));
}

#[test]
fn an_earlier_probe_is_read_from_its_fact() {
    let found = Made::new()
        .window(Pass::Again, None, [1.0, 0.0, 0.0])
        .found();
    let mut timeline = Timeline::default();
    let fact = Fact {
        topic: FACT.into(),
        subject: FACT.into(),
        text: serde_json::to_string(&found).expect("plain data"),
    };
    timeline.apply(&Frame {
        at: 0,
        span: 0,
        source: 1,
        phase: 0,
        body: Body::Facts(vec![fact]),
    });
    assert_eq!(probe(&timeline), Some(found));
    assert_eq!(probe(&Timeline::default()), None);
}
