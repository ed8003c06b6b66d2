//! Each cause of the closed list, brought about for real.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command as Process;
use std::time::Duration;

use katydid_engine::clock::MILLISECOND;
use katydid_engine::message::{Command, Message, Request, TlsMode};
use katydid_record::Cause;

use super::hub::{Hub, PATIENCE, get, request, streamed, target, tls_target, url_of, with_tls};
use super::servers::serve;

const SOON: u64 = 300 * MILLISECOND;

fn check(path: &str, expected: Cause, change: impl FnOnce(Request) -> Request) {
    let target = target();
    let mut hub = Hub::start();
    let request = change(get(&format!("{}{path}", target.url())));
    assert_eq!(hub.cause(request), expected, "{path}");
    let record = hub.finish();
    assert_eq!(record.ends(), (0, 1, 0, 0), "{path}");
    let causes: Vec<Cause> = record
        .total()
        .failures
        .keys()
        .map(|(cause, _)| *cause)
        .collect();
    assert_eq!(causes, [expected]);
}

#[test]
fn refused() {
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port is free");
    let mut hub = Hub::start();
    let failure = hub.failure(get(&url_of(address, "/")));
    assert_eq!(
        (failure.cause, failure.os_error),
        (Cause::Refused, Some(libc::ECONNREFUSED))
    );
    assert!(!failure.text.contains("os error"), "{}", failure.text);
    assert_eq!(hub.finish().ends(), (0, 1, 0, 0));
}

#[test]
fn reset_in_the_head_and_in_the_body() {
    for at in ["headers", "partial", "body"] {
        check(&format!("/reset?at={at}"), Cause::Reset, |request| request);
    }
    check("/truncated", Cause::Reset, |request| request);
}

#[test]
fn reset_at_accept() {
    let target = target();
    let mut hub = Hub::start();
    hub.response(get(&format!("{}/reset?at=accept&n=1", target.url())));
    let second = Request {
        client: 1,
        ..get(&format!("{}/null", target.url()))
    };
    assert_eq!(hub.cause(second), Cause::Reset);
    assert_eq!(hub.finish().ends(), (1, 1, 0, 0));
}

#[test]
fn an_unknown_host_name() {
    let mut hub = Hub::start();
    let failure = hub.failure(get("http://no-such-host.invalid/"));
    assert_eq!(failure.cause, Cause::Dns);
    assert!(
        failure.text.contains("no-such-host.invalid"),
        "{}",
        failure.text
    );
    assert_eq!(hub.finish().ends(), (0, 1, 0, 0));
}

#[test]
fn a_certificate_that_nobody_signed() {
    let target = tls_target();
    let mut hub = Hub::start();
    let failure = hub.failure(get(&format!("{}/null", target.url())));
    assert_eq!(failure.cause, Cause::Tls);
    assert!(failure.text.contains("certificate"), "{}", failure.text);
    let missing = with_tls(
        get(&format!("{}/null", target.url())),
        TlsMode::Roots("/no/such/file".into()),
    );
    let failure = hub.failure(missing);
    assert_eq!(failure.cause, Cause::Tls);
    assert!(failure.text.contains("/no/such/file"), "{}", failure.text);
}

#[test]
fn tls_to_a_server_that_speaks_plain_http() {
    let target = target();
    let mut hub = Hub::start();
    assert_eq!(
        hub.cause(get(&format!("https://{}/null", target.addr()))),
        Cause::Tls
    );
}

#[test]
fn no_connection_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    // SAFETY: listens again on a socket that lives, to make its queue as short as can be.
    unsafe { libc::listen(listener.as_raw_fd(), 0) };
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(stream);
    }
    let mut hub = Hub::start();
    let request = Request {
        connect_timeout: SOON,
        ..get(&url_of(address, "/"))
    };
    let failure = hub.failure(request);
    assert_eq!(failure.cause, Cause::TimeoutConnect);
    assert_eq!(failure.text, "no connection within 0.3 s");
}

#[test]
fn no_tls_handshake_in_time() {
    let silent = serve(|mut stream, _| super::servers::linger(&mut stream));
    let mut hub = Hub::start();
    let request = Request {
        connect_timeout: SOON,
        ..get(&format!("https://{silent}/"))
    };
    assert_eq!(hub.cause(request), Cause::TimeoutConnect);
}

#[test]
fn no_address_in_time() {
    let target = target();
    let mut hub = Hub::start();
    // Whether the name or the connection is late, the limit holds.
    let url = format!("http://localhost:{}/null", target.addr().port());
    assert_eq!(
        hub.cause(Request {
            connect_timeout: 1,
            ..get(&url)
        }),
        Cause::TimeoutConnect
    );
    assert_eq!(hub.finish().ends(), (0, 1, 0, 0));
}

#[test]
fn no_first_byte_in_time() {
    check("/never", Cause::TimeoutFirstByte, |request| Request {
        read_timeout: SOON,
        ..request
    });
}

#[test]
fn no_more_of_the_body_in_time() {
    let path = "/slow?bytes=2000&chunk=1000&ms=600000";
    check(path, Cause::TimeoutBody, |request| Request {
        read_timeout: SOON,
        ..request
    });
}

#[test]
fn what_had_arrived_is_handed_over() {
    let target = target();
    let mut hub = Hub::start();
    let path = "/slow?bytes=2000&chunk=1000&ms=600000";
    let failure = hub.failure(Request {
        read_timeout: SOON,
        ..get(&format!("{}{path}", target.url()))
    });
    let partial = failure.partial.expect("there was a head");
    assert_eq!(
        (
            partial.head.status(),
            partial.body.len(),
            partial.body_bytes
        ),
        (200, 1000, 1000)
    );
}

#[test]
fn a_deadline_that_moved_earlier_holds() {
    let target = target();
    let mut hub = Hub::start();
    let long = get(&format!("{}/null", target.url()));
    for _ in 0..20 {
        hub.response(long.clone());
        let short = Request {
            read_timeout: SOON / 6,
            ..get(&format!("{}/never", target.url()))
        };
        assert_eq!(hub.cause(short), Cause::TimeoutFirstByte);
    }
    assert_eq!(hub.finish().ends(), (20, 20, 0, 0));
}

#[test]
fn bytes_that_are_not_http() {
    check("/garbage", Cause::Protocol, |request| request);
}

#[test]
fn more_than_the_cap() {
    check("/endless", Cause::TooLarge, |request| request);
    check("/endless", Cause::TooLarge, |request| Request {
        discard_body: true,
        ..request
    });
    let limited = |request| Request {
        body_limit: 5_000,
        ..request
    };
    check(
        "/slow?chunked=1&bytes=100000&ms=0",
        Cause::TooLarge,
        limited,
    );
    check("/close-delimited?bytes=100000", Cause::TooLarge, limited);
}

#[test]
fn a_failing_status() {
    let target = target();
    let mut hub = Hub::start();
    let response = hub.response(get(&format!("{}/status/503", target.url())));
    assert_eq!(response.head.status(), 503);
    let record = hub.finish();
    assert_eq!(record.ends(), (0, 1, 0, 0));
    let text = "503 Service Unavailable".to_owned();
    assert_eq!(record.total().failures[&(Cause::Status, text)].count, 1);
}

/// The limit is the process's, so it is lowered in a process of its own: this test again.
#[test]
fn no_descriptor_left() {
    const TARGET: &str = "KATYDID_TEST_EXHAUST";
    let Ok(url) = std::env::var(TARGET) else {
        let target = target();
        let test = "live::causes::no_descriptor_left";
        let run = Process::new(std::env::current_exe().expect("it runs"))
            .args(["--exact", test, "--test-threads", "1"])
            .env(TARGET, target.url())
            .output()
            .expect("it runs again");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stdout)
        );
        return;
    };
    let mut hub = Hub::start();
    hub.response(get(&format!("{url}/null")));
    let limit = libc::rlimit {
        rlim_cur: 24,
        rlim_max: 24,
    };
    // SAFETY: a live structure; lowering a limit is always allowed.
    assert_eq!(
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) },
        0
    );
    for client in 1..=40 {
        hub.submit(Request {
            client,
            ..get(&format!("{url}/never"))
        });
    }
    let mut exhausted = 0;
    while let Some(message) = hub.receive_within(PATIENCE / 10) {
        if let Message::Completed(flight) = message {
            let failure = flight.completion.outcome.expect_err("there is no answer");
            assert_eq!(
                (failure.cause, failure.os_error),
                (Cause::Exhausted, Some(libc::EMFILE))
            );
            exhausted += 1;
            if exhausted == 10 {
                break;
            }
        }
    }
    assert!(exhausted >= 10, "{exhausted}");
    // The connection that stands still works.
    hub.response(get(&format!("{url}/null")));
    for client in 1..=40 {
        hub.engine.push(Command::DropClient(client));
    }
    hub.response(Request {
        client: 50,
        ..get(&format!("{url}/null"))
    });
    let (ok, failed, aborted, _) = hub.finish().ends();
    assert_eq!((ok, failed + aborted), (3, 40));
}

#[test]
fn a_stream_times_out_too() {
    let target = target();
    let mut hub = Hub::start();
    let url = format!("{}/never", target.url());
    assert_eq!(
        hub.cause(streamed(Request {
            read_timeout: SOON,
            ..get(&url)
        })),
        Cause::TimeoutFirstByte
    );
    let head = request("HEAD", &url, b"");
    assert_eq!(
        hub.cause(Request {
            read_timeout: SOON,
            ..head
        }),
        Cause::TimeoutFirstByte
    );
}
