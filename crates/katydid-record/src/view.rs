//! What the report page shows besides the summary: series ready to be drawn, and tables.
//!
//! Made by the analysis from a timeline. Nothing here is computed any further: a face draws it. Times are seconds of the run's
//! clock. What was not seen is null, never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Series for the page, of the load and of the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// One for each endpoint of the summary, in its order.
    pub endpoints: Vec<EndpointView>,
    /// What was watched, in the order of the summary's `target`.
    pub target: Vec<SourceView>,
    /// The generator's own, as of one more source.
    pub generator: Vec<Chart>,
    /// The slowest requests whose spans came, the slowest first.
    pub traces: Vec<Trace>,
}

/// One request as the target's spans tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Its trace id, 32 hexadecimal digits, by which other tools find it.
    pub id: String,
    /// Method of its endpoint.
    pub method: String,
    /// Name of its endpoint.
    pub name: String,
    /// Phase in which it was done; empty where the run has none.
    pub phase: String,
    /// When it was done.
    pub at_s: f64,
    /// due → done.
    pub from_due_ms: f64,
    /// send → done.
    pub from_send_ms: f64,
    /// HTTP status; 0 where there was none.
    pub status: u16,
    /// The failure's text, where it failed.
    pub failure: Option<String>,
    /// In the order of a tree read from the top, those of one parent by their beginning.
    pub spans: Vec<Span>,
    /// Spans that came and are not among them.
    pub left_out: u32,
    /// Calls of databases and caches among the spans.
    pub db_calls: u32,
    /// Time in which at least one of these was under way: of calls side by side, or in one another, no sum.
    pub db_ms: f64,
}

/// What the target says that it did for a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// `SELECT orders`, `GET /orders/{id}`.
    pub name: String,
    /// What a line is called that shows it: of a statement what tells it from others, else its name.
    pub called: String,
    /// The service that says it.
    pub service: String,
    /// `server`, `client`, `internal`, `producer` or `consumer`.
    pub kind: String,
    /// What it is about, where it says so: `db`, `http`, `messaging`, `rpc`; else empty.
    pub about: String,
    /// How deep in the tree, from 0.
    pub depth: u32,
    /// From the sending of the request to its beginning. The target's clock is not ours: the first span is set in the middle of the
    /// request, and the others as they lie to it. May be below zero.
    pub from_send_ms: f64,
    /// How long it took.
    pub ms: f64,
    /// It says that it failed.
    pub failed: bool,
    /// The statement or the address that it is about, without literals; empty where it has none.
    pub text: String,
}

/// One endpoint over time, coarsely, and how its response times are spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// Beginnings of intervals.
    pub t_s: Vec<f64>,
    /// Requests that ended per second.
    pub rps: Vec<f64>,
    /// Of these, failed.
    pub failures_per_s: Vec<f64>,
    /// 95th percentile of successes, due → done, ms.
    pub p95: Vec<Option<f64>>,
    /// Successes, due → done: upper ends of logarithmic buckets in ms, and how many are in each. Empty ones between are in it.
    pub histogram: Vec<(f64, u64)>,
}

/// The charts of one thing that was watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceView {
    /// Its key.
    pub subject: String,
    /// In the order in which they should be read.
    pub charts: Vec<Chart>,
}

/// Lines over time that share a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Short and stable, unique within its source: `cpu`, `sessions`.
    pub id: String,
    /// For a reader.
    pub title: String,
    /// `%`, `s`, `ms`, `bytes`, `bytes/s`, `/s`, or what is counted; empty for a plain number.
    pub unit: String,
    /// The lines are parts of a whole and are drawn on top of each other.
    pub stacked: bool,
    /// What it cannot go beyond, in the same unit: the number of cores, the size of a pool.
    pub limit: Option<f64>,
    /// Instants of the values; of a rate, the end of what it covers.
    pub t_s: Vec<f64>,
    /// At least one. A gap is null.
    pub lines: Vec<ChartLine>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChartLine {
    /// For a reader.
    pub name: String,
    /// One for each instant of the chart.
    pub values: Vec<Option<f64>>,
}

/// A table of what was seen of something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// Short and stable, unique within its source and phase: `statements`, `commands`.
    pub id: String,
    /// For a reader.
    pub title: String,
    /// The phase that it is about, empty for the whole run.
    pub phase: String,
    /// Heads.
    pub columns: Vec<Column>,
    /// As many cells each as there are columns: texts, numbers, or null for what is not known.
    pub rows: Vec<Vec<Value>>,
    /// What must be known to read it: how many rows were left out, and why.
    pub note: String,
}

/// Head of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// For a reader.
    pub name: String,
    /// As in [`Chart::unit`]; `text` for texts, `code` for statements.
    pub unit: String,
}
