//! Sums of the counters of things that come and go. A sum never falls: what was counted of those that are gone stays in it.

use std::collections::HashMap;

/// One that is there: whom it belonged to, and its counters.
#[derive(Clone, Debug)]
struct Member<const N: usize> {
    parent: u32,
    counters: [f64; N],
}

/// Sums of `N` counters.
#[derive(Clone, Debug)]
pub struct Tally<const N: usize> {
    /// Whether the kernel adds a child's counter to its parent's when the parent waits for it.
    inherits: [bool; N],
    members: HashMap<u32, Member<N>>,
    gone: [f64; N],
}

impl<const N: usize> Tally<N> {
    /// Nothing yet.
    pub fn new(inherits: [bool; N]) -> Self {
        Self {
            inherits,
            members: HashMap::new(),
            gone: [0.0; N],
        }
    }

    /// Takes all that are there now, as id, parent and counters, and answers the sums.
    pub fn take(&mut self, now: impl Iterator<Item = (u32, u32, [f64; N])>) -> [f64; N] {
        let now: HashMap<u32, Member<N>> = now
            .map(|(id, parent, counters)| (id, Member { parent, counters }))
            .collect();
        let mut lost: HashMap<u32, [f64; N]> = HashMap::new();
        for (id, member) in &self.members {
            if !now.contains_key(id) {
                let sum = lost.entry(member.parent).or_insert([0.0; N]);
                (0..N).for_each(|i| sum[i] += member.counters[i]);
            }
        }
        for (parent, lost) in lost {
            let both = self.members.get(&parent).zip(now.get(&parent));
            for (i, lost) in lost.iter().enumerate() {
                let grown = both.map_or(0.0, |(before, after)| {
                    (after.counters[i] - before.counters[i]).max(0.0)
                });
                self.gone[i] += if self.inherits[i] {
                    (lost - grown).max(0.0)
                } else {
                    *lost
                };
            }
        }
        self.members = now;
        let mut sums = self.gone;
        for member in self.members.values() {
            (0..N).for_each(|i| sums[i] += member.counters[i]);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_stays_counted_once() {
        // The second counter is handed on to the parent that waits.
        let mut tally = Tally::new([false, true]);
        let mut take = |now: &[(u32, u32, [f64; 2])]| {
            let sums = tally.take(now.iter().copied());
            sums.map(|sum| sum as u64)
        };
        let (root, child) = ((1, 0, [2.0, 8.0]), (3, 1, [4.0, 4.0]));
        assert_eq!(take(&[(1, 0, [1.0, 1.0]), (2, 1, [5.0, 5.0])]), [6, 6]);
        assert_eq!(take(&[root]), [7, 8]);
        assert_eq!(take(&[root, child]), [11, 12]);
        // One that nobody waited for.
        assert_eq!(take(&[root]), [11, 12]);
        assert_eq!(take(&[]), [11, 12]);
    }
}
