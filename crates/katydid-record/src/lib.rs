//! The run and its record: what was observed, as plain data, and how it is written and read.
//!
//! A run is a manifest and a sequence of immutable [`Frame`]s. Everything that measures produces
//! frames; everything that judges or shows reads the [`timeline`], a fold of frames. This crate
//! does not know sockets, users, Python or how a number is rendered.

pub mod access;
pub mod comparison;
pub mod finding;
pub mod frame;
pub mod histogram;
pub mod locust_view;
pub mod machine;
pub mod manifest;
pub mod metric;
pub mod plan;
pub mod probe;
pub mod query_plan;
pub mod reader;
pub mod redact;
pub mod schedule;
pub mod search;
pub mod slo;
pub mod spans;
pub mod sql_name;
pub mod summary;
pub mod timeline;
pub mod trace;
pub mod view;
pub mod watched;
pub mod writer;

pub use access::Access;
pub use comparison::Comparison;
pub use finding::{Confidence, Finding, Findings};
pub use frame::{
    Body, CallId, Cause, EndpointId, EndpointWindow, EventId, EventOutcome, Exemplar, Fact,
    FailureId, Frame, GeneratorWindow, Kind, Mark, Name, PhaseId, RunTime, SeriesId, SeriesKind,
    SourceId,
};
pub use histogram::{Histogram, Sparse};
pub use machine::{MachineLimit, Resource};
pub use manifest::{FORMAT, FormatVersion, HostFacts, Manifest, ScenarioFile};
pub use plan::{Event, Plan, PlannedUser};
pub use probe::{Pass, ProbeSummary, Probed};
pub use reader::{Completeness, ReadError, Run, list_runs};
pub use schedule::{Line, Model, Phase, PhaseKind, Schedule};
pub use slo::{Limit, Slo};
pub use spans::{Called, EndpointCalls, SeenSpan, SpanKind, TraceSpans};
pub use summary::Summary;
pub use timeline::{Endpoint, EndpointKey, PhaseTotals, Timeline};
pub use trace::{TraceId, Tracing};
pub use view::View;
pub use watched::{OBSERVERS, Sight, Watched};
pub use writer::{RunWriter, WriteError};
