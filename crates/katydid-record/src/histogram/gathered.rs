//! A histogram that many windows are added to, of which there may be many: sparse while few buckets are in use, dense from then on.
//!
//! Adding to a large sparse one would copy all of it, to a dense one it costs what the window holds; but a dense one takes 4 KiB for
//! each power of two, also where it holds a single value.

use super::{Histogram, Sparse};

/// Numbers in a sparse one, two for each bucket, from which on it is kept dense: then that takes about as much memory.
const MANY: usize = 1_024;

/// Times, µs.
#[derive(Clone, Debug)]
pub enum Gathered {
    /// With few buckets in use.
    Few(Sparse),
    /// With many.
    Many(Histogram),
}

impl Default for Gathered {
    fn default() -> Self {
        Self::Few(Sparse::default())
    }
}

impl Gathered {
    /// Adds a window's values.
    pub fn add(&mut self, window: &Sparse) {
        match self {
            Self::Many(all) => all.add(window),
            Self::Few(all) => {
                all.merge(window);
                if all.gaps_and_counts.len() > MANY {
                    let mut dense = Histogram::default();
                    dense.add(all);
                    *self = Self::Many(dense);
                }
            }
        }
    }

    /// A copy in sparse form.
    pub fn to_sparse(&self) -> Sparse {
        match self {
            Self::Few(all) => all.clone(),
            Self::Many(all) => all.to_sparse(),
        }
    }
}
