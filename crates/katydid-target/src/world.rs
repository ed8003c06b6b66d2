//! All that the reactors of one target share.
//! Knows how the parts fit, not what they do.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::chance::Chance;
use crate::clock::now_ns;
use crate::freeze::Freeze;
use crate::lock;
use crate::options::Options;
use crate::shard::Shard;
use crate::truth::{RequestTruth, Truth};

/// All that the reactors of one target share.
pub struct World {
    /// What behaviours remember.
    pub chance: Mutex<Chance>,
    /// Stops of the world.
    pub freeze: Freeze,
    /// So many coming connections are reset at accept.
    pub resets_at_accept: AtomicU64,
    /// The target has to end.
    pub stop: AtomicBool,
    /// Counts, one shard per reactor. Whoever holds one must not ask for another.
    pub shards: Vec<Mutex<Shard>>,
    /// Bytes of a request body accepted.
    pub max_body: usize,
    started: u64,
}

impl World {
    /// A fresh world.
    pub fn new(options: &Options) -> Self {
        let threads = usize::from(options.threads);
        let log_cap = if options.log_requests {
            options.log_cap.div_ceil(threads).max(1)
        } else {
            0
        };
        Self {
            chance: Mutex::new(Chance::new(options.seed)),
            freeze: Freeze::default(),
            resets_at_accept: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            shards: (0..threads)
                .map(|_| Mutex::new(Shard::new(log_cap)))
                .collect(),
            max_body: options.max_body,
            started: now_ns(),
        }
    }

    /// Everything counted so far.
    pub fn truth(&self) -> Truth {
        let mut truth = Truth {
            started_ns: self.started,
            freezes: self.freeze.spans(),
            ..Truth::default()
        };
        for shard in &self.shards {
            lock(shard).add_to(&mut truth);
        }
        truth.now_ns = now_ns();
        truth
    }

    /// Logged requests, shard by shard: `limit` of them from the `from`-th on.
    pub fn requests(&self, from: usize, limit: usize) -> Vec<RequestTruth> {
        let mut all = Vec::new();
        let mut skip = from;
        for shard in &self.shards {
            let shard = lock(shard);
            all.extend(shard.requests(skip).take(limit - all.len()));
            skip = skip.saturating_sub(shard.logged());
        }
        all
    }

    /// Forgets what was counted, not what behaviours remember.
    pub fn reset_truth(&self) {
        for shard in &self.shards {
            lock(shard).reset();
        }
        self.freeze.reset();
    }
}
