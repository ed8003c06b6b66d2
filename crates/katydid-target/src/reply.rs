//! What is written back: answers as bytes, and scripts of steps that a connection plays.
//! Knows HTTP's framing rules, not sockets, and not why an answer is what it is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write as _;

use crate::control::Control;

/// Bytes to send, precomputed or made for one answer.
pub type Bytes = Cow<'static, [u8]>;

/// What an answer has to respect of its request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peer {
    /// The connection stays after the answer.
    pub keep_alive: bool,
    /// The client speaks HTTP/1.0.
    pub http10: bool,
    /// The answer must have no body.
    pub head: bool,
}

impl Peer {
    /// Whether bytes made for an ordinary HTTP/1.1 GET fit.
    pub fn is_plain(self) -> bool {
        self.keep_alive && !self.http10 && !self.head
    }
}

/// One thing a connection does for an answer.
#[derive(Debug)]
pub enum Step {
    /// Send these bytes.
    Send(Bytes),
    /// Wait so many nanoseconds from the instant the step before was due (the first: from the
    /// instant the request was fully read), so that pauses never add up errors.
    Wait(u64),
    /// Wait until this instant.
    Until(u64),
    /// Send pieces without storing them.
    Stream(Stream),
    /// Say nothing more, until the client goes.
    Never,
    /// Close with RST.
    Reset,
    /// Close with FIN, after reading over what still comes.
    Close,
    /// Once answered, close the connection if it stays idle for so many nanoseconds.
    IdleClose(u64),
    /// Answer from the whole server's state.
    Control(Control, Peer),
}

/// A body in equal pieces.
#[derive(Debug)]
pub struct Stream {
    /// Bytes still to send.
    pub left: u64,
    /// Bytes of a piece, at most [`crate::content::BLOCK`].
    pub piece: usize,
    /// Nanoseconds between pieces.
    pub gap: u64,
    /// Frame each piece as a chunk; the last chunk is not included.
    pub chunked: bool,
}

/// All that a request causes.
#[derive(Debug)]
pub struct Script {
    /// The status sent; 0 for an answer that is not HTTP, or none.
    pub status: u16,
    /// Nanoseconds between request and last byte that are meant.
    pub intended: u64,
    /// In order.
    pub steps: VecDeque<Step>,
}

impl Script {
    /// Plays `steps`.
    pub fn new(status: u16, steps: impl Into<VecDeque<Step>>) -> Self {
        let steps = steps.into();
        let intended = steps.iter().map(Step::pause).fold(0, u64::saturating_add);
        Self {
            status,
            intended,
            steps,
        }
    }

    /// Sends one answer at once.
    pub fn send(status: u16, bytes: impl Into<Bytes>) -> Self {
        Self::new(status, [Step::Send(bytes.into())])
    }

    /// Sends one answer after a delay in nanoseconds.
    pub fn delayed(status: u16, delay: u64, bytes: impl Into<Bytes>) -> Self {
        Self::new(status, [Step::Wait(delay), Step::Send(bytes.into())])
    }

    /// Adds a step at the end.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.intended = self.intended.saturating_add(step.pause());
        self.steps.push_back(step);
        self
    }
}

impl Step {
    /// Nanoseconds this step means to take.
    fn pause(&self) -> u64 {
        match self {
            Self::Wait(pause) => *pause,
            Self::Stream(stream) => stream.pause(),
            _ => 0,
        }
    }
}

impl Stream {
    fn pause(&self) -> u64 {
        let pieces = self.left.div_ceil(self.piece.max(1) as u64);
        self.gap.saturating_mul(pieces.saturating_sub(1))
    }
}

/// An answer being built; the status line and `Connection` come first.
pub struct Answer {
    bytes: Vec<u8>,
    peer: Peer,
    status: u16,
}

impl Answer {
    /// Starts an answer.
    pub fn new(peer: Peer, status: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        put(
            &mut bytes,
            format_args!("HTTP/1.1 {status} {}\r\n", reason(status)),
        );
        let answer = Self {
            bytes,
            peer,
            status,
        };
        match (peer.keep_alive, peer.http10) {
            (false, _) => answer.header("Connection", "close"),
            (true, true) => answer.header("Connection", "keep-alive"),
            (true, false) => answer,
        }
    }

    /// Adds a header; control characters are dropped, so that a query cannot inject one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        put(&mut self.bytes, format_args!("{name}: {value}\r\n"));
        self
    }

    /// Ends the head with a length and adds the body, where method and status allow one.
    pub fn body(self, content_type: &str, body: &[u8]) -> Vec<u8> {
        let bodiless = self.peer.head || !has_body(self.status);
        let mut bytes = self.length(content_type, body.len() as u64);
        if !bodiless {
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// A JSON body.
    pub fn json(self, body: &serde_json::Value) -> Vec<u8> {
        self.body("application/json", body.to_string().as_bytes())
    }

    /// Ends the head of a body of `length` bytes that follows.
    pub fn length(self, content_type: &str, length: u64) -> Vec<u8> {
        if !has_body(self.status) {
            return self.end();
        }
        self.header("Content-Type", content_type)
            .header("Content-Length", &length.to_string())
            .end()
    }

    /// Ends the head of a chunked body that follows.
    pub fn chunked(self, content_type: &str) -> Vec<u8> {
        self.header("Content-Type", content_type)
            .header("Transfer-Encoding", "chunked")
            .end()
    }

    /// Ends the head as it is.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes
    }
}

/// Whether a status may come with a body (RFC 9112, section 6.3).
fn has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

fn put(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = bytes.write_fmt(text);
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}
