//! Frames: the closed vocabulary of what can be observed in a run.
//!
//! Frames say what was seen, when, by whom. They do not judge: percentiles, verdicts and rendering
//! are made from a fold of frames elsewhere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::access::Access;
use crate::histogram::Sparse;
use crate::probe::Probed;
use crate::spans::{EndpointCalls, TraceSpans};
use crate::trace::TraceId;
use crate::watched::Watched;

/// Microseconds on the run's monotonic clock, zero at the start of the run.
pub type RunTime = u64;
/// Who produced a frame. Ids inside its frames (endpoints, failures, series) are scoped to it.
pub type SourceId = u32;
/// Sources of one process: those of process p are p·16 up to p·16 + 15. The process that writes the record is 0, its workers are 1, 2…
pub const SOURCES_PER_PROCESS: SourceId = 16;
/// A source's number for an endpoint, announced in [`Body::Names`] before first use.
pub type EndpointId = u32;
/// A source's number for a failure text.
pub type FailureId = u32;
/// A source's number for a series.
pub type SeriesId = u32;
/// An observer's number for something that the target calls.
pub type CallId = u32;
/// Number of a phase in the order of their beginnings, from 1; 0 is what comes before the first.
pub type PhaseId = u32;
/// Number of an event in the plan's order, from 0.
pub type EventId = u32;

/// One observation: `body` covers `[at, at + span)` of the run's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// Start of what the frame covers, µs since the run began.
    pub at: RunTime,
    /// Length of it, µs.
    pub span: u64,
    /// The process, observer or worker that saw it.
    pub source: SourceId,
    /// The phase that was on in all of it: windows are cut where one begins.
    #[serde(skip_serializing_if = "is_nothing")]
    pub phase: PhaseId,
    /// What was seen.
    pub body: Body,
}

/// What is nothing is not written: most counts of most windows are zero.
pub(crate) fn is_nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Endpoints, failure texts and series, announced before first use.
    Names(Vec<Name>),
    /// Per endpoint: counts, bytes, histograms, failures.
    Requests(Vec<EndpointWindow>),
    /// The generator's own health in this window.
    Generator(Box<GeneratorWindow>),
    /// What a source watches, and how well it can.
    Watched(Box<Watched>),
    /// Raw gauges and counters of what is watched, all read at `at`: the middle between asking and having the answer.
    Samples(Vec<(SeriesId, f64)>),
    /// Texts a rule may need to replay offline.
    Facts(Vec<Fact>),
    /// The slowest and the first failed requests of the window, capped.
    Exemplars(Vec<Exemplar>),
    /// What the target's spans say of requests that were sent in the frame's phase, by endpoint.
    Calls(Vec<EndpointCalls>),
    /// Spans of one request worth looking at; those that come later come in another frame.
    Trace(Box<TraceSpans>),
    /// What was asked of the target between two looks of a probe.
    Probed(Box<Probed>),
    /// Something happened at `at`.
    Mark(Mark),
    /// A body of a newer version; readers skip it.
    #[serde(skip_serializing)]
    Unknown,
}

/// What an endpoint is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One request on the wire (or a chain of redirects asked as one).
    #[default]
    Request,
    /// A whole iteration of a user's tasks.
    Flow,
    /// Background work, from submitted to done.
    Job,
    /// Whatever a script reports by hand through `events.request`.
    Custom,
}

/// Announces an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// An endpoint: (kind, method, name) is its key across sources.
    Endpoint {
        /// Id within the source.
        id: EndpointId,
        /// What it is.
        kind: Kind,
        /// Method as the script gave it ("GET", "get", "WSR"…).
        method: String,
        /// Name after grouping.
        name: String,
        /// What the task that asks for it is tagged as.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tagged: Option<Access>,
    },
    /// A failure of an endpoint.
    Failure {
        /// Id within the source.
        id: FailureId,
        /// Why, from the closed list.
        cause: Cause,
        /// Text in the script's terms, normalised and capped.
        text: String,
    },
    /// A series of numbers.
    Series {
        /// Id within the source.
        id: SeriesId,
        /// The subject of [`Body::Watched`] that it is about.
        of: String,
        /// Dotted name, e.g. `cpu.busy`, `statement.calls`.
        name: String,
        /// What tells it from others of its name: a processor, a statement, a wait class.
        #[serde(default, skip_serializing_if = "is_nothing")]
        labels: BTreeMap<String, String>,
        /// Unit, e.g. `s` or `bytes`; empty for a count.
        unit: String,
        /// How to read it.
        kind: SeriesKind,
    },
    /// Something that the target calls while it answers.
    Call {
        /// Id within the source.
        id: CallId,
        /// `db`, `http`, `messaging` or `rpc`.
        about: String,
        /// `postgresql`, `redis`…, or empty.
        system: String,
        /// The statement without literals, or the command; of others the method and the host. Empty where the span does not say.
        text: String,
    },
}

/// How a series is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    /// A level at an instant.
    Gauge,
    /// A running total, stored raw; a fall is a reset.
    Counter,
}

/// Why a request failed: a closed list.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The connection was refused.
    Refused,
    /// The connection was reset or closed inside a response.
    Reset,
    /// The host name could not be resolved.
    Dns,
    /// The TLS handshake or a certificate failed.
    Tls,
    /// No connection within the limit.
    TimeoutConnect,
    /// No first byte within the limit.
    TimeoutFirstByte,
    /// The body stopped within the limit.
    TimeoutBody,
    /// The answer was not HTTP, or broke its rules.
    Protocol,
    /// The answer was larger than the cap.
    TooLarge,
    /// No local port or file descriptor was left: the generator's limit, not the target's.
    Exhausted,
    /// Host or network unreachable.
    Unreachable,
    /// The server answered with a failing status.
    Status,
    /// The script judged it failed (`failure()`, `ResponseError`, an assertion).
    Script,
    /// Reported by hand through `events.request`, or anything the script's own client raised.
    Other,
}

/// One endpoint in one window. Histograms are in µs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointWindow {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Ended well.
    pub ok: u64,
    /// Ended badly.
    #[serde(skip_serializing_if = "is_nothing")]
    pub failed: u64,
    /// Given up while in flight (end of run, a killed user).
    #[serde(skip_serializing_if = "is_nothing")]
    pub aborted: u64,
    /// Slots whose user was still busy with the target: the target's fault.
    #[serde(skip_serializing_if = "is_nothing")]
    pub blocked: u64,
    /// Slots whose user was idle but was woken too late: the generator's fault.
    #[serde(skip_serializing_if = "is_nothing")]
    pub missed: u64,
    /// Completed, but the script left the judgement out (an exception inside `catch_response`).
    #[serde(skip_serializing_if = "is_nothing")]
    pub unjudged: u64,
    /// Counted without a response time (`response_time=None`).
    #[serde(skip_serializing_if = "is_nothing")]
    pub untimed: u64,
    /// Of those that ended, asked of the target with a trace id whose spans it shall send.
    #[serde(skip_serializing_if = "is_nothing")]
    pub traced: u64,
    /// Time that those of them took that went well, from send, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub traced_us: u64,
    /// Bytes received, heads included.
    #[serde(skip_serializing_if = "is_nothing")]
    pub bytes_in: u64,
    /// Bytes sent, heads included.
    #[serde(skip_serializing_if = "is_nothing")]
    pub bytes_out: u64,
    /// Decoded body bytes, as Locust's response length.
    #[serde(skip_serializing_if = "is_nothing")]
    pub content_bytes: u64,
    /// Successes: due → done.
    #[serde(skip_serializing_if = "is_nothing")]
    pub from_due: Sparse,
    /// Successes: first byte written → last byte read.
    #[serde(skip_serializing_if = "is_nothing")]
    pub from_send: Sparse,
    /// Failures, due → done, apart: a fast 500 must not improve p99.
    #[serde(skip_serializing_if = "is_nothing")]
    pub failed_from_due: Sparse,
    /// All that ended, asked → done, as Locust counts. `None` while every request's due was its asking.
    #[serde(skip_serializing_if = "is_nothing")]
    pub from_asked: Option<Sparse>,
    /// Aborted: due → given up.
    #[serde(skip_serializing_if = "is_nothing")]
    pub aborted_age: Sparse,
    /// Time to connect, where a connection was opened.
    #[serde(skip_serializing_if = "is_nothing")]
    pub connect: Sparse,
    /// TLS handshake, where one was made.
    #[serde(skip_serializing_if = "is_nothing")]
    pub tls: Sparse,
    /// Failures by text.
    #[serde(skip_serializing_if = "is_nothing")]
    pub failures: Vec<(FailureId, u64)>,
    /// What responses said of themselves.
    #[serde(skip_serializing_if = "is_nothing")]
    pub hints: Vec<Hint>,
}

/// What responses said in a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// `Server-Timing`, `X-Cache`, `Age`, `X-Runtime` or `Retry-After`.
    pub header: String,
    /// The metric of `Server-Timing`; `HIT`, `MISS` or another word of `X-Cache`; else empty.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub detail: String,
    /// How often.
    pub count: u64,
    /// Sum of its times, µs; 0 where it has none.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub sum_us: u64,
}

impl EndpointWindow {
    /// Adds what another window of the same endpoint has. Failures and hints are left out: they are kept apart.
    pub fn merge(&mut self, other: &EndpointWindow) {
        self.count(other);
        self.from_due.merge(&other.from_due);
        self.from_send.merge(&other.from_send);
        self.failed_from_due.merge(&other.failed_from_due);
        self.aborted_age.merge(&other.aborted_age);
        self.connect.merge(&other.connect);
        self.tls.merge(&other.tls);
    }

    /// Adds another's counts, not its histograms.
    pub fn count(&mut self, other: &EndpointWindow) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.aborted += other.aborted;
        self.blocked += other.blocked;
        self.missed += other.missed;
        self.unjudged += other.unjudged;
        self.untimed += other.untimed;
        self.traced += other.traced;
        self.traced_us += other.traced_us;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.content_bytes += other.content_bytes;
    }
}

/// The generator's own health in one window of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorWindow {
    /// taken − asked of every request: how late the I/O thread picked it up, µs. What lies between due and asked is the
    /// target's (it kept the user busy) or the hub's, whose lateness is its own series.
    #[serde(skip_serializing_if = "is_nothing")]
    pub lag: Sparse,
    /// How late the scenario's hub handled its ticks, from the instant each was due, µs. The I/O thread's lateness is in it.
    #[serde(skip_serializing_if = "is_nothing")]
    pub hub_lag: Sparse,
    /// How late the I/O thread handled its own, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub io_lag: Sparse,
    /// Connections opened.
    #[serde(skip_serializing_if = "is_nothing")]
    pub connections_opened: u64,
    /// Connections that the server had closed while idle, replaced without failing the request.
    #[serde(skip_serializing_if = "is_nothing")]
    pub connections_replaced: u64,
    /// CPU time of the I/O thread in this window, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub io_cpu_us: u64,
    /// CPU time of the hub's thread in this window, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub hub_cpu_us: u64,
    /// CPU time of the whole process in this window, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub process_cpu_us: u64,
    /// Time the I/O and hub threads were runnable but had no processor, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub run_queue_wait_us: u64,
    /// Steal time of the machine in this window, µs over all processors.
    #[serde(skip_serializing_if = "is_nothing")]
    pub steal_us: u64,
    /// Busy time of the machine in this window, µs over all processors.
    #[serde(skip_serializing_if = "is_nothing")]
    pub machine_busy_us: u64,
    /// Time that its processors were idle or waited for a disk, µs over all of them.
    #[serde(skip_serializing_if = "is_nothing")]
    pub machine_idle_us: u64,
    /// Memory of the machine, bytes; 0 where it could not be read.
    #[serde(skip_serializing_if = "is_nothing")]
    pub machine_memory_bytes: u64,
    /// What was available of it at the end of the window, bytes.
    #[serde(skip_serializing_if = "is_nothing")]
    pub machine_available_bytes: u64,
    /// Processors of the machine.
    #[serde(skip_serializing_if = "is_nothing")]
    pub processors: u32,
    /// Resident memory at the end of the window, bytes.
    #[serde(skip_serializing_if = "is_nothing")]
    pub rss_bytes: u64,
    /// Users alive at the end of the window.
    #[serde(skip_serializing_if = "is_nothing")]
    pub users: u64,
    /// Requests in flight at the end of the window.
    #[serde(skip_serializing_if = "is_nothing")]
    pub in_flight: u64,
    /// Requests that had to wait for the ceiling (`--max-rate`).
    #[serde(skip_serializing_if = "is_nothing")]
    pub held_back: u64,
    /// Users that looped without any wait in this window (a no-wait closed loop).
    #[serde(skip_serializing_if = "is_nothing")]
    pub no_wait: bool,
}

/// A text that rules may need offline: query texts, settings, host facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Dotted topic, e.g. `generator.fallback`.
    pub topic: String,
    /// What it is about.
    pub subject: String,
    /// The text, redacted.
    pub text: String,
}

/// One request worth looking at. Bodies are never kept; `shape` is a redacted outline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// When it was done, run time µs.
    pub done: RunTime,
    /// due → done, µs.
    pub from_due_us: u64,
    /// send → done, µs.
    pub from_send_us: u64,
    /// HTTP status; 0 when there was none.
    pub status: u16,
    /// The failure, when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<FailureId>,
    /// A redacted outline of the response: content type, length, JSON keys with values masked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shape: Option<String>,
    /// Trace id, when the request carried one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<TraceId>,
}

/// What became of an event of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// The load ended before its time.
    #[default]
    NotRun,
    /// Its command was begun, and its end was not recorded.
    Begun,
    /// The command ended with status 0.
    Done,
    /// It ended with another status, or by a signal.
    Failed,
    /// It could not be started.
    NotStarted,
    /// It took longer than it may, and was killed.
    TookTooLong,
    /// It was still at work when the run ended, and was killed.
    Stopped,
}

impl EventOutcome {
    /// The test was not what the plan says.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            EventOutcome::Failed | EventOutcome::NotStarted | EventOutcome::TookTooLong
        )
    }
}

/// Something that happened at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A source began: its role (`io`, `hub`, `host`…).
    SourceBegan {
        /// What it is.
        role: String,
    },
    /// A phase of the plan began.
    PhaseBegan {
        /// Its number, which the frames of its time carry.
        #[serde(default)]
        phase: PhaseId,
        /// Its name.
        name: String,
        /// `ramp`, `hold`, `spike`…
        kind: String,
    },
    /// The plan is over: no new load from here on, what is under way may end.
    LoadEnded,
    /// The command of an event was begun.
    EventBegan {
        /// Which.
        event: EventId,
        /// Its name.
        name: String,
        /// The command, redacted.
        command: String,
        /// How long after its time, µs.
        late_us: u64,
    },
    /// The command of an event has ended.
    EventEnded {
        /// Which.
        event: EventId,
        /// Its name.
        name: String,
        /// How.
        outcome: EventOutcome,
        /// Its exit status, if it had one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        status: Option<i32>,
        /// Since it was begun, µs.
        took_us: u64,
        /// The end of what it printed, redacted.
        output: String,
    },
    /// A condition ended the load before its time.
    Aborted {
        /// Which, with its numbers.
        why: String,
    },
    /// The number of users asked for changed.
    UserTarget {
        /// New target.
        users: u64,
        /// Users per second towards it.
        rate: f64,
    },
    /// `reset_stats`: Locust-shaped numbers start again; the record keeps everything.
    Reset,
    /// An exception in a task or listener.
    Exception {
        /// First line, redacted.
        message: String,
        /// Trimmed traceback.
        traceback: String,
    },
    /// A warning worth showing again in the report.
    Warning {
        /// Its text.
        text: String,
    },
    /// Something that is watched cannot be seen any more, or from the beginning.
    Lost {
        /// Its subject.
        what: String,
        /// Why, without secrets.
        #[serde(default)]
        why: String,
    },
    /// It is seen again, or for the first time after a loss.
    Regained {
        /// Its subject.
        what: String,
    },
    /// What is watched began anew, or its statistics did: its counters before and after cannot be compared.
    Restarted {
        /// Its subject.
        what: String,
        /// What happened.
        why: String,
    },
    /// A look took so long that it says nothing about an instant; what it saw was dropped.
    Stalled {
        /// The subject.
        what: String,
        /// From asking to having the answer, µs.
        took_us: u64,
    },
    /// A process that made a part of the load ended before its time.
    WorkerLost {
        /// Which, from 0.
        worker: u32,
    },
    /// The run ended in order.
    End {
        /// Why: `run-time`, `interrupted`, `terminated`, `done`, `quit`.
        reason: String,
        /// Exit code decided by the application.
        exit_code: i32,
    },
    /// A mark of a newer version.
    #[serde(other)]
    Unknown,
}

impl Frame {
    /// From a line of a record.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Known {
            at: RunTime,
            span: u64,
            source: SourceId,
            #[serde(default)]
            phase: PhaseId,
            body: Body,
        }
        // What every frame of this version is takes a fifth of the time; what is not goes the long way.
        match serde_json::from_slice::<Known>(line) {
            Ok(Known {
                at,
                span,
                source,
                phase,
                body,
            }) => Ok(Self {
                at,
                span,
                source,
                phase,
                body,
            }),
            Err(_) => serde_json::from_slice(line),
        }
    }
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            at: RunTime,
            span: u64,
            source: SourceId,
            #[serde(default)]
            phase: PhaseId,
            body: serde_json::Value,
        }
        let raw = Raw::deserialize(deserializer)?;
        let body = serde_json::from_value(raw.body).unwrap_or(Body::Unknown);
        Ok(Frame {
            at: raw.at,
            span: raw.span,
            source: raw.source,
            phase: raw.phase,
            body,
        })
    }
}
