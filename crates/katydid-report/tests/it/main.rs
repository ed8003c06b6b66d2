//! Rendered output against snapshots and contracts.
#![allow(clippy::unwrap_used)]

mod csv;
mod github;
mod hostile;
mod html;
mod json;
mod junit;
mod markdown;
mod sample;
mod schema;
mod text;
