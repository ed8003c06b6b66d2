//! How requests end: whole, failed, aborted, streamed; who records it; and what becomes of the connection.

use katydid_record::Cause;

use super::Reactor;
use crate::clock::{self, Nanos};
use crate::conn::{Conn, Phase};
use crate::flight::{Flight, STREAM_AHEAD, Stream};
use crate::http1::ResponseHead;
use crate::message::{Completion, Failure, Judge, Message, Piece, Response};
use crate::recorder::Failed;

impl Reactor {
    /// The response is whole.
    pub(super) fn complete(&mut self, key: u32, now: Nanos) {
        let conn = &mut self.conns[key as usize];
        let Some(mut flight) = conn.flight.take() else {
            return;
        };
        flight.bytes_out = conn.written as u64;
        let reusable = is_reusable(conn, &flight);
        self.rest_or_close(key, reusable);
        flight.at.done = now;
        self.recorder
            .hints(flight.request.endpoint, flight.parser.head());
        let response = flight.take_response();
        self.end(flight, Ok(response));
    }

    fn rest_or_close(&mut self, key: u32, reusable: bool) {
        if reusable {
            let conn = &mut self.conns[key as usize];
            conn.phase = Phase::Idle;
            conn.used = true;
            conn.deadline = 0;
            conn.unread = Vec::new();
        } else {
            self.close(key);
        }
    }

    /// The request on this connection failed; the connection goes with it.
    pub(super) fn fail(&mut self, key: u32, mut why: Failure) {
        let written = self
            .conns
            .get(key as usize)
            .map_or(0, |conn| conn.written as u64);
        let Some(mut flight) = self.close(key) else {
            return;
        };
        flight.bytes_out = written;
        if flight.head_given {
            let token = flight.request.token;
            self.leave(&flight);
            return self.end_stream(token, Err((why, clock::now())));
        }
        if flight.parser.head().status() != 0 {
            why.partial = Some(flight.take_response());
        }
        self.fail_flight(flight, why);
    }

    pub(super) fn fail_flight(&mut self, mut flight: Box<Flight>, why: Failure) {
        flight.at.done = clock::now();
        self.end(flight, Err(why));
    }

    /// Counts what a flight moved, whoever judges it.
    fn leave(&mut self, flight: &Flight) {
        self.in_flight -= 1;
        self.recorder
            .bytes(flight.request.endpoint, flight.bytes_out, flight.bytes_in);
    }

    /// Records, if that is the engine's to do, and tells the asker.
    fn end(&mut self, mut flight: Box<Flight>, outcome: Result<Response, Failure>) {
        let request = &flight.request;
        let recorded = match (request.judge, &outcome) {
            (Judge::EngineIfOk { fast_list, follow }, Ok(response))
                if is_plainly_ok(&response.head, fast_list, follow) =>
            {
                self.recorder.ok(
                    request.endpoint,
                    &flight.at,
                    response.head.status(),
                    response.body_bytes,
                );
                true
            }
            (Judge::Engine, outcome) => {
                self.judge(&flight, outcome);
                true
            }
            _ => false,
        };
        self.leave(&flight);
        flight.completion = completion_of(&flight, outcome, recorded);
        self.push(Message::Completed(flight));
    }

    fn judge(&mut self, flight: &Flight, outcome: &Result<Response, Failure>) {
        let endpoint = flight.request.endpoint;
        let (cause, text, status, bytes) = match outcome {
            Ok(response) if response.head.status() < 400 => {
                let status = response.head.status();
                return self
                    .recorder
                    .ok(endpoint, &flight.at, status, response.body_bytes);
            }
            Ok(response) => {
                let status = response.head.status();
                let text = format!(
                    "{status} {}",
                    String::from_utf8_lossy(response.head.reason())
                );
                (
                    Cause::Status,
                    text.trim().to_owned(),
                    status,
                    response.body_bytes,
                )
            }
            Err(why) => {
                let (status, bytes) = why
                    .partial
                    .as_ref()
                    .map_or((0, 0), |p| (p.head.status(), p.body_bytes));
                (why.cause, why.text.clone(), status, bytes)
            }
        };
        let failed = Failed {
            cause,
            text: &text,
            status,
            shape: None,
        };
        self.recorder.failed(endpoint, &flight.at, bytes, failed);
    }

    /// The asker is gone. What was handed to it, if only the head, is its business; the rest is aborted.
    pub(super) fn cancel(&mut self, client: u32, token: u64) {
        self.streams.remove(&token);
        if let Some(key) = self.carrier(client, token) {
            return self.abort(key);
        }
        self.abort_unsent(|flight| flight.request.token == token);
    }

    /// Nobody waits for these any more, which are on no connection yet.
    pub(super) fn abort_unsent(&mut self, is_gone: impl Fn(&Flight) -> bool) {
        self.abort_unresolved(&is_gone);
        self.abort_held_back(&is_gone);
        self.abort_early(&is_gone);
    }

    /// The connection that carries this request.
    fn carrier(&self, client: u32, token: u64) -> Option<u32> {
        self.clients
            .get(client as usize)?
            .iter()
            .copied()
            .find(|key| {
                let flight = self.conns[*key as usize].flight.as_ref();
                flight.is_some_and(|flight| flight.request.token == token)
            })
    }

    /// Closes a connection; a request that is under way on it is counted as aborted.
    pub(super) fn abort(&mut self, key: u32) {
        let written = self
            .conns
            .get(key as usize)
            .map_or(0, |conn| conn.written as u64);
        if let Some(mut flight) = self.close(key) {
            flight.bytes_out = written;
            self.streams.remove(&flight.request.token);
            self.count_aborted(&flight);
        }
    }

    /// A streamed response whose head was handed over is counted by whoever got it, and only there.
    pub(super) fn count_aborted(&mut self, flight: &Flight) {
        if !flight.head_given {
            let age = clock::micros_between(flight.request.due, clock::now());
            self.recorder.aborted(flight.request.endpoint, age);
        }
        self.leave(flight);
    }

    /// Whether a stream's reader is so far behind that nothing more should be read for it.
    pub(super) fn is_paused(&mut self, key: u32) -> bool {
        let flight = self.conns[key as usize]
            .flight
            .as_ref()
            .filter(|flight| flight.head_given);
        let Some(stream) = flight.and_then(|flight| self.streams.get_mut(&flight.request.token))
        else {
            return false;
        };
        stream.paused = stream.buffer.len() >= STREAM_AHEAD;
        stream.paused
    }

    /// More of a streamed response is there: its head is handed over first, then pieces as they are asked for.
    pub(super) fn stream_on(&mut self, key: u32, whole: bool, now: Nanos) {
        let Some(flight) = &mut self.conns[key as usize].flight else {
            return;
        };
        let token = flight.request.token;
        if !flight.head_given {
            flight.head_given = true;
            flight.at.done = now;
            let head = Response {
                head: flight.parser.head().clone(),
                ..Response::default()
            };
            // The flight itself goes on, with the body.
            let mut told = Flight::new(flight.request.clone());
            told.completion = completion_of(flight, Ok(head), false);
            self.streams
                .insert(token, Stream::of(flight.request.client));
            self.push(Message::Completed(told));
        }
        let conn = &mut self.conns[key as usize];
        let Some(flight) = &mut conn.flight else {
            return;
        };
        let Some(stream) = self.streams.get_mut(&token) else {
            return self.abort(key);
        };
        stream.buffer.append(&mut flight.body.kept);
        if !whole {
            return self.hand_over(token);
        }
        flight.bytes_out = conn.written as u64;
        let Some(flight) = conn.flight.take() else {
            return;
        };
        let reusable = is_reusable(conn, &flight);
        self.recorder
            .hints(flight.request.endpoint, flight.parser.head());
        self.leave(&flight);
        self.rest_or_close(key, reusable);
        self.end_stream(token, Ok(now));
    }

    fn end_stream(&mut self, token: u64, end: Result<Nanos, (Failure, Nanos)>) {
        if let Some(stream) = self.streams.get_mut(&token) {
            stream.end = Some(end);
        }
        self.hand_over(token);
    }

    /// Gives the next piece to whoever waits for it.
    fn hand_over(&mut self, token: u64) {
        let Some(stream) = self.streams.get_mut(&token).filter(|stream| stream.wanted) else {
            return;
        };
        let Some(piece) = stream.take() else { return };
        stream.wanted = false;
        if !matches!(piece, Piece::Bytes(_)) {
            self.streams.remove(&token);
        }
        self.push(Message::Streamed(token, Box::new(piece)));
    }

    pub(super) fn read_stream(&mut self, client: u32, token: u64) {
        let Some(stream) = self.streams.get_mut(&token) else {
            return;
        };
        stream.wanted = true;
        let was_paused = std::mem::take(&mut stream.paused);
        self.hand_over(token);
        if was_paused && let Some(key) = self.carrier(client, token) {
            let conn = &mut self.conns[key as usize];
            if let Some(flight) = &conn.flight {
                conn.deadline = clock::now().saturating_add(flight.request.read_timeout);
            }
            // The edge was consumed when reading paused, so look without waiting for another.
            self.read_from(key, true);
        }
    }
}

/// Whether a connection can carry another request after this one, whose response is whole.
fn is_reusable(conn: &Conn, flight: &Flight) -> bool {
    let sent = conn.written >= flight.request.payload.as_bytes().len();
    flight.parser.reusable() && sent && !conn.ended
}

fn completion_of(
    flight: &Flight,
    outcome: Result<Response, Failure>,
    recorded: bool,
) -> Completion {
    Completion {
        token: flight.request.token,
        endpoint: flight.request.endpoint,
        outcome,
        instants: flight.at,
        recorded,
        reused: flight.at.is_reused(),
    }
}

/// Good without anybody having to look at it.
fn is_plainly_ok(head: &ResponseHead, fast_list: bool, follow: bool) -> bool {
    let status = head.status();
    let redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    let good = if fast_list {
        matches!(status, 200..=208 | 226 | 304) || redirect
    } else {
        status < 400
    };
    good && !(follow && redirect) && head.encodings().is_identity()
}
