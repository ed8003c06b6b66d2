//! The run second by second, bounded: past an hour neighbours are merged, and merged again.

use std::collections::BTreeMap;

use crate::frame::{EndpointWindow, GeneratorWindow, RunTime, SourceId};
use crate::histogram::Sparse;

/// Most intervals kept.
const INTERVALS: u64 = 3_600;
const SECOND_US: u64 = 1_000_000;

/// What happened in one interval, over all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Ended well.
    pub ok: u64,
    /// Ended badly.
    pub failed: u64,
    /// Given up in flight.
    pub aborted: u64,
    /// Never made, because every allowed user was busy with the target.
    pub blocked: u64,
    /// Successes: due → done, µs.
    pub from_due: Sparse,
    /// By source: most users alive, and most requests in flight at the end of a window.
    levels: BTreeMap<SourceId, (u64, u64)>,
    /// taken − asked, µs.
    pub lag: Sparse,
    /// CPU time of the process, µs.
    pub cpu_us: u64,
}

/// All intervals; each is `width` seconds long, a power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seconds {
    /// Seconds per interval.
    pub width: u64,
    /// By number: interval n covers seconds n·width up to (n+1)·width.
    pub intervals: BTreeMap<u64, Second>,
}

impl Default for Seconds {
    fn default() -> Self {
        Self {
            width: 1,
            intervals: BTreeMap::new(),
        }
    }
}

impl Seconds {
    fn at(&mut self, at: RunTime) -> &mut Second {
        while at / SECOND_US / self.width >= INTERVALS {
            self.width *= 2;
            for (number, second) in std::mem::take(&mut self.intervals) {
                self.intervals.entry(number / 2).or_default().merge(&second);
            }
        }
        self.intervals
            .entry(at / SECOND_US / self.width)
            .or_default()
    }

    pub(super) fn add_window(&mut self, at: RunTime, window: &EndpointWindow) {
        let second = self.at(at);
        second.ok += window.ok;
        second.failed += window.failed;
        second.aborted += window.aborted;
        second.blocked += window.blocked;
        second.from_due.merge(&window.from_due);
    }

    /// Arrivals that made no request.
    pub(super) fn add_blocked(&mut self, at: RunTime, window: &EndpointWindow) {
        if window.blocked > 0 {
            self.at(at).blocked += window.blocked;
        }
    }

    pub(super) fn add_generator(
        &mut self,
        at: RunTime,
        source: SourceId,
        window: &GeneratorWindow,
    ) {
        let second = self.at(at);
        second.add_level(source, (window.users, window.in_flight));
        second.cpu_us += window.process_cpu_us;
        second.lag.merge(&window.lag);
    }
}

impl Second {
    /// Users alive: the most of each process, added up.
    pub fn users(&self) -> u64 {
        self.levels.values().map(|level| level.0).sum()
    }

    /// Requests in flight at the end of a window: the most of each process, added up.
    pub fn in_flight(&self) -> u64 {
        self.levels.values().map(|level| level.1).sum()
    }

    fn add_level(&mut self, source: SourceId, (users, in_flight): (u64, u64)) {
        let level = self.levels.entry(source).or_default();
        *level = (level.0.max(users), level.1.max(in_flight));
    }

    fn merge(&mut self, other: &Second) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.aborted += other.aborted;
        self.blocked += other.blocked;
        self.from_due.merge(&other.from_due);
        for (source, level) in &other.levels {
            self.add_level(*source, *level);
        }
        self.lag.merge(&other.lag);
        self.cpu_us += other.cpu_us;
    }
}
