//! What the target's spans say, on its way into the record: counts by endpoint, and spans of single requests.

use serde::{Deserialize, Serialize};

use crate::frame::{CallId, EndpointId, SourceId, is_nothing};
use crate::trace::TraceId;

/// What spans say of the traced requests of one endpoint, since the source's last frame of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointCalls {
    /// The source that the endpoint's number is of.
    pub of: SourceId,
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Requests whose first span has come: that of the service which took the request.
    #[serde(skip_serializing_if = "is_nothing")]
    pub requests: u64,
    /// Sum of the times of these first spans, µs.
    #[serde(skip_serializing_if = "is_nothing")]
    pub served_us: u64,
    /// All spans.
    #[serde(skip_serializing_if = "is_nothing")]
    pub spans: u64,
    /// Among them what is called.
    #[serde(skip_serializing_if = "is_nothing")]
    pub calls: Vec<Called>,
}

/// One call, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Called {
    /// Which.
    pub call: CallId,
    /// How often.
    pub count: u64,
    /// Sum of its times, µs.
    pub sum_us: u64,
    /// Of these, failed.
    #[serde(skip_serializing_if = "is_nothing")]
    pub failed: u64,
}

/// Spans of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSpans {
    /// Whose.
    pub trace: TraceId,
    /// In any order.
    pub spans: Vec<SeenSpan>,
    /// Spans that came and are not among them.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub left_out: u32,
}

/// What a span is to its trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Work inside of a service.
    #[default]
    Internal,
    /// A service answers.
    Server,
    /// A service asks.
    Client,
    /// A message is sent.
    Producer,
    /// A message is worked on.
    Consumer,
}

/// A span, by the target's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenSpan {
    /// Its beginning, µs since 1970.
    pub start_us: u64,
    /// Its length, µs.
    pub us: u64,
    /// Its id.
    pub id: u64,
    /// What it is a part of.
    pub parent: u64,
    /// Name.
    pub name: String,
    /// The service that says it.
    pub service: String,
    /// What it is to its trace.
    #[serde(skip_serializing_if = "is_nothing")]
    pub kind: SpanKind,
    /// `db`, `http`, `messaging`, `rpc`, or empty.
    #[serde(skip_serializing_if = "is_nothing")]
    pub about: String,
    /// The statement without literals, or what else it is about.
    #[serde(skip_serializing_if = "is_nothing")]
    pub text: String,
    /// It says that it failed.
    #[serde(skip_serializing_if = "is_nothing")]
    pub failed: bool,
}
