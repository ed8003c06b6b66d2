//! The one clock of a run: `CLOCK_MONOTONIC` in nanoseconds, the clock of Python's `time.perf_counter_ns`.

/// Nanoseconds on the monotonic clock.
pub type Nanos = u64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;
/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// The present instant.
#[inline]
pub fn now() -> Nanos {
    let mut spec = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `spec` is valid for writing and CLOCK_MONOTONIC always exists on Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut spec) };
    (spec.tv_sec as u64) * SECOND + spec.tv_nsec as u64
}

/// Microseconds from `earlier` to `later`, rounded to nearest; zero when the order is reversed.
#[inline]
pub fn micros_between(earlier: Nanos, later: Nanos) -> u64 {
    (later.saturating_sub(earlier) + 500) / 1_000
}
