//! Errors in exact shares, and everything that is not an answer.

use std::io::{ErrorKind, Read as _};

use crate::client::{Client, logged, plain};

#[test]
fn the_share_of_errors_is_exact() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let statuses: Vec<_> = (0..200)
        .map(|_| client.get("/error?share=0.1&status=503").status)
        .collect();
    assert_eq!(statuses.iter().filter(|s| **s == 503).count(), 20);
    assert!(
        statuses
            .chunks(10)
            .all(|ten| ten.iter().filter(|s| **s == 503).count() == 1)
    );
    let path = &target.truth().paths["/error"];
    assert_eq!((path.served, path.errors), (200, 20));
    assert_eq!(path.statuses, [(200, 180), (503, 20)].into());
}

fn check_reset(at: &str, bytes_before: bool) {
    let target = logged();
    let mut client = Client::new(target.addr());
    client.send(format!("GET /reset?at={at} HTTP/1.1\r\n\r\n").as_bytes());
    let error = client.rest().expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "at={at}");
    assert_eq!(!client.buffer.is_empty(), bytes_before, "at={at}");
    let path = &target.truth().paths["/reset"];
    assert_eq!((path.requests, path.served, path.unanswered), (1, 0, 1));
    assert!(!target.requests()[0].complete);
}

#[test]
fn resets() {
    check_reset("headers", false);
    check_reset("partial", true);
    check_reset("body", true);
}

#[test]
fn reset_at_accept_hits_the_next_connections() {
    let target = plain();
    let mut first = Client::new(target.addr());
    assert_eq!(first.get("/reset?at=accept&n=2").status, 200);
    for _ in 0..2 {
        let mut client = Client::new(target.addr());
        assert!(client.stream.read(&mut [0; 1]).is_err());
    }
    assert_eq!(Client::new(target.addr()).get("/null").status, 200);
    assert_eq!(target.truth().connections.reset_at_accept, 2);
    assert_eq!(target.truth().connections.accepted, 4);
}

#[test]
fn garbage_is_not_http() {
    let target = plain();
    let mut client = Client::new(target.addr());
    client.send(b"GET /garbage HTTP/1.1\r\n\r\n");
    client.rest().unwrap();
    assert!(!client.buffer.is_empty());
    assert!(!client.buffer.starts_with(b"HTTP/"));
}

#[test]
fn truncated_ends_before_its_length() {
    let target = plain();
    let mut client = Client::new(target.addr());
    client.send(b"GET /truncated?bytes=1000 HTTP/1.1\r\n\r\n");
    let error = client.receive(true).expect_err("an early end");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(client.buffer.len(), 500);
}

#[test]
fn never_says_nothing_and_notices_the_end() {
    let target = plain();
    let mut silent = Client::new(target.addr());
    silent.send(b"GET /never HTTP/1.1\r\n\r\n");
    let mut other = Client::new(target.addr());
    until(|| {
        other.get("/null");
        target
            .truth()
            .paths
            .get("/never")
            .is_some_and(|p| p.requests == 1)
    });
    assert_eq!(target.truth().paths["/never"].unanswered, 0);
    drop(silent);
    until(|| {
        other.get("/null");
        target.truth().paths["/never"].unanswered == 1
    });
    assert_eq!(target.truth().connections.open, 1);
}

#[test]
fn idle_close_closes_later() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let answer = client.get("/idle-close?ms=30");
    assert_eq!((answer.status, answer.header("Connection")), (200, None));
    // A request in time keeps it open.
    assert_eq!(client.get("/null").status, 200);
    assert_eq!(client.get("/idle-close?ms=5").status, 200);
    client.rest().unwrap();
    assert!(client.buffer.is_empty());
}

#[test]
fn closes() {
    let target = plain();
    let mut client = Client::new(target.addr());
    assert_eq!(client.get("/close").header("Connection"), Some("close"));
    client.rest().unwrap();
    let mut client = Client::new(target.addr());
    let answer = client.get("/close-delimited?bytes=70000");
    assert!(answer.head.starts_with("HTTP/1.0 200"));
    assert_eq!(answer.body.len(), 70_000);
}

#[test]
fn endless_is_bounded_by_its_reader() {
    let target = plain();
    let mut client = Client::new(target.addr());
    client.send(b"GET /endless HTTP/1.1\r\n\r\n");
    let mut room = vec![0; 1 << 20];
    let mut seen = 0;
    while seen < 20 << 20 {
        seen += client.stream.read(&mut room).unwrap();
        // Others are served meanwhile.
        assert_eq!(Client::new(target.addr()).get("/null").status, 200);
    }
    drop(client);
    until(|| {
        target
            .truth()
            .paths
            .get("/endless")
            .is_some_and(|p| p.unanswered == 1)
    });
}

/// Waits for a condition, at most ten seconds.
fn until(mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition() {
        assert!(
            std::time::Instant::now() < deadline,
            "the condition never came"
        );
        std::thread::yield_now();
    }
}
