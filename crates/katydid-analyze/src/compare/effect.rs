//! By how much two sides differ, and how far off that may be.
//!
//! What is compared are runs, not requests: a hundred thousand requests of two runs show what these two runs differ by, and runs of the
//! same thing differ too. Ratios are looked at as differences of logarithms.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// What runs of one thing on one machine differ by, as a share, where there is but one of each side: assumed.
pub const ASSUMED_SPREAD: f64 = 0.05;
/// How often a change that is there should be found: Cohen's convention.
const POWER: f64 = 0.8;
/// More pairs than anybody makes.
const MOST: usize = 101;
/// Of a normal distribution: what is assumed and not measured has no degrees of freedom to lose.
const MANY: f64 = 1e6;

/// A difference of means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// After less before.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the error.
    pub freedom: f64,
}

impl Effect {
    /// Of pairs, by what they differ by: `after − before` of each. `None` with less than two.
    pub fn of_pairs(differences: &[f64]) -> Option<Self> {
        let (mean, variance) = moments(differences)?;
        let n = differences.len() as f64;
        Some(Self {
            mean,
            error: (variance / n).sqrt(),
            freedom: n - 1.0,
        })
    }

    /// Of runs that were not made in turns (Welch, *The generalization of 'Student's' problem*, 1947). A side of one run takes the other's
    /// spread for its own. `None` if neither has two.
    pub fn of_groups(before: &[f64], after: &[f64]) -> Option<Self> {
        let (first, second) = (moments(before), moments(after));
        let mean = mean(after)? - mean(before)?;
        let (n, m) = (before.len() as f64, after.len() as f64);
        let (a, b) = match (first, second) {
            (Some((_, a)), Some((_, b))) => (a / n, b / m),
            (Some((_, a)), None) => (a / n, a / m),
            (None, Some((_, b))) => (b / n, b / m),
            (None, None) => return None,
        };
        let freedom = match (first, second) {
            (Some(_), Some(_)) if a + b > 0.0 => {
                (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0))
            }
            _ => n.max(m) - 1.0,
        };
        Some(Self {
            mean,
            error: (a + b).sqrt(),
            freedom,
        })
    }

    /// Of one run each, as logarithms. `within` is how far off each of them may be by chance within the run, one standard deviation.
    pub fn of_single(before: f64, after: f64, within: (f64, f64)) -> Self {
        let between = 2.0 * ASSUMED_SPREAD * ASSUMED_SPREAD;
        Self {
            mean: after - before,
            error: (within.0 * within.0 + within.1 * within.1 + between).sqrt(),
            freedom: MANY,
        }
    }

    /// Of shares: the wider of its interval and one from their binomial error alone, which is known and not measured.
    #[must_use]
    pub fn or_binomial(self, error: f64, chance: f64) -> Self {
        let known = Self {
            error,
            freedom: MANY,
            ..self
        };
        let width = |effect: &Self| effect.interval(chance).1;
        if width(&known) > width(&self) {
            known
        } else {
            self
        }
    }

    /// The interval that misses the truth in a share `chance` of the cases.
    pub fn interval(&self, chance: f64) -> (f64, f64) {
        let half = self.times(1.0 - chance / 2.0) * self.error;
        (self.mean - half, self.mean + half)
    }

    /// The smallest difference that would be told from none in four of five cases.
    pub fn detectable(&self, chance: f64) -> f64 {
        (self.times(1.0 - chance / 2.0) + self.times(POWER)) * self.error
    }

    /// How many pairs would find a difference of this size in four of five cases, where `made` were made. At least three: with two the
    /// spread is a guess. `None` if even a hundred would not.
    pub fn pairs_for(&self, size: f64, made: usize) -> Option<usize> {
        let spread = self.error * (made as f64).sqrt();
        let (mut few, mut enough) = (2, MOST);
        while enough - few > 1 {
            let middle = usize::midpoint(few, enough);
            if found_by(middle, spread) <= size {
                enough = middle;
            } else {
                few = middle;
            }
        }
        (enough < MOST).then_some(enough)
    }

    fn times(&self, share: f64) -> f64 {
        StudentsT::new(0.0, 1.0, self.freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(share))
    }
}

/// Standard deviation; `None` of less than two.
pub fn spread(values: &[f64]) -> Option<f64> {
    moments(values).map(|(_, variance)| variance.sqrt())
}

/// The difference that so many pairs find in four of five cases, at 95 %, where pairs differ by this spread.
pub fn found_by(pairs: usize, spread: f64) -> f64 {
    let effect = Effect {
        mean: 0.0,
        error: spread / (pairs as f64).sqrt(),
        freedom: pairs as f64 - 1.0,
    };
    effect.detectable(0.05)
}

/// `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean and variance; `None` of less than two.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, squares / (values.len() - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4
    }

    /// Against R's `t.test(c(.1,.2,.15,.05,.3))`.
    #[test]
    fn the_interval_of_pairs() {
        let effect = Effect::of_pairs(&[0.1, 0.2, 0.15, 0.05, 0.3]).expect("there are five");
        let (low, high) = effect.interval(0.05);
        assert!(near(effect.mean, 0.16), "{effect:?}");
        assert!(near(low, 0.040_58) && near(high, 0.279_42), "{low} {high}");
    }

    /// Against R's `t.test(c(4,5,6,7), c(1,2,4))`: the difference of the second and the first.
    #[test]
    fn the_interval_of_groups() {
        let effect = Effect::of_groups(&[4.0, 5.0, 6.0, 7.0], &[1.0, 2.0, 4.0]).expect("enough");
        assert!(near(effect.mean, -3.166_667), "{effect:?}");
        assert!(near(effect.error, 1.092_906), "{effect:?}");
        assert!(near(effect.freedom, 3.959_32), "{effect:?}");
        // One new run among those that were there: its interval is that of a single value.
        let one = Effect::of_groups(&[4.0, 5.0, 6.0, 7.0], &[5.5]).expect("enough");
        assert!(near(one.error, (5.0_f64 / 3.0 * 1.25).sqrt()) && near(one.freedom, 3.0));
        assert_eq!(Effect::of_groups(&[1.0], &[2.0]), None);
    }

    #[test]
    fn more_pairs_for_less() {
        let effect = Effect {
            mean: 0.0,
            error: 0.1 / 5_f64.sqrt(),
            freedom: 4.0,
        };
        let pairs = |size| effect.pairs_for(size, 5);
        // (1.96 + 0.84)² · (0.1/0.05)² = 31.4 with a normal distribution.
        assert_eq!(pairs(0.05), Some(34));
        assert_eq!(pairs(0.2), Some(5));
        assert_eq!(pairs(10.0), Some(3));
        assert_eq!(pairs(1e-9), None);
    }
}
