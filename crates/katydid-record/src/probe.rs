//! Requests made alone: what each endpoint asks of databases and caches, by counting what they counted before and after it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which requests lie between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// None: what the target does by itself.
    Idle,
    /// The first of its endpoint: caches may be cold.
    First,
    /// A later one.
    Again,
    /// The same read several times at once.
    Together,
    /// Several at once, and another endpoint beside them: the times are that one's.
    Beside,
    /// The same read by another user.
    Other,
    /// Many at once, right after what they are answered from was deleted (`--experiment cold`).
    Cold,
}

/// What was asked of the target between two looks, in the time of its frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Which requests these are.
    pub pass: Pass,
    /// Method as the script gave it; empty where nothing was asked.
    #[serde(default)]
    pub method: String,
    /// Name after grouping.
    #[serde(default)]
    pub name: String,
    /// How long each took, µs.
    #[serde(default)]
    pub took_us: Vec<u64>,
    /// How many of them failed.
    #[serde(default)]
    pub failed: u32,
    /// Entries of the longest list in the response, where it is JSON.
    #[serde(default)]
    pub entries: Option<u32>,
    /// Method and name of the endpoint beside.
    #[serde(default)]
    pub beside: Option<(String, String)>,
    /// It was asked with the cookies of those that it was asked beside: a service may answer the requests of one session one by one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_session: bool,
    /// Whether all responses were the same; of another user, whether it was what the first one got a moment before.
    #[serde(default)]
    pub same: Option<bool>,
    /// Made while an experiment was under way, which one and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<Arm>,
}

/// A part of an experiment: requests made while the target was as it is, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Of the experiment, as in its fact.
    pub experiment: u32,
    /// Of this part, in the order of time.
    pub number: u32,
    /// The change was there.
    pub changed: bool,
}

/// Something that may be changed in the target, to see what it changes in its responses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// Of what kind: `index`.
    pub name: String,
    /// What is changed: `postgres 127.0.0.1:5432/shop`.
    pub on: String,
    /// The schema of the index's table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its columns, with their directions: `created_at DESC`.
    pub columns: Vec<String>,
}

/// An experiment: the same requests, with a change and without it in turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExperimentSummary {
    /// What was changed.
    pub change: Change,
    /// How long the change took, the last time, s.
    pub took_s: Option<f64>,
    /// The size of what was built, in bytes.
    pub bytes: Option<f64>,
    /// Why it was not made, or not to its end; empty where it was.
    pub problem: String,
    /// The target is as it was before. False: what was built is still there.
    pub undone: bool,
    /// What came of it, by endpoint.
    pub endpoints: Vec<Tested>,
}

/// An endpoint in an experiment: one entry for each part, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tested {
    /// `GET /orders`.
    pub endpoint: String,
    /// As it is.
    pub without: Vec<Measured>,
    /// Changed.
    pub with: Vec<Measured>,
}

/// Requests made alone, in one part of an experiment. Numbers are medians of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Measured {
    /// How many.
    pub requests: u64,
    /// From send to the end of the response, ms.
    pub ms: f64,
    /// Time in databases, ms.
    pub database_ms: f64,
    /// Blocks that databases looked at.
    pub blocks: f64,
}

/// What a probe found. Times are in ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbeSummary {
    /// Each endpoint, in the order in which they were first asked.
    pub endpoints: Vec<ProbedEndpoint>,
    /// Time between looks in which nothing was asked, s.
    pub idle_s: f64,
    /// Statements that run without being asked for, and how often per second.
    pub background: Vec<Background>,
    /// What was tried out on the target (`--experiment`).
    pub experiments: Vec<ExperimentSummary>,
}

/// What one endpoint asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedEndpoint {
    /// Method as the script gave it.
    pub method: String,
    /// Name after grouping.
    pub name: String,
    /// Requests that were made alone.
    pub requests: u64,
    /// Requests that failed.
    pub failed: u64,
    /// The first one.
    pub first_ms: Option<f64>,
    /// The median of the later ones.
    pub median_ms: Option<f64>,
    /// The median of those that were made at once, and how many these were.
    pub together_ms: Option<f64>,
    /// How many at once.
    pub together: u32,
    /// The slowest of those that were made at once, the median of the bursts.
    pub slowest_together_ms: Option<f64>,
    /// Processors that the target's processes used meanwhile.
    pub together_cpu: Option<f64>,
    /// Whether all responses of each burst were the same.
    pub together_same: Option<bool>,
    /// Another endpoint that was asked beside such bursts, alone and then.
    pub beside: Option<ProbedBeside>,
    /// The same read by another user.
    pub other: Option<ProbedOther>,
    /// Many at once, after the keys that they are answered from were deleted.
    pub cold: Option<ProbedCold>,
    /// Processors that the target's processes used while a request was made alone.
    pub alone_cpu: Option<f64>,
    /// The median of entries of the longest list in its responses.
    pub entries: Option<f64>,
    /// Of a request: statements of databases, without those that begin and end transactions. Null where no database counts them.
    pub queries: Option<f64>,
    /// The same of the first request.
    pub first_queries: Option<f64>,
    /// Rows that they gave or changed.
    pub rows: Option<f64>,
    /// Blocks that they looked at.
    pub blocks: Option<f64>,
    /// Time in the database.
    pub database_ms: Option<f64>,
    /// Commands of caches. Null where none was watched.
    pub commands: Option<f64>,
    /// Keys that were looked for and found.
    pub hits: Option<f64>,
    /// Keys that were looked for and not found.
    pub misses: Option<f64>,
    /// Keys by which a cache grew.
    pub new_keys: Option<f64>,
    /// Statements that ran in any of its requests made alone, the first one included.
    pub ever: Vec<ProbedEver>,
    /// From before the first of these to after the last, s.
    pub over_s: f64,
    /// What it asks of databases, what takes most time first.
    pub statements: Vec<ProbedStatement>,
    /// Commands of caches by name, the most frequent first.
    pub by_command: Vec<ProbedCommand>,
}

/// An endpoint that was asked while many asked for another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedBeside {
    /// `GET /health`.
    pub endpoint: String,
    /// Its median alone.
    pub alone_ms: f64,
    /// Its median beside the bursts.
    pub beside_ms: f64,
    /// It was asked in the session of the bursts, whose requests a service may answer one by one.
    pub one_session: bool,
}

/// What another user got for the same read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedOther {
    /// How often this was tried.
    pub tries: u64,
    /// How often it was the very response that the first user got.
    pub same: u64,
    /// Queries of these requests, on average.
    pub queries: Option<f64>,
}

/// What many requests at once did where nothing was cached for them (`--experiment cold`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedCold {
    /// Forms of the keys that were deleted.
    pub keys: Vec<String>,
    /// Requests of a burst.
    pub requests: u32,
    /// Bursts.
    pub bursts: u32,
    /// The slowest request of a burst: the median of the bursts.
    pub slowest_ms: f64,
    /// Statements that ran in them, which take most time first.
    pub statements: Vec<ProbedRuns>,
    /// Why it was not tried, or not to its end; empty where it was.
    pub problem: String,
}

/// How often a statement ran in a burst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedRuns {
    /// Without literals.
    pub text: String,
    /// In the burst in which it ran least often.
    pub least: f64,
    /// In the burst in which it ran most often.
    pub most: f64,
    /// Time of a run where one request was made alone.
    pub alone_ms: f64,
    /// Time of a run in the bursts.
    pub ms: f64,
}

/// A statement that ran at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedEver {
    /// Without literals.
    pub text: String,
    /// Calls in all requests that were made alone.
    pub calls: f64,
}

/// A statement, as an endpoint runs it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedStatement {
    /// Its short name.
    pub id: String,
    /// Without literals.
    pub text: String,
    /// Calls of a request: what half of the requests or more have, else the mean.
    pub per_request: f64,
    /// The fewest.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// Rows of a call.
    pub rows: f64,
    /// Blocks of a call.
    pub blocks: f64,
    /// Time of a call.
    pub ms: f64,
    /// Calls for each entry of the response, where they grow with it.
    pub per_entry: Option<f64>,
    /// By how much longer a request takes with each call, ms: the query, the way to the database and what the code does around it. Null
    /// where the number of calls does not vary enough to tell.
    pub request_ms: Option<f64>,
    /// Calls of a request when several are made at once.
    pub together: Option<f64>,
}

/// A command, as an endpoint runs it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbedCommand {
    /// Its name.
    pub name: String,
    /// Calls of a request.
    pub per_request: f64,
}

/// What runs without being asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Background {
    /// The statement.
    pub text: String,
    /// Calls per second.
    pub per_second: f64,
}
