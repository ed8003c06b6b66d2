//! Named distributions of delays with known quantiles, drawn from a seed.
//! Knows numbers (milliseconds, but any unit works), not requests.

use std::f64::consts::TAU;

use fastrand::Rng;

use crate::query::Query;

/// A distribution of non-negative numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Fixed(f64),
    /// exp(ln median + sigma · N(0,1)).
    LogNormal {
        /// Half of the draws are below.
        median: f64,
        /// Deviation of the logarithm.
        sigma: f64,
    },
    /// Exponential with this mean.
    Exp(f64),
    /// Uniform in [lo, hi).
    Uniform {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// Pareto: P(X > x) = (min / x)^alpha.
    Pareto {
        /// Smallest value.
        min: f64,
        /// Tail index; the smaller, the heavier.
        alpha: f64,
        /// Draws above are cut to this.
        max: f64,
    },
    /// `b` with probability `p`, else `a`.
    Bimodal {
        /// The usual value.
        a: f64,
        /// The rare value.
        b: f64,
        /// How often it is `b`.
        p: f64,
    },
}

impl Distribution {
    /// The distribution `name`, its parameters from a query string; the error says what is wrong.
    pub fn from_query(name: &str, query: &Query) -> Result<Self, String> {
        let need = |key: &str| query.required(key);
        let made = match name {
            "fixed" => Self::Fixed(need("ms")?),
            "lognormal" => Self::LogNormal {
                median: need("median")?,
                sigma: query.float("sigma", 0.5)?,
            },
            "exp" => Self::Exp(need(if query.has("mean") { "mean" } else { "ms" })?),
            "uniform" => Self::Uniform {
                lo: query.float("lo", 0.0)?,
                hi: need("hi")?,
            },
            "pareto" => Self::Pareto {
                min: need("min")?,
                alpha: query.float("alpha", 1.5)?,
                max: query.float("max", 60_000.0)?,
            },
            "bimodal" => Self::Bimodal {
                a: need("a")?,
                b: need("b")?,
                p: query.float("p", 0.1)?,
            },
            _ => {
                return Err(format!(
                    "no distribution `{name}`; take fixed, lognormal, exp, uniform, pareto or bimodal"
                ));
            }
        };
        match made {
            Self::Pareto { alpha, .. } if alpha <= 0.0 => Err("alpha must be above 0".to_owned()),
            Self::Uniform { lo, hi } if lo > hi => Err("lo must not be above hi".to_owned()),
            _ => Ok(made),
        }
    }

    /// One draw.
    pub fn draw(&self, rng: &mut Rng) -> f64 {
        match *self {
            Self::Fixed(value) => value,
            Self::LogNormal { median, sigma } => median * (sigma * normal(rng)).exp(),
            Self::Exp(mean) => -mean * open_unit(rng).ln(),
            Self::Uniform { lo, hi } => lo + (hi - lo) * rng.f64(),
            Self::Pareto { min, alpha, max } => (min * open_unit(rng).powf(-1.0 / alpha)).min(max),
            Self::Bimodal { a, b, p } => {
                if rng.f64() < p {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// Uniform in (0, 1], so that its logarithm is finite.
pub fn open_unit(rng: &mut Rng) -> f64 {
    1.0 - rng.f64()
}

/// Standard normal (Box and Muller, 1958).
pub fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * open_unit(rng).ln()).sqrt() * (TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::Distribution;
    use fastrand::Rng;

    /// Compares the empirical quantiles of many draws with those of the law.
    fn check(distribution: Distribution, quantiles: &[(f64, f64)]) {
        const N: usize = 200_000;
        let mut rng = Rng::with_seed(7);
        let mut draws: Vec<_> = (0..N).map(|_| distribution.draw(&mut rng)).collect();
        draws.sort_by(f64::total_cmp);
        for (q, expected) in quantiles {
            let got = draws[(N as f64 * q) as usize];
            let off = (got - expected).abs() / expected;
            assert!(off < 0.03, "{distribution:?} at {q}: {got}, not {expected}");
        }
    }

    #[test]
    fn quantiles() {
        // z(0.9) = 1.281552, z(0.99) = 2.326348
        let lognormal = Distribution::LogNormal {
            median: 20.0,
            sigma: 0.5,
        };
        let at = |z: f64| 20.0 * (0.5 * z).exp();
        check(
            lognormal,
            &[(0.5, 20.0), (0.9, at(1.281_552)), (0.99, at(2.326_348))],
        );

        let at = |q: f64| -10.0 * (1.0 - q).ln();
        check(
            Distribution::Exp(10.0),
            &[(0.5, at(0.5)), (0.9, at(0.9)), (0.99, at(0.99))],
        );

        let uniform = Distribution::Uniform { lo: 5.0, hi: 15.0 };
        check(uniform, &[(0.1, 6.0), (0.5, 10.0), (0.99, 14.9)]);

        let pareto = Distribution::Pareto {
            min: 2.0,
            alpha: 1.5,
            max: 60_000.0,
        };
        let at = |q: f64| 2.0 * (1.0 - q).powf(-1.0 / 1.5);
        check(pareto, &[(0.5, at(0.5)), (0.9, at(0.9)), (0.99, at(0.99))]);

        let bimodal = Distribution::Bimodal {
            a: 5.0,
            b: 100.0,
            p: 0.1,
        };
        check(bimodal, &[(0.89, 5.0), (0.91, 100.0)]);
        check(Distribution::Fixed(3.0), &[(0.5, 3.0)]);
    }
}
