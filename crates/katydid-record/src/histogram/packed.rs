//! A sparse histogram in few bytes, for those of which thousands are kept: a bucket takes two bytes where [`Sparse`] takes sixteen.

use super::{Sparse, bucket_of, count_above, gaps_and_counts, union};
use crate::histogram::CEILING_US;

/// Gaps and counts as in [`Sparse`], each seven bits a byte, lowest first (LEB128).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    count: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
    bytes: Box<[u8]>,
}

impl Packed {
    /// Adds a window's values.
    pub fn add(&mut self, window: &Sparse) {
        if window.count > 0 {
            let bytes = packed(union(self.buckets(), window.buckets()));
            self.note(window.count, window.sum_us, window.min_us, window.max_us);
            self.bytes = bytes;
        }
    }

    /// Adds another's values.
    pub fn merge(&mut self, other: &Packed) {
        if other.count > 0 {
            let bytes = packed(union(self.buckets(), other.buckets()));
            self.note(other.count, other.sum_us, other.min_us, other.max_us);
            self.bytes = bytes;
        }
    }

    fn note(&mut self, count: u64, sum_us: u64, min_us: u64, max_us: u64) {
        self.min_us = if self.count == 0 {
            min_us
        } else {
            self.min_us.min(min_us)
        };
        self.max_us = self.max_us.max(max_us);
        self.count = self.count.saturating_add(count);
        self.sum_us = self.sum_us.saturating_add(sum_us);
    }

    /// The same, not packed.
    pub fn to_sparse(&self) -> Sparse {
        Sparse {
            count: self.count,
            sum_us: self.sum_us,
            min_us: self.min_us,
            max_us: self.max_us,
            gaps_and_counts: gaps_and_counts(0, self.buckets()),
        }
    }

    /// How many values are above `limit_us`, as [`Sparse::count_above`].
    pub fn count_above(&self, limit_us: u64) -> u64 {
        count_above(limit_us, self.max_us, self.buckets())
    }

    /// The value, in µs, at quantile `q` in 0..=1, as [`super::Histogram::quantile_us`].
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        self.to_sparse().quantile_us(q)
    }

    /// `(bucket index, count)`, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let mut bytes = self.bytes.iter().copied();
        let mut next = 0;
        std::iter::from_fn(move || {
            let index = next + number(&mut bytes)? as usize;
            next = index + 1;
            Some((index, number(&mut bytes)?))
        })
    }
}

fn packed(buckets: impl Iterator<Item = (usize, u64)>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    let mut next = 0;
    for (index, n) in buckets {
        debug_assert!(index <= bucket_of(CEILING_US));
        put(&mut bytes, (index - next) as u64);
        put(&mut bytes, n);
        next = index + 1;
    }
    bytes.into_boxed_slice()
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}
