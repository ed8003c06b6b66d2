//! The newest seconds of something, as they are: older ones are merged or only counted in totals.

use std::collections::BTreeMap;

/// Seconds kept for "current" numbers and for conditions that look at the last ones.
pub const NEWEST: u64 = 20;

/// Drops what is `kept` seconds older than the newest, or more. Keys are seconds of the run.
pub fn keep_newest<T>(seconds: &mut BTreeMap<u64, T>, kept: u64) {
    let last = seconds.keys().next_back().copied().unwrap_or(0);
    while let Some(first) = seconds.first_entry()
        && first.key() + kept <= last
    {
        first.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_whatever_is_between_them() {
        let mut seconds = BTreeMap::from([0, 3, 4, 23].map(|second| (second, 'x')));
        keep_newest(&mut seconds, NEWEST);
        assert_eq!(seconds.into_keys().collect::<Vec<_>>(), [4, 23]);
    }
}
