//! Rendered output against snapshots and contracts.

mod csv;
mod hostile;
mod html;
mod json;
mod sample;
mod schema;
mod text;
