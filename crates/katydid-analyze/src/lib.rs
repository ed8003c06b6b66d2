//! Judgement: from a timeline to finished numbers. Pure: no I/O, no clock, no randomness.

pub mod exit_code;
pub mod locust;
pub mod summarize;
pub mod validity;

pub use summarize::{Ending, summarize};
