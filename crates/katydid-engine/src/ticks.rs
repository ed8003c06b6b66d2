//! The instants at which it is looked how late the event loops are.

use crate::clock::{MILLISECOND, Nanos};

/// Between two of them on average; never less than half of it, nor more than one and a half.
const APART: Nanos = 20 * MILLISECOND;
/// Those that came due while nothing ran are told one by one, up to this many.
const AT_ONCE: usize = 1000;

/// Instants at random distances: with equal ones, whatever stops the process periodically could fall between them for ever.
/// One that came due while the process stood still is not left out: its lateness is what a request due then would have met.
#[derive(Debug)]
pub(crate) struct Ticks {
    next: Nanos,
    distances: fastrand::Rng,
}

impl Ticks {
    pub fn new(first: Nanos) -> Self {
        Self {
            next: first,
            distances: fastrand::Rng::with_seed(first),
        }
    }

    /// The next one.
    pub fn next(&self) -> Nanos {
        self.next
    }

    /// Those due by `now`, earliest first, each given once.
    pub fn take(&mut self, now: Nanos) -> Vec<Nanos> {
        let mut due = Vec::new();
        while self.next <= now {
            if due.len() == AT_ONCE {
                self.next = now;
                self.advance();
                break;
            }
            due.push(self.next);
            self.advance();
        }
        due
    }

    fn advance(&mut self) {
        self.next += self.distances.u64(APART / 2..=APART / 2 * 3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn each_instant_is_given_once_and_in_order_however_rarely_one_asks() {
        let (mut often, mut rarely) = (Ticks::new(7), Ticks::new(7));
        let one_by_one: Vec<_> = (0..=3000)
            .flat_map(|ms| often.take(ms * MILLISECOND))
            .collect();
        let at_once = rarely.take(3 * SECOND);
        assert_eq!(one_by_one, at_once);
        assert_eq!((at_once[0], often.next()), (7, rarely.next()));
        let distances = at_once.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            distances
                .clone()
                .all(|d| (APART / 2..=APART / 2 * 3).contains(&d))
        );
        let mean = distances.sum::<u64>() / (at_once.len() as u64 - 1);
        assert!(mean.abs_diff(APART) < APART / 8, "{mean}");
    }

    /// Stopped for a fifth of the time, a fifth of the instants are late, whatever the period of the stops.
    #[test]
    fn periodic_stops_cannot_hide_between_them() {
        for period_ms in [20, 40, 50, 60, 80, 100, 200] {
            let period = period_ms * MILLISECOND;
            let mut ticks = Ticks::new(0);
            let due: Vec<_> = (0..20 * SECOND / period)
                .flat_map(|n| ticks.take(n * period))
                .collect();
            let stopped = due.iter().filter(|at| *at % period < period / 5).count();
            let share = stopped as f64 / due.len() as f64;
            assert!((0.15..0.25).contains(&share), "{period_ms} ms: {share}");
        }
    }

    #[test]
    fn after_a_day_asleep_not_all_are_told() {
        let mut ticks = Ticks::new(0);
        let now = 86_400 * SECOND;
        assert_eq!(ticks.take(now).len(), AT_ONCE);
        assert!(ticks.next() > now);
    }
}
