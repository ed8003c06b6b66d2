//! What changed between two sides, each of one run or several: the published contract of `comparison.json`.
//!
//! Made by the analysis from summaries of runs; rendered by faces, which compute nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of `comparison.json`.
pub const COMPARISON_VERSION: u32 = 1;

/// `comparison.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Comparison {
    /// Version of this format.
    pub version: u32,
    /// `IMPROVED`, `REGRESSED`, `EQUIVALENT`, `INCONCLUSIVE`, `INVALID`, or `SINGLE RUN`: what one run of each side shows is indicative only.
    pub verdict: String,
    /// Why, in a sentence with its numbers.
    pub reason: String,
    /// How the runs were made, which decides what can be concluded.
    pub design: Design,
    /// Exit code that follows from the verdict.
    pub exit_code: i32,
    /// What it was before.
    pub before: SideSummary,
    /// What it is now.
    pub after: SideSummary,
    /// Pairs, or runs of the smaller side, that count.
    pub counted: u64,
    /// What does not count, and why.
    pub dropped: Vec<String>,
    /// What is judged first: `p95 of all requests in hold`.
    pub primary: String,
    /// Smaller changes than this, as a share, are no change.
    pub noise: f64,
    /// Within this share to both sides the two are called equivalent.
    pub margin: f64,
    /// What was measured on both sides: first what is judged first, then what changed most.
    pub changes: Vec<Change>,
    /// What is counted without chance: queries of a request, blocks, bytes.
    pub counts: Vec<CountChange>,
    /// What the diagnosis said of the two sides.
    pub findings: FindingChanges,
    /// What a reader should know: in what the two sides differ besides what is measured.
    pub notes: Vec<String>,
}

/// How the runs were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// One run of each side: what differs from run to run is only assumed.
    #[default]
    Single,
    /// Several runs of a side, not made in turns.
    Groups,
    /// One run of each side, again and again, in turns.
    Pairs,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SideSummary {
    /// What tells it from the other: its host, its hook, its header, or the run.
    pub label: String,
    /// Its runs, in their order.
    pub runs: Vec<RunOfSide>,
}

/// One run of a side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunOfSide {
    /// Its id.
    pub id: String,
    /// When it started, RFC 3339, UTC.
    pub started: String,
    /// Whether it counts.
    pub counts: bool,
}

/// What is measured.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// 95th percentile of successes, from due, ms.
    #[default]
    P95,
    /// Median, ms.
    P50,
    /// 99th percentile, ms.
    P99,
    /// Failed and blocked requests, as a share of all.
    Bad,
    /// Successes per second.
    Goodput,
    /// Processor time of the target's processes per request, ms.
    TargetCpu,
    /// Memory of the target's processes at the end of the phase, bytes.
    TargetMemory,
    /// The greatest load that keeps the objectives, as a search found it.
    Capacity,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// For the better, by more than the noise.
    Better,
    /// For the worse, by more than the noise.
    Worse,
    /// Within the margin to both sides.
    Same,
    /// Not to be told from what was measured.
    #[default]
    Unclear,
    /// One run of each side: the interval rests on what runs differ by elsewhere.
    Indicative,
    /// Measured on one side only, or too rarely.
    NotCompared,
}

/// One measure of one endpoint in one phase, on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// The phase; null for the whole run, where there were none.
    pub phase: Option<String>,
    /// `GET /dashboard`; null for all requests.
    pub endpoint: Option<String>,
    /// What is measured, which says the unit.
    pub measure: Measure,
    /// It is what is judged first.
    pub primary: bool,
    /// Its mean over the runs, the geometric one where the change is a ratio.
    pub before: Option<f64>,
    /// The same of the other side.
    pub after: Option<f64>,
    /// after / before − 1; of a share (`bad`) after − before.
    pub change: Option<f64>,
    /// Lower end of the interval of the change.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How often such an interval holds the truth, 0 to 1. More than 0.95 where many are looked at together.
    pub confidence: Option<f64>,
    /// The smallest change that this design finds in four of five cases, as a share.
    pub detectable: Option<f64>,
    /// What became of it.
    pub outcome: ChangeOutcome,
    /// Pair by pair, before and after; of groups and single runs empty.
    pub pairs: Vec<[f64; 2]>,
}

/// Something that is counted, per request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CountChange {
    /// `GET /dashboard`; null for all requests.
    pub endpoint: Option<String>,
    /// `queries`, `blocks`, `cache misses`, `bytes received`…, per request.
    pub what: String,
    /// Before.
    pub before: f64,
    /// After.
    pub after: f64,
    /// By a probe, request by request: no chance is in it. Else a mean under load.
    pub exact: bool,
    /// More of it is worse, and it is more by more than what may differ.
    pub worse: bool,
}

/// What the diagnosis said of the two sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FindingChanges {
    /// Found before, and not after, though it was looked for.
    pub resolved: Vec<String>,
    /// Found on both sides.
    pub remaining: Vec<String>,
    /// Found after, and not before.
    pub new: Vec<String>,
    /// Found on one side, while on the other it is only suspected, comes and goes, or could not be looked for.
    pub unknown: Vec<String>,
}
