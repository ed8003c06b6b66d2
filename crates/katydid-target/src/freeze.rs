//! Stopping the world: every reactor sleeps until an instant, as a garbage collector's pause or a
//! stopped container would make it. The kernel meanwhile accepts into the backlog.
//! Knows no sockets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::now_ns;
use crate::lock;
use crate::truth::FreezeTruth;

/// Freezes remembered at most.
const CAP: usize = 1_000;

/// The freeze under way, if any, and those that were.
#[derive(Default)]
pub struct Freeze {
    /// End of the freeze under way, 0 for none.
    until: AtomicU64,
    spans: Mutex<Vec<FreezeTruth>>,
}

impl Freeze {
    /// Freezes from now on; a freeze under way is only ever made longer.
    pub fn start(&self, length: Duration) {
        let from = now_ns();
        let until = from.saturating_add(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX));
        self.until.fetch_max(until, Ordering::SeqCst);
        let mut spans = lock(&self.spans);
        if spans.len() < CAP {
            spans.push(FreezeTruth {
                from_ns: from,
                until_ns: until,
            });
        }
    }

    /// Whether the world stands still. Costs one load while it does not.
    pub fn is_on(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != 0 && now_ns() < until
    }

    /// Returns when the world moves again, or must end.
    pub fn wait(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let until = self.until.load(Ordering::SeqCst);
            let left = until.saturating_sub(now_ns());
            if left == 0 {
                // Unless another freeze has begun, spare everyone from reading the clock.
                let _ = self
                    .until
                    .compare_exchange(until, 0, Ordering::SeqCst, Ordering::SeqCst);
                return;
            }
            thread::park_timeout(Duration::from_nanos(left));
        }
    }

    /// All freezes so far.
    pub fn spans(&self) -> Vec<FreezeTruth> {
        lock(&self.spans).clone()
    }

    /// Forgets freezes that were.
    pub fn reset(&self) {
        lock(&self.spans).clear();
    }
}
