//! The knee: the load from which latency begins to bend, below the one at which an objective breaks.
//!
//! By its definition here, a quantile is there twice what it is with little load. A search has many steps near its limit and a few below, too
//! few and too unevenly spread to fit two lines; and every convex curve has a point of greatest curvature, whether it bends or not.

use katydid_record::search::{KneeSummary, Purpose, Seen, Wish};
use katydid_record::{Limit, PhaseId, Plan, Timeline};

use super::limits as at;
use super::recorded::Recorded;
use crate::numbers::figures;

/// A quantile that few requests are beyond is not told.
const LEAST_BEYOND: f64 = 5.0;

/// What is said of it.
pub struct Knee {
    /// `None`: it does not bend below the limit.
    pub knee: Option<KneeSummary>,
    /// In a sentence.
    pub remark: String,
}

/// One step: its height, a quantile of its times, and what it weighs.
struct Point {
    height: f64,
    ms: f64,
    weight: f64,
}

/// Where latency bends, of a search that found `height`; `None` where little load was not tried.
pub fn knee(
    timeline: &Timeline,
    plan: &Plan,
    found: &Recorded,
    (height, binding): (f64, usize),
) -> Option<Knee> {
    let quantile = quantile(plan, binding);
    let steps = found.phases.iter().zip(&found.seen);
    let mut points: Vec<Point> = steps
        .filter(|(_, seen)| says_how_long(seen))
        .filter_map(|(phase, seen)| point(timeline, *phase, seen, quantile))
        .collect();
    points.sort_by(|a, b| a.height.total_cmp(&b.height));
    let little: Vec<&Point> = (points.iter())
        .filter(|point| point.height <= at::LITTLE * height)
        .collect();
    let weight: f64 = little.iter().map(|point| point.weight).sum();
    if little.len() < 2 {
        return None;
    }
    let base = little.iter().map(|point| point.weight * point.ms.ln());
    let base_ms = (base.sum::<f64>() / weight).exp();
    let bent = bent(&points, at::BENT * base_ms).filter(|bent| *bent < at::JUST_BELOW * height);
    let unit = plan.search.as_ref().map_or("", Wish::unit);
    let title = title(quantile);
    let base = figures(base_ms);
    let remark = match bent {
        Some(bent) => format!(
            "Knee: from {} {unit} on {title} is more than twice the {base} ms of little load.",
            figures(bent)
        ),
        None => format!(
            "No knee: until just below the limit {title} stays below twice the {base} ms of little load."
        ),
    };
    let knee = bent.map(|height| KneeSummary {
        height,
        quantile,
        base_ms,
    });
    Some(Knee { knee, remark })
}

/// That of the objective that is broken first, else 0.95.
pub(super) fn quantile(plan: &Plan, binding: usize) -> f64 {
    plan.slos.get(binding).map_or(0.95, |slo| match slo.limit {
        Limit::Within { share, .. } => share,
        Limit::Errors { .. } => 0.95,
    })
}

/// `p95`.
pub(super) fn title(quantile: f64) -> String {
    format!("p{}", figures(100.0 * quantile))
}

fn says_how_long(seen: &Seen) -> bool {
    let of_search = matches!(
        seen.step.purpose,
        Purpose::Coarse | Purpose::Fine | Purpose::Confirm
    );
    of_search && !seen.invalid && !seen.cut
}

fn point(timeline: &Timeline, phase: PhaseId, seen: &Seen, quantile: f64) -> Option<Point> {
    let totals = timeline.phases.get(&phase)?.total();
    let times = totals.from_due;
    let count = times.count as f64;
    if count * (1.0 - quantile) < LEAST_BEYOND {
        return None;
    }
    Some(Point {
        height: seen.step.height,
        ms: times.quantile_us(quantile)?.max(1) as f64 / 1e3,
        weight: count,
    })
}

/// The height at which a curve that never falls, laid through the points, comes to `ms`; between two of them along a straight line
/// of logarithms.
fn bent(points: &[Point], ms: f64) -> Option<f64> {
    let levels = never_falling(points);
    let above = levels.iter().position(|(_, level)| *level > ms.ln())?;
    let (high, to) = levels[above];
    let Some((low, from)) = above.checked_sub(1).map(|below| levels[below]) else {
        return Some(high.exp());
    };
    let part = (ms.ln() - from) / (to - from);
    Some((low + part * (high - low)).exp())
}

/// Neighbours of which the second is lower get their mean, until none is (isotonic regression by pooling adjacent violators):
/// logarithms of heights and times.
fn never_falling(points: &[Point]) -> Vec<(f64, f64)> {
    // Level, weight and number of points.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for point in points {
        let mut block = (point.ms.ln(), point.weight, 1);
        while let Some((level, weight, count)) = blocks.pop() {
            if level < block.0 {
                blocks.push((level, weight, count));
                break;
            }
            let both = weight + block.1;
            block = (
                (level * weight + block.0 * block.1) / both,
                both,
                count + block.2,
            );
        }
        blocks.push(block);
    }
    let levels = blocks
        .iter()
        .flat_map(|(level, _, count)| std::iter::repeat_n(*level, *count));
    let heights = points.iter().map(|point| point.height.ln());
    heights.zip(levels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(f64, f64)]) -> Vec<Point> {
        let point = |(height, ms): &(f64, f64)| Point {
            height: *height,
            ms: *ms,
            weight: 1.0,
        };
        of.iter().map(point).collect()
    }

    #[test]
    fn a_queue_bends_where_its_time_is_twice_the_service() {
        // M/M/1: the time is 1 / (1 - load), which is 2 at half the load.
        let loads: Vec<f64> = (1..20).map(|n| 0.05 * f64::from(n)).collect();
        let times: Vec<(f64, f64)> = loads
            .iter()
            .map(|load| (*load, 1.0 / (1.0 - load)))
            .collect();
        let bent = bent(&points(&times), 2.0).expect("it bends");
        assert!((bent - 0.5).abs() < 0.01, "{bent}");
    }

    #[test]
    fn one_slow_step_is_no_knee() {
        let one = points(&[
            (10.0, 12.0),
            (20.0, 25.0),
            (40.0, 12.0),
            (80.0, 13.0),
            (100.0, 50.0),
        ]);
        let bent = bent(&one, 24.0).expect("it bends");
        assert!((80.0..100.0).contains(&bent), "{bent}");
        assert_eq!(super::bent(&one, 60.0), None);
    }
}
