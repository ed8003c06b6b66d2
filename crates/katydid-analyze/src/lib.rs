//! Judgement: from a timeline to finished numbers. Pure: no I/O, no clock, no randomness.

#[cfg(test)]
mod chance;
pub mod compare;
pub mod drift;
pub mod events;
pub mod exit_code;
pub mod experiment;
mod generator;

pub mod interval;
pub mod locust;
pub mod metrics;
pub mod numbers;
pub mod probe;
mod regression;
pub mod rules;
pub mod search;
pub mod series;
pub mod slo;
mod spike;
pub mod summarize;
pub mod target;
mod titles;
pub mod validity;
pub mod verdict;
pub mod view;

pub use summarize::{Ending, summarize};
pub use view::view;
