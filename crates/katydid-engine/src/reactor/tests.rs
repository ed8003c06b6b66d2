//! What only the inside of the loop can see: timers and memory. The rest is tested on real sockets in `tests/engine/live`.

use std::net::TcpListener;

use super::*;
use crate::conn::Phase;
use crate::http1::{RequestKind, Url};
use crate::message::{Judge, Payload, Route, TlsMode};

fn reactor() -> Reactor {
    let poll = Poll::new().expect("a poll");
    let waker = mio::Waker::new(poll.registry(), WAKER).expect("a waker");
    let outbox = Outbox::new().expect("an outbox");
    let (inbox, consumer) = (Arc::new(Inbox::new(waker)), Consumer::Hub(Arc::new(outbox)));
    Reactor::new(poll, inbox, consumer, clock::now(), None, Box::new(|_| {})).expect("it starts")
}

fn request(url: &str, client: u32) -> Request {
    let origin = Url::parse(url).expect("it is one").origin;
    Request {
        token: u64::from(client),
        client,
        route: Arc::new(Route {
            id: 0,
            origin,
            tls: TlsMode::Verify,
            proxy: None,
        }),
        payload: Payload::Own(vec![b'x'; 1 << 20]),
        kind: RequestKind::Plain,
        idempotent: true,
        endpoint: 0,
        judge: Judge::Engine,
        due: 0,
        asked: 0,
        blocked: 0,
        missed: 0,
        connect_timeout: 60 * SECOND,
        read_timeout: 60 * SECOND,
        body_limit: 1 << 20,
        discard_body: false,
        stream: false,
    }
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, url)
}

#[test]
fn of_several_timers_of_a_connection_one_counts() {
    let (_listener, url) = listener();
    let mut reactor = reactor();
    reactor.submit(Box::new(request(&url, 0)));
    let (key, stamp) = (0, reactor.conns[0].stamp);
    let late = reactor.conns[0].deadline;
    // The deadline moves earlier, as for a request with a shorter limit, and then on.
    reactor.conns[0].deadline = late - 30 * SECOND;
    reactor.arm(key);
    assert_eq!(
        (reactor.timers.len(), reactor.conns[0].armed),
        (2, late - 30 * SECOND)
    );
    reactor.conns[0].deadline = late + 30 * SECOND;
    reactor.keep_time(late - 30 * SECOND);
    assert_eq!(
        (reactor.timers.len(), reactor.conns[0].armed),
        (2, late + 30 * SECOND)
    );
    // The first, long out of date, ends without setting another.
    reactor.on_timer(late, key, stamp, late);
    assert_eq!(
        (reactor.timers.len(), reactor.conns[0].armed),
        (2, late + 30 * SECOND)
    );
    reactor.keep_time(late);
    assert_eq!(reactor.timers.len(), 1);
    reactor.keep_time(late + 30 * SECOND);
    assert_eq!(
        (reactor.timers.len(), reactor.conns.len(), reactor.in_flight),
        (0, 0, 0)
    );
}

#[test]
fn timers_of_closed_connections_do_not_pile_up() {
    let (_listener, url) = listener();
    let mut reactor = reactor();
    for round in 0..500 {
        for client in 0..10 {
            reactor.submit(Box::new(request(&url, client)));
        }
        let is_live = |stamp| reactor.conns.iter().any(|(_, conn)| conn.stamp == stamp);
        let live = reactor
            .timers
            .iter()
            .filter(|timer| is_live(timer.0.2))
            .count();
        assert_eq!(live, 10, "round {round}");
        for client in 0..10 {
            reactor.drop_client(client);
        }
        assert!(reactor.timers.len() <= 1_100, "{}", reactor.timers.len());
    }
    assert_eq!((reactor.conns.len(), reactor.in_flight), (0, 0));
}

#[test]
fn what_is_kept_for_the_next_request_is_small() {
    let (_listener, url) = listener();
    let mut reactor = reactor();
    for client in 0..10 {
        reactor.submit(Box::new(request(&url, client)));
        reactor.drop_client(client);
    }
    for flight in &reactor.spare {
        assert!(flight.request.payload.as_bytes().is_empty());
        assert_eq!(flight.body.kept.capacity(), 0);
    }
    // An idle connection is this, a slot in the poll, and its client's list.
    assert!(size_of::<Conn>() <= 128, "{}", size_of::<Conn>());
}

#[test]
fn a_request_without_an_address_is_given_up_in_time() {
    let mut reactor = reactor();
    reactor.submit(Box::new(request("http://localhost:1/", 0)));
    reactor.submit(Box::new(request("http://localhost:1/", 1)));
    assert_eq!(reactor.unresolved.values().map(Vec::len).sum::<usize>(), 2);
    let until = reactor.unresolved_until.expect("they wait");
    reactor.keep_time(until - 1);
    assert_eq!(reactor.in_flight, 2);
    reactor.drop_client(1);
    assert_eq!(reactor.in_flight, 1);
    reactor.keep_time(until);
    assert_eq!((reactor.in_flight, reactor.unresolved_until), (0, None));
    // The question is still open: another request does not ask it again, and the answer serves it.
    reactor.submit(Box::new(request("http://localhost:1/", 2)));
    let (_listener, url) = listener();
    let address = url
        .trim_start_matches("http://")
        .parse()
        .expect("it is one");
    reactor.on_resolved(0, Ok(vec![address]));
    assert_eq!(
        (
            reactor.in_flight,
            reactor.conns.len(),
            reactor.unresolved.len()
        ),
        (1, 1, 0)
    );
    assert_eq!(reactor.conns[0].phase, Phase::Connecting);
}
