//! A request under way: its instants, its parser and what has arrived of its body.
//!
//! It knows neither connections nor who asked.

use katydid_record::TraceId;

use crate::clock::{Nanos, SECOND};
use crate::http1::{BodySink, Limits, ResponseParser};
use crate::message::{Completion, Failure, Instants, Payload, Piece, Request, Response};

/// How long one address is tried at most while there is another: a first SYN that was lost is sent again after 1 s.
const ATTEMPT: Nanos = 2 * SECOND;

/// What was kept of a body, and how much there was.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub kept: Vec<u8>,
    pub bytes: u64,
    pub discard: bool,
}

impl BodySink for Body {
    fn expect(&mut self, length: u64) {
        if !self.discard {
            self.kept.expect(length);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if !self.discard {
            self.kept.extend_from_slice(bytes);
        }
    }
}

/// Buffers up to this size, bytes, are kept for the next request.
const SMALL: usize = 16 << 10;

/// A request on its way to the I/O thread and back, with its end. The same memory carries one request after the other: then neither
/// thread frees what the other one allocated, which costs both more than the rest of a hand-over.
#[derive(Debug)]
pub struct Flight {
    /// What is asked.
    pub request: Request,
    /// How it ended. Until it has, that of the request before.
    pub completion: Completion,
    pub(crate) parser: ResponseParser,
    pub(crate) body: Body,
    pub(crate) at: Instants,
    /// Its trace, where the target is asked for one.
    pub(crate) trace: Option<TraceId>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Was moved to a new connection once.
    pub(crate) replaced: bool,
    /// Which of the route's addresses is tried next.
    pub(crate) next_address: usize,
    /// When connecting began; zero on a reused connection.
    pub(crate) connect_began: Nanos,
    /// When TCP stood; zero before.
    pub(crate) tcp_done: Nanos,
    /// The head of a stream has been handed over.
    pub(crate) head_given: bool,
}

impl Flight {
    /// A flight for this request. To carry another with it later, put that in its place.
    pub fn new(request: Request) -> Box<Self> {
        Box::new(Self {
            request,
            completion: Completion::default(),
            parser: ResponseParser::new(Limits::default()),
            body: Body::default(),
            at: Instants::default(),
            trace: None,
            bytes_in: 0,
            bytes_out: 0,
            replaced: false,
            next_address: 0,
            connect_began: 0,
            tcp_done: 0,
            head_given: false,
        })
    }

    /// An empty buffer for the bytes of a request, once this one's are not needed any more.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.request.payload, Payload::Own(Vec::new())) {
            Payload::Own(mut bytes) => {
                bytes.clear();
                bytes
            }
            Payload::Shared(_) => Vec::new(),
        }
    }

    /// Whether its buffers are small enough to be kept until there is another request.
    pub fn is_light(&self) -> bool {
        let sent = match &self.request.payload {
            Payload::Own(bytes) => bytes.capacity(),
            Payload::Shared(_) => 0,
        };
        let received = match &self.completion.outcome {
            Ok(response) => response.body.capacity() + response.head.raw().len(),
            Err(_) => 0,
        };
        sent + received + self.body.kept.capacity() <= SMALL
    }

    /// The response, which is whole or as far as it came. In exchange the parser gets the buffers of the response before.
    pub(crate) fn take_response(&mut self) -> Response {
        let before = std::mem::replace(&mut self.completion.outcome, Ok(Response::default()));
        let mut spare = before.unwrap_or_default();
        spare.body.clear();
        Response {
            head: self.parser.exchange_head(spare.head),
            body: std::mem::replace(&mut self.body.kept, spare.body),
            body_bytes: self.body.bytes,
        }
    }

    /// The I/O thread takes it up.
    pub(crate) fn begin(&mut self, taken: Nanos) {
        self.bytes_in = 0;
        self.bytes_out = 0;
        self.replaced = false;
        self.next_address = 0;
        let request = &self.request;
        // Of a stream only what is read ahead of its reader is bounded.
        let body_bytes = if request.stream {
            u64::MAX
        } else {
            request.body_limit
        };
        self.parser.set_limits(Limits {
            body_bytes,
            ..Limits::default()
        });
        self.at = Instants {
            due: request.due,
            asked: request.asked,
            taken,
            trace: self.trace,
            ..Instants::default()
        };
        self.restart();
    }

    /// When a connection must stand.
    pub(crate) fn connect_deadline(&self) -> Nanos {
        self.connect_began
            .saturating_add(self.request.connect_timeout)
    }

    /// When the attempt that begins now is given up for the next address. The first of `left` addresses gets its share of the
    /// time that is left, the last all of it.
    pub(crate) fn attempt_deadline(&self, now: Nanos, left: usize) -> Nanos {
        let deadline = self.connect_deadline();
        if left <= 1 {
            return deadline;
        }
        let share = deadline.saturating_sub(now) / left as u64;
        now.saturating_add(share.min(ATTEMPT))
    }

    /// Forgets what arrived, for another try on a new connection.
    pub(crate) fn restart(&mut self) {
        self.parser.begin(self.request.kind);
        self.body.kept.clear();
        self.body.bytes = 0;
        self.body.discard = self.request.discard_body;
        self.connect_began = 0;
        self.tcp_done = 0;
        self.head_given = false;
        self.at.send = 0;
        self.at.first_byte = 0;
        self.at.connected = 0;
    }
}

/// Pieces of a streamed body that were not asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Whose it is.
    pub client: u32,
    pub buffer: Vec<u8>,
    /// Somebody waits for the next piece.
    pub wanted: bool,
    /// Reading is paused because the buffer is full.
    pub paused: bool,
    pub end: Option<Result<Nanos, (Failure, Nanos)>>,
}

/// Bytes of a stream that are read ahead of its reader.
pub(crate) const STREAM_AHEAD: usize = 256 << 10;

impl Stream {
    /// The body of a response for this client, of which nothing has come yet.
    pub fn of(client: u32) -> Self {
        Self {
            client,
            ..Self::default()
        }
    }

    /// The next piece, if there is one.
    pub fn take(&mut self) -> Option<Piece> {
        if !self.buffer.is_empty() {
            return Some(Piece::Bytes(std::mem::take(&mut self.buffer)));
        }
        Some(match self.end.take()? {
            Ok(at) => Piece::End(at),
            Err((failure, at)) => Piece::Failed(failure, at),
        })
    }
}
