//! A test target with known truth: an HTTP/1.1 server whose delays, errors, faults and freezes are
//! exactly what was asked for, that records what really happened, and that costs much less per
//! request than any client.
//!
//! ```no_run
//! let target = katydid_target::Target::spawn(&katydid_target::Options::default())?;
//! println!("{}/delay?ms=20", target.url());
//! assert_eq!(target.truth().total.served, 0);
//! # Ok::<(), katydid_target::Error>(())
//! ```
//!
//! Behaviour is chosen by path and query, so that one server serves all tests; `katydid-target
//! --help` prints the list with all parameters (its source is `routes/mod.rs`). In short:
//!
//! - plain: `/`, `/null`, `/bytes`, `/shop/…`
//! - delays: `/delay`, `/dist` (seeded distributions), `/queue` (k servers, one queue)
//! - faults: `/error` (an exact share), `/reset`, `/never`, `/garbage`, `/truncated`, `/close`,
//!   `/idle-close`
//! - streams: `/slow`, `/endless`, `/trailers`, `/early-hints`, `/close-delimited`
//! - HTTP: `/redirect`, `/cookie`, `/echo`, `/gzip`, `/br`, `/zstd`, `/deflate`, `/status/{code}`,
//!   `/expect`, `/basic-auth`
//! - control, never counted: `/_truth`, `/_truth/requests`, `/_control/reset`, `/_control/freeze`
//!
//! A delay runs from the instant the request was fully read to the instant just before the last
//! byte is handed to the kernel. It is never shorter than asked; a timerfd keeps the excess small.

mod chance;
mod chunked;
mod clock;
mod conn;
mod content;
mod control;
mod distributions;
mod error;
mod freeze;
mod input;
mod options;
mod parse;
mod query;
mod reactor;
mod reply;
mod routes;
mod shard;
mod station;
mod target;
mod timers;
mod tls;
mod transport;
mod truth;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use clock::now_ns;
pub use distributions::Distribution;
pub use error::Error;
pub use options::Options;
pub use station::{Pauses, Station, Wandering};
pub use target::Target;
pub use truth::{ConnectionTruth, FreezeTruth, LogTruth, PathTruth, RequestTruth, Truth};

/// Locks; a thread that panicked leaves counts that are still worth reading.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
