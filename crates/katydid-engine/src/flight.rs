//! A request under way: its instants, its parser and what has arrived of its body.

use crate::clock::{Nanos, SECOND};
use crate::http1::{BodySink, Limits, ResponseParser};
use crate::message::{Failure, Instants, Piece, Request};

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

/// One request under way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub request: Box<Request>,
    pub parser: ResponseParser,
    pub body: Body,
    pub at: Instants,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Was moved to a new connection once.
    pub replaced: bool,
    /// Which of the route's addresses is tried next.
    pub next_address: usize,
    /// When connecting began; zero on a reused connection.
    pub connect_began: Nanos,
    /// When TCP stood; zero before.
    pub tcp_done: Nanos,
    /// The head of a stream has been handed over.
    pub head_given: bool,
}

impl Flight {
    /// A request that the I/O thread took up at `taken`.
    pub fn new(request: Box<Request>, taken: Nanos) -> Box<Self> {
        let mut flight = Box::new(Self {
            parser: ResponseParser::new(Limits::default()),
            body: Body::default(),
            at: Instants::default(),
            bytes_in: 0,
            bytes_out: 0,
            replaced: false,
            next_address: 0,
            connect_began: 0,
            tcp_done: 0,
            head_given: false,
            request,
        });
        flight.begin(taken);
        flight
    }

    /// Uses this flight again for another request.
    pub fn reuse(&mut self, request: Box<Request>, taken: Nanos) {
        self.request = request;
        self.bytes_in = 0;
        self.bytes_out = 0;
        self.replaced = false;
        self.next_address = 0;
        self.begin(taken);
    }

    fn begin(&mut self, taken: Nanos) {
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
            ..Instants::default()
        };
        self.restart();
    }

    /// When a connection must stand.
    pub fn connect_deadline(&self) -> Nanos {
        self.connect_began
            .saturating_add(self.request.connect_timeout)
    }

    /// When the attempt that begins now is given up for the next address. The first of `left` addresses gets its share of the
    /// time that is left, the last all of it.
    pub fn attempt_deadline(&self, now: Nanos, left: usize) -> Nanos {
        let deadline = self.connect_deadline();
        if left <= 1 {
            return deadline;
        }
        let share = deadline.saturating_sub(now) / left as u64;
        now.saturating_add(share.min(ATTEMPT))
    }

    /// Forgets what arrived, for another try on a new connection.
    pub fn restart(&mut self) {
        self.parser.begin(self.request.kind);
        self.body = Body {
            discard: self.request.discard_body,
            ..Body::default()
        };
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
