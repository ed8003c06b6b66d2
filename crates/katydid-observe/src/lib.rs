//! Watches the target while it is under load: its host, processes, database, cache, pools and queues, one file for each.
//!
//! An observer only reads, with timeouts, and reports what it costs. What it sees becomes frames; what they mean is not known
//! here, nor what load is made. That one fails becomes a mark in the record, never an error of the run.
//!
//! What changes the target, for an experiment that was asked for, is no observer and has a session of its own (`sources/postgres/index.rs`).

pub mod address;
pub mod batch;
pub mod listen;
mod machine;
pub mod observer;
mod sources;
mod task;
pub mod watch;

pub use address::{Address, AddressError};
pub use batch::Batch;
pub use observer::{Boxed, Built, Indexes, Keys, Observer, Source, Trouble};
pub use sources::http;
pub use sources::otlp::{Wanted, receiver, receiver_at};
pub use watch::{Opened, Watch};
