//! What each objective counted, second by second of each phase: the scatter of the seconds is what an interval comes from.

use std::collections::BTreeMap;

use super::newest::{NEWEST, keep_newest};
use crate::frame::RunTime;
use crate::slo::Tally;

/// Most slices kept for one objective and phase; past that neighbours are merged.
pub const SLICES: usize = 3_600;
const SECOND_US: u64 = 1_000_000;

/// Counts in slices of `width_s` seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slices {
    /// Length of a slice, seconds; a power of two.
    pub width_s: u64,
    /// By number: slice n covers seconds n·width up to (n+1)·width of the run.
    pub counts: BTreeMap<u64, Tally>,
    /// The newest seconds, by number.
    pub newest: BTreeMap<u64, Tally>,
}

impl Default for Slices {
    fn default() -> Self {
        Self {
            width_s: 1,
            counts: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }
}

impl Slices {
    pub(super) fn add(&mut self, at: RunTime, tally: &Tally) {
        let second = at / SECOND_US;
        let number = second / self.width_s;
        self.counts.entry(number).or_default().add(tally);
        while self.counts.len() > SLICES {
            self.width_s *= 2;
            for (number, tally) in std::mem::take(&mut self.counts) {
                self.counts.entry(number / 2).or_default().add(&tally);
            }
        }
        self.newest.entry(second).or_default().add(tally);
        keep_newest(&mut self.newest, NEWEST);
    }

    /// All together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.counts.values().for_each(|tally| total.add(tally));
        total
    }
}
