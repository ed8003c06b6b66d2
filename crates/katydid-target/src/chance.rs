//! What lasts between requests of a behaviour: random streams, exact shares, queues.
//! Knows keys and numbers, not HTTP. Every URL is a key of its own, so that what one draws does
//! not depend on the traffic of another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use fastrand::Rng;

use crate::distributions::Distribution;

/// Keys of a kind at most; all further ones share the key `(other)`.
const KEY_CAP: usize = 10_000;

/// State of behaviours, by key.
pub struct Chance {
    seed: u64,
    streams: HashMap<String, Rng>,
    shares: HashMap<String, u64>,
    queues: HashMap<String, Queue>,
}

/// k servers behind one first-come first-served queue.
struct Queue {
    /// When each server is free, monotonic nanoseconds.
    free_at: Vec<u64>,
}

impl Chance {
    /// Fresh state from a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            streams: HashMap::new(),
            shares: HashMap::new(),
            queues: HashMap::new(),
        }
    }

    /// The next draw of the stream `key`.
    pub fn draw(&mut self, key: &str, distribution: &Distribution) -> f64 {
        if let Distribution::Fixed(value) = distribution {
            return *value;
        }
        let seed = self.seed;
        let rng = entry(&mut self.streams, key, |key| {
            // DefaultHasher::new() has fixed keys: the same seed gives the same stream.
            let mut hasher = DefaultHasher::new();
            (seed, key).hash(&mut hasher);
            Rng::with_seed(hasher.finish())
        });
        distribution.draw(rng)
    }

    /// Whether the next one of `key` belongs to the share: after n of them, exactly
    /// floor(n · share) did.
    pub fn takes_part(&mut self, key: &str, share: f64) -> bool {
        let count = entry(&mut self.shares, key, |_| 0);
        // The summand forgives 0.29 · 100 = 28.999…
        let before = (*count as f64 * share + 1e-9).floor();
        *count += 1;
        (*count as f64 * share + 1e-9).floor() > before
    }

    /// Sends a request that arrives `now` through the queue `name` of `k` servers; the answer is
    /// when its service ends. A queue keeps the k of its first use.
    pub fn enqueue(&mut self, name: &str, k: usize, now: u64, service: u64) -> Result<u64, String> {
        let queue = entry(&mut self.queues, name, |_| Queue {
            free_at: vec![0; k],
        });
        let servers = queue.free_at.len();
        if servers != k {
            return Err(format!(
                "the queue `{name}` has k={servers}; take another name"
            ));
        }
        let Some(earliest) = queue.free_at.iter_mut().min() else {
            return Err("a queue needs at least one server".to_owned());
        };
        *earliest = (*earliest).max(now).saturating_add(service);
        Ok(*earliest)
    }
}

fn entry<'m, V>(
    map: &'m mut HashMap<String, V>,
    key: &str,
    make: impl FnOnce(&str) -> V,
) -> &'m mut V {
    let key = if map.len() < KEY_CAP || map.contains_key(key) {
        key
    } else {
        "(other)"
    };
    map.entry(key.to_owned()).or_insert_with(|| make(key))
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn shares_are_exact() {
        for share in [0.0, 0.1, 0.29, 1.0 / 3.0, 0.7, 1.0] {
            let mut chance = Chance::new(1);
            let taken = (0..300).filter(|_| chance.takes_part("k", share)).count();
            assert_eq!(taken, (300.0 * share).round() as usize, "{share}");
        }
    }

    #[test]
    fn queue_is_first_come_first_served() {
        let mut chance = Chance::new(1);
        let ends: Vec<_> = (0..5)
            .map(|_| chance.enqueue("q", 2, 100, 10).expect("same k"))
            .collect();
        assert_eq!(ends, [110, 110, 120, 120, 130]);
        assert_eq!(chance.enqueue("q", 2, 500, 10), Ok(510));
        assert!(chance.enqueue("q", 3, 500, 10).is_err());
    }
}
