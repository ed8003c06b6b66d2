//! Connections that are held while the service does something else.

use katydid_record::Kind;

use super::*;

/// At so many of 18 looks a session is idle in transaction for so long; a request of 400 ms runs its statement after `first_ms`.
fn held_at(looks: u64, seconds: f64, first_ms: u64) -> Run {
    let level = |at| if at % 18 < looks { seconds } else { 0.001 };
    let points: Vec<(u64, f64)> = (1..19).map(|at| (at, level(at))).collect();
    Run::new(200, 400)
        .statement("aa", LIST, 200.0, 2.0, 20.0, 30.0)
        .spans(50, LIST, 1, 2_000)
        .series(
            "longest.idle_in_transaction",
            ("", ""),
            SeriesKind::Gauge,
            &points,
        )
        .kept(first_ms, 400)
}

fn held_by(seconds: f64, first_ms: u64) -> Run {
    held_at(18, seconds, first_ms)
}

fn held(seconds: f64) -> Run {
    held_by(seconds, 5)
}

#[test]
fn a_transaction_that_waits_for_the_service_is_named_by_spans() {
    let found = held(0.15).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("connection_held", Confidence::Strong)
    );
    assert!(held(0.05).ruled_out("connection_held"));
    assert_eq!(held_at(4, 0.15, 5).only().rule, "connection_held");
    assert!(held_at(3, 0.15, 5).ruled_out("connection_held"));
    let somebody = held(1_800.0).findings(true);
    assert!(
        somebody.findings.is_empty() && somebody.suspected[0].rule == "connection_held",
        "a session that nobody ends is not the request's"
    );
    let before = held_by(0.15, 380).findings(true);
    assert!(
        before.findings.is_empty(),
        "the wait is before its first statement"
    );
    assert_eq!(before.suspected[0].rule, "connection_held");
    let pool = held(0.15).calls("pool", 50, "pg-pool.connect", 1, 300_000);
    let waits = pool.findings(true);
    let is_held = |of: &Finding| of.rule == "connection_held";
    assert!(
        !waits.findings.iter().any(is_held) && waits.suspected.iter().any(is_held),
        "most of its time it waits for a connection, and holds none: {waits:#?}"
    );
}

/// Another endpoint, as slow: its requests run their statement after `first_ms`, too.
fn beside(mut run: Run, first_ms: u64) -> Run {
    let key = |name: &str| EndpointKey {
        kind: Kind::Request,
        method: "GET".into(),
        name: name.into(),
        tagged: None,
    };
    run.endpoint(1, "GET", "/pages", answered(200, 400));
    let mut run = run.kept(first_ms, 400);
    let traces = &mut run.timeline.traces;
    let own = traces.examples.get_mut(&key("/orders")).and_then(Vec::pop);
    traces
        .examples
        .insert(key("/pages"), own.into_iter().collect());
    let calls = traces.calls[&(1, key("/orders"))].clone();
    traces.calls.insert((1, key("/pages")), calls);
    run
}

#[test]
fn requests_that_stand_in_line_hold_nothing() {
    let queued = beside(held(0.15), 390).findings(true);
    let is_held = |of: &&Finding| of.rule == "connection_held";
    let found = queued.findings.iter().find(is_held).expect("it is named");
    assert_eq!(found.endpoints, ["GET /orders"]);
    let alike = beside(held(0.15), 100).findings(true);
    assert!(
        !alike.findings.iter().any(|of| is_held(&of)),
        "either may hold it"
    );
}

#[test]
fn what_computes_is_slow_between_any_two_statements() {
    let points: Vec<(u64, f64)> = (1..20).map(|at| (at, at as f64)).collect();
    let busy = || held(0.15).series("process.cpu", ("pid", "7"), SeriesKind::Counter, &points);
    let is_held = |of: &Finding| of.rule == "connection_held";
    let computes = busy().findings(true);
    assert!(!computes.findings.iter().any(is_held), "{computes:#?}");
    assert!(computes.suspected.iter().any(is_held));
    let mut calls = busy();
    for kept in calls.timeline.traces.spans.values_mut() {
        kept.spans.push(SeenSpan {
            start_us: 50_000,
            us: 300_000,
            kind: SpanKind::Client,
            about: "http".into(),
            text: "GET partner".into(),
            ..SeenSpan::default()
        });
    }
    assert!(calls.findings(true).findings.iter().any(is_held));
}
