//! One endpoint over time, coarsely: at most [`SPARKS`] intervals, as long as the run needs.

use std::collections::BTreeMap;

use crate::frame::{EndpointWindow, RunTime};
use crate::histogram::Packed;

/// Intervals kept.
pub const SPARKS: u64 = 60;
/// Seconds whose requests are counted one by one: an hour.
const SECONDS: usize = 3_600;
const SECOND_US: u64 = 1_000_000;

/// What happened in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spark {
    /// Ended well.
    pub ok: u64,
    /// Ended badly.
    pub failed: u64,
    /// Successes: due → done, µs.
    pub from_due: Packed,
}

/// All intervals of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparks {
    /// Seconds per interval, a power of two.
    pub width_s: u64,
    /// Interval n covers the seconds n·width up to (n+1)·width of the run.
    pub intervals: BTreeMap<u64, Spark>,
    /// Requests that ended, by second of the run, of its first hour.
    pub ended: Vec<u32>,
}

impl Default for Sparks {
    fn default() -> Self {
        Self {
            width_s: 1,
            intervals: BTreeMap::new(),
            ended: Vec::new(),
        }
    }
}

impl Sparks {
    pub(super) fn add(&mut self, at: RunTime, window: &EndpointWindow) {
        let second = at / SECOND_US;
        let place = second as usize;
        if place < SECONDS {
            self.ended.resize(self.ended.len().max(place + 1), 0);
            self.ended[place] += (window.ok + window.failed) as u32;
        }
        while second / self.width_s >= SPARKS {
            self.width_s *= 2;
            for (number, spark) in std::mem::take(&mut self.intervals) {
                let merged = self.intervals.entry(number / 2).or_default();
                merged.ok += spark.ok;
                merged.failed += spark.failed;
                merged.from_due.merge(&spark.from_due);
            }
        }
        let spark = self.intervals.entry(second / self.width_s).or_default();
        spark.ok += window.ok;
        spark.failed += window.failed;
        spark.from_due.add(&window.from_due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparks(seconds: impl Iterator<Item = u64>) -> Sparks {
        let mut sparks = Sparks::default();
        let window = EndpointWindow {
            ok: 1,
            ..EndpointWindow::default()
        };
        seconds.for_each(|second| sparks.add(second * SECOND_US, &window));
        sparks
    }

    #[test]
    fn long_runs_have_wider_intervals_in_whatever_order_they_come() {
        let forward = sparks(0..3_600);
        assert_eq!(forward.width_s, 64);
        assert_eq!(forward.intervals.len(), 57);
        assert_eq!(forward.intervals[&0].ok, 64);
        assert_eq!(forward, sparks((0..3_600).rev()));
    }
}
