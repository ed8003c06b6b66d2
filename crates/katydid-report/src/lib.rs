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
mod versus;
mod words;

pub use html::{Curves, RunCurve, comparison_html, html};
pub use junit::{junit, junit_comparison};
pub use markdown::{markdown, markdown_comparison};
pub use text::{Style, text};
