//! Responses that are handed over piece by piece, no faster than they are read.

use katydid_engine::clock::MILLISECOND;
use katydid_engine::message::{Command, Piece, Request};
use katydid_record::Cause;

use super::hub::{Hub, get, post, streamed, target, until};

/// Bytes read ahead of the reader, and one read more.
const AHEAD: usize = (256 << 10) + (64 << 10);

/// All pieces, and the failure, if that is how it ended.
fn rest(hub: &mut Hub, client: u32, token: u64) -> (Vec<u8>, Option<Cause>) {
    let mut body = Vec::new();
    loop {
        match hub.piece(client, token) {
            Piece::Bytes(bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= AHEAD, "{}", bytes.len());
                body.extend(bytes);
            }
            Piece::End(_) => return (body, None),
            Piece::Failed(failure, _) => return (body, Some(failure.cause)),
        }
    }
}

fn open(hub: &mut Hub, url: &str) -> u64 {
    let token = hub.submit(streamed(get(url)));
    let completion = hub.completion(token);
    assert!(!completion.recorded);
    assert_eq!(
        completion.outcome.expect("there is a head").head.status(),
        200
    );
    token
}

#[test]
fn a_body_in_pieces() {
    let target = target();
    let mut hub = Hub::start();
    for path in [
        "/slow?bytes=50000&chunk=1000&ms=1",
        "/slow?bytes=50000&chunk=1000&ms=1&chunked=1",
        "/bytes?n=50000",
        "/bytes?n=3000000",
        "/bytes?n=0",
        "/close-delimited?bytes=1000000",
    ] {
        let whole = hub.response(get(&format!("{}{path}", target.url()))).body;
        let token = open(&mut hub, &format!("{}{path}", target.url()));
        let (body, failed) = rest(&mut hub, 0, token);
        assert_eq!(failed, None);
        assert!(body == whole, "{path}: {} of {}", body.len(), whole.len());
    }
    // Its asker judges a stream, so the engine has counted the six others only.
    let record = hub.finish();
    assert_eq!(record.ends(), (6, 0, 0, 0));
    assert_eq!(record.total().bytes_in, target.stop().total.bytes_out);
}

#[test]
fn the_head_does_not_wait_for_the_body() {
    let target = target();
    let mut hub = Hub::start();
    let token = open(
        &mut hub,
        &format!("{}/slow?bytes=2000&chunk=1000&ms=600000", target.url()),
    );
    let Piece::Bytes(first) = hub.piece(0, token) else {
        panic!("there is a first piece")
    };
    assert_eq!(first.len(), 1000);
    assert_eq!(hub.so_far().generator.in_flight, 1);
}

#[test]
fn nothing_is_read_far_ahead() {
    let target = target();
    let mut hub = Hub::start();
    let token = open(&mut hub, &format!("{}/endless", target.url()));
    for _ in 0..20 {
        let Piece::Bytes(piece) = hub.piece(0, token) else {
            panic!("it is endless")
        };
        assert!(piece.len() <= AHEAD);
        hub.response(Request {
            client: 1,
            ..get(&format!("{}/null", target.url()))
        });
    }
    hub.engine.push(Command::Cancel { client: 0, token });
    until("the server notices", || {
        target.truth().connections.open == 1
    });
    assert_eq!(target.truth().paths["/endless"].unanswered, 1);
    // Given up after its head: who has the head counts it.
    let record = hub.finish();
    assert_eq!(record.ends(), (20, 0, 0, 0));
    assert!(record.total().bytes_in < 64 << 20);
}

#[test]
fn a_reader_may_be_slower_than_the_servers_time_limit() {
    let target = target();
    let mut hub = Hub::start();
    let request = Request {
        read_timeout: 150 * MILLISECOND,
        ..get(&format!("{}/endless?bytes=20000000", target.url()))
    };
    let token = hub.submit(streamed(request));
    hub.completion(token).outcome.expect("there is a head");
    for _ in 0..2 {
        hub.ticks(10);
        let piece = hub.piece(0, token);
        assert!(matches!(piece, Piece::Bytes(_)), "{piece:?}");
    }
    let (_, failed) = rest(&mut hub, 0, token);
    assert_eq!(failed, None);
}

#[test]
fn a_server_may_not() {
    let target = target();
    let mut hub = Hub::start();
    let url = format!("{}/slow?bytes=2000&chunk=1000&ms=600000", target.url());
    let token = hub.submit(streamed(Request {
        read_timeout: 200 * MILLISECOND,
        ..get(&url)
    }));
    hub.completion(token).outcome.expect("there is a head");
    let (body, failed) = rest(&mut hub, 0, token);
    assert_eq!((body.len(), failed), (1000, Some(Cause::TimeoutBody)));
    assert_eq!(hub.finish().ends(), (0, 0, 0, 0));
}

#[test]
fn the_end_waits_while_the_connection_goes_on() {
    let target = target();
    let mut hub = Hub::start();
    let token = open(&mut hub, &format!("{}/bytes?n=5000", target.url()));
    // The connection is free for the next request before anybody has read the stream.
    for _ in 0..3 {
        hub.response(get(&format!("{}/null", target.url())));
    }
    let (body, failed) = rest(&mut hub, 0, token);
    assert_eq!((body.len(), failed), (5000, None));
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((3, 0, 0, 0), 1));
}

#[test]
fn the_end_outlives_the_connection() {
    let target = target();
    let mut hub = Hub::start();
    let token = open(&mut hub, &format!("{}/close", target.url()));
    until("the server closes", || target.truth().connections.open == 0);
    hub.engine.push(Command::CloseIdle(0));
    let (body, failed) = rest(&mut hub, 0, token);
    assert_eq!((body.len(), failed), (15, None));
}

#[test]
fn a_body_that_breaks_off() {
    let target = target();
    let mut hub = Hub::start();
    for (path, bytes) in [("/truncated?bytes=1000", 500), ("/reset?at=body", 500)] {
        let token = open(&mut hub, &format!("{}{path}", target.url()));
        let (body, failed) = rest(&mut hub, 0, token);
        assert_eq!(failed, Some(Cause::Reset), "{path}");
        // What a reset overtakes is lost.
        assert!(body.len() <= bytes, "{path}");
    }
    assert_eq!(hub.finish().ends(), (0, 0, 0, 0));
}

#[test]
fn an_early_answer_does_not_free_the_connection() {
    let target = target();
    let mut hub = Hub::start();
    let token = hub.submit(streamed(post(
        &format!("{}/null", target.url()),
        &vec![b'x'; 40 << 20],
    )));
    assert_eq!(
        hub.completion(token)
            .outcome
            .expect("there is a head")
            .head
            .status(),
        413
    );
    rest(&mut hub, 0, token);
    hub.response(get(&format!("{}/null", target.url())));
    assert_eq!(hub.finish().opened(), 2);
}

#[test]
fn a_client_that_goes_takes_its_streams_along() {
    let target = target();
    let mut hub = Hub::start();
    open(&mut hub, &format!("{}/endless", target.url()));
    open(&mut hub, &format!("{}/bytes?n=100", target.url()));
    hub.engine.push(Command::DropClient(0));
    until("the server notices", || {
        target.truth().connections.open == 0
    });
    assert_eq!(hub.finish().ends(), (0, 0, 0, 0));
}

#[test]
fn stopped_between_head_and_end() {
    let target = target();
    let mut hub = Hub::start();
    open(&mut hub, &format!("{}/endless", target.url()));
    assert_eq!(hub.finish().ends(), (0, 0, 0, 0));
}
