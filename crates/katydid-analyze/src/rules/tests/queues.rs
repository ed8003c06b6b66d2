//! Queues that grow.

use super::*;

fn queue(lengths: [f64; 3]) -> Run {
    named("queue.length", ("queue", "mails"), lengths)
}

fn named(series: &str, label: (&str, &str), lengths: [f64; 3]) -> Run {
    let level = |at: u64| lengths[((at - 1) / 7).min(2) as usize];
    let points: Vec<(u64, f64)> = (1..21).map(|at| (at, level(at))).collect();
    Run::new(200, 20)
        .series(series, label, SeriesKind::Gauge, &points)
        .series(
            "command.calls",
            ("command", "rpush"),
            SeriesKind::Counter,
            &[(1, 0.0), (18, 180.0)],
        )
        .spans(50, "RPUSH", 1, 200)
}

/// The same, with what is seen to come into this very queue and to go from it, per second.
fn followed(name: &str, comes: f64, goes: f64) -> Run {
    let total =
        |rate: f64| -> Vec<(u64, f64)> { (1..21).map(|at| (at, at as f64 * rate)).collect() };
    let of = ("queue", name);
    named("queue.length", of, [20.0, 60.0, 100.0])
        .series("queue.came", of, SeriesKind::Counter, &total(comes))
        .series("queue.went", of, SeriesKind::Counter, &total(goes))
}

#[test]
fn consumers_are_told_from_what_comes_and_goes_with_some_to_spare() {
    let advice = |comes, goes| followed("rq:queue:mails", comes, goes).only().advice;
    // One consumer of 12 a second needs two of it, which are as good as always busy.
    assert!(
        advice(24.0, 12.0).starts_with("Run 3 times as many consumers (24 ÷ 12 = 2, and 20 %"),
        "{}",
        advice(24.0, 12.0)
    );
    assert!(advice(15.0, 10.0).starts_with("Run 2 times"));
    assert!(advice(5.0, 0.0).starts_with("Nobody takes anything out"));
    // By commands it is of all queues, and says so.
    let all = queue([20.0, 60.0, 100.0]).only();
    assert!(
        all.advice.contains("all queues of the server"),
        "{}",
        all.advice
    );
}

#[test]
fn a_queue_that_grows_and_goes_on_to() {
    let found = queue([20.0, 60.0, 100.0]).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("queue_backlog", Confidence::Strong)
    );
    assert_eq!(found.endpoints, ["GET /orders"]);
    assert!(found.what.contains("100 entries"), "{}", found.what);
    assert!(
        queue([20.0, 60.0, 55.0]).ruled_out("queue_backlog"),
        "it came to an end"
    );
    assert!(
        queue([1.0, 3.0, 6.0]).ruled_out("queue_backlog"),
        "six entries"
    );
}

#[test]
fn a_list_out_of_which_nothing_is_taken_may_be_a_log() {
    let suspected = |run: &Run| {
        let all = run.findings(true);
        assert!(all.findings.is_empty(), "{all:#?}");
        all.suspected[0].clone()
    };
    let found = suspected(&followed("feed", 5.0, 0.0));
    assert_eq!(found.rule, "queue_backlog");
    assert!(found.advice.contains("a log or a feed"), "{}", found.advice);
    assert_eq!(followed("feed", 15.0, 10.0).only().rule, "queue_backlog");
    let cut = followed("feed", 15.0, 10.0).series(
        "command.calls",
        ("command", "ltrim"),
        SeriesKind::Counter,
        &[(1, 0.0), (18, 180.0)],
    );
    suspected(&cut);
}

#[test]
fn a_stream_is_as_long_as_its_groups_lag_behind() {
    let lengths = [20.0, 60.0, 100.0];
    let all = named("queue.length", ("type", "stream"), lengths).findings(true);
    assert!(
        all.findings.is_empty() && all.suspected.is_empty(),
        "XACK does not shorten it: {all:#?}"
    );
    let lags = named("queue.lag", ("queue", "bull:mails:events"), lengths).series(
        "command.calls",
        ("command", "xadd"),
        SeriesKind::Counter,
        &[(1, 0.0), (18, 180.0)],
    );
    assert_eq!(lags.only().rule, "queue_backlog");
}
