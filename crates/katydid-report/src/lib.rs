//! Faces of a finished run: text, the progress line, Locust's CSV and JSON, `summary.json`, HTML.
//!
//! Pure: finished numbers in, text out. No I/O, no clock, no percentile is computed here; equal inputs give equal bytes.

pub mod csv;
pub mod html;
pub mod json;
mod number;
mod phrase;
pub mod progress;
pub mod schema;
pub mod text;
mod words;

pub use html::html;
pub use text::{Style, text};
