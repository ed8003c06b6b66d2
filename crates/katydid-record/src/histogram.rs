//! Latency histograms in microseconds with the bucket layout of `HdrHistogram` at three digits.
//!
//! [`Histogram`] is dense and written on the hot path; [`Sparse`] is what a window or a file holds.
//! Our own rather than the `hdrhistogram` crate because a window is cut every second for every
//! endpoint: pages make an idle or narrow histogram cheap to hold (4 KiB per power of two in use)
//! and to cut. A test holds the layout against the crate, bucket by bucket.

mod gathered;
mod packed;

use serde::{Deserialize, Serialize};

pub use gathered::Gathered;
pub use packed::Packed;

/// Values below this are exact; above, a bucket is at most 1/1024 (0.098 %) of its value wide.
const EXACT_BELOW: u64 = 2048;
const PAGE: usize = 1024;
const PAGE_BITS: u32 = 10;
/// Buckets that are looked at together: most of a window's page is empty.
const BLOCK: usize = 16;
/// Largest value kept apart, in µs: about 4.77 hours. Larger ones count in the last bucket; `max` stays exact.
pub const CEILING_US: u64 = (1 << 34) - 1;

/// Index of the bucket that holds `value_us`.
#[inline]
pub fn bucket_of(value_us: u64) -> usize {
    let value = value_us.min(CEILING_US);
    let shift = 53 - (value | (EXACT_BELOW - 1)).leading_zeros();
    (((shift as usize) + 1) << PAGE_BITS) + ((value >> shift) as usize) - PAGE
}

/// The largest value, in µs, that the bucket holds (`HdrHistogram`'s "highest equivalent value").
pub fn bucket_top(index: usize) -> u64 {
    if index < 2 * PAGE {
        return index as u64;
    }
    let shift = (index >> PAGE_BITS) - 1;
    let sub = (index & (PAGE - 1)) + PAGE;
    ((sub as u64 + 1) << shift) - 1
}

/// A dense histogram that allocates one page per power of two in use.
///
/// Counts saturate at `u32::MAX` per bucket; `count`, `sum_us`, `min_us` and `max_us` are exact.
#[derive(Clone, Default)]
pub struct Histogram {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    count: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Histogram(n={} min={} max={})",
            self.count, self.min_us, self.max_us
        )
    }
}

impl Histogram {
    /// Counts one value, in µs.
    #[inline]
    pub fn record(&mut self, value_us: u64) {
        self.record_n(value_us, 1);
    }

    /// Counts `n` equal values, in µs.
    #[inline]
    pub fn record_n(&mut self, value_us: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.add_to_bucket(bucket_of(value_us), n);
        self.note(n, value_us.saturating_mul(n), value_us, value_us);
    }

    fn note(&mut self, n: u64, sum_us: u64, min_us: u64, max_us: u64) {
        self.min_us = if self.count == 0 {
            min_us
        } else {
            self.min_us.min(min_us)
        };
        self.max_us = self.max_us.max(max_us);
        self.count = self.count.saturating_add(n);
        self.sum_us = self.sum_us.saturating_add(sum_us);
    }

    #[inline]
    fn add_to_bucket(&mut self, index: usize, n: u64) {
        let page = index >> PAGE_BITS;
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let counts = self.pages[page].get_or_insert_with(|| Box::new([0; PAGE]));
        let slot = &mut counts[index & (PAGE - 1)];
        *slot = slot.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
    }

    /// Adds a window's values.
    pub fn add(&mut self, window: &Sparse) {
        if window.count == 0 {
            return;
        }
        for (index, n) in window.buckets() {
            self.add_to_bucket(index, n);
        }
        self.note(window.count, window.sum_us, window.min_us, window.max_us);
    }

    /// Adds another histogram's values.
    pub fn merge(&mut self, other: &Histogram) {
        if other.count == 0 {
            return;
        }
        for (index, n) in other.buckets() {
            self.add_to_bucket(index, n);
        }
        self.note(other.count, other.sum_us, other.min_us, other.max_us);
    }

    /// Takes what was counted and starts again at zero, keeping the pages.
    pub fn cut(&mut self) -> Sparse {
        if self.count == 0 {
            return Sparse::default();
        }
        let sparse = self.to_sparse();
        for page in self.pages.iter_mut().flatten() {
            page.fill(0);
        }
        (self.count, self.sum_us, self.min_us, self.max_us) = (0, 0, 0, 0);
        sparse
    }

    /// A copy in sparse form.
    pub fn to_sparse(&self) -> Sparse {
        let mut gaps_and_counts = Vec::with_capacity(2 * self.count.min(64) as usize);
        let mut next = 0;
        // Loops, not the iterator of buckets: this is done every second for every endpoint.
        for (first, page) in self.pages_in_use() {
            for (block, counts) in page.chunks_exact(BLOCK).enumerate() {
                if counts.iter().fold(0, |a, n| a | n) == 0 {
                    continue;
                }
                for (slot, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                    let index = first + block * BLOCK + slot;
                    gaps_and_counts.extend([(index - next) as u64, u64::from(*n)]);
                    next = index + 1;
                }
            }
        }
        Sparse {
            count: self.count,
            sum_us: self.sum_us,
            min_us: self.min_us,
            max_us: self.max_us,
            gaps_and_counts,
        }
    }

    /// Index of its first bucket, and the page.
    fn pages_in_use(&self) -> impl Iterator<Item = (usize, &[u32; PAGE])> {
        let pages = self.pages.iter().enumerate();
        pages.filter_map(|(number, page)| Some((number << PAGE_BITS, &**page.as_ref()?)))
    }

    /// `(bucket index, count)` of every bucket in use, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.pages_in_use().flat_map(|(first, page)| {
            let counts = page.iter().enumerate().filter(|(_, n)| **n > 0);
            counts.map(move |(slot, n)| (first + slot, u64::from(*n)))
        })
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact smallest value, in µs; `None` when empty.
    pub fn min_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min_us)
    }

    /// Exact largest value, in µs; `None` when empty.
    pub fn max_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max_us)
    }

    /// Exact sum, in µs.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Exact mean, in µs; `None` when empty.
    pub fn mean_us(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_us as f64 / self.count as f64)
    }

    /// The value, in µs, at quantile `q` in 0..=1: nearest rank, the smallest bucket top that at
    /// least `ceil(q·n)` values do not exceed, clamped to the exact maximum. `None` when empty.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        self.value_at_rank_us(((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1))
    }

    /// The value, in µs, that has `rank` of `count` (1 is the smallest): its bucket's top, clamped to
    /// the exact extremes. `None` when empty.
    pub fn value_at_rank_us(&self, rank: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let mut seen = 0;
        for (index, n) in self.buckets() {
            seen += n;
            if seen >= rank {
                // Not `clamp`: a damaged file may claim min > max.
                return Some(bucket_top(index).min(self.max_us).max(self.min_us));
            }
        }
        Some(self.max_us)
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let exact = |h: &Self| (h.count, h.sum_us, h.min_us, h.max_us);
        exact(self) == exact(other) && self.buckets().eq(other.buckets())
    }
}

/// Buckets, ascending, as [`Sparse::gaps_and_counts`]; `room` for so many numbers.
fn gaps_and_counts(room: usize, buckets: impl Iterator<Item = (usize, u64)>) -> Vec<u64> {
    let mut flat = Vec::with_capacity(room);
    let mut next = 0;
    for (index, n) in buckets {
        flat.extend([(index - next) as u64, n]);
        next = index + 1;
    }
    flat
}

/// Values in the buckets that begin above `limit_us`.
fn count_above(limit_us: u64, max_us: u64, buckets: impl Iterator<Item = (usize, u64)>) -> u64 {
    if max_us <= limit_us {
        return 0;
    }
    let last_within = bucket_of(limit_us);
    let above = buckets.filter(|(index, _)| *index > last_within);
    above.map(|(_, n)| n).sum()
}

/// A histogram as a window or a file holds it: only the buckets in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sparse {
    /// How many values.
    #[serde(rename = "n")]
    pub count: u64,
    /// Exact sum, µs.
    #[serde(rename = "sum")]
    pub sum_us: u64,
    /// Exact smallest, µs (0 when empty).
    #[serde(rename = "min")]
    pub min_us: u64,
    /// Exact largest, µs (0 when empty).
    #[serde(rename = "max")]
    pub max_us: u64,
    /// Flat pairs: how many empty buckets were skipped, then the next bucket's count.
    #[serde(rename = "b")]
    pub gaps_and_counts: Vec<u64>,
}

impl Sparse {
    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds another window's values.
    pub fn merge(&mut self, other: &Sparse) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        let most = self.gaps_and_counts.len() + other.gaps_and_counts.len();
        let gaps_and_counts = gaps_and_counts(most, union(self.buckets(), other.buckets()));
        *self = Self {
            count: self.count.saturating_add(other.count),
            sum_us: self.sum_us.saturating_add(other.sum_us),
            min_us: self.min_us.min(other.min_us),
            max_us: self.max_us.max(other.max_us),
            gaps_and_counts,
        };
    }

    /// How many values are above `limit_us`: those of the buckets that begin above it.
    pub fn count_above(&self, limit_us: u64) -> u64 {
        count_above(limit_us, self.max_us, self.buckets())
    }

    /// The value, in µs, at quantile `q` in 0..=1, as [`Histogram::quantile_us`].
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        let mut dense = Histogram::default();
        dense.add(self);
        dense.quantile_us(q)
    }

    /// `(bucket index, count)`, ascending. Indices beyond the layout are dropped (a damaged file).
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let last = bucket_of(CEILING_US);
        self.gaps_and_counts
            .chunks_exact(2)
            .scan(0_u64, |next, pair| {
                let index = next.saturating_add(pair[0]);
                *next = index.saturating_add(1);
                Some((index as usize, pair[1]))
            })
            .filter(move |(index, _)| *index <= last)
    }
}

/// The buckets of both, ascending as they are.
fn union(
    a: impl Iterator<Item = (usize, u64)>,
    b: impl Iterator<Item = (usize, u64)>,
) -> impl Iterator<Item = (usize, u64)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some((left, n)), Some((right, m))) if left == right => {
            let both = (*left, n.saturating_add(*m));
            a.next();
            b.next();
            Some(both)
        }
        (Some((left, _)), Some((right, _))) if left > right => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

#[cfg(test)]
mod tests;
