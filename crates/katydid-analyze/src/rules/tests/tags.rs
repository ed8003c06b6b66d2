//! Statements that say for which route they run.

use std::collections::BTreeMap;

use super::*;

/// 400 requests of `GET /orders`; `LIST` is slow, and was seen running so often for each route.
fn tagged(routes: &[(&str, f64)]) -> Run {
    run(400.0, 20.0, routes)
}

fn run(calls: f64, rows: f64, routes: &[(&str, f64)]) -> Run {
    let mut run = Run::new(400, 120).statement("aa", LIST, calls, 60.0, rows, 30.0);
    for (route, seen) in routes {
        let id = run.series;
        run.series += 1;
        let labels = [("statement", "aa"), ("route", route)];
        let name = Name::Series {
            id,
            of: "db".into(),
            name: "statement.tagged".into(),
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            unit: String::new(),
            kind: SeriesKind::Counter,
        };
        run.apply(0, OBSERVERS, Body::Names(vec![name]));
        run.apply(2 * S, OBSERVERS, Body::Samples(vec![(id, 1.0)]));
        run.apply(18 * S, OBSERVERS, Body::Samples(vec![(id, *seen)]));
    }
    run
}

fn endpoints(run: &Run) -> Vec<String> {
    let all = run.findings(true);
    let slow = all.findings.iter().chain(&all.suspected);
    slow.filter(|of| of.rule == "slow_statement")
        .flat_map(|of| of.endpoints.clone())
        .collect()
}

#[test]
fn the_endpoint_of_a_statement_is_told_by_its_route() {
    assert_eq!(endpoints(&tagged(&[("/orders", 9.0)])), ["GET /orders"]);
    assert_eq!(
        endpoints(&tagged(&[("/reports", 9.0)])),
        [""; 0],
        "another route"
    );
    assert_eq!(endpoints(&tagged(&[("/", 9.0)])), [""; 0], "the root");
    assert_eq!(
        endpoints(&tagged(&[("/orders", 2.0)])),
        [""; 0],
        "two looks are too few"
    );
    let mut two = tagged(&[("/orders", 9.0)]);
    two.endpoint(
        1,
        "POST",
        "/orders",
        EndpointWindow {
            ok: 10,
            ..EndpointWindow::default()
        },
    );
    assert_eq!(endpoints(&two), [""; 0], "of which of them is not known");
}

#[test]
fn what_runs_without_a_route_is_not_the_endpoints() {
    let per_request = |routes: &[(&str, f64)]| {
        let all = run(16_000.0, 1.0, routes).findings(true);
        let mut all = all.findings.iter().chain(&all.suspected);
        let found = all.find(|of| of.rule == "n_plus_one").expect("40 each");
        found.evidence[0].value
    };
    assert!((per_request(&[("/orders", 9.0)]) - 40.0).abs() < 0.1);
    assert!((per_request(&[("/orders", 9.0), ("", 9.0)]) - 20.0).abs() < 0.1);
}
