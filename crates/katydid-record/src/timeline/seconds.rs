//! The run second by second, bounded: where there are more seconds than are kept, those of the longest phases are merged by twos, and
//! again. What is merged never holds two phases.

use std::collections::BTreeMap;

use super::newest::{NEWEST, keep_newest};
use crate::frame::{
    EndpointWindow, Frame, GeneratorWindow, PhaseId, RunTime, SOURCES_PER_PROCESS, SourceId,
};
use crate::histogram::Packed;

/// Intervals kept, but for one or two more in each phase: its first and its last may be cut by its edges.
pub const INTERVALS: u64 = 3_600;
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
    pub from_due: Packed,
    /// By source.
    levels: Vec<(SourceId, Level)>,
    /// taken − asked, µs.
    pub lag: Packed,
    /// CPU time of all processes, µs.
    pub cpu_us: u64,
    /// Connections opened.
    pub connections_opened: u64,
}

/// What one source had in an interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Most users alive.
    users: u64,
    /// Most requests in flight at the end of a window.
    pub in_flight: u64,
    /// Sum of the resident memory at the ends of windows, bytes.
    rss_sum_bytes: u64,
    /// Windows in that sum.
    rss_windows: u64,
    /// CPU time of the process, µs.
    pub cpu_us: u64,
    /// CPU time of the hub's thread, µs.
    pub hub_cpu_us: u64,
    /// CPU time of the I/O thread, µs.
    pub io_cpu_us: u64,
    /// The latest that the hub was, µs: a maximum stays true when intervals are merged, and a histogram for each process would not be small.
    pub hub_late_max_us: u64,
}

impl Level {
    fn merge(&mut self, other: &Level) {
        self.users = self.users.max(other.users);
        self.in_flight = self.in_flight.max(other.in_flight);
        self.rss_sum_bytes += other.rss_sum_bytes;
        self.rss_windows += other.rss_windows;
        self.cpu_us += other.cpu_us;
        self.hub_cpu_us += other.hub_cpu_us;
        self.io_cpu_us += other.io_cpu_us;
        self.hub_late_max_us = self.hub_late_max_us.max(other.hub_late_max_us);
    }

    /// Resident memory: the mean, bytes; `None` where it was not seen.
    pub fn rss_bytes(&self) -> Option<f64> {
        (self.rss_windows > 0).then(|| self.rss_sum_bytes as f64 / self.rss_windows as f64)
    }
}

/// The seconds of one phase. What belongs to no phase is as one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Seconds per interval, a power of two.
    pub width_s: u64,
    /// By number: interval n covers what lies in the phase of seconds n·width up to (n+1)·width of the run.
    pub intervals: BTreeMap<u64, Second>,
    first_s: u64,
    last_s: u64,
}

/// All intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seconds {
    /// Phase by phase.
    pub stretches: BTreeMap<PhaseId, Stretch>,
    /// The newest seconds, whatever their phase, by number.
    pub newest: BTreeMap<u64, Second>,
}

impl Stretch {
    fn at(second: u64) -> Self {
        Self {
            width_s: 1,
            intervals: BTreeMap::new(),
            first_s: second,
            last_s: second,
        }
    }

    fn length_s(&self) -> u64 {
        self.last_s - self.first_s + 1
    }

    /// Merges until there are at most `most` intervals.
    fn narrow(&mut self, most: u64) {
        let before = self.width_s;
        while self.length_s() > most.saturating_mul(self.width_s) {
            self.width_s *= 2;
        }
        if self.width_s > before {
            let factor = self.width_s / before;
            for (number, second) in std::mem::take(&mut self.intervals) {
                let merged = self.intervals.entry(number / factor).or_default();
                merged.merge(&second);
            }
        }
    }
}

impl Seconds {
    /// Adds to the interval and to the newest second that `at` lies in.
    fn add(&mut self, phase: PhaseId, at: RunTime, mut add: impl FnMut(&mut Second)) {
        let second = at / SECOND_US;
        let fresh = || Stretch::at(second);
        let stretch = self.stretches.entry(phase).or_insert_with(fresh);
        if stretch.intervals.is_empty() || second < stretch.first_s || second > stretch.last_s {
            stretch.first_s = stretch.first_s.min(second);
            stretch.last_s = stretch.last_s.max(second);
            let most = fair_share(self.stretches.values().map(Stretch::length_s));
            self.stretches.values_mut().for_each(|s| s.narrow(most));
        }
        let stretch = self.stretches.entry(phase).or_insert_with(fresh);
        let number = second / stretch.width_s;
        add(stretch.intervals.entry(number).or_default());
        add(self.newest.entry(second).or_default());
        keep_newest(&mut self.newest, NEWEST);
    }

    /// What ended in one window of one source, all requests together.
    pub(super) fn add_requests(&mut self, phase: PhaseId, at: RunTime, all: &EndpointWindow) {
        self.add(phase, at, |second| {
            second.ok += all.ok;
            second.failed += all.failed;
            second.aborted += all.aborted;
            second.blocked += all.blocked;
            second.from_due.add(&all.from_due);
        });
    }

    pub(super) fn add_generator(
        &mut self,
        phase: PhaseId,
        frame: &Frame,
        window: &GeneratorWindow,
    ) {
        let level = Level {
            users: window.users,
            in_flight: window.in_flight,
            rss_sum_bytes: window.rss_bytes,
            rss_windows: u64::from(window.rss_bytes > 0),
            cpu_us: window.process_cpu_us,
            hub_cpu_us: window.hub_cpu_us,
            io_cpu_us: window.io_cpu_us,
            hub_late_max_us: window.hub_lag.max_us,
        };
        self.add(phase, frame.at, |second| {
            second.add_level(frame.source, &level);
            second.cpu_us += window.process_cpu_us;
            second.connections_opened += window.connections_opened;
            second.lag.add(&window.lag);
        });
    }

    /// All intervals, in the order of phases and time.
    pub fn intervals(&self) -> impl DoubleEndedIterator<Item = &Second> {
        self.stretches.values().flat_map(|s| s.intervals.values())
    }

    /// Seconds per interval of the phase that has the longest.
    pub fn widest_s(&self) -> u64 {
        let widths = self.stretches.values().map(|stretch| stretch.width_s);
        widths.max().unwrap_or(1)
    }
}

/// The most intervals that each phase may have, so that all together have as many as are kept: phases that are shorter keep every
/// second. It only falls as phases grow, so that it does not matter in which order frames come.
fn fair_share(lengths: impl Iterator<Item = u64>) -> u64 {
    let mut lengths: Vec<u64> = lengths.collect();
    lengths.sort_unstable();
    let mut left = INTERVALS;
    for (shorter, length) in lengths.iter().enumerate() {
        let share = left / (lengths.len() - shorter) as u64;
        if *length > share {
            return share.max(1);
        }
        left -= length;
    }
    INTERVALS
}

impl Second {
    /// Users alive: the most of each process, added up.
    pub fn users(&self) -> u64 {
        self.levels.iter().map(|(_, level)| level.users).sum()
    }

    /// Requests in flight at the end of a window: the most of each process, added up.
    pub fn in_flight(&self) -> u64 {
        self.levels.iter().map(|(_, level)| level.in_flight).sum()
    }

    /// Resident memory of katydid: the mean of each process, added up, bytes; 0 where it was not seen.
    pub fn rss_bytes(&self) -> f64 {
        let seen = self
            .levels
            .iter()
            .filter_map(|(_, level)| level.rss_bytes());
        seen.sum()
    }

    /// Process by process, by number; 0 is the one that writes the record.
    pub fn processes(&self) -> BTreeMap<u32, Level> {
        let mut all: BTreeMap<u32, Level> = BTreeMap::new();
        for (source, level) in &self.levels {
            let process = all.entry(source / SOURCES_PER_PROCESS).or_default();
            process.merge(level);
        }
        all
    }

    /// The latest that a hub was, µs; `None` where none was measured.
    pub fn hub_late_max_us(&self) -> Option<u64> {
        let latest = self.levels.iter().map(|(_, level)| level.hub_late_max_us);
        latest.max().filter(|us| *us > 0)
    }

    /// How often that was seen.
    pub fn rss_windows(&self) -> u64 {
        let windows = self.levels.iter().map(|(_, level)| level.rss_windows);
        windows.max().unwrap_or(0)
    }

    fn add_level(&mut self, source: SourceId, level: &Level) {
        match self.levels.binary_search_by_key(&source, |(s, _)| *s) {
            Ok(place) => self.levels[place].1.merge(level),
            Err(place) => self.levels.insert(place, (source, level.clone())),
        }
    }

    /// Adds what another interval of the same phase holds.
    pub fn merge(&mut self, other: &Second) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.aborted += other.aborted;
        self.blocked += other.blocked;
        self.from_due.merge(&other.from_due);
        for (source, level) in &other.levels {
            self.add_level(*source, level);
        }
        self.lag.merge(&other.lag);
        self.cpu_us += other.cpu_us;
        self.connections_opened += other.connections_opened;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[u64], expected: u64) {
        assert_eq!(fair_share(lengths.iter().copied()), expected, "{lengths:?}");
    }

    #[test]
    fn short_phases_keep_their_seconds() {
        check(&[], 3_600);
        check(&[3_600], 3_600);
        check(&[300, 3_300], 3_600);
        check(&[300, 3_301], 3_300);
        check(&[86_400, 300], 3_300);
        check(&[86_400, 30, 86_400, 300], 1_635);
        check(&[u64::MAX >> 20], 3_600);
    }
}
