//! Requests that wait before the service begins with them, while nothing computes.

use katydid_record::EndpointCalls;

use super::*;

/// `each` requests of two endpoints in 20 s take 100 ms, 60 of them in the service; one in ten takes `quickest_ms`.
fn waiting(each: u64, quickest_ms: u64) -> Run {
    let mut run = Run::new(1, 1);
    let mut times = Histogram::default();
    for number in 0..each {
        times.record(if number % 10 == 0 { quickest_ms } else { 100 } * 1_000);
    }
    let mut calls = Vec::new();
    for (id, name) in [(1, "/a"), (2, "/b")] {
        let window = EndpointWindow {
            ok: each,
            traced: each,
            traced_us: each * 100_000,
            from_due: times.to_sparse(),
            from_send: times.to_sparse(),
            ..EndpointWindow::default()
        };
        run.endpoint(id, "GET", name, window);
        calls.push(EndpointCalls {
            of: 0,
            endpoint: id,
            requests: each,
            served_us: each * 60_000,
            ..EndpointCalls::default()
        });
    }
    run.apply(19 * S, OBSERVERS, Body::Calls(calls));
    let spent = |run: Run, name, seconds| {
        run.series(
            name,
            ("", ""),
            SeriesKind::Counter,
            &[(1, 0.0), (18, seconds)],
        )
    };
    let run = spent(run, "process.cpu.all", 1.7);
    spent(spent(run, "cpu.user", 3.0), "cpu.idle", 31.0)
}

fn found(run: &Run) -> (String, Confidence) {
    let all = run.findings(true);
    let mut both = all.findings.iter().chain(&all.suspected);
    let one = both.next().unwrap_or_else(|| panic!("{all:#?}"));
    (one.rule.clone(), one.confidence)
}

#[test]
fn who_waits_in_line_is_told_from_who_is_far_away() {
    // 2.4 requests are in the service at a time.
    assert_eq!(
        found(&waiting(400, 5)),
        ("workers".to_owned(), Confidence::Strong)
    );
    // 0.6 are: it takes one after the other.
    assert_eq!(
        found(&waiting(100, 5)),
        ("event_loop".to_owned(), Confidence::Strong)
    );
    // Nobody comes when the line is short, if it is one: distance keeps all waiting.
    for each in [400, 100] {
        assert_eq!(found(&waiting(each, 70)).1, Confidence::Suspected);
    }
}

/// A body that is streamed for long after its span has ended is no queue, however quick another endpoint is.
#[test]
fn a_quick_endpoint_says_nothing_of_another_ones_wait() {
    let mut run = waiting(100, 70);
    let window = EndpointWindow {
        traced: 100,
        traced_us: 100 * 4_000,
        ..answered(100, 4)
    };
    run.endpoint(3, "GET", "/health", window);
    let calls = EndpointCalls {
        of: 0,
        endpoint: 3,
        requests: 100,
        served_us: 100 * 3_000,
        ..EndpointCalls::default()
    };
    run.apply(19 * S, OBSERVERS, Body::Calls(vec![calls]));
    assert_eq!(found(&run).1, Confidence::Suspected);
}
