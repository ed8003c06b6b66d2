//! Running totals of many things of which few change: told only when they do.
//!
//! Of a total that has not changed nothing is told. When it changes, its old value is told again at the instant of the read before, so
//! that between any two points of a series lies the time in which it grew. Totals begin at 0 with the first read: entries may vanish
//! and come back, and several may be told as one.

use std::collections::HashMap;
use std::hash::Hash;

use katydid_record::RunTime;

use crate::batch::Batch;

/// A column that is told: name of its series and its unit.
pub type Told = (&'static str, &'static str);

/// What grew: a thing and by how much, column by column.
pub type Grown<K> = Vec<(K, Vec<f64>)>;

/// Totals of one kind of thing.
pub struct Tally<K> {
    columns: Vec<Told>,
    label: &'static str,
    most: usize,
    rows: Option<HashMap<K, Vec<f64>>>,
    groups: HashMap<String, Vec<Total>>,
    last: Option<RunTime>,
    staged_rows: HashMap<K, Vec<f64>>,
    staged: HashMap<String, Vec<f64>>,
}

#[derive(Clone, Copy, Default)]
struct Total {
    value: f64,
    told_at: Option<RunTime>,
}

/// The name of what comes beyond the cap.
pub const OTHER: &str = "other";

impl<K: Eq + Hash + Clone> Tally<K> {
    /// Of at most so many things, told apart by a label; the rest are one.
    pub fn new(columns: Vec<Told>, label: &'static str, most: usize) -> Self {
        Self {
            columns,
            label,
            most,
            rows: None,
            groups: HashMap::new(),
            last: None,
            staged_rows: HashMap::new(),
            staged: HashMap::new(),
        }
    }

    /// Compares a read with the one before. Nothing has grown by the first. What was not there has begun at 0, and so has what fell:
    /// it was forgotten in between. Not so a sum of things that cannot be told apart, as `is_sum` says: that falls when one of them is
    /// forgotten, and how much the others grew is not known.
    pub fn read(&mut self, rows: HashMap<K, Vec<f64>>, is_sum: impl Fn(&K) -> bool) -> Grown<K> {
        let mut grown = Vec::new();
        if let Some(before) = &self.rows {
            for (key, values) in &rows {
                let old = before.get(key);
                let has_fallen = old.is_some_and(|old| old[0] > values[0]);
                if has_fallen && is_sum(key) {
                    continue;
                }
                let old = old.filter(|_| !has_fallen);
                let by = values.iter().enumerate().map(|(place, value)| {
                    let old = old.map_or(0.0, |old| old[place]);
                    (value - old).max(0.0)
                });
                let by: Vec<f64> = by.collect();
                if by.iter().any(|by| *by > 0.0) {
                    grown.push((key.clone(), by));
                }
            }
        }
        self.staged_rows = rows;
        grown
    }

    /// How many things of the read before have fallen or are gone in this one.
    pub fn forgotten(&self, rows: &HashMap<K, Vec<f64>>) -> usize {
        let before = self.rows.iter().flatten();
        let forgotten =
            before.filter(|(key, old)| rows.get(*key).is_none_or(|new| new[0] < old[0]));
        forgotten.count()
    }

    /// How many things there were in the read before.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, HashMap::len)
    }

    /// Everything began anew.
    pub fn restart(&mut self) {
        if let Some(rows) = &mut self.rows {
            rows.clear();
        }
    }

    /// Tells what grew, into the read that is on. The things are called as `called` says; those that it gives the same name are one.
    pub fn tell(&mut self, batch: &mut Batch, mut grown: Grown<K>, called: impl Fn(&K) -> String) {
        // The largest first, as the names are few.
        grown.sort_by(|(_, a), (_, b)| b[1].total_cmp(&a[1]));
        self.staged.clear();
        for (key, by) in grown {
            let mut name = called(&key);
            let is_known =
                |name: &str| self.groups.contains_key(name) || self.staged.contains_key(name);
            let fresh = self
                .staged
                .keys()
                .filter(|name| !self.groups.contains_key(*name));
            if !is_known(&name) && self.groups.len() + fresh.count() >= self.most {
                OTHER.clone_into(&mut name);
            }
            let sums = self
                .staged
                .entry(name)
                .or_insert_with(|| vec![0.0; by.len()]);
            sums.iter_mut().zip(by).for_each(|(sum, by)| *sum += by);
        }
        if let Some(last) = self.last {
            let read = batch.again(last);
            self.values(batch, |total, _| {
                (total.told_at != Some(last)).then_some(total.value)
            });
            batch.end(read);
        }
        self.values(batch, |total, by| Some(total.value + by));
    }

    fn values(&self, batch: &mut Batch, value: impl Fn(Total, f64) -> Option<f64>) {
        let mut staged: Vec<_> = self.staged.iter().collect();
        staged.sort_by(|a, b| a.0.cmp(b.0));
        for (name, by) in staged {
            let known = self.groups.get(name);
            for (place, (by, (series, unit))) in by.iter().zip(&self.columns).enumerate() {
                let total = known.map_or_else(Total::default, |known| known[place]);
                if *by > 0.0
                    && let Some(value) = value(total, *by)
                {
                    batch.counter(series, unit, &[(self.label, name)], value);
                }
            }
        }
    }

    /// The read is over; its instant, or nothing if it was dropped.
    pub fn done(&mut self, at: Option<RunTime>) {
        let staged = std::mem::take(&mut self.staged);
        let rows = std::mem::take(&mut self.staged_rows);
        let Some(at) = at else {
            return;
        };
        self.rows = Some(rows);
        self.last = Some(at);
        for (name, by) in staged {
            let totals = self
                .groups
                .entry(name)
                .or_insert_with(|| vec![Total::default(); by.len()]);
            for (total, by) in totals.iter_mut().zip(by).filter(|(_, by)| *by > 0.0) {
                total.value += by;
                total.told_at = Some(at);
            }
        }
    }

    /// Whether it is told apart, from this read on or since before.
    pub fn tells(&self, name: &str) -> bool {
        self.groups.contains_key(name) || self.staged.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use katydid_record::Body;

    use super::*;

    fn rows(all: &[(u32, f64)]) -> HashMap<u32, Vec<f64>> {
        all.iter()
            .map(|(key, value)| (*key, vec![*value, *value]))
            .collect()
    }

    /// What is told of the first column, `(instant, series, value)`.
    fn told(reads: &[&[(u32, f64)]], most: usize) -> Vec<(u64, u32, f64)> {
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        let mut batch = Batch::new(Arc::new(move || clock.load(Ordering::Relaxed)), 1, "it");
        let mut tally = Tally::new(vec![("n", "")], "key", most);
        for (second, read) in reads.iter().enumerate() {
            now.store(second as u64, Ordering::Relaxed);
            let began = batch.begin();
            let grown = tally.read(rows(read), |key| *key == 9);
            tally.tell(&mut batch, grown, ToString::to_string);
            let at = batch.end(began);
            tally.done(at);
        }
        let frames = batch.take();
        let samples = frames.iter().filter_map(|frame| match &frame.body {
            Body::Samples(values) => Some(values.iter().map(|(id, value)| (frame.at, *id, *value))),
            _ => None,
        });
        samples.flatten().collect()
    }

    #[test]
    fn what_has_not_changed_is_told_when_it_does() {
        let same: &[_] = &[(1, 5.0)];
        let reads = [
            same,
            same,
            &[(1, 7.0)],
            &[(1, 8.0)],
            &[(1, 8.0)],
            &[(1, 9.0)],
        ];
        let expected = [
            (1, 0, 0.0),
            (2, 0, 2.0),
            (3, 0, 3.0),
            (4, 0, 3.0),
            (5, 0, 4.0),
        ];
        assert_eq!(told(&reads, 10), expected);
    }

    #[test]
    fn what_is_new_or_was_forgotten_began_at_nothing() {
        let reads: [&[_]; 3] = [&[(1, 5.0)], &[(1, 2.0)], &[(1, 2.0), (2, 3.0)]];
        let expected = [(0, 0, 0.0), (1, 0, 2.0), (1, 1, 0.0), (2, 1, 3.0)];
        assert_eq!(told(&reads, 10), expected);
    }

    #[test]
    fn a_sum_that_falls_has_not_begun_anew() {
        let reads: [&[_]; 3] = [&[(9, 500.0)], &[(9, 400.0)], &[(9, 401.0)]];
        assert_eq!(told(&reads, 10), [(1, 0, 0.0), (2, 0, 1.0)]);
    }

    #[test]
    fn beyond_the_cap_they_are_one() {
        let reads: [&[_]; 2] = [&[], &[(1, 5.0), (2, 3.0), (3, 1.0)]];
        let expected = [(0, 0, 0.0), (0, 1, 0.0), (1, 0, 5.0), (1, 1, 4.0)];
        assert_eq!(told(&reads, 1), expected);
    }
}
