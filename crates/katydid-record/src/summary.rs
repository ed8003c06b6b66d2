//! The summary of a run: finished numbers as plain data, the published contract of `summary.json`.
//!
//! Made from a timeline by the analysis; rendered by faces, which compute nothing. Latencies are in ms, times in seconds of
//! the run's clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::finding::Findings;
use crate::frame::{Cause, EventOutcome, Kind};
use crate::probe::ProbeSummary;
use crate::search::SearchSummary;
use crate::view::Table;
use crate::watched::Sight;

/// Version of `summary.json`.
pub const SUMMARY_VERSION: u32 = 1;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Version of this format.
    pub version: u32,
    /// What was run, and how it ended.
    pub run: RunSummary,
    /// The generator's own health.
    pub generator: GeneratorSummary,
    /// All requests together; flows and jobs are not in it.
    pub total: EndpointSummary,
    /// What only looks, together.
    #[serde(default)]
    pub reads: EndpointSummary,
    /// What changes something, together.
    #[serde(default)]
    pub writes: EndpointSummary,
    /// Each endpoint, sorted by kind, name and method.
    pub endpoints: Vec<EndpointSummary>,
    /// Phase by phase, in their order. Empty where no phase began, as in an attack.
    #[serde(default)]
    pub phases: Vec<PhaseSummary>,
    /// Objectives, each in each phase that it is about, in the order in which they were given.
    #[serde(default)]
    pub slos: Vec<SloSummary>,
    /// The search for the load at which an objective breaks, where that was asked for (`find`).
    #[serde(default)]
    pub search: Option<SearchSummary>,
    /// What each spike did, and whether the target recovered.
    #[serde(default)]
    pub spikes: Vec<SpikeSummary>,
    /// The plan's events, in the order of their times.
    #[serde(default)]
    pub events: Vec<EventSummary>,
    /// What changed in long holds while the load did not: for each hold p95, errors and memory.
    #[serde(default)]
    pub drifts: Vec<DriftSummary>,
    /// Failures, most frequent first.
    pub failures: Vec<FailureSummary>,
    /// Exceptions in tasks and listeners, most frequent first.
    pub exceptions: Vec<ExceptionSummary>,
    /// Requests worth looking at.
    pub exemplars: Vec<ExampleSummary>,
    /// What was watched of the target, and how well it could be seen.
    #[serde(default)]
    pub target: Vec<TargetSummary>,
    /// What the target's spans say, by endpoint.
    #[serde(default)]
    pub spans: Vec<SpanSummary>,
    /// Where the time of each endpoint goes, as far as it was seen.
    #[serde(default)]
    pub splits: Vec<SplitSummary>,
    /// Whether what was counted fits together.
    #[serde(default)]
    pub little: Vec<LittleSummary>,
    /// What each endpoint asks of databases and caches, where it was probed.
    #[serde(default)]
    pub probe: Option<ProbeSummary>,
    /// Why it is slow, as far as that was seen; `findings.json` has the same. Null where it was not asked.
    #[serde(default)]
    pub findings: Option<Findings>,
    /// The run over time, for charts.
    pub series: SeriesSummary,
    /// What happened when.
    pub marks: Vec<MarkSummary>,
    /// What a reader should know: caps that were hit, parts that are missing.
    pub notes: Vec<String>,
}

/// What was run, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run's id.
    pub id: String,
    /// Short name.
    pub name: String,
    /// False: the numbers say more about the generator than about the target.
    pub valid: bool,
    /// Exit code of the process.
    pub exit_code: i32,
    /// When it started, RFC 3339, UTC.
    pub started: String,
    /// From the first instant to the end of the last window.
    pub duration_s: f64,
    /// `run`, `find`, `probe`, `attack` or `check`.
    pub command: String,
    /// Where load went.
    pub host: Option<String>,
    /// Most users that were alive.
    pub users: u64,
    /// Why it ended: `run-time`, `interrupted`, `terminated`, `done`, `quit`, or `killed` when no end was recorded.
    pub ended: String,
    /// False: the record is cut short.
    pub complete: bool,
    /// Version of katydid.
    pub tool_version: String,
    /// `PASS`, `FAIL` or `UNDECIDED` where there were objectives, else `DONE` or `FAILURES`; of a search `FOUND` or `NOT FOUND`; before any of these
    /// `INVALID` and `INCOMPLETE`.
    #[serde(default)]
    pub verdict: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub reason: String,
    /// The condition that ended the load before its time, with its numbers.
    #[serde(default)]
    pub aborted: Option<String>,
}

/// One thing that was watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetSummary {
    /// Its key: `host`, `postgres 127.0.0.1:5432/shop`.
    pub subject: String,
    /// `host`, `process`, `postgres`, `redis`…
    pub kind: String,
    /// For a reader: what it is and its version; empty if it was never seen.
    pub title: String,
    /// Distance of looks.
    pub every_s: f64,
    /// Looks that were made.
    pub looks: u64,
    /// How long a look took, the median.
    pub read_median_ms: Option<f64>,
    /// The longest.
    pub read_max_ms: Option<f64>,
    /// Share of one core that looking took in katydid.
    pub cost_share: Option<f64>,
    /// Looks that took so long that they were dropped.
    pub stalls: u64,
    /// When it could not be seen.
    pub losses: Vec<LossSummary>,
    /// What could be seen of it and what not, with what opens it.
    pub sights: Vec<Sight>,
    /// Tables of the whole run, and of each phase.
    pub tables: Vec<Table>,
}

/// A time in which something could not be seen, or an instant at which its counters began anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LossSummary {
    /// Its beginning.
    pub from_s: f64,
    /// Its end; null if it was not seen again.
    pub until_s: Option<f64>,
    /// Why.
    pub why: String,
}

/// The generator's own health. What was not observed is null, not zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorSummary {
    /// Whether it kept up.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// What does not invalidate the run but should be known.
    pub warnings: Vec<String>,
    /// CPU time of the process per request that ended, µs.
    pub cpu_us_per_request: Option<f64>,
    /// taken − asked.
    pub lag_p50_ms: Option<f64>,
    /// taken − asked.
    pub lag_p99_ms: Option<f64>,
    /// taken − asked.
    pub lag_max_ms: Option<f64>,
    /// How late the scenario's event loop was. The I/O thread's lateness is in it.
    pub hub_lag_p99_ms: Option<f64>,
    /// How late the I/O thread was.
    pub io_lag_p99_ms: Option<f64>,
    /// Share of one core that the scenario's thread used.
    pub hub_busy_share: Option<f64>,
    /// Share of one core that the I/O thread used.
    pub io_busy_share: Option<f64>,
    /// Share of the time that these two were ready to run but had no processor, of one core.
    pub run_queue_wait_share: Option<f64>,
    /// Share of the machine's processor time that the hypervisor took.
    pub steal_share: Option<f64>,
    /// Share of the machine's processor time that was in use by anybody.
    pub machine_busy_share: Option<f64>,
    /// Largest resident memory.
    pub rss_max_bytes: Option<u64>,
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections that the server had closed while idle, replaced without failing the request.
    pub connections_replaced: u64,
    /// Users looped without any wait.
    pub no_wait: bool,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointSummary {
    /// `request`, `flow`, `job` or `custom`.
    pub kind: Kind,
    /// Method as the script gave it.
    pub method: String,
    /// Name.
    pub name: String,
    /// Whether it is a read or a write; null where it is neither.
    #[serde(default)]
    pub access: Option<Access>,
    /// Share of all requests; of the total 1.
    #[serde(default)]
    pub share: f64,
    /// Requests that ended, well or badly.
    pub requests: u64,
    /// Of these, failed.
    pub failures: u64,
    /// Given up while in flight.
    pub aborted: u64,
    /// How long the oldest of these had waited, from its due time, ms.
    #[serde(default)]
    pub aborted_oldest_ms: Option<f64>,
    /// Slots whose user was still busy with the target.
    pub blocked: u64,
    /// Slots that the generator missed.
    pub missed: u64,
    /// Completed, but the script did not judge it.
    pub unjudged: u64,
    /// failures / requests; 0 without requests.
    pub failure_ratio: f64,
    /// requests / duration of the run.
    pub rps: f64,
    /// Bytes received, heads included.
    pub bytes_in: u64,
    /// Bytes sent, heads included.
    pub bytes_out: u64,
    /// Successes: due → last byte.
    pub from_due: Latency,
    /// Successes: first byte written → last byte.
    pub from_send: Latency,
    /// Failures: due → end.
    pub failed_from_due: Latency,
    /// Times to connect.
    pub connect: Latency,
    /// TLS handshakes.
    pub tls: Latency,
    /// What responses said of themselves in `Server-Timing`, `X-Cache`, `Age`, `X-Runtime` and `Retry-After`.
    #[serde(default)]
    pub hints: Vec<HintSummary>,
}

/// What responses said in a header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HintSummary {
    /// The header, with the metric of `Server-Timing` and the word of `X-Cache`: `Server-Timing db`, `X-Cache HIT`.
    pub name: String,
    /// Responses that said so.
    pub count: u64,
    /// Their share of all that ended.
    pub share: f64,
    /// The mean of its times, ms; null where none was sent.
    pub mean_ms: Option<f64>,
}

/// One phase of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSummary {
    /// Its name, as the plan has it.
    pub name: String,
    /// `ramp`, `hold`, `spike` or `recovery`.
    pub kind: String,
    /// When it began.
    pub began_s: f64,
    /// When the next one began, the plan was over, or the run.
    pub ended_s: f64,
    /// Most users that were alive.
    pub users: u64,
    /// Whether the generator kept up in it. Of a ramp this is for information.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// All its requests together, rates over its own length. A request belongs to the phase in which it ended.
    pub total: EndpointSummary,
    /// Its reads.
    #[serde(default)]
    pub reads: EndpointSummary,
    /// Its writes.
    #[serde(default)]
    pub writes: EndpointSummary,
    /// Each endpoint, sorted by kind, name and method.
    pub endpoints: Vec<EndpointSummary>,
}

/// What became of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloOutcome {
    /// Kept: the whole interval lies within the budget.
    Pass,
    /// Broken: the whole interval lies beyond it.
    Fail,
    /// Not to be told from what was measured.
    #[default]
    Undecided,
    /// Not judged, since the generator did not keep up.
    Invalid,
}

/// One objective in one phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloSummary {
    /// As it was given.
    pub text: String,
    /// The phase; null for the whole run, and where there was none such.
    pub phase: Option<String>,
    /// What became of it.
    pub outcome: SloOutcome,
    /// Requests with an outcome.
    pub total: u64,
    /// Bad ones: the sum of the next four.
    pub bad: u64,
    /// Ended well, over the limit.
    pub slow: u64,
    /// Ended badly.
    pub failed: u64,
    /// Never made, because every allowed user was busy with the target.
    pub blocked: u64,
    /// Given up in flight, over the limit by then.
    pub aborted: u64,
    /// bad / total; null without requests.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of the share.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// Share that may be bad.
    pub budget: f64,
    /// The percentile as measured, of successes, from due; null for objectives about errors.
    pub observed_ms: Option<f64>,
    /// Undecided: about so many more requests would decide it; null where it is too close to tell.
    pub needed: Option<u64>,
    /// The numbers, in a sentence.
    pub reason: String,
}

/// One spike: what it did, against the phase before it, and when that was over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpikeSummary {
    /// Its phase.
    pub phase: String,
    /// The phase that it is compared with.
    pub before: String,
    /// A success is bad from this on, from due; a failure always, and so is what was blocked.
    pub limit_ms: f64,
    /// Whether the limit is an objective's; else it is twice the p95 of the phase before.
    pub limit_is_an_objective: bool,
    /// Share that may be bad.
    pub budget: f64,
    /// Share of bad requests in the worst second, from the spike's beginning until the load changed again.
    pub peak_bad_share: f64,
    /// That second.
    pub peak_bad_at_s: f64,
    /// Requests in flight before, on average.
    pub in_flight_before: f64,
    /// Most requests in flight.
    pub in_flight_peak: u64,
    /// How long was watched after its end, at an unchanged load.
    pub watched_s: f64,
    /// Seconds from its end until the target had recovered; null if it did not while it was watched.
    pub recovered_s: Option<f64>,
}

/// One event of the plan: a command that was run while the load was on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventSummary {
    /// Its name.
    pub name: String,
    /// The command, redacted.
    pub command: String,
    /// When it was due.
    pub at_s: f64,
    /// The phase that is on from then.
    pub phase: Option<String>,
    /// What became of it.
    pub outcome: EventOutcome,
    /// How long after its time the command was begun; null where it was not.
    pub late_ms: Option<f64>,
    /// How long the command took; null where its end was not recorded.
    pub took_s: Option<f64>,
    /// How long it may take.
    pub limit_s: f64,
    /// Its exit status, if it had one.
    pub status: Option<i32>,
    /// The end of what it printed, redacted.
    pub output: String,
    /// What became of it, in words.
    pub reason: String,
}

/// What a drift is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drifting {
    /// p95 of successes, from due, ms.
    #[default]
    P95,
    /// Failed requests, as a share of those that ended.
    Errors,
    /// Resident memory of katydid's own process, bytes.
    GeneratorMemory,
    /// Memory of the target, bytes.
    TargetMemory,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftOutcome {
    /// More and more.
    Rose,
    /// Less and less.
    Fell,
    /// No drift was seen: chance would do the same, or the change is too small to matter.
    None,
    /// Too short to tell: too few values, or they resemble their neighbours too much.
    Unclear,
    /// Not judged, since the generator did not keep up.
    Invalid,
    /// Nobody looked.
    #[default]
    NotObserved,
}

/// How something changed over a hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftSummary {
    /// The hold; null for the whole run, where there were no phases.
    pub phase: Option<String>,
    /// What is looked at, which says the unit.
    pub what: Drifting,
    /// What became of it.
    pub outcome: DriftOutcome,
    /// In the first tenth.
    pub from: Option<f64>,
    /// In the last tenth.
    pub to: Option<f64>,
    /// Change per hour: the median of the slopes between all windows.
    pub per_hour: Option<f64>,
    /// Length of the hold, s.
    pub over_s: f64,
    /// Windows that had a value.
    pub windows: u64,
    /// How probable a trend at least that clear is where there is none; null where that cannot be told.
    pub chance: Option<f64>,
}

/// A distribution of times in ms. Null where there is no sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Samples.
    pub count: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Percentiles with too few samples behind them to be taken at face value.
    pub wide: Vec<String>,
}

/// One failure of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSummary {
    /// Kind of the endpoint.
    pub kind: Kind,
    /// Its method.
    pub method: String,
    /// Its name.
    pub name: String,
    /// From the closed list of causes.
    pub cause: Cause,
    /// In the script's terms.
    pub text: String,
    /// How often.
    pub count: u64,
    /// Second of the run in which it was first seen.
    pub first_s: f64,
    /// Second of the run in which it was last seen.
    pub last_s: f64,
}

/// One exception of the script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionSummary {
    /// How often.
    pub count: u64,
    /// Its first line.
    pub message: String,
    /// Its traceback.
    pub traceback: String,
}

/// One request worth looking at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExampleSummary {
    /// `slowest` or `failed`.
    pub why: String,
    /// Method of its endpoint.
    pub method: String,
    /// Name of its endpoint.
    pub name: String,
    /// When it was done.
    pub done_s: f64,
    /// due → done.
    pub from_due_ms: f64,
    /// send → done.
    pub from_send_ms: f64,
    /// HTTP status; 0 when there was none.
    pub status: u16,
    /// Why it failed.
    pub failure: Option<String>,
    /// Redacted outline of the response.
    pub shape: Option<String>,
    /// Its trace id, where the target was asked for spans of it.
    #[serde(default)]
    pub trace: Option<String>,
}

/// Where the mean time of an endpoint's requests goes, from send, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SplitSummary {
    /// `GET /orders`.
    pub endpoint: String,
    /// All of it.
    pub mean_ms: f64,
    /// Before the service began with it: on the way, in its queues, for its event loop. Null where spans do not say.
    pub before_ms: Option<f64>,
    /// Until it had a connection to a database; null where no span tells of it.
    pub pool_ms: Option<f64>,
    /// In databases.
    pub database_ms: f64,
    /// In caches; null where nobody saw it.
    pub cache_ms: Option<f64>,
    /// In other services; null where nobody saw it.
    pub services_ms: Option<f64>,
    /// The rest: the service's own work, its waits that nobody saw, and what else was not seen.
    pub rest_ms: f64,
    /// Who says it: `spans of 50 requests`.
    pub source: String,
    /// The time in databases was not measured by request: it is calls per request, by a probe, times the statement's mean under load.
    pub inferred: bool,
}

/// How many there were on average, counted and computed by Little's law: a large difference means that one of the two is measured wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LittleSummary {
    /// What: `requests under way`, `statements running`.
    pub what: String,
    /// In which phase, the longest one; empty for the whole run.
    pub phase: String,
    /// The mean of looks.
    pub counted: f64,
    /// How many looks there were.
    pub looks: u64,
    /// Time that all of them took in a second.
    pub computed: f64,
}

/// What the target's spans say of the traced requests of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpanSummary {
    /// Method of the endpoint.
    pub method: String,
    /// Its name.
    pub name: String,
    /// Requests that ended and whose spans the target was asked for.
    pub asked: u64,
    /// Of these, whose first span came.
    pub requests: u64,
    /// Spans of this endpoint.
    pub spans: u64,
    /// Among them of calls to databases and caches.
    pub db_calls: u64,
    /// `db_calls` / `requests`; null without requests.
    pub db_calls_per_request: Option<f64>,
    /// Time in them per request; of calls side by side the sum.
    pub db_ms_per_request: Option<f64>,
}

/// The run over time: equally long lists, one entry per interval. An interval lies in one phase, unless that is shorter than half a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesSummary {
    /// Length of the longest intervals: 1 in the first hour; in longer runs the seconds of the longest phases are merged.
    pub width_s: f64,
    /// Start of each interval.
    pub t_s: Vec<f64>,
    /// Length of each interval.
    #[serde(default)]
    pub length_s: Vec<f64>,
    /// Users alive.
    pub users: Vec<u64>,
    /// Requests ended per second.
    pub rps: Vec<f64>,
    /// Failures per second.
    pub failures_per_s: Vec<f64>,
    /// Requests in flight.
    pub in_flight: Vec<u64>,
    /// Median of successes, due → done, ms; null where none ended.
    pub p50: Vec<Option<f64>>,
    /// 95th percentile.
    pub p95: Vec<Option<f64>>,
    /// 99th percentile.
    pub p99: Vec<Option<f64>>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkSummary {
    /// When.
    pub at_s: f64,
    /// What.
    pub text: String,
}
