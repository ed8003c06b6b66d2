//! What only the inside of the loop can see: timers, addresses and memory. The rest is tested on real sockets in `tests/engine/live`.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use super::*;
use crate::conn::Phase;
use crate::http1::{RequestKind, Url};
use crate::message::{Judge, Payload, Response, Route, TlsMode};

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
            tls: TlsMode::Accept,
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
    reactor.submit(Flight::new(request(&url, 0)));
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
            reactor.submit(Flight::new(request(&url, client)));
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
    let mut flight = Flight::new(request(&url, 0));
    flight.request.payload = Payload::Own(vec![0; 100_000]);
    assert!(!flight.is_light());
    assert!(flight.take_buffer().is_empty());
    assert!(flight.is_light());
    let response = Response {
        body: vec![0; 100_000],
        ..Response::default()
    };
    flight.completion.outcome = Ok(response);
    assert!(!flight.is_light());
    // Both cross between two threads in blocks of 31, each of which is cleared when it is made.
    assert!(size_of::<Message>() <= 24, "{}", size_of::<Message>());
    assert!(size_of::<Command>() <= 32, "{}", size_of::<Command>());
    // An idle connection is this, a slot in the poll, and its client's list.
    assert!(size_of::<Conn>() <= 128, "{}", size_of::<Conn>());
}

#[test]
fn a_request_without_an_address_is_given_up_in_time() {
    let mut reactor = reactor();
    reactor.submit(Flight::new(request("http://localhost:1/", 0)));
    reactor.submit(Flight::new(request("http://localhost:1/", 1)));
    assert_eq!(reactor.unresolved.values().map(Vec::len).sum::<usize>(), 2);
    let until = reactor.unresolved_until.expect("they wait");
    reactor.keep_time(until - 1);
    assert_eq!(reactor.in_flight, 2);
    reactor.drop_client(1);
    assert_eq!(reactor.in_flight, 1);
    reactor.keep_time(until);
    assert_eq!((reactor.in_flight, reactor.unresolved_until), (0, None));
    // The question is still open: another request does not ask it again, and the answer serves it.
    reactor.submit(Flight::new(request("http://localhost:1/", 2)));
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

/// Submits a request to a host with these addresses; gives the instant at which connecting began.
fn submit_to(reactor: &mut Reactor, found: Vec<SocketAddr>, url: &str, limit: Nanos) -> Nanos {
    let (found, at) = (found.into(), clock::now());
    reactor.addresses.insert(0, Addresses { found, at });
    let request = Request {
        connect_timeout: limit,
        ..request(url, 0)
    };
    reactor.submit(Flight::new(request));
    let flight = reactor.conns[0].flight.as_ref().expect("it is under way");
    flight.connect_began
}

#[test]
fn each_address_but_the_last_gets_its_share_of_the_time() {
    let (listener, _) = listener();
    let address = listener.local_addr().expect("it is bound");
    let mut reactor = reactor();
    let limit = 3 * SECOND;
    let began = submit_to(&mut reactor, vec![address; 3], "https://several/", limit);
    let first = reactor.conns[0].deadline;
    assert_eq!(first, began + SECOND);
    reactor.keep_time(first);
    let second = reactor.conns[0].deadline;
    assert!((began + SECOND..began + limit).contains(&second));
    reactor.keep_time(second);
    assert_eq!(reactor.conns[0].deadline, began + limit);
    reactor.keep_time(began + limit);
    assert_eq!((reactor.conns.len(), reactor.in_flight), (0, 0));
    let limit = 60 * SECOND;
    let began = submit_to(&mut reactor, vec![address; 2], "https://several/", limit);
    assert_eq!(reactor.conns[0].deadline, began + 2 * SECOND);
    // An address that answered may use all of the time for the rest.
    reactor.on_connecting(0, true);
    assert_eq!(reactor.conns[0].phase, Phase::Handshake);
    reactor.keep_time(began + limit - 1);
    assert_eq!(reactor.in_flight, 1);
    reactor.keep_time(began + limit);
    assert_eq!((reactor.conns.len(), reactor.in_flight), (0, 0));
}

#[test]
fn an_address_that_does_not_answer_does_not_take_all_of_the_time() {
    let (deaf, _) = listener();
    // SAFETY: listens again on a socket that lives, to make its queue as short as can be: once it is full, SYNs are dropped.
    unsafe { libc::listen(deaf.as_raw_fd(), 0) };
    let (good, _) = listener();
    let [unanswered, answered] = [&deaf, &good].map(|l| l.local_addr().expect("it is bound"));
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&unanswered, Duration::from_millis(300)) {
        queued.push(stream);
    }
    let mut reactor = reactor();
    let Consumer::Hub(outbox) = &reactor.consumer else {
        panic!("it has a hub")
    };
    let (inbox, outbox) = (reactor.inbox.clone(), outbox.clone());
    let began = submit_to(
        &mut reactor,
        vec![unanswered, answered],
        "http://several/",
        2 * SECOND,
    );
    let server = std::thread::spawn(move || {
        let (mut stream, _) = good.accept().expect("it connects");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).expect("it takes an answer");
        stream
    });
    let engine = std::thread::spawn(|| reactor.run());
    let completion = loop {
        match outbox.pop() {
            Some(Message::Completed(flight)) => break flight.completion,
            _ => assert!(clock::now() < began + 10 * SECOND, "nothing came"),
        }
        std::thread::yield_now();
    };
    assert!(completion.outcome.is_ok(), "{:?}", completion.outcome);
    let took = completion.instants.connected - began;
    assert!((SECOND..2 * SECOND).contains(&took), "{took}");
    inbox.push(Command::Stop);
    engine.join().expect("no panic").expect("it ends well");
    server.join().expect("no panic");
}
