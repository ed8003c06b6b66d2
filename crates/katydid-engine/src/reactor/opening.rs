//! How a connection comes to stand: TCP, the tunnel through a proxy, TLS, and then the request that it was opened for.
//!
//! It gets an address and does not know where that comes from; what is said on the connection later is [`super::exchange`]'s.

use std::net::SocketAddr;

use katydid_record::Cause;
use mio::Interest;
use mio::net::TcpStream;

use super::Reactor;
use super::exchange::token_of;
use crate::clock::{self, Nanos};
use crate::conn::{Conn, Phase, ReadEnd};
use crate::failure::{self, Step, failure};
use crate::flight::Flight;
use crate::http1::{self, Body, HeaderBlock, Progress, RequestKind, Scheme};
use crate::message::{Failure, Route};

impl Reactor {
    /// Begins to connect; until `deadline` TCP must stand.
    pub(super) fn connect(
        &mut self,
        mut flight: Box<Flight>,
        address: SocketAddr,
        deadline: Nanos,
    ) {
        flight.next_address += 1;
        let mut stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) => {
                return self.connect_failed(flight, failure::of_io(&error, Step::Connect));
            }
        };
        // Best effort: a socket without it is slower, not wrong.
        let _ = stream.set_nodelay(true);
        self.next_stamp = self.next_stamp.wrapping_add(1) & 0x7fff_ffff;
        let stamp = self.next_stamp;
        let entry = self.conns.vacant_entry();
        let key = entry.key() as u32;
        let token = token_of(key, stamp);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
            return self.connect_failed(flight, failure::of_io(&error, Step::Connect));
        }
        let client = flight.request.client;
        entry.insert(Conn {
            stream,
            tls: None,
            route: flight.request.route.clone(),
            client,
            phase: Phase::Connecting,
            flight: Some(flight),
            unread: Vec::new(),
            written: 0,
            used: false,
            ended: false,
            stamp,
            deadline,
            armed: 0,
        });
        let slot = client as usize;
        if slot >= self.clients.len() {
            self.clients.resize_with(slot + 1, Vec::new);
        }
        self.clients[slot].push(key);
        self.arm(key);
    }

    /// Tries the next address, or ends this request.
    fn connect_failed(&mut self, mut flight: Box<Flight>, why: Failure) {
        let known = self
            .addresses
            .get(&flight.request.route.id)
            .map_or(0, |known| known.found.len());
        if flight.next_address < known && why.cause != Cause::Exhausted {
            flight.tcp_done = 0;
            self.open(flight, clock::now());
        } else {
            self.fail_flight(flight, why);
        }
    }

    pub(super) fn on_connecting(&mut self, key: u32, writable: bool) {
        let conn = &mut self.conns[key as usize];
        let problem = match conn.stream.take_error() {
            Ok(Some(error)) | Err(error) => Some(error),
            Ok(None) if writable && conn.stream.peer_addr().is_ok() => None,
            Ok(None) => return,
        };
        if let Some(error) = problem {
            let why = failure::of_io(&error, Step::Connect);
            if let Some(flight) = self.close(key) {
                self.connect_failed(flight, why);
            }
            return;
        }
        let now = clock::now();
        if let Some(flight) = &mut conn.flight {
            flight.tcp_done = now;
            // The share of this address was for TCP; the rest may take the rest of the time.
            conn.deadline = flight.connect_deadline();
        }
        let secure = conn.route.origin.scheme == Scheme::Https;
        if secure && conn.route.proxy.is_some() {
            conn.phase = Phase::Tunnel;
            self.ask_for_tunnel(key);
        } else if secure {
            self.begin_handshake(key);
        } else {
            self.send_first(key, now);
        }
    }

    fn ask_for_tunnel(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if let Some(flight) = &mut conn.flight {
            flight.parser.begin(RequestKind::Connect);
        }
        let bytes = connect_request(&conn.route);
        // A CONNECT fits into an empty socket buffer; if it does not, the proxy is timed out.
        if let Err(error) = conn.write(&bytes) {
            let why = failure::of_io(&error, Step::Connect);
            self.fail(key, why);
        }
    }

    pub(super) fn on_tunnel(&mut self, key: u32) {
        loop {
            let conn = &mut self.conns[key as usize];
            match conn.read(&mut self.scratch) {
                Ok(ReadEnd::Drained(0)) => return,
                Ok(ReadEnd::Bytes(n) | ReadEnd::Drained(n)) => {
                    conn.unread.extend_from_slice(&self.scratch[..n]);
                }
                Ok(ReadEnd::Eof) => {
                    return self.fail(
                        key,
                        failure(Cause::Reset, "the proxy closed the connection"),
                    );
                }
                Err(error) => return self.fail(key, failure::of_io(&error, Step::Connect)),
            }
            let Some(flight) = &mut conn.flight else {
                return;
            };
            match flight.parser.advance(&conn.unread, &mut Vec::new()) {
                Err(error) => return self.fail(key, failure::of_protocol(error)),
                Ok(step) if step.progress == Progress::Head => {
                    conn.unread.drain(..step.consumed);
                }
                Ok(_) => {
                    conn.unread.clear();
                    let status = flight.parser.head().status();
                    // The proxy's answer is not the response.
                    flight.parser.begin(flight.request.kind);
                    if (200..300).contains(&status) {
                        return self.begin_handshake(key);
                    }
                    let text = format!("the proxy answered {status} to CONNECT");
                    return self.fail(key, failure(Cause::Refused, text));
                }
            }
        }
    }

    fn begin_handshake(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        match self.tls.connect(&conn.route.tls, &conn.route.origin) {
            Ok(tls) => {
                conn.tls = Some(Box::new(tls));
                conn.phase = Phase::Handshake;
                self.on_handshake(key);
            }
            Err(text) => self.fail(key, failure(Cause::Tls, text)),
        }
    }

    pub(super) fn on_handshake(&mut self, key: u32) {
        match self.conns[key as usize].handshake() {
            Ok(false) => {}
            Ok(true) => self.send_first(key, clock::now()),
            Err(error) => self.fail(key, failure::of_io(&error, Step::Handshake)),
        }
    }

    /// A connection is ready: sends the request that it was opened for.
    fn send_first(&mut self, key: u32, now: Nanos) {
        let conn = &mut self.conns[key as usize];
        let Some(mut flight) = conn.flight.take() else {
            return;
        };
        flight.at.connected = now;
        let connect = flight.tcp_done.saturating_sub(flight.connect_began);
        let tls = conn
            .tls
            .is_some()
            .then(|| now.saturating_sub(flight.tcp_done));
        self.recorder
            .connected(flight.request.endpoint, connect, tls);
        self.send_on(key, flight, now);
    }
}

fn connect_request(route: &Route) -> Vec<u8> {
    let origin = &route.origin;
    let host = origin.host_header();
    let explicit_port = host
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'));
    let target = if explicit_port {
        host
    } else {
        format!("{host}:{}", origin.port)
    };
    let mut headers: Vec<(&[u8], &[u8])> = vec![(b"Host", target.as_bytes())];
    if let Some(value) = route
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.authorization.as_deref())
    {
        headers.push((b"Proxy-Authorization", value.as_bytes()));
    }
    let block = HeaderBlock::new();
    let request = http1::Request {
        method: "CONNECT",
        target: &target,
        block: &block,
        headers: &headers,
        body: Body::None,
    };
    let mut bytes = Vec::new();
    // A parsed host and base64 hold nothing that could be refused; were they, the proxy would be timed out.
    let _ = http1::encode_request(&mut bytes, &request);
    bytes
}
