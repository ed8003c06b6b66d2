//! One connection: reads requests, plays the scripts of their answers, in order.
//! Knows bytes and deadlines, not what the answers mean, nor the reactor.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;

use crate::chunked::Chunked;
use crate::clock::now_ns;
use crate::content::{BLOCK, FILLER};
use crate::control::{Control, is_control};
use crate::input::{Filled, Input};
use crate::parse::{Framing, MAX_HEADERS, Refused, Request};
use crate::reply::{Bytes, Peer, Script, Step, Stream};
use crate::routes;
use crate::shard::{Exchange, Shard};
use crate::transport::Transport;
use crate::world::World;

/// What a connection may use during its turn.
pub struct Context<'t> {
    /// Shared by all reactors.
    pub world: &'t World,
    /// This reactor's counts.
    pub shard: &'t mut Shard,
    /// Room to read into.
    pub scratch: &'t mut [u8],
}

/// How a turn ended.
#[derive(Debug)]
pub enum Turn {
    /// The socket has to become ready.
    Idle,
    /// Not before this instant, unless the socket becomes ready.
    Sleep(u64),
    /// There is more to do, but others should come first.
    Again,
    /// Needs an answer from outside: see [`Conn::answer_control`].
    Control(Control, Peer),
    /// Drop it.
    Close,
}

/// Bytes written in a turn before others come first.
const TURN_BYTES: usize = 1024 * 1024;

/// Requests answered in a turn before others come first.
const TURN_REQUESTS: usize = 64;

/// How long what still comes is read over after a refusal, so that FIN does not become RST.
const LINGER: u64 = 1_000_000_000;

/// One connection.
pub struct Conn {
    /// The socket.
    pub transport: Transport,
    /// Deadline that the reactor has in its timers.
    pub sleeping: Option<u64>,
    /// Generation of that deadline.
    pub generation: u64,
    /// The reading side.
    pub input: Input,
    chunked: Chunked,
    continued: bool,
    steps: VecDeque<Step>,
    /// Bytes of the front step that are written.
    written: usize,
    /// When the step before was due.
    due: u64,
    exchange: Option<Exchange>,
    close_when_idle: Option<u64>,
    draining: Option<u64>,
}

enum Taken {
    Request,
    More,
    Closed,
}

enum Played {
    Done,
    Stopped(Turn),
}

impl Conn {
    /// A connection that was just accepted.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            sleeping: None,
            generation: 0,
            input: Input::default(),
            chunked: Chunked::default(),
            continued: false,
            steps: VecDeque::new(),
            written: 0,
            due: 0,
            exchange: None,
            close_when_idle: None,
            draining: None,
        }
    }

    /// Does all that can be done now.
    pub fn turn(&mut self, context: &mut Context<'_>) -> Turn {
        let mut requests = 0;
        let mut bytes = TURN_BYTES;
        loop {
            if let Some(until) = self.draining {
                return self.drain(context, until);
            }
            if self.exchange.is_some() {
                match self.play(context, &mut bytes) {
                    Played::Stopped(turn) => return turn,
                    Played::Done if !self.finish(context) => return Turn::Close,
                    Played::Done => requests += 1,
                }
                continue;
            }
            // The answer that announces a freeze is the last one before it ends.
            if requests >= TURN_REQUESTS || context.world.freeze.is_on() {
                return Turn::Again;
            }
            match self.take(context) {
                Taken::Request => continue,
                Taken::Closed => return Turn::Close,
                Taken::More => {}
            }
            match self.input.fill(&mut self.transport, context.scratch) {
                Filled::Bytes => {}
                Filled::Closed => return Turn::Close,
                Filled::Nothing => return self.idle(),
            }
        }
    }

    /// Puts the answer of a control path where its step is.
    pub fn answer_control(&mut self, bytes: Vec<u8>) {
        if let Some(step) = self.steps.front_mut() {
            *step = Step::Send(bytes.into());
        }
    }

    /// Counts an exchange that the end of the connection cut off.
    pub fn abandon(&mut self, shard: &mut Shard) {
        if let Some(exchange) = self.exchange.take() {
            shard.end(exchange, false);
        }
    }

    fn idle(&self) -> Turn {
        match self.close_when_idle {
            Some(until) if now_ns() >= until => Turn::Close,
            Some(until) => Turn::Sleep(until),
            None => Turn::Idle,
        }
    }

    /// Ends the exchange; false if the connection ends with it.
    fn finish(&mut self, context: &mut Context<'_>) -> bool {
        let Some(exchange) = self.exchange.take() else {
            return true;
        };
        let stays = exchange.keep_alive;
        self.due = self.due.max(exchange.last_write);
        context.shard.end(exchange, true);
        if stays || self.draining.is_some() {
            return true;
        }
        self.transport.shutdown_write();
        false
    }

    /// Takes the next request from what was read, and the script of its answer.
    fn take(&mut self, context: &mut Context<'_>) -> Taken {
        if self.input.bytes.is_empty() {
            return Taken::More;
        }
        let mut room = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = match Request::parse(&self.input.bytes, &mut room) {
            Ok(Some(request)) => request,
            Ok(None) => return Taken::More,
            Err(Refused(status)) => return self.refuse(context, status),
        };
        let raw = &self.input.bytes[request.head_len..];
        let (complete, body_len) = match request.framing {
            Framing::Length(length) if length > context.world.max_body => {
                return self.refuse(context, 413);
            }
            Framing::Length(length) => (raw.len() >= length, length),
            Framing::Chunked => match self.chunked.feed(raw) {
                Err(_) => return self.refuse(context, 400),
                Ok(_) if self.chunked.body.len() > context.world.max_body => {
                    return self.refuse(context, 413);
                }
                Ok(complete) => (complete, self.chunked.used),
            },
        };
        if !complete {
            if request.expects_continue() && !self.continued {
                if routes::refuses_continue(&request) {
                    return self.refuse(context, 417);
                }
                self.continued = true;
                let sent = self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                if sent.is_err() {
                    return Taken::Closed;
                }
            }
            // Chunks of one byte must not fill memory either.
            if raw.len() > 8 * context.world.max_body + BLOCK {
                return self.refuse(context, 413);
            }
            return Taken::More;
        }
        request.body = match request.framing {
            Framing::Length(length) => &raw[..length],
            Framing::Chunked => &self.chunked.body,
        };
        // A pipelined request was read earlier, but its turn is now.
        let read = if self.due > self.input.last_read {
            now_ns()
        } else {
            self.input.last_read
        };
        request.read_at = read;
        let (counted, script) = routes::route_request(&request, context.world);
        let consumed = request.head_len + body_len;
        let path = (!is_control(request.path))
            .then(|| context.shard.begin(counted, request.method, consumed));
        let id = (path.is_some() && context.shard.logs())
            .then(|| request.header("x-request-id"))
            .flatten();
        let exchange = Exchange {
            path,
            keep_alive: request.peer.keep_alive,
            id: id.map(Box::from),
            first_read: self.input.arrived,
            read,
            ..Exchange::default()
        };
        self.consume(consumed);
        self.begin(exchange, script);
        Taken::Request
    }

    fn begin(&mut self, mut exchange: Exchange, script: Script) {
        exchange.status = script.status;
        exchange.intended = script.intended;
        self.due = exchange.read;
        self.steps = script.steps;
        self.written = 0;
        self.exchange = Some(exchange);
        self.close_when_idle = None;
        self.sleeping = None;
    }

    /// Removes a request from what was read.
    fn consume(&mut self, length: usize) {
        self.input.consume(length);
        self.continued = false;
        if self.chunked.used > 0 {
            self.chunked = Chunked::default();
        }
    }

    /// Answers with an error and closes: where the next request starts is unknown.
    fn refuse(&mut self, context: &mut Context<'_>, status: u16) -> Taken {
        context.shard.refused += 1;
        self.input.bytes.clear();
        let exchange = Exchange {
            read: self.input.last_read,
            ..Exchange::default()
        };
        self.begin(exchange, routes::refusal(status));
        Taken::Request
    }

    /// Plays steps until the answer is out or something has to be waited for.
    fn play(&mut self, context: &mut Context<'_>, bytes: &mut usize) -> Played {
        loop {
            match self.steps.pop_front() {
                None => {
                    return match self.transport.flush() {
                        Ok(()) => Played::Done,
                        Err(error) => Played::Stopped(blocked_or_closed(&error)),
                    };
                }
                Some(Step::Send(piece)) => {
                    if let Some(turn) = self.send(piece, bytes) {
                        return Played::Stopped(turn);
                    }
                }
                Some(Step::Wait(pause)) => {
                    self.due = self.due.saturating_add(pause);
                    self.steps.push_front(Step::Until(self.due));
                }
                Some(Step::Until(at)) => {
                    if now_ns() < at {
                        self.steps.push_front(Step::Until(at));
                        // What TLS still holds is on its way whenever the socket takes it.
                        let _ = self.transport.flush();
                        return Played::Stopped(Turn::Sleep(at));
                    }
                }
                Some(Step::Stream(stream)) => self.next_piece(stream),
                Some(Step::Never) => {
                    self.steps.push_front(Step::Never);
                    return Played::Stopped(self.ignore(context.scratch));
                }
                Some(Step::Reset) => {
                    self.transport.arm_reset();
                    return Played::Stopped(Turn::Close);
                }
                Some(Step::Close) => {
                    self.transport.shutdown_write();
                    self.draining = Some(now_ns() + LINGER);
                }
                Some(Step::IdleClose(after)) => {
                    self.close_when_idle = Some(now_ns().saturating_add(after));
                }
                Some(Step::Control(control, peer)) => {
                    self.steps.push_front(Step::Control(control.clone(), peer));
                    return Played::Stopped(Turn::Control(control, peer));
                }
            }
        }
    }

    /// Writes a piece; a turn means that some of it is left, or the connection lost.
    fn send(&mut self, piece: Bytes, bytes: &mut usize) -> Option<Turn> {
        while self.written < piece.len() {
            let at = now_ns();
            let turn = match self.transport.write(&piece[self.written..]) {
                Ok(length) => {
                    self.written += length;
                    *bytes = bytes.saturating_sub(length);
                    if let Some(exchange) = &mut self.exchange {
                        exchange.bytes_out += length as u64;
                        exchange.last_write = at;
                        if exchange.first_write == 0 {
                            exchange.first_write = at;
                        }
                    }
                    if *bytes > 0 || self.written == piece.len() {
                        continue;
                    }
                    Turn::Again
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => blocked_or_closed(&error),
            };
            self.steps.push_front(Step::Send(piece));
            return Some(turn);
        }
        self.written = 0;
        (*bytes == 0).then_some(Turn::Again)
    }

    /// Replaces a stream by its next piece, the pause after it, and what is left.
    fn next_piece(&mut self, mut stream: Stream) {
        let length = (stream.piece.clamp(1, BLOCK) as u64).min(stream.left) as usize;
        if length == 0 {
            return;
        }
        let piece: Bytes = if stream.chunked {
            let mut framed = format!("{length:x}\r\n").into_bytes();
            framed.extend_from_slice(&FILLER[..length]);
            framed.extend_from_slice(b"\r\n");
            framed.into()
        } else {
            Bytes::Borrowed(&FILLER[..length])
        };
        stream.left -= length as u64;
        if stream.left > 0 {
            let gap = stream.gap;
            self.steps.push_front(Step::Stream(stream));
            if gap > 0 {
                self.steps.push_front(Step::Wait(gap));
            }
        }
        self.steps.push_front(Step::Send(piece));
    }

    /// Reads over whatever comes, only to notice the end.
    fn ignore(&mut self, scratch: &mut [u8]) -> Turn {
        loop {
            match self.input.fill(&mut self.transport, scratch) {
                Filled::Bytes => self.input.bytes.clear(),
                Filled::Nothing => return Turn::Idle,
                Filled::Closed => return Turn::Close,
            }
        }
    }

    fn drain(&mut self, context: &mut Context<'_>, until: u64) -> Turn {
        match self.ignore(context.scratch) {
            Turn::Idle if now_ns() < until => Turn::Sleep(until),
            _ => Turn::Close,
        }
    }
}

fn blocked_or_closed(error: &io::Error) -> Turn {
    if error.kind() == io::ErrorKind::WouldBlock {
        Turn::Idle
    } else {
        Turn::Close
    }
}
