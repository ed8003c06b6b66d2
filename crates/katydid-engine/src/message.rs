//! What crosses the line between those who ask for requests and the I/O thread: commands in, messages out.
//!
//! Plain data. It knows requests, not users; tokens and client numbers mean something only to the asker.

use std::sync::Arc;

use katydid_record::{
    Access, Cause, EndpointId, Kind, Mark, Phase, PhaseId, PhaseKind, Schedule, TraceId, Tracing,
};

use crate::clock::Nanos;
pub use crate::flight::Flight;
use crate::http1::{Origin, RequestKind, ResponseHead};
use crate::pacer::Share;

/// How certificates are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// Against the system's roots.
    #[default]
    Verify,
    /// Not at all, as Locust's `FastHttpUser` does unless told otherwise.
    Accept,
    /// Against the roots in this PEM file.
    Roots(String),
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// Where it listens.
    pub origin: Origin,
    /// Value of `Proxy-Authorization`, if it wants one.
    pub authorization: Option<String>,
}

/// Where a request goes. Interned by the asker: equal `id`s mean equal routes, whose connections may be shared by one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The asker's number for it.
    pub id: u32,
    /// Scheme, host and port.
    pub origin: Origin,
    /// How its certificate is checked.
    pub tls: TlsMode,
    /// Through which proxy.
    pub proxy: Option<Proxy>,
}

/// Request bytes: made for one request, or shared by many equal ones.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Head and body of this request alone.
    Own(Vec<u8>),
    /// The same bytes again and again.
    Shared(Arc<[u8]>),
}

impl Payload {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Payload::Own(bytes) => bytes,
            Payload::Shared(bytes) => bytes,
        }
    }
}

/// Who decides whether a completed request went well, and so who records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The engine, always: a status of 400 and above fails.
    Engine,
    /// The engine when all is plainly well; everything else is returned unrecorded.
    EngineIfOk {
        /// `FastHttpUser`'s list of good statuses instead of "below 400".
        fast_list: bool,
        /// A redirect is not the end of the request.
        follow: bool,
    },
    /// The script, through the second inlet.
    Script,
}

/// One request to be made.
#[derive(Clone, Debug)]
pub struct Request {
    /// Comes back with the completion.
    pub token: u64,
    /// Whose connections may carry it.
    pub client: u32,
    /// Where to.
    pub route: Arc<Route>,
    /// Head and body.
    pub payload: Payload,
    /// How the response is framed.
    pub kind: RequestKind,
    /// May be sent again on a new connection when a reused one turns out to have been closed while idle.
    pub idempotent: bool,
    /// The row it counts in.
    pub endpoint: EndpointId,
    /// Who judges it.
    pub judge: Judge,
    /// When it was due.
    pub due: Nanos,
    /// When it was asked for.
    pub asked: Nanos,
    /// Slots before this one that passed while the user was busy with the target.
    pub blocked: u32,
    /// Slots before this one that passed because the generator was late.
    pub missed: u32,
    /// Longest time to a connection, TLS included.
    pub connect_timeout: Nanos,
    /// Longest time without a byte from the server.
    pub read_timeout: Nanos,
    /// Largest body, bytes.
    pub body_limit: u64,
    /// Count the body's bytes only.
    pub discard_body: bool,
    /// Hand the head over as soon as it is there and the body piece by piece.
    pub stream: bool,
}

/// The instants of one request. Zero where it did not come so far. And by what the target's spans of it can be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instants {
    /// When it was due.
    pub due: Nanos,
    /// When it was asked for.
    pub asked: Nanos,
    /// When the I/O thread took it up.
    pub taken: Nanos,
    /// When its connection was ready; zero when it was reused.
    pub connected: Nanos,
    /// Just before its first byte was written.
    pub send: Nanos,
    /// When the first byte of the response had been read.
    pub first_byte: Nanos,
    /// When the last byte had been read, or it failed.
    pub done: Nanos,
    /// Its trace, where the target was asked for one.
    pub trace: Option<TraceId>,
}

impl Instants {
    /// Whether it was sent, and on a connection that had been used before.
    pub fn is_reused(&self) -> bool {
        self.send != 0 && self.connected == 0
    }
}

/// A response, still coded as it came.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Status line and headers.
    pub head: ResponseHead,
    /// Body after transfer decoding; empty when it was discarded.
    pub body: Vec<u8>,
    /// Body bytes received, discarded ones too.
    pub body_bytes: u64,
}

/// Why there is no (whole) response.
#[derive(Clone, Debug)]
pub struct Failure {
    /// From the closed list.
    pub cause: Cause,
    /// What happened, in a sentence.
    pub text: String,
    /// The operating system's number, where it gave one.
    pub os_error: Option<i32>,
    /// What had arrived, when it failed inside the body.
    pub partial: Option<Response>,
}

/// The end of one request.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The asker's token.
    pub token: u64,
    /// The row it counts in.
    pub endpoint: EndpointId,
    /// How it ended.
    pub outcome: Result<Response, Failure>,
    /// Its instants.
    pub instants: Instants,
    /// Whether the engine recorded it. If not, the asker must.
    pub recorded: bool,
    /// Whether its connection had been used before.
    pub reused: bool,
}

impl Default for Completion {
    /// Of a request that was never made.
    fn default() -> Self {
        Self {
            token: 0,
            endpoint: 0,
            outcome: Ok(Response::default()),
            instants: Instants::default(),
            recorded: false,
            reused: false,
        }
    }
}

/// A piece of a streamed body.
#[derive(Debug)]
pub enum Piece {
    /// Bytes that have arrived since the last piece.
    Bytes(Vec<u8>),
    /// The body is complete; the instant of its last byte.
    End(Nanos),
    /// It ended badly.
    Failed(Failure, Nanos),
}

/// To the hub.
#[derive(Debug)]
pub enum Message {
    /// A request ended, or the head of a streamed one is there.
    Completed(Box<Flight>),
    /// A piece of a streamed body that was asked for.
    Streamed(u64, Box<Piece>),
    /// Of this line of the schedule so many users are due by now.
    Spawn {
        /// Its number; 0 where there are no lines.
        line: u32,
        /// In all processes.
        users: u64,
    },
    /// An arrival: a [`crate::pacer::Arrival`], whose fields fill the gaps here.
    Arrival {
        /// When it is due, maybe in a moment.
        due: Nanos,
        /// Its number among those of its line in all processes.
        number: u64,
        /// Its line's number; 0 where there are no lines.
        line: u32,
    },
    /// Due at this instant, to see how late the hub is; and time to cut its frames.
    Tick(Nanos),
    /// This phase has begun: what completed before it was queued before.
    Phase(PhaseId),
    /// The run time is over.
    TimeUp,
}

/// A row, and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub id: EndpointId,
    /// What it is.
    pub kind: Kind,
    /// Method.
    pub method: String,
    /// Name.
    pub name: String,
    /// What the tag of a task says it is.
    pub tagged: Option<Access>,
}

/// What there is to follow.
#[derive(Debug)]
pub struct Follow {
    /// The schedule of all processes.
    pub schedule: Schedule,
    /// When it begins.
    pub began: Nanos,
    /// The arrivals that are this process's.
    pub share: Share,
}

/// To the I/O thread.
#[derive(Debug)]
pub enum Command {
    /// Make this request.
    Submit(Box<Flight>),
    /// Its asker is gone: close the connection and count it as aborted, if it is still under way. A stream whose head was
    /// handed over ([`Message::Completed`]) is not counted: that is for whoever got the head, even if it came unseen.
    Cancel {
        /// The client whose request it is.
        client: u32,
        /// Its token.
        token: u64,
    },
    /// The next piece of a streamed body.
    Read {
        /// The client whose request it is.
        client: u32,
        /// Its token.
        token: u64,
    },
    /// Announces an endpoint before its first request.
    Endpoint(Box<Row>),
    /// A client is gone: close its connections.
    DropClient(u32),
    /// Close its idle connections; it may ask again.
    CloseIdle(u32),
    /// Move the number of users due from one to another at a rate per second.
    Ramp {
        /// From so many users.
        from: u64,
        /// To so many.
        to: u64,
        /// Users per second.
        rate: f64,
    },
    /// Follow a schedule; what it says of phases is marked, its end ends the run.
    Follow(Box<Follow>),
    /// From this instant on these phases come in the place of what was to come of the schedule that is followed; not if it is over.
    GoOn(Nanos, Vec<Phase>),
    /// A phase of this name and kind begins now, with the next number or this one.
    BeginPhase(Box<(String, PhaseKind, Option<PhaseId>)>),
    /// Never more than so many requests per second; above zero.
    MaxRate(f64),
    /// Give requests a `traceparent` from now on, as those of this process.
    Trace(Tracing, u32),
    /// No more of the plan: somebody has ended the run.
    EndLoad,
    /// End the run after so long from now.
    TimeLimit(Nanos),
    /// So many users are alive.
    Users(u64),
    /// A user looped without waiting.
    NoWait(bool),
    /// Something to note in the record.
    Mark(Box<Mark>),
    /// Addresses of a route, from the resolver.
    Resolved(u32, Box<Result<Vec<std::net::SocketAddr>, String>>),
    /// Cut the current window now, for someone who wants fresh numbers, and answer on this channel.
    CutNow(std::sync::mpsc::SyncSender<()>),
    /// Abort what is in flight, cut the last window and end the thread.
    Stop,
}
