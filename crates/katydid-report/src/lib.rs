//! Faces of a finished run: text, the progress line, Locust's CSV and JSON, `summary.json`, HTML, and what pipelines read: JUnit
//! XML, Markdown, annotations.
//!
//! Pure: finished numbers in, text out. No I/O, no clock, no percentile is computed here; equal inputs give equal bytes.

pub mod csv;
pub mod github;
mod html;
pub mod json;
mod junit;
mod markdown;
pub mod metrics;
mod number;
mod phrase;
pub mod progress;
pub mod schema;
pub mod text;
mod words;

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use text::{Style, text};
