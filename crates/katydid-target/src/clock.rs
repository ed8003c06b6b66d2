//! The one clock: `CLOCK_MONOTONIC` in nanoseconds, the same that a client on this host reads.
//! Knows nothing of requests or timers.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub fn now_ns() -> u64 {
    let at = clock_gettime(ClockId::Monotonic);
    at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
}

/// Milliseconds (any float; negative and NaN count as zero) as nanoseconds.
pub fn ms_to_ns(ms: f64) -> u64 {
    (ms * MS as f64) as u64
}
