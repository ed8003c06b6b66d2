//! Whole requests: reuse, replacement, every framing, uploads, early answers.

use std::io::{Read, Write};
use std::net::Shutdown;

use katydid_engine::message::{Judge, Request};
use katydid_record::Cause;
use katydid_target::{Options, Target};

use super::hub::{Hub, get, post, request, target, until, url_of};
use super::servers::{OK, answer, linger, read_head, serve};

#[test]
fn one_connection_carries_many_requests() {
    let target = target();
    let mut hub = Hub::start();
    for turn in 0..50 {
        let completion = hub.ask(get(&format!("{}/bytes?n=100", target.url())));
        assert_eq!(completion.reused, turn > 0);
        assert!(completion.recorded);
        assert_eq!(completion.outcome.expect("it goes well").body.len(), 100);
    }
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((50, 0, 0, 0), 1, 0)
    );
    assert_eq!(target.truth().connections.accepted, 1);
    let truth = target.stop();
    assert_eq!(
        (record.total().bytes_in, record.total().bytes_out),
        (truth.total.bytes_out, truth.total.bytes_in)
    );
}

#[test]
fn each_client_has_its_own_connections() {
    let target = target();
    let mut hub = Hub::start();
    for client in [3, 0, 3, 7, 0] {
        hub.response(Request {
            client,
            ..get(&format!("{}/null", target.url()))
        });
    }
    assert_eq!(hub.finish().opened(), 3);
}

#[test]
fn several_requests_of_one_client_at_once() {
    let target = target();
    let mut hub = Hub::start();
    let tokens: Vec<u64> = (0..8)
        .map(|_| hub.submit(get(&format!("{}/delay?ms=50", target.url()))))
        .collect();
    for token in tokens {
        hub.completion(token).outcome.expect("it goes well");
    }
    // They stay, and carry the next ones.
    for _ in 0..3 {
        hub.response(get(&format!("{}/null", target.url())));
    }
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((11, 0, 0, 0), 8));
}

#[test]
fn a_connection_closed_while_idle_is_replaced_and_counted() {
    for method in ["GET", "POST"] {
        let target = target();
        let mut hub = Hub::start();
        hub.response(get(&format!("{}/idle-close?ms=1", target.url())));
        until("the server closes", || target.truth().connections.open == 0);
        hub.response(request(method, &format!("{}/null", target.url()), b""));
        let record = hub.finish();
        assert_eq!(
            (record.ends(), record.opened(), record.replaced()),
            ((2, 0, 0, 0), 2, 1),
            "{method}"
        );
    }
}

/// Takes a second request and closes instead of answering it: to the client, closed while idle.
fn closes_on_the_second(counts: fn(usize) -> usize) -> std::net::SocketAddr {
    serve(move |mut stream, number| {
        answer(&mut stream, counts(number));
        read_head(&mut stream);
    })
}

#[test]
fn what_may_be_sent_twice_is_sent_again_once() {
    let address = closes_on_the_second(|number| if number == 0 { 1 } else { 100 });
    let mut hub = Hub::start();
    hub.response(get(&url_of(address, "/")));
    let again = hub.ask(get(&url_of(address, "/")));
    assert!(!again.reused);
    again.outcome.expect("it was sent again");
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((2, 0, 0, 0), 2, 1)
    );
}

#[test]
fn what_must_not_be_sent_twice_fails() {
    let address = closes_on_the_second(|number| if number == 0 { 1 } else { 100 });
    let mut hub = Hub::start();
    hub.response(get(&url_of(address, "/")));
    assert_eq!(hub.cause(post(&url_of(address, "/"), b"x")), Cause::Reset);
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((1, 1, 0, 0), 1, 0)
    );
}

#[test]
fn nothing_is_sent_three_times() {
    let address = closes_on_the_second(|number| usize::from(number == 0));
    let mut hub = Hub::start();
    hub.response(get(&url_of(address, "/")));
    assert_eq!(hub.cause(get(&url_of(address, "/"))), Cause::Reset);
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((1, 1, 0, 0), 2, 1)
    );
}

#[test]
fn every_framing_ends_where_it_ends() {
    let target = target();
    let mut hub = Hub::start();
    let cases: [(&str, &str, u16, usize); 11] = [
        ("GET", "/bytes?n=0", 200, 0),
        ("GET", "/bytes?n=65536", 200, 65_536),
        ("GET", "/bytes?n=300000", 200, 300_000),
        (
            "GET",
            "/slow?bytes=30000&chunk=1000&ms=0&chunked=1",
            200,
            30_000,
        ),
        ("GET", "/slow?bytes=3000&chunk=1000&ms=3", 200, 3_000),
        ("GET", "/trailers", 200, 11),
        ("GET", "/early-hints?ms=20", 200, 15),
        ("HEAD", "/bytes?n=5000", 200, 0),
        ("GET", "/status/204", 204, 0),
        ("GET", "/status/304", 304, 0),
        ("POST", "/null", 200, 66),
    ];
    for (method, path, status, bytes) in cases {
        let response = hub.response(request(method, &format!("{}{path}", target.url()), b""));
        assert_eq!(
            (response.head.status(), response.body.len()),
            (status, bytes),
            "{method} {path}"
        );
        assert_eq!(response.body_bytes, bytes as u64);
    }
    // All of these leave the connection as they found it.
    assert_eq!(hub.so_far().opened(), 1);
    for path in [
        "/close",
        "/close-delimited?v=1.0&bytes=200000",
        "/close-delimited?v=1.1&bytes=10",
    ] {
        hub.response(get(&format!("{}{path}", target.url())));
    }
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((14, 0, 0, 0), 3, 0)
    );
}

#[test]
fn a_discarded_body_is_counted() {
    let target = target();
    let mut hub = Hub::start();
    let response = hub.response(Request {
        discard_body: true,
        ..get(&format!("{}/bytes?n=123456", target.url()))
    });
    assert_eq!(
        (response.body.capacity(), response.body_bytes),
        (0, 123_456)
    );
    assert_eq!(hub.finish().total().content_bytes, 123_456);
}

#[test]
fn a_large_upload_in_many_writes() {
    let target = target();
    let mut hub = Hub::start();
    let body = vec![b'x'; 16 << 20];
    for _ in 0..2 {
        hub.response(post(&format!("{}/null", target.url()), &body));
    }
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((2, 0, 0, 0), 1));
    assert!(record.total().bytes_out > 32 << 20);
    assert_eq!(record.total().bytes_out, target.truth().total.bytes_in);
}

#[test]
fn an_answer_before_the_upload_is_over() {
    let target = target();
    let mut hub = Hub::start();
    let response = hub.response(post(
        &format!("{}/null", target.url()),
        &vec![b'x'; 40 << 20],
    ));
    assert_eq!(response.head.status(), 413);
    // That connection is not used again.
    hub.response(get(&format!("{}/null", target.url())));
    assert_eq!(hub.finish().opened(), 2);
}

#[test]
fn an_answer_before_the_server_drops_the_upload() {
    let address = serve(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!");
        // Closed with bytes unread: the client's next write meets a reset.
    });
    let mut hub = Hub::start();
    for _ in 0..10 {
        let response = hub.response(post(&url_of(address, "/"), &vec![b'x'; 8 << 20]));
        assert_eq!(
            (response.head.status(), &response.body[..]),
            (413, &b"no!"[..])
        );
    }
}

#[test]
fn an_answer_before_the_question() {
    let address = serve(|mut stream, _| {
        let _ = stream
            .write_all(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.shutdown(Shutdown::Write);
        linger(&mut stream);
    });
    let mut hub = Hub::start();
    for client in 0..50 {
        let response = hub.response(Request {
            client,
            ..get(&url_of(address, "/"))
        });
        assert_eq!(response.head.status(), 503);
    }
}

#[test]
fn the_end_may_come_with_the_answer() {
    let address = serve(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(OK);
    });
    let mut hub = Hub::start();
    for _ in 0..100 {
        hub.response(get(&url_of(address, "/")));
    }
    let (ok, failed, ..) = hub.finish().ends();
    assert_eq!((ok, failed), (100, 0));
}

#[test]
fn bytes_that_nobody_asked_for_end_a_connection() {
    let address = serve(|mut stream, _| {
        while !read_head(&mut stream).is_empty() && stream.write_all(&[OK, OK].concat()).is_ok() {}
    });
    let mut hub = Hub::start();
    for _ in 0..5 {
        hub.response(get(&url_of(address, "/")));
    }
    assert_eq!(hub.finish().opened(), 5);
}

#[test]
fn a_head_that_drips_in() {
    let address = serve(|mut stream, _| {
        let _ = stream.set_nodelay(true);
        while !read_head(&mut stream).is_empty() {
            for byte in
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            {
                let _ = stream.write_all(&[*byte]);
                std::thread::yield_now();
            }
        }
    });
    let mut hub = Hub::start();
    for _ in 0..5 {
        assert_eq!(hub.response(get(&url_of(address, "/"))).body, b"abc");
    }
    assert_eq!(hub.finish().opened(), 1);
}

#[test]
fn a_fast_endless_body_leaves_others_their_turn() {
    let target = target();
    let mut hub = Hub::start();
    let endless = Request {
        client: 1,
        discard_body: true,
        body_limit: u64::MAX,
        ..get(&format!("{}/endless", target.url()))
    };
    let token = hub.submit(endless);
    until("the endless body flows", || {
        target.truth().connections.open == 1
    });
    for _ in 0..50 {
        hub.response(get(&format!("{}/null", target.url())));
    }
    hub.engine
        .push(katydid_engine::message::Command::Cancel { client: 1, token });
    assert_eq!(hub.finish().ends(), (50, 0, 1, 0));
}

#[test]
fn ipv6_and_names() {
    let six = Target::spawn(&Options {
        bind: "[::1]:0".parse().expect("it is one"),
        ..Options::default()
    });
    let mut hub = Hub::start();
    if let Ok(six) = six {
        assert_eq!(
            hub.response(get(&format!("{}/null", six.url())))
                .head
                .status(),
            200
        );
    }
    // Whichever of its addresses the name has first, the one that listens is found.
    let four = target();
    for client in 0..3 {
        let url = format!("http://localhost:{}/null", four.addr().port());
        assert_eq!(
            hub.response(Request {
                client,
                ..get(&url)
            })
            .head
            .status(),
            200
        );
    }
    assert_eq!(hub.finish().total().failed, 0);
}

#[test]
fn who_judges_is_who_records() {
    let target = target();
    let mut hub = Hub::start();
    let if_ok = |fast_list, follow| Judge::EngineIfOk { fast_list, follow };
    let cases = [
        ("/null", if_ok(false, true), true),
        ("/null", Judge::Script, false),
        ("/status/404", Judge::Engine, true),
        ("/status/404", if_ok(false, true), false),
        ("/status/302", if_ok(false, true), false),
        ("/status/302", if_ok(false, false), true),
        ("/status/299", if_ok(true, false), false),
        ("/gzip", if_ok(false, true), false),
        ("/gzip", Judge::Engine, true),
        ("/never", Judge::Script, false),
    ];
    for (path, judge, recorded) in cases {
        let read_timeout = if path == "/never" {
            200_000_000
        } else {
            60_000_000_000
        };
        let completion = hub.ask(Request {
            judge,
            read_timeout,
            ..get(&format!("{}{path}", target.url()))
        });
        assert_eq!(completion.recorded, recorded, "{path} {judge:?}");
    }
    let record = hub.finish();
    assert_eq!(record.ends(), (3, 1, 0, 0));
    // Bytes are the wire's, whoever judges.
    assert_eq!(record.total().bytes_in, target.stop().total.bytes_out);
}

#[test]
fn slots_that_passed_are_counted_with_the_next_request() {
    let target = target();
    let mut hub = Hub::start();
    hub.response(Request {
        blocked: 3,
        missed: 2,
        ..get(&format!("{}/null", target.url()))
    });
    let total = hub.finish().total();
    assert_eq!((total.blocked, total.missed), (3, 2));
}

#[test]
fn a_server_that_reads_slowly_gets_everything() {
    let address = serve(|mut stream, _| {
        read_head(&mut stream);
        let mut left = 3 << 20;
        let mut piece = [0; 10_000];
        while left > 0 {
            match stream.read(&mut piece) {
                Ok(n) if n > 0 => left -= n,
                _ => return,
            }
            std::thread::yield_now();
        }
        let _ = stream.write_all(OK);
        linger(&mut stream);
    });
    let mut hub = Hub::start();
    hub.response(post(&url_of(address, "/"), &vec![b'x'; 3 << 20]));
    assert_eq!(hub.finish().ends(), (1, 0, 0, 0));
}
