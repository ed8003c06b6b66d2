//! From steps at several heights to the height at which the mean share of bad requests is the budget, with an interval.
//!
//! A service is fine up to some height and then gets worse within a few percent of it. That is the shape that psychophysics calls a
//! psychometric function: Weibull's, with a guess rate (Quick 1974; Watson and Pelli, *QUEST*, 1983). Here the guess rate is the
//! share of requests that is bad at any load, the floor. A step differs from the next by what the machine does meanwhile; that
//! effect is normal on the curve's scale, as are differences of speed. Both follow Schütt et al., *Painless estimation of the
//! psychometric function for overdispersed data* (2016), whose prior weights and grid are replaced by what loads need.
//!
//! It knows counts, not requests.

use super::spread;

/// Bad and all requests of each second of a step, and the logarithm of its height.
#[derive(Clone, Debug)]
pub struct Point {
    /// Natural logarithm of the height.
    pub ln_height: f64,
    /// `(bad, total)` of each second.
    pub slices: Vec<(u64, u64)>,
}

/// Logarithms of the height that keeps the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Lower end of the interval.
    pub low: f64,
    /// As likely too high as too low.
    pub middle: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How much wider it is because neighbouring steps resemble each other: 1 where they do not.
    pub wider: f64,
}

/// The curve's own scale: ln(−ln(1 − p)).
const SCALE_FROM: f64 = -14.0;
const SCALE_STEP: f64 = 0.05;
const SCALE: usize = 400;
/// How much a step may be moved on the curve's scale: standard deviations, each as likely as the next.
const EFFECTS: [f64; 9] = [0.08, 0.15, 0.25, 0.4, 0.65, 1.0, 1.6, 2.5, 4.0];
/// Slopes of the curve over the logarithm of the height. Its logarithm is normal around that of 25 with a deviation of 1: a queue with
/// one server has about 10, one with a hundred some hundred.
const SLOPES: usize = 20;
const SLOPE_FROM: f64 = 3.0;
const SLOPE_TO: f64 = 300.0;
const SLOPE_LIKELY: f64 = 25.0;
/// Places of the threshold that are looked at, twice: over all that the steps could tell, and where it then is.
const PLACES: usize = 161;
/// So far beyond the lowest and the highest step the threshold may lie, as a logarithm: half, or twice.
const BEYOND: f64 = 0.7;
/// By so much each end is moved outwards, because no service has exactly this curve.
const SHAPE: f64 = 0.006;
/// Chance that the interval lies wholly to one side of the truth, on each side.
const ONE_SIDE: f64 = 0.025;

/// Where the mean share of bad requests reaches `budget`, told by the steps `points`. `floor`: the share that is bad at any load.
pub fn estimate(points: &[Point], budget: f64, floor: f64) -> Option<Estimate> {
    let first = points.first()?.ln_height;
    let floor = floor.clamp(0.0, 0.8 * budget);
    let design = spread::design_effect(points);
    let tables: Vec<Table> = points
        .iter()
        .map(|point| Table::new(point, floor, design))
        .collect();
    let model = Model {
        tables,
        levels: EFFECTS.map(|effect| level(budget, floor, effect)),
    };
    let span = |(low, high): (f64, f64), p: &Point| (low.min(p.ln_height), high.max(p.ln_height));
    let (low, high) = points.iter().fold((first, first), span);
    let rough = model.posterior(low - BEYOND, high + BEYOND);
    let (low, _, high) = rough.ends;
    let more = 0.6 * (high - low).max(0.01);
    let fine = model.posterior(low - more, high + more);
    let (low, middle, high) = fine.ends;
    let effects = normal(fine.effect);
    let expected = |point: &Point| {
        mean_share(
            fine.level + fine.slope * (point.ln_height - middle),
            floor,
            &effects,
        )
    };
    let wider = spread::correlation_factor(points, design, (fine.effect, floor), expected);
    Some(Estimate {
        low: middle - wider * (middle - low) - SHAPE,
        middle,
        high: middle + wider * (high - middle) + SHAPE,
        wider,
    })
}

/// The share at a place on the curve's scale.
fn share(at: f64, floor: f64) -> f64 {
    let above = -(-at.min(5.0).exp()).exp_m1();
    (floor + (1.0 - floor) * above).clamp(1e-9, 1.0 - 1e-9)
}

/// Weights of a normal distribution on the scale's grid, to four deviations.
fn normal(deviation: f64) -> Vec<f64> {
    let half = (4.0 * deviation / SCALE_STEP).ceil().max(1.0);
    let steps = 2 * half as usize;
    let weight = |i: usize| {
        let z = (i as f64 - half) * SCALE_STEP / deviation;
        (-0.5 * z * z).exp()
    };
    let weights: Vec<f64> = (0..=steps).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// The mean share of steps that are moved around a place by an effect with these weights.
fn mean_share(at: f64, floor: f64, weights: &[f64]) -> f64 {
    let middle = (weights.len() / 2) as f64;
    let weighted = weights.iter().enumerate().map(|(i, weight)| {
        let off = (i as f64 - middle) * SCALE_STEP;
        weight * share(at + off, floor)
    });
    weighted.sum()
}

/// Where on the scale the usual step is when the mean over all steps is the budget: the more steps differ, the lower.
fn level(budget: f64, floor: f64, effect: f64) -> f64 {
    const HALVINGS: u32 = 40;
    let weights = normal(effect);
    let (mut low, mut high) = (SCALE_FROM, SCALE_FROM + SCALE_STEP * SCALE as f64);
    for _ in 0..HALVINGS {
        let at = f64::midpoint(low, high);
        if mean_share(at, floor, &weights) < budget {
            low = at;
        } else {
            high = at;
        }
    }
    f64::midpoint(low, high)
}

/// What a step says: for each effect and place on the scale the logarithm of how likely its counts are.
struct Table {
    ln_height: f64,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn new(point: &Point, floor: f64, design: f64) -> Self {
        let (bad, total) = spread::sum(&point.slices);
        let (bad, good) = (bad / design, (total - bad) / design);
        let binomial = |i: usize| {
            let p = share(SCALE_FROM + SCALE_STEP * i as f64, floor);
            bad * p.ln() + good * (1.0 - p).ln()
        };
        let logarithms: Vec<f64> = (0..SCALE).map(binomial).collect();
        let top = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let likely: Vec<f64> = logarithms.iter().map(|ln| (ln - top).exp()).collect();
        Self {
            ln_height: point.ln_height,
            rows: EFFECTS
                .iter()
                .map(|effect| smoothed(&likely, *effect))
                .collect(),
        }
    }

    /// Between two places of the grid a straight line.
    fn at(&self, effect: usize, place: f64) -> f64 {
        let place = ((place - SCALE_FROM) / SCALE_STEP).clamp(0.0, (SCALE - 2) as f64);
        let (whole, rest) = (place as usize, place.fract());
        let row = &self.rows[effect];
        row[whole] * (1.0 - rest) + row[whole + 1] * rest
    }
}

/// The mean of `values` around each place, and its logarithm; beyond the ends they go on as they are there.
fn smoothed(values: &[f64], deviation: f64) -> Vec<f64> {
    let weights = normal(deviation);
    let half = weights.len() / 2;
    let mean = |i: usize| -> f64 {
        let around = weights.iter().enumerate().map(|(j, weight)| {
            let place = (i + j).saturating_sub(half).min(values.len() - 1);
            weight * values[place]
        });
        around.sum()
    };
    (0..values.len())
        .map(|i| mean(i).max(1e-300).ln())
        .collect()
}

struct Model {
    tables: Vec<Table>,
    /// By effect, where on the scale the threshold is.
    levels: [f64; EFFECTS.len()],
}

/// What all steps say together.
struct Posterior {
    /// Lower end, middle and upper end of the interval.
    ends: (f64, f64, f64),
    /// Means of the slope (geometric), the effect (geometric) and the level.
    slope: f64,
    effect: f64,
    level: f64,
}

impl Model {
    /// The threshold lies between `from` and `to`, anywhere as likely.
    fn posterior(&self, from: f64, to: f64) -> Posterior {
        let step = (to - from) / (PLACES - 1) as f64;
        let growth = (SLOPE_TO / SLOPE_FROM).ln() / (SLOPES - 1) as f64;
        let slopes: Vec<f64> = (0..SLOPES)
            .map(|i| SLOPE_FROM * (growth * i as f64).exp())
            .collect();
        let mut all = Vec::with_capacity(PLACES * SLOPES * EFFECTS.len());
        for place in 0..PLACES {
            let threshold = from + step * place as f64;
            for slope in &slopes {
                let off = (slope / SLOPE_LIKELY).ln();
                for (effect, level) in self.levels.iter().enumerate() {
                    let of = |table: &Table| {
                        table.at(effect, level + slope * (table.ln_height - threshold))
                    };
                    all.push(-0.5 * off * off + self.tables.iter().map(of).sum::<f64>());
                }
            }
        }
        let top = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut places, mut sum) = (vec![0.0; PLACES], 0.0);
        let (mut ln_slope, mut ln_effect, mut level) = (0.0, 0.0, 0.0);
        let mut weights = all.iter().map(|ln| (ln - top).exp());
        for place in &mut places {
            for slope in &slopes {
                for (effect, at) in EFFECTS.iter().zip(&self.levels) {
                    let weight = weights.next().unwrap_or_default();
                    *place += weight;
                    sum += weight;
                    ln_slope += weight * slope.ln();
                    ln_effect += weight * effect.ln();
                    level += weight * at;
                }
            }
        }
        let quantile = |q: f64| from + step * (rank(&places, q * sum) - 0.5);
        Posterior {
            ends: (quantile(ONE_SIDE), quantile(0.5), quantile(1.0 - ONE_SIDE)),
            slope: (ln_slope / sum).exp(),
            effect: (ln_effect / sum).exp(),
            level: level / sum,
        }
    }
}

/// How many of the weights come before a sum is reached, the last one in part.
fn rank(weights: &[f64], wanted: f64) -> f64 {
    let mut before = 0.0;
    for (i, weight) in weights.iter().enumerate() {
        if before + weight >= wanted {
            return i as f64
                + if *weight > 0.0 {
                    (wanted - before) / weight
                } else {
                    0.5
                };
        }
        before += weight;
    }
    weights.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const LIMIT: f64 = 100.0;
    const BUDGET: f64 = 0.05;

    /// 24 steps of 30 s around the limit; in each the limit is elsewhere, by a normal deviation of its logarithm.
    fn steps(chance: &mut Chance, deviation: f64, floor: f64) -> Vec<Point> {
        let steps = (0..24).map(|n| {
            let height = LIMIT * [0.82, 1.04, 0.9, 0.97][n % 4];
            let off = deviation * chance.normal();
            let above = (BUDGET - floor) / (1.0 - floor);
            let at = (-(-above).ln_1p()).ln() + 25.0 * ((height / LIMIT).ln() + off);
            let p = share(at, floor);
            let second = |_| {
                let bad = (0..100).filter(|_| chance.uniform() < p).count();
                (bad as u64, 100)
            };
            Point {
                ln_height: height.ln(),
                slices: (0..30).map(second).collect(),
            }
        });
        steps.collect()
    }

    /// Where the mean share of such steps is the budget: the mean of many draws, by halving. It knows nothing of `level`.
    fn truth(deviation: f64, floor: f64) -> f64 {
        let mut chance = Chance(1);
        let moved: Vec<f64> = (0..20_000).map(|_| deviation * chance.normal()).collect();
        let above: f64 = (BUDGET - floor) / (1.0 - floor);
        let usual = (-(-above).ln_1p()).ln();
        let (mut low, mut high) = (LIMIT.ln() - 1.0, LIMIT.ln() + 1.0);
        for _ in 0..40 {
            let at = f64::midpoint(low, high);
            let of = |moved: &f64| share(usual + 25.0 * (at - LIMIT.ln() + moved), floor);
            if moved.iter().map(of).sum::<f64>() < BUDGET * moved.len() as f64 {
                low = at;
            } else {
                high = at;
            }
        }
        low
    }

    fn held(deviation: f64, floor: f64) -> (usize, f64) {
        const TRIES: u64 = 100;
        let truth = truth(deviation, floor);
        let (mut held, mut off) = (0, 0.0);
        for seed in 0..TRIES {
            let points = steps(&mut Chance(seed), deviation, floor);
            let found = estimate(&points, BUDGET, floor).expect("there are steps");
            held += usize::from(found.low <= truth && truth <= found.high);
            off += (found.middle - truth) / TRIES as f64;
        }
        (held, off)
    }

    /// Of a hundred: 95 and more are expected, as each end is moved outwards.
    #[test]
    fn the_interval_holds_the_truth() {
        for (deviation, floor) in [(0.02, 0.0), (0.06, 0.0), (0.04, 0.01)] {
            let (held, off) = held(deviation, floor);
            assert!(
                held >= 93 && off.abs() < 0.015,
                "{deviation} {floor}: {held} {off}"
            );
        }
    }

    #[test]
    fn no_step_no_estimate() {
        assert_eq!(estimate(&[], BUDGET, 0.0), None);
    }

    #[test]
    fn the_curve() {
        assert!((share(level(0.05, 0.0, 0.08), 0.0) - 0.05).abs() < 0.002);
        assert!((share(-14.0, 0.01) - 0.01).abs() < 1e-5);
        assert!(share(5.0, 0.0) > 0.999_999);
        // Where steps differ much, the usual one is far below the mean.
        assert!(share(level(0.05, 0.0, 2.5), 0.0) < 0.01);
    }
}
