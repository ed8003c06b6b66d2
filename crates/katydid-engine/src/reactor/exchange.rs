//! What happens on connections: writing, reading, replacing, giving up.
//!
//! It does not know how a connection comes to stand ([`super::opening`]) or how a request is counted ([`super::outcome`]).

use std::cmp::Reverse;

use katydid_record::Cause;
use mio::event::Event;
use mio::{Interest, Token};

use super::Reactor;
use crate::clock::{self, Nanos};
use crate::conn::{Conn, Phase, ReadEnd};
use crate::failure::{self, Step, failure};
use crate::flight::Flight;
use crate::http1::{Eof, Progress};
use crate::message::{Failure, Request};

/// Bytes read from one connection before the others get their turn.
const TURN: usize = 1 << 20;
/// Timers kept without looking which of them are out of date.
const TIMERS_KEPT: usize = 1024;

impl Reactor {
    pub(super) fn submit(&mut self, mut flight: Box<Flight>) {
        let taken = clock::now();
        flight.trace = match &mut self.tracer {
            Some(tracer) => {
                let request = &mut flight.request;
                tracer.mark(&mut request.payload, request.endpoint, self.phases)
            }
            None => None,
        };
        flight.begin(taken);
        let request = &flight.request;
        self.recorder
            .lag
            .record(clock::micros_between(request.asked, taken));
        if request.blocked | request.missed != 0 {
            self.recorder
                .skipped_slots(request.endpoint, request.blocked, request.missed);
        }
        if let Some(flight) = self.pass(flight, taken) {
            self.dispatch(flight, taken);
        }
    }

    /// Sends it on a connection of its client, or opens one.
    pub(super) fn dispatch(&mut self, flight: Box<Flight>, now: Nanos) {
        self.in_flight += 1;
        match self.idle_connection(&flight.request) {
            Some(key) => self.send_on(key, flight, now),
            None => self.open(flight, now),
        }
    }

    fn idle_connection(&mut self, request: &Request) -> Option<u32> {
        let route = request.route.id;
        loop {
            let keys = self.clients.get(request.client as usize)?;
            let key = *keys.iter().rev().find(|key| {
                let conn = &self.conns[**key as usize];
                conn.phase == Phase::Idle && conn.route.id == route
            })?;
            // What must not be sent twice is not sent into a connection that the server has closed meanwhile.
            if request.idempotent || self.conns[key as usize].is_quiet() {
                return Some(key);
            }
            self.recorder.generator.connections_replaced += 1;
            self.close(key);
        }
    }

    pub(super) fn on_event(&mut self, key: u32, stamp: u32, event: &Event) {
        let Some(conn) = self
            .conns
            .get(key as usize)
            .filter(|conn| conn.stamp == stamp)
        else {
            return;
        };
        let ended = event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || ended;
        match conn.phase {
            Phase::Connecting => self.on_connecting(key, event.is_writable()),
            Phase::Tunnel => self.on_tunnel(key),
            Phase::Handshake => self.on_handshake(key),
            Phase::Idle if readable => return self.on_idle_event(key),
            Phase::Idle => return,
            Phase::Busy if event.is_writable() && self.is_writing(key) => self.go_on_writing(key),
            Phase::Busy => {}
        }
        // A server may have spoken, or left, before it was asked: the edge that says so does not come twice.
        let busy = self
            .conns
            .get(key as usize)
            .is_some_and(|conn| conn.stamp == stamp && conn.phase == Phase::Busy);
        if readable && busy {
            self.read_from(key, ended);
        }
    }

    pub(super) fn send_on(&mut self, key: u32, mut flight: Box<Flight>, now: Nanos) {
        let conn = &mut self.conns[key as usize];
        flight.at.send = now;
        conn.written = 0;
        conn.unread.clear();
        conn.phase = Phase::Busy;
        conn.deadline = now.saturating_add(flight.request.read_timeout);
        let result = conn.write(flight.request.payload.as_bytes());
        conn.flight = Some(flight);
        if conn.armed == 0 || conn.deadline < conn.armed {
            self.arm(key);
        }
        if let Err(error) = result {
            self.write_failed(key, &error);
        }
    }

    /// The server takes no more. It may have answered before it left; what it said is read first.
    fn write_failed(&mut self, key: u32, error: &std::io::Error) {
        let stamp = self.conns[key as usize].stamp;
        if self.conns[key as usize].written > 0 {
            self.read_from(key, true);
        }
        let still = |conn: &Conn| conn.stamp == stamp && conn.flight.is_some();
        if self.conns.get(key as usize).is_some_and(still) {
            self.exchange_failed(key, error);
        }
    }

    fn is_writing(&self, key: u32) -> bool {
        let conn = &self.conns[key as usize];
        let wanted = conn
            .flight
            .as_ref()
            .map_or(0, |flight| flight.request.payload.as_bytes().len());
        conn.written < wanted || conn.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    fn go_on_writing(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        let Some(flight) = conn.flight.take() else {
            return;
        };
        let result = conn.write(flight.request.payload.as_bytes());
        conn.deadline = clock::now().saturating_add(flight.request.read_timeout);
        conn.flight = Some(flight);
        if let Err(error) = result {
            self.write_failed(key, &error);
        }
    }

    /// Reads what is there; `to_the_end` when the server's side is closed, since no further event will come.
    pub(super) fn read_from(&mut self, key: u32, to_the_end: bool) {
        let stamp = self.conns[key as usize].stamp;
        let mut taken = 0;
        loop {
            let Some(conn) = self
                .conns
                .get_mut(key as usize)
                .filter(|conn| conn.stamp == stamp)
            else {
                return;
            };
            if conn.flight.is_none() {
                if conn.phase == Phase::Idle && to_the_end {
                    self.on_idle_event(key);
                }
                return;
            }
            if self.is_paused(key) {
                return;
            }
            let conn = &mut self.conns[key as usize];
            if taken >= TURN && !conn.ended {
                return self.look_again(key);
            }
            let secure = conn.tls.is_some();
            match conn.read(&mut self.scratch) {
                Ok(ReadEnd::Bytes(n)) => {
                    taken += n;
                    // A whole message through TLS needs no look at the socket; its end will make an event.
                    if self.feed(key, n) && secure && !to_the_end {
                        return;
                    }
                }
                Ok(ReadEnd::Drained(n)) => {
                    if n > 0 {
                        self.feed(key, n);
                    }
                    if n == 0 || !to_the_end {
                        return;
                    }
                }
                Ok(ReadEnd::Eof) => return self.on_eof(key),
                Err(error) => return self.exchange_failed(key, &error),
            }
        }
    }

    /// Has the poll report the connection once more, whatever it has reported.
    fn look_again(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        let token = token_of(key, conn.stamp);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self
            .poll
            .registry()
            .reregister(&mut conn.stream, token, interest)
        {
            self.exchange_failed(key, &error);
        }
    }

    /// Takes `n` bytes from the scratch buffer; true when the message is at its end.
    fn feed(&mut self, key: u32, n: usize) -> bool {
        let now = clock::now();
        let conn = &mut self.conns[key as usize];
        let Some(flight) = &mut conn.flight else {
            return true;
        };
        if flight.at.first_byte == 0 {
            flight.at.first_byte = now;
        }
        flight.bytes_in += n as u64;
        conn.deadline = now.saturating_add(flight.request.read_timeout);
        let fresh = &self.scratch[..n];
        let step = if conn.unread.is_empty() {
            flight
                .parser
                .advance(fresh, &mut flight.body)
                .inspect(|step| {
                    if step.progress != Progress::Done {
                        conn.unread.extend_from_slice(&fresh[step.consumed..]);
                    }
                })
        } else {
            conn.unread.extend_from_slice(fresh);
            flight
                .parser
                .advance(&conn.unread, &mut flight.body)
                .inspect(|step| {
                    conn.unread.drain(..step.consumed);
                })
        };
        match step {
            Err(error) => {
                self.fail(key, failure::of_protocol(error));
                true
            }
            Ok(step) => {
                let done = step.progress == Progress::Done;
                if flight.request.stream && step.progress != Progress::Head {
                    self.stream_on(key, done, now);
                } else if done {
                    self.complete(key, now);
                }
                done
            }
        }
    }

    fn on_eof(&mut self, key: u32) {
        let now = clock::now();
        let conn = &mut self.conns[key as usize];
        conn.ended = true;
        let Some(flight) = &mut conn.flight else {
            self.close(key);
            return;
        };
        match flight.parser.finish_on_eof() {
            Ok(Eof::Done) if flight.request.stream => self.stream_on(key, true, now),
            Ok(Eof::Done) => self.complete(key, now),
            Ok(Eof::BeforeFirstByte) => {
                let text = "the server closed the connection without an answer";
                self.closed_early(key, failure(Cause::Reset, text));
            }
            Err(error) => self.fail(key, failure::of_protocol(error)),
        }
    }

    fn exchange_failed(&mut self, key: u32, error: &std::io::Error) {
        let why = failure::of_io(error, Step::Exchange);
        self.closed_early(key, why);
    }

    /// A connection broke. If it had been used before and not one byte came back, the server closed it while it was idle:
    /// it is replaced, once, and counted.
    fn closed_early(&mut self, key: u32, why: Failure) {
        let conn = &self.conns[key as usize];
        let replace = conn.flight.as_ref().is_some_and(|flight| {
            let unheard = flight.request.idempotent || conn.written == 0;
            conn.used && !flight.replaced && flight.at.first_byte == 0 && unheard
        });
        if !replace {
            return self.fail(key, why);
        }
        self.recorder.generator.connections_replaced += 1;
        if let Some(mut flight) = self.close(key) {
            flight.restart();
            flight.replaced = true;
            flight.next_address = 0;
            self.open(flight, clock::now());
        }
    }

    /// Something came on an idle connection: its end, or what nobody asked for. TLS may also renew its tickets.
    fn on_idle_event(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if !matches!(conn.read(&mut self.scratch), Ok(ReadEnd::Drained(0))) {
            self.recorder.generator.connections_replaced += 1;
            self.close(key);
        }
    }

    /// Takes a connection out of all tables and closes it.
    pub(super) fn close(&mut self, key: u32) -> Option<Box<Flight>> {
        let mut conn = self.conns.try_remove(key as usize)?;
        if let Some(keys) = self.clients.get_mut(conn.client as usize) {
            keys.retain(|other| *other != key);
        }
        // Closing the descriptor takes it out of epoll as well.
        let _ = self.poll.registry().deregister(&mut conn.stream);
        conn.flight.take()
    }

    pub(super) fn drop_client(&mut self, client: u32) {
        let keys = self
            .clients
            .get_mut(client as usize)
            .map(std::mem::take)
            .unwrap_or_default();
        for key in keys {
            self.abort(key);
        }
        self.abort_unsent(|flight| flight.request.client == client);
        // Whole bodies whose reader did not come for the rest.
        self.streams.retain(|_, stream| stream.client != client);
    }

    pub(super) fn close_idle(&mut self, client: u32) {
        let keys = self
            .clients
            .get(client as usize)
            .cloned()
            .unwrap_or_default();
        for key in keys {
            if self.conns[key as usize].phase == Phase::Idle {
                self.close(key);
            }
        }
    }

    /// Sets the timer of a connection for its deadline. One timer per connection counts; it moves on lazily. Those of closed
    /// connections, and those that an earlier deadline replaced, are left behind until they fire or are too many.
    pub(super) fn arm(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        conn.armed = conn.deadline;
        self.timers.push(Reverse((conn.deadline, key, conn.stamp)));
        if self.timers.len() > TIMERS_KEPT + 2 * self.conns.len() {
            self.timers.retain(|Reverse((at, key, stamp))| {
                self.conns
                    .get(*key as usize)
                    .is_some_and(|conn| conn.stamp == *stamp && conn.armed == *at)
            });
        }
    }

    pub(super) fn on_timer(&mut self, at: Nanos, key: u32, stamp: u32, now: Nanos) {
        let is_its = |conn: &&mut Conn| conn.stamp == stamp && conn.armed == at;
        let Some(conn) = self.conns.get_mut(key as usize).filter(is_its) else {
            return;
        };
        conn.armed = 0;
        if conn.deadline == 0 {
            return;
        }
        if conn.deadline > now {
            return self.arm(key);
        }
        let Some(flight) = &conn.flight else { return };
        if self
            .streams
            .get(&flight.request.token)
            .is_some_and(|stream| stream.paused)
        {
            // It is the reader who is slow, not the server.
            conn.deadline = now.saturating_add(flight.request.read_timeout);
            return self.arm(key);
        }
        if conn.phase == Phase::Connecting && now < flight.connect_deadline() {
            // Only the share of this address is over.
            if let Some(flight) = self.close(key) {
                self.open(flight, clock::now());
            }
            return;
        }
        let request = &flight.request;
        let (cause, what, limit) = match conn.phase {
            Phase::Busy if flight.at.first_byte != 0 => (
                Cause::TimeoutBody,
                "no more of the body",
                request.read_timeout,
            ),
            Phase::Busy => (Cause::TimeoutFirstByte, "no answer", request.read_timeout),
            _ => (
                Cause::TimeoutConnect,
                "no connection",
                request.connect_timeout,
            ),
        };
        let text = format!("{what} within {} s", limit as f64 / clock::SECOND as f64);
        self.fail(key, failure(cause, text));
    }
}

pub(super) fn token_of(key: u32, stamp: u32) -> Token {
    Token(key as usize | (stamp as usize) << 32)
}
