//! Truth, its reset, and freezes.

use std::time::Duration;

use katydid_target::{Options, Target, Truth};

use crate::client::{Client, logged, plain};

#[test]
fn truth_counts_by_path_and_not_itself() {
    let target = plain();
    let mut client = Client::new(target.addr());
    client.get("/null");
    client.get("/null?x=1");
    client.post("/null", b"abc");
    client.get("/status/404");
    let read = || client.get("/_truth");
    let mut read = read;
    let truth: Truth = serde_json::from_slice(&read().body).unwrap();
    let null = &truth.paths["/null"];
    assert_eq!((null.served, null.errors), (3, 0));
    assert_eq!(null.bytes_out, 3 * 186);
    assert_eq!(
        null.methods,
        [("GET".to_owned(), 2), ("POST".to_owned(), 1)].into()
    );
    assert_eq!(truth.total.errors, 1);
    assert_eq!(truth.paths.len(), 2);
    assert_eq!((truth.connections.accepted, truth.connections.open), (1, 1));
    assert_eq!(target.truth().paths, truth.paths);

    assert_eq!(client.post("/_control/reset", b"").status, 200);
    assert_eq!(target.truth().total, katydid_target::PathTruth::default());
    assert_eq!(target.truth().connections.open, 1);
    assert_eq!(client.get("/_control/reset").status, 404);
}

#[test]
fn requests_are_found_by_id() {
    let target = logged();
    let mut client = Client::new(target.addr());
    client.ask("GET", "/delay?ms=1", "X-Request-Id: one\r\n", b"");
    client.ask("POST", "/echo", "x-request-id: two\r\n", b"abc");
    let lines = client.get("/_truth/requests");
    assert_eq!(lines.header("X-Log-Kept"), Some("2"));
    let lines = String::from_utf8(lines.body).unwrap();
    let requests: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(requests[0]["id"], "one");
    assert_eq!(requests[0]["intended_ns"], 1_000_000);
    assert_eq!(requests[1]["id"], "two");
    for request in target.requests() {
        assert!(request.complete);
        assert!(request.first_byte_read_ns <= request.request_read_ns);
        assert!(request.request_read_ns <= request.first_byte_written_ns);
        assert!(request.first_byte_written_ns <= request.last_byte_written_ns);
    }
    let second = client.get("/_truth/requests?from=1&limit=1");
    assert_eq!(String::from_utf8(second.body).unwrap().lines().count(), 1);
}

#[test]
fn the_log_is_bounded_and_says_so() {
    let options = Options {
        log_requests: true,
        log_cap: 3,
        ..Options::default()
    };
    let target = Target::spawn(&options).unwrap();
    let mut client = Client::new(target.addr());
    for _ in 0..5 {
        client.get("/null");
    }
    let log = target.truth().log;
    assert_eq!((log.kept, log.dropped, log.cap), (3, 2, 3));
}

#[test]
fn a_freeze_stops_the_world_but_not_the_kernel() {
    let target = logged();
    let mut client = Client::new(target.addr());
    client.send(b"GET /delay?ms=1 HTTP/1.1\r\n\r\n");
    client.receive(true).unwrap();
    assert_eq!(client.post("/_control/freeze?ms=300", b"").status, 200);
    assert_eq!(
        target.truth().freezes.len(),
        1,
        "in force once it is answered"
    );
    // The backlog accepts; nobody answers.
    let mut other = Client::new(target.addr());
    other.send(b"GET /null HTTP/1.1\r\n\r\n");
    client.send(b"GET /delay?ms=1 HTTP/1.1\r\n\r\n");
    // Truth stays readable from outside.
    let during = target.truth();
    assert_eq!(during.connections.accepted, 1);
    let span = during.freezes[0].clone();
    assert_eq!(span.until_ns - span.from_ns, 300_000_000);
    assert!(during.now_ns < span.until_ns);
    other.receive(true).unwrap();
    client.receive(true).unwrap();
    let requests = target.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests[1..]
            .iter()
            .all(|r| r.first_byte_read_ns >= span.until_ns)
    );
}

#[test]
fn a_freeze_holds_back_what_is_due() {
    let target = logged();
    let mut client = Client::new(target.addr());
    client.get("/null");
    client.send(b"GET /delay?ms=150 HTTP/1.1\r\n\r\n");
    while !target.truth().paths.contains_key("/delay") {
        std::thread::yield_now();
    }
    target.freeze(Duration::from_millis(300));
    client.receive(true).unwrap();
    let until = target.truth().freezes[0].until_ns;
    assert!(target.requests()[1].last_byte_written_ns >= until);
}

#[test]
fn a_planned_freeze_comes() {
    let options = Options {
        freeze_at: Some(Duration::from_millis(20)),
        freeze_for: Some(Duration::from_millis(30)),
        threads: 2,
        ..Options::default()
    };
    let target = Target::spawn(&options).unwrap();
    while target.truth().freezes.is_empty() {
        std::thread::yield_now();
    }
    let truth = target.truth();
    assert!(truth.freezes[0].from_ns - truth.started_ns >= 20_000_000);
}

#[test]
fn threads_share_one_truth() {
    let options = Options {
        threads: 3,
        log_requests: true,
        ..Options::default()
    };
    let target = Target::spawn(&options).unwrap();
    let mut clients: Vec<_> = (0..30).map(|_| Client::new(target.addr())).collect();
    let errors = clients
        .iter_mut()
        .filter_map(|client| (client.get("/error?share=0.2").status == 500).then_some(()));
    assert_eq!(errors.count(), 6);
    let truth: Truth = serde_json::from_slice(&clients[0].get("/_truth").body).unwrap();
    assert_eq!((truth.total.served, truth.total.errors), (30, 6));
    assert_eq!(truth.connections.open, 30);
    assert_eq!(target.requests().len(), 30);
    assert_eq!(target.stop().connections.open, 0);
}

#[test]
fn a_stop_does_not_wait_for_a_freeze() {
    let target = plain();
    target.freeze(Duration::from_secs(3600));
    Client::new(target.addr()).send(b"GET / HTTP/1.1\r\n\r\n");
    target.stop();
}

#[test]
fn what_is_pipelined_behind_a_freeze_waits() {
    let target = logged();
    let mut client = Client::new(target.addr());
    client.send(b"POST /_control/freeze?ms=100 HTTP/1.1\r\n\r\nGET /null HTTP/1.1\r\n\r\n");
    client.receive(true).unwrap();
    client.receive(true).unwrap();
    let until = target.truth().freezes[0].until_ns;
    assert!(target.requests()[0].first_byte_written_ns >= until);
}
