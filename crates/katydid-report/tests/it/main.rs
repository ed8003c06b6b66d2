//! Rendered output against snapshots and contracts.
#![allow(clippy::unwrap_used)]

mod csv;
mod hostile;
mod html;
mod json;
mod sample;
mod schema;
mod text;
