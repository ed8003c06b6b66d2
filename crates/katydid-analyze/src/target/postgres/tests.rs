use std::collections::BTreeMap;

use katydid_record::{Body, Fact, Frame, Name, OBSERVERS, SeriesKind, Timeline, Watched};

use super::super::{most_pressing, summaries, views};
use super::*;

/// `(instant in s, series, labels, value)` of counters and of gauges.
type Told<'a> = (u64, &'a str, &'a [(&'a str, &'a str)], f64);

fn timeline(kind: &str, counters: &[Told], gauges: &[Told]) -> Timeline {
    let mut timeline = Timeline::default();
    let mut tell = |at: u64, body: Body| {
        timeline.apply(&Frame {
            at: at * 1_000_000,
            span: 0,
            source: OBSERVERS,
            phase: 0,
            body,
        });
    };
    tell(
        0,
        Body::Watched(Box::new(Watched {
            subject: "db".into(),
            kind: kind.into(),
            every_ms: 1_000,
            ..Watched::default()
        })),
    );
    let all = counters.iter().map(|told| (SeriesKind::Counter, told));
    let all = all.chain(gauges.iter().map(|told| (SeriesKind::Gauge, told)));
    for (id, (kind, (at, name, labels, value))) in all.enumerate() {
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let (id, of, unit) = (id as u32, "db".to_owned(), String::new());
        tell(
            *at,
            Body::Names(vec![Name::Series {
                id,
                of,
                name: (*name).to_owned(),
                labels,
                unit,
                kind,
            }]),
        );
        tell(*at, Body::Samples(vec![(id, *value)]));
    }
    tell(
        1,
        Body::Facts(vec![Fact {
            topic: "statement".into(),
            subject: "aa".into(),
            text: "SELECT a".into(),
        }]),
    );
    timeline.end = 60_000_000;
    timeline
}

const A: &[(&str, &str)] = &[("statement", "aa")];
const B: &[(&str, &str)] = &[("statement", "other")];

fn reads() -> Vec<Told<'static>> {
    let mut told: Vec<Told> = (0..5)
        .map(|n| (n * 5, "observer.db_time", &[][..], n as f64 * 0.01))
        .collect();
    // It ran between 5 and 10, and between 15 and 20.
    told.extend(
        [(5, 0.0), (10, 5.0), (15, 5.0), (20, 10.0)].map(|(at, v)| (at, "statement.time", A, v)),
    );
    told.extend(
        [(5, 0.0), (10, 10.0), (15, 10.0), (20, 20.0)].map(|(at, v)| (at, "statement.calls", A, v)),
    );
    told.extend([(15, 0.0), (20, 10.0)].map(|(at, v)| (at, "statement.time", B, v)));
    told.extend([(15, 0.0), (20, 1.0)].map(|(at, v)| (at, "statement.calls", B, v)));
    told
}

#[test]
fn a_statement_that_does_not_run_takes_no_time() {
    let timeline = timeline("postgres", &reads(), &[]);
    let views = views(&timeline);
    let chart = views[0]
        .charts
        .iter()
        .find(|chart| chart.id == "load")
        .expect("a chart");
    let lines: Vec<_> = chart
        .lines
        .iter()
        .map(|line| (line.name.as_str(), line.values.clone()))
        .collect();
    let some = |values: [f64; 4]| values.map(Some).to_vec();
    assert_eq!(
        lines,
        [
            ("SELECT a", some([0.0, 1.0, 0.0, 1.0])),
            ("(all other statements)", some([0.0, 0.0, 0.0, 2.0]))
        ]
    );
}

#[test]
fn statements_that_differ_only_in_columns_are_two_lines() {
    let mut told = reads();
    told.extend(
        [(15, 0.0), (20, 5.0)].map(|(at, v)| (at, "statement.time", &[("statement", "cc")][..], v)),
    );
    let mut timeline = timeline("postgres", &told, &[]);
    let fact = |id: &str, columns: &str| Fact {
        topic: "statement".into(),
        subject: id.into(),
        text: format!("SELECT {columns} FROM orders WHERE id = $1"),
    };
    timeline.apply(&Frame {
        at: 2_000_000,
        span: 0,
        source: OBSERVERS,
        phase: 0,
        body: Body::Facts(vec![fact("aa", "id, note"), fact("cc", "count(*)")]),
    });
    let views = views(&timeline);
    let load = views[0].charts.iter().find(|chart| chart.id == "load");
    let lines = load.expect("a chart").lines.iter();
    let names: Vec<&str> = lines.map(|line| line.name.as_str()).collect();
    let wanted = ["aa", "cc"].map(|id| format!("SELECT … FROM orders WHERE id = $1 #{id}"));
    assert!(
        wanted.iter().all(|name| names.contains(&name.as_str())),
        "{names:?}"
    );
}

#[test]
fn the_table_says_what_each_cost() {
    let timeline = timeline("postgres", &reads(), &[]);
    let summary = &summaries(&timeline)[0];
    let table = &summary.tables[0];
    assert_eq!(table.id, "statements");
    let row = &table.rows[0];
    assert_eq!(
        row[..5],
        [
            json!("SELECT a"),
            json!(1.0),
            json!(500.0),
            json!(10.0),
            json!(50.0)
        ]
    );
    assert!(table.note.contains("2.0 ms per second"), "{}", table.note);
}

#[test]
fn connections_press() {
    let gauges: [Told; 2] = [
        (1, "connections", &[], 92.0),
        (1, "connections.most", &[], 97.0),
    ];
    let pressing = most_pressing(&timeline("postgres", &[], &gauges)).expect("something");
    assert_eq!(pressing.text, "db connections 92 of 97");
}

#[test]
fn a_pool_that_others_wait_for_presses() {
    let pool: &[_] = &[("database", "shop"), ("user", "app")];
    let gauges: [Told; 3] = [
        (1, "pool.servers_active", pool, 20.0),
        (1, "pool.clients_waiting", pool, 3.0),
        (1, "database.pool_size", &[("database", "shop")], 20.0),
    ];
    let pressing = most_pressing(&timeline("pgbouncer", &[], &gauges)).expect("something");
    assert_eq!(
        (pressing.text.as_str(), pressing.share),
        ("pool shop (app) 20 of 20 busy, 3 wait", 1.0)
    );
}

#[test]
fn figures_have_three_digits() {
    assert_eq!(figure(1234.5), json!(1235.0));
    assert_eq!(figure(0.012_345), json!(0.0123));
    assert_eq!(figure(f64::NAN), Value::Null);
}
