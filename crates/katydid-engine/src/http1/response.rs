//! Reads one response after another off one connection's bytes: heads, framing, and where each message ends.
//!
//! It never looks at the content of a body, and it does not decide what a failure means for the request.

use super::chunked::Chunked;
use super::head::{ContentLength, ResponseHead, Transfer};
use super::{Limits, ProtocolError};

/// Up to this many unparsed bytes an incomplete head is simply parsed again whenever more arrives.
const REPARSE_FREELY: usize = 4 << 10;

/// Where body bytes go. `Vec<u8>` collects them.
pub trait BodySink {
    /// `length` bytes of body will follow, if the server keeps its word.
    fn expect(&mut self, length: u64) {
        let _ = length;
    }
    /// The next piece of body, after transfer decoding; never empty.
    fn push(&mut self, bytes: &[u8]);
}

impl BodySink for Vec<u8> {
    fn expect(&mut self, length: u64) {
        /// What is believed of an announced length before the bytes are there.
        const BELIEVED: u64 = 1 << 20;
        self.reserve_exact(length.min(BELIEVED) as usize);
    }
    fn push(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What of the request decides how its response is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestKind {
    /// Any method but the two below.
    #[default]
    Plain,
    /// HEAD: the response has no body, whatever its headers say.
    Head,
    /// CONNECT: a 2xx ends after its head, and what follows belongs to the tunnel.
    Connect,
    /// A request with `Upgrade`: a 101 ends after its head, and what follows belongs to the new protocol.
    Upgrade,
}

/// How far the response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not complete.
    Head,
    /// The head can be read; body bytes are missing.
    Body,
    /// The message is complete.
    Done,
}

/// What one call of [`ResponseParser::advance`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes at the front of the buffer that are done with; never more than its length.
    pub consumed: usize,
    /// How far the response has come.
    pub progress: Progress,
}

/// What the end of the connection means where it is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// The message is complete: its body was delimited by the close, or had ended before.
    Done,
    /// Not one byte of this response had arrived: a reused connection may have been closed while idle.
    BeforeFirstByte,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
    Failed(ProtocolError),
}

/// The response side of one connection. Reusable: [`begin`](Self::begin) before each request.
#[derive(Debug)]
pub struct ResponseParser {
    limits: Limits,
    kind: RequestKind,
    state: State,
    head: ResponseHead,
    /// Whether any byte of this response has been seen.
    started: bool,
    leftover: bool,
    /// Bytes of blank lines and interim responses already skipped.
    skipped: usize,
    /// Buffer length at the last attempt to parse this head, and the length searched for its end since.
    tried: usize,
    searched: usize,
    /// Body bytes handed to the sink.
    received: u64,
}

impl ResponseParser {
    /// A parser that has yet to [`begin`](Self::begin).
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            kind: RequestKind::Plain,
            state: State::Head,
            head: ResponseHead::default(),
            started: false,
            leftover: false,
            skipped: 0,
            tried: 0,
            searched: 0,
            received: 0,
        }
    }

    /// Forgets the previous response and expects one to a request of this kind.
    pub fn begin(&mut self, kind: RequestKind) {
        self.head.clear();
        self.kind = kind;
        self.state = State::Head;
        self.started = false;
        self.leftover = false;
        self.restart_head(0);
        self.received = 0;
    }

    /// Caps for this connection from now on, for instance none on the body of a stream.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes from `buf`, which is everything read and not yet consumed. After an error it returns the same
    /// one again, and
    /// the connection must be closed; the head is still readable when the error is about the body.
    pub fn advance(&mut self, buf: &[u8], sink: &mut impl BodySink) -> Result<Step, ProtocolError> {
        self.started |= !buf.is_empty();
        let mut consumed = 0;
        let progress = self
            .run(buf, &mut consumed, sink)
            .inspect_err(|&error| self.state = State::Failed(error))?;
        self.leftover |= progress == Progress::Done && consumed < buf.len();
        Ok(Step { consumed, progress })
    }

    /// The server closed the connection, and all that was read before has been through
    /// [`advance`](Self::advance).
    pub fn finish_on_eof(&mut self) -> Result<Eof, ProtocolError> {
        let error = match self.state {
            State::Done => return Ok(Eof::Done),
            State::UntilClose => {
                self.state = State::Done;
                return Ok(Eof::Done);
            }
            State::Head if !self.started => return Ok(Eof::BeforeFirstByte),
            State::Head => ProtocolError::TruncatedHead,
            State::Length(_) | State::Chunked(_) => ProtocolError::TruncatedBody {
                received: self.received,
            },
            State::Failed(error) => error,
        };
        self.state = State::Failed(error);
        Err(error)
    }

    /// The head, once [`Progress`] is past [`Progress::Head`]; empty before.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Moves the head out; the next response allocates anew.
    pub fn take_head(&mut self) -> ResponseHead {
        self.exchange_head(ResponseHead::default())
    }

    /// Moves the head out; the next response takes the memory of `spare`.
    pub fn exchange_head(&mut self, spare: ResponseHead) -> ResponseHead {
        std::mem::replace(&mut self.head, spare)
    }

    /// Whether bytes followed the complete message: the server answered what was not asked.
    pub fn leftover(&self) -> bool {
        self.leftover
    }

    /// Whether the connection can carry another request. Asked when the message is complete, before
    /// [`take_head`](Self::take_head).
    pub fn reusable(&self) -> bool {
        let head = &self.head;
        // RFC 9112, 6.1 and 6.3: both framings at once, or chunks in HTTP/1.0, may be an attempt at
        // response splitting.
        let suspect = head.transfer() != Transfer::Absent
            && (head.minor_version() == 0 || head.length() != ContentLength::Absent);
        let framed = has_no_body(head.status(), self.kind)
            || head.transfer() == Transfer::Chunked
            || (head.transfer() == Transfer::Absent && head.length() != ContentLength::Absent);
        self.state == State::Done
            && framed
            && !suspect
            && !self.leftover
            && head.keep_alive()
            && !self.is_handover()
    }

    fn run(
        &mut self,
        buf: &[u8],
        at: &mut usize,
        sink: &mut impl BodySink,
    ) -> Result<Progress, ProtocolError> {
        if self.state == State::Head && !self.read_head(buf, at, sink)? {
            return Ok(Progress::Head);
        }
        let rest = &buf[*at..];
        match &mut self.state {
            State::Head => return Ok(Progress::Head),
            State::Length(left) => {
                let take = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                if take > 0 {
                    sink.push(&rest[..take]);
                }
                *at += take;
                *left -= take as u64;
                self.received += take as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
            }
            State::Chunked(chunked) => {
                *at += chunked.advance(rest, &self.limits, &mut self.received, sink)?;
                if chunked.is_done() {
                    self.state = State::Done;
                }
            }
            State::UntilClose => {
                self.received += rest.len() as u64;
                if self.received > self.limits.body_bytes {
                    return Err(ProtocolError::TooLarge {
                        limit: self.limits.body_bytes,
                    });
                }
                if !rest.is_empty() {
                    sink.push(rest);
                }
                *at = buf.len();
            }
            State::Done => {}
            State::Failed(error) => return Err(*error),
        }
        Ok(if self.state == State::Done {
            Progress::Done
        } else {
            Progress::Body
        })
    }

    /// Reads heads up to and including the final one; false when it is not complete.
    fn read_head(
        &mut self,
        buf: &[u8],
        at: &mut usize,
        sink: &mut impl BodySink,
    ) -> Result<bool, ProtocolError> {
        loop {
            let blank = blank_lines(&buf[*at..]);
            if blank > 0 {
                *at += blank;
                self.restart_head(self.skipped + blank);
            }
            let rest = &buf[*at..];
            let room = self.limits.head_bytes.saturating_sub(self.skipped);
            let visible = &rest[..rest.len().min(room)];
            let length = if self.worth_parsing(visible) {
                self.head.parse(visible, &self.limits)?
            } else {
                None
            };
            let Some(length) = length else {
                if rest.len() > room || self.skipped > self.limits.head_bytes {
                    return Err(ProtocolError::HeadTooLong {
                        limit: self.limits.head_bytes,
                    });
                }
                return Ok(false);
            };
            *at += length;
            match self.head.status() {
                status @ 0..100 => return Err(ProtocolError::ParseStatus(status)),
                101 if self.kind == RequestKind::Upgrade => break,
                101 => return Err(ProtocolError::UnexpectedUpgrade),
                100..200 => {
                    self.head.clear();
                    self.restart_head(self.skipped + length);
                }
                _ => break,
            }
        }
        self.state = self.body_state()?;
        if let State::Length(length) = self.state {
            sink.expect(length);
        }
        Ok(true)
    }

    fn restart_head(&mut self, skipped: usize) {
        self.skipped = skipped;
        self.tried = 0;
        self.searched = 0;
    }

    /// Keeps a head that drips in from being parsed from its start for every byte: once it is long, only
    /// when its end is
    /// in sight or it has doubled.
    fn worth_parsing(&mut self, head: &[u8]) -> bool {
        if head.len() > REPARSE_FREELY && self.tried > 0 && head.len() < 2 * self.tried {
            let new = &head[self.searched.saturating_sub(3).min(head.len())..];
            self.searched = head.len();
            if !new.windows(2).any(|w| w == b"\n\n") && !new.windows(3).any(|w| w == b"\n\r\n") {
                return false;
            }
        }
        self.tried = head.len();
        self.searched = head.len();
        true
    }

    /// RFC 9112, section 6.3.
    fn body_state(&self) -> Result<State, ProtocolError> {
        if has_no_body(self.head.status(), self.kind) || self.is_handover() {
            return Ok(State::Done);
        }
        let limit = self.limits.body_bytes;
        match (self.head.transfer(), self.head.length()) {
            (Transfer::Chunked, _) => Ok(State::Chunked(Chunked::new())),
            (Transfer::Other, _) | (Transfer::Absent, ContentLength::Absent) => {
                Ok(State::UntilClose)
            }
            (Transfer::Absent, ContentLength::Invalid) => Err(ProtocolError::ParseContentLength),
            (Transfer::Absent, ContentLength::Known(length)) if length > limit => {
                Err(ProtocolError::TooLarge { limit })
            }
            (Transfer::Absent, ContentLength::Known(length)) => Ok(State::Length(length)),
        }
    }

    /// Whether the connection now speaks something else.
    fn is_handover(&self) -> bool {
        let status = self.head.status();
        status == 101 || (self.kind == RequestKind::Connect && (200..300).contains(&status))
    }
}

fn has_no_body(status: u16, kind: RequestKind) -> bool {
    kind == RequestKind::Head || status == 204 || status == 304
}

/// Length of the complete blank lines at the start of `buf`.
fn blank_lines(buf: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match buf[at..] {
            [b'\n', ..] => at += 1,
            [b'\r', b'\n', ..] => at += 2,
            _ => return at,
        }
    }
}
