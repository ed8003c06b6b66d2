//! How much less the requests of a step tell than as many independent ones would.

use katydid_record::search::Took;

use super::curve::Point;
use super::limits as at;
use crate::interval;

/// Seconds whose requests are taken for one draw.
const BATCH: usize = 5;
/// A step that is mostly bad is one long queue: its seconds tell nothing of others.
const MOSTLY_BAD: f64 = 0.3;

/// The factor by which the scatter of five seconds' shares exceeds that of independent requests; at least 1. Over all steps together:
/// one has too few seconds. (Kish's design effect, *Survey Sampling*, 1965.)
pub fn design_effect(points: &[Point]) -> f64 {
    design_effect_of(points.iter().map(|point| point.slices.as_slice()))
}

/// The same of `(bad, total)` by second, step by step.
pub fn design_effect_of<'a>(steps: impl Iterator<Item = &'a [(u64, u64)]>) -> f64 {
    let (mut squares, mut independent) = (0.0, 0.0);
    for slices in steps {
        let (bad, total) = sum(slices);
        let share = (bad + 0.5) / (total + 1.0);
        let batches = (slices.len() / BATCH) as f64;
        if share > MOSTLY_BAD || batches < 2.0 {
            continue;
        }
        for batch in slices.chunks_exact(BATCH) {
            let (bad, total) = sum(batch);
            squares += (bad - share * total).powi(2) * batches / (batches - 1.0);
            independent += share * (1.0 - share) * total;
        }
    }
    if independent > 0.0 {
        (squares / independent).max(1.0)
    } else {
        1.0
    }
}

/// By how much an interval grows because neighbouring steps resemble each other: √((1+ρ)/(1−ρ)), with ρ the correlation of what is
/// left of them when the `expected` share is taken away. (Bartlett, *On the theoretical specification of sampling properties of
/// autocorrelated time series*, 1946.) `effect`: the deviation of steps on the curve's scale.
pub fn correlation_factor(
    points: &[Point],
    design: f64,
    (effect, floor): (f64, f64),
    expected: impl Fn(&Point) -> f64,
) -> f64 {
    let mut left: Vec<f64> = points
        .iter()
        .map(|point| {
            let (bad, total) = sum(&point.slices);
            let p = expected(point);
            let counted = p * (1.0 - p) * design / total.max(1.0);
            let moved = effect * (p - floor).max(0.0) * (1.0 - p);
            (bad / total.max(1.0) - p) / (moved * moved + counted).sqrt()
        })
        // One wild step must not decide.
        .map(|off| off.clamp(-2.0, 2.0))
        .collect();
    let mean = left.iter().sum::<f64>() / left.len().max(1) as f64;
    left.iter_mut().for_each(|off| *off -= mean);
    let squares: f64 = left.iter().map(|x| x * x).sum();
    let products: f64 = left.windows(2).map(|pair| pair[0] * pair[1]).sum();
    if squares == 0.0 {
        return 1.0;
    }
    let rho = (products / squares).clamp(0.0, 0.9);
    ((1.0 + rho) / (1.0 - rho)).sqrt()
}

/// The deviation of the target's speed from step to step, as a part of it: of (logarithm of the height, how long requests took). `None`: there are too few.
///
/// A line is laid through the logarithms of the times, over those of the heights; its slope `b` says how much more the times change than the load does.
/// What a change of speed does to a queue a change of load does, too, and the work itself takes longer: so that times change by `1 + b` times as much as the
/// speed. By how much the mean of a step is off by chance is taken away.
pub fn speed_scatter(steps: &[(f64, Took)]) -> Option<f64> {
    let n = steps.len() as f64;
    if steps.len() < at::WANDERS_FROM {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, Took)) -> f64| steps.iter().map(of).sum::<f64>() / n;
    let (height, time) = (mean(&|step| step.0), mean(&|step| step.1.ln_us));
    let over = mean(&|step| (step.0 - height) * (step.1.ln_us - time));
    let under = mean(&|step| (step.0 - height).powi(2));
    let slope = if under > 0.0 { over / under } else { 0.0 };
    let off = |step: &(f64, Took)| step.1.ln_us - time - slope * (step.0 - height);
    let squares = mean(&|step| off(step).powi(2)) * n / (n - 2.0);
    let by_chance = mean(&|step| step.1.error.powi(2));
    Some((squares - by_chance).max(0.0).sqrt() / (1.0 + slope.max(0.0)))
}

pub fn sum(slices: &[(u64, u64)]) -> (f64, f64) {
    let (bad, total) = interval::sum(slices);
    (bad as f64, total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn step(slices: Vec<(u64, u64)>) -> Point {
        Point {
            ln_height: 0.0,
            slices,
        }
    }

    /// Each of a hundred requests of a second is bad by itself, or ten of them are together.
    fn seconds(chance: &mut Chance, together: u64) -> Vec<(u64, u64)> {
        let second = |_| {
            let bad = (0..100 / together).filter(|_| chance.uniform() < 0.1);
            (together * bad.count() as u64, 100)
        };
        (0..30).map(second).collect()
    }

    #[test]
    fn requests_that_are_bad_together_count_as_one() {
        let mut chance = Chance(3);
        let mut design = |together| {
            let steps = (0..40).map(|_| step(seconds(&mut chance, together)));
            design_effect(&steps.collect::<Vec<_>>())
        };
        let (alone, together) = (design(1), design(10));
        assert!((1.0..1.2).contains(&alone), "{alone}");
        assert!((8.0..12.0).contains(&together), "{together}");
        assert!((design_effect(&[]) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn how_much_the_speed_differs_is_told_in_spite_of_a_queue() {
        let scatter = |deviation: f64, error: f64| {
            let mut chance = Chance(7);
            let steps = (0..400).map(|n| {
                let ln_height = [0.82_f64, 0.9, 0.97][n % 3].ln();
                // Twice as much more time as there is more load, or less speed.
                let ln_speed = deviation * chance.normal();
                let took = Took {
                    ln_us: 11.0 + 2.0 * (ln_height - ln_speed) - ln_speed + error * chance.normal(),
                    error,
                };
                (ln_height, took)
            });
            speed_scatter(&steps.collect::<Vec<_>>()).expect("enough steps")
        };
        for deviation in [0.05, 0.2] {
            for error in [0.0, 0.1] {
                let told = scatter(deviation, error);
                assert!(
                    (0.85..1.15).contains(&(told / deviation)),
                    "{deviation} {error}: {told}"
                );
            }
        }
        assert!(scatter(0.0, 0.1) < 0.02);
        assert_eq!(
            speed_scatter(
                &[(
                    0.0,
                    Took {
                        ln_us: 11.0,
                        error: 0.0
                    }
                ); 5]
            ),
            None
        );
    }

    #[test]
    fn steps_that_resemble_their_neighbours_widen_it() {
        let steps = |shares: &[u64]| -> Vec<Point> {
            let step = |bad: &u64| step(vec![(*bad, 100); 30]);
            shares.iter().map(step).collect()
        };
        let factor = |shares: &[u64]| correlation_factor(&steps(shares), 1.0, (0.5, 0.0), |_| 0.05);
        assert!((factor(&[2, 8].repeat(12)) - 1.0).abs() < 1e-9);
        let slow = factor(&[[2; 12], [8; 12]].concat());
        assert!(slow > 2.0, "{slow}");
        assert!((factor(&[5; 24]) - 1.0).abs() < 1e-9);
    }
}
