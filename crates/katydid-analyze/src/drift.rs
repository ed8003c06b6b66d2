//! What changes while the load does not: the trend of a hold's p95, errors and memory over time, and whether chance would make one like it.
//!
//! Neighbouring windows have much in common, so that a wave looks like a trend. The test therefore counts only as many windows as there
//! would be independent ones.

use katydid_record::summary::{DriftOutcome, DriftSummary, Drifting};
use katydid_record::{Histogram, PhaseKind, PhaseTotals, Timeline};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::numbers::median;
use crate::series::{self, Piece};
use crate::validity;

/// A shorter hold is not looked at: a minute's wave would fill a tenth of it.
const LEAST_S: f64 = 600.0;
/// Equal windows that a hold is cut into.
const WINDOWS: usize = 120;
/// So many of them must have a value.
const LEAST_WINDOWS: usize = 60;
/// Successes that a window's p95 is read from at least.
const SAMPLES: u64 = 20;
/// Chance that what does not drift is said to.
const CHANCE: f64 = 0.01;
/// With fewer independent windows than this, nothing is told.
const FEW: f64 = 8.0;
/// Parts in each of which the resemblance of neighbours is looked at by itself, so that a step or a bend does not pass for it.
const PARTS: usize = 4;
/// Windows at either end whose values together are what it rose or fell from and to: a tenth.
const END: usize = WINDOWS / 10;
/// A smaller change, as a share of the first value, concerns nobody.
const RELEVANT: f64 = 0.05;
/// Nor does one below this: ms, share of requests, bytes.
const RELEVANT_MS: f64 = 0.1;
const RELEVANT_SHARE: f64 = 0.001;
const RELEVANT_BYTES: f64 = 1_048_576.0;

/// Of each hold that is long enough, in their order; of the whole run where there are no phases.
pub fn drifts(timeline: &Timeline) -> Vec<DriftSummary> {
    let pieces = series::pieces(timeline);
    let is_hold = |phase: &PhaseTotals| phase.kind == PhaseKind::Hold.as_str();
    let holds = timeline.phases.iter().filter(|(_, phase)| is_hold(phase));
    let mut holds: Vec<_> = holds
        .map(|(id, phase)| {
            (
                *id,
                Some(phase.name.as_str()),
                validity::of_phase(phase).valid,
            )
        })
        .collect();
    if timeline.phases.is_empty() {
        let total = Timeline::total(&timeline.endpoints);
        holds.push((0, None, validity::of_run(timeline, &total).valid));
    }
    holds
        .into_iter()
        .filter_map(|(id, name, valid)| {
            let of_it = pieces.iter().filter(|piece| piece.phase == id);
            Some(Hold::of(of_it.collect())?.drifts(name, valid))
        })
        .flatten()
        .collect()
}

/// A hold that is long enough, as windows.
struct Hold<'a> {
    windows: Vec<Vec<&'a Piece<'a>>>,
    seconds: f64,
}

impl<'a> Hold<'a> {
    fn of(pieces: Vec<&'a Piece<'a>>) -> Option<Self> {
        let (first, last) = (pieces.first()?, pieces.last()?);
        let (from, length_us) = (first.from_us, last.until_us.saturating_sub(first.from_us));
        let seconds = length_us as f64 / 1e6;
        if seconds < LEAST_S {
            return None;
        }
        let mut windows = vec![Vec::new(); WINDOWS];
        for piece in pieces {
            let middle = u64::midpoint(piece.from_us, piece.until_us) - from;
            let share = middle as f64 / length_us as f64;
            windows[((share * WINDOWS as f64) as usize).min(WINDOWS - 1)].push(piece);
        }
        Some(Self { windows, seconds })
    }

    fn drifts(&self, name: Option<&str>, valid: bool) -> [DriftSummary; 4] {
        let seen = |what, smallest, value: fn(&[&Piece<'_>]) -> Option<f64>| DriftSummary {
            phase: name.map(str::to_owned),
            what,
            over_s: self.seconds,
            ..self.drift(smallest, value)
        };
        let judged = |drift: DriftSummary| DriftSummary {
            outcome: if valid {
                drift.outcome
            } else {
                DriftOutcome::Invalid
            },
            ..drift
        };
        [
            judged(seen(Drifting::P95, RELEVANT_MS, p95_ms)),
            judged(seen(Drifting::Errors, RELEVANT_SHARE, errors)),
            seen(Drifting::GeneratorMemory, RELEVANT_BYTES, rss_bytes),
            DriftSummary {
                phase: name.map(str::to_owned),
                what: Drifting::TargetMemory,
                over_s: self.seconds,
                ..DriftSummary::default()
            },
        ]
    }

    fn drift(&self, smallest: f64, value: fn(&[&Piece<'_>]) -> Option<f64>) -> DriftSummary {
        let all = self.windows.iter().map(|window| value(window));
        let hours = self.seconds / 3_600.0 / WINDOWS as f64;
        let points: Vec<(f64, f64)> = (0_u32..)
            .zip(all)
            .filter_map(|(n, value)| Some(((f64::from(n) + 0.5) * hours, value?)))
            .collect();
        let first = value(&self.windows[..END].concat());
        let last = value(&self.windows[WINDOWS - END..].concat());
        let mut drift = DriftSummary {
            outcome: if points.is_empty() {
                DriftOutcome::NotObserved
            } else {
                DriftOutcome::Unclear
            },
            from: first,
            to: last,
            windows: points.len() as u64,
            ..DriftSummary::default()
        };
        let (Some(first), Some(last)) = (first, last) else {
            return drift;
        };
        if points.len() < LEAST_WINDOWS {
            return drift;
        }
        drift.per_hour = Some(slope(&points));
        let values: Vec<f64> = points.iter().map(|point| point.1).collect();
        let change = last - first;
        let relevant = change.abs() >= smallest && change.abs() >= RELEVANT * first.abs();
        let trend = trend(&values);
        drift.chance = trend.map(|trend| trend.chance);
        drift.outcome = match trend {
            _ if !relevant => DriftOutcome::None,
            None => DriftOutcome::Unclear,
            Some(t) if t.chance >= CHANCE || t.rises != (change > 0.0) => DriftOutcome::None,
            Some(t) if t.rises => DriftOutcome::Rose,
            Some(_) => DriftOutcome::Fell,
        };
        drift
    }
}

/// Of the successes of all of them, from due.
fn p95_ms(pieces: &[&Piece<'_>]) -> Option<f64> {
    let mut all = Histogram::default();
    for piece in pieces {
        all.add(&piece.second.from_due.to_sparse());
    }
    let us = all.quantile_us(0.95).filter(|_| all.count() >= SAMPLES)?;
    Some(us as f64 / 1e3)
}

/// Share of what ended.
fn errors(pieces: &[&Piece<'_>]) -> Option<f64> {
    let (failed, ended) = pieces.iter().fold((0, 0), |(failed, ended), piece| {
        let second = &piece.second;
        (failed + second.failed, ended + second.ok + second.failed)
    });
    (ended > 0).then(|| failed as f64 / ended as f64)
}

/// Mean over the ends of katydid's own windows.
fn rss_bytes(pieces: &[&Piece<'_>]) -> Option<f64> {
    let (sum, windows) = pieces.iter().fold((0.0, 0.0), |(sum, windows), piece| {
        let seen = piece.second.rss_windows() as f64;
        (sum + seen * piece.second.rss_bytes(), windows + seen)
    });
    (windows > 0.0).then(|| sum / windows)
}

/// The median of the slopes between all pairs: Theil (1950), Sen, *Estimates of the regression coefficient based on Kendall's tau* (1968).
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(n, a)| {
        points[n + 1..]
            .iter()
            .map(move |b| (b.1 - a.1) / (b.0 - a.0))
    });
    median(pairs.collect()).unwrap_or(0.0)
}

/// A direction, and how probable one at least that clear is without a trend.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trend {
    rises: bool,
    chance: f64,
}

/// Mann and Kendall's test, its variance by Hamed and Rao, *A modified Mann-Kendall trend test for autocorrelated data* (1998), for an
/// autoregressive process of first order; and Student's t with as many degrees of freedom as there are independent values, less two,
/// in place of the normal distribution. `None` where these are too few.
fn trend(values: &[f64]) -> Option<Trend> {
    let n = values.len() as f64;
    let inflation = inflation(values.len(), resemblance(values));
    let independent = n / inflation;
    if independent < FEW {
        return None;
    }
    let mut s = 0.0;
    for (i, a) in values.iter().enumerate() {
        s += values[i + 1..].iter().map(|b| sign(b - a)).sum::<f64>();
    }
    let ties = n * (n - 1.0) * (2.0 * n + 5.0) - tied(values);
    let error = (ties / 18.0 * inflation).sqrt();
    if error <= 0.0 {
        return Some(Trend {
            rises: false,
            chance: 1.0,
        });
    }
    let z = (s.abs() - 1.0).max(0.0) / error;
    let t = StudentsT::new(0.0, 1.0, independent - 2.0).ok()?;
    Some(Trend {
        rises: s > 0.0,
        chance: 2.0 * (1.0 - t.cdf(z)),
    })
}

fn sign(difference: f64) -> f64 {
    if difference == 0.0 {
        0.0
    } else {
        difference.signum()
    }
}

/// What equal values take from the variance.
fn tied(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let groups = sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|group| group.len() as f64);
    groups.map(|t| t * (t - 1.0) * (2.0 * t + 5.0)).sum()
}

/// Hamed and Rao's factor for a correlation of ρ at a distance of one and ρᵏ at one of k.
fn inflation(n: usize, rho: f64) -> f64 {
    let n_f = n as f64;
    let mut sum = 0.0;
    let mut power = 1.0;
    for k in 1..n.saturating_sub(2) {
        power *= rho;
        let k = k as f64;
        sum += (n_f - k) * (n_f - k - 1.0) * (n_f - k - 2.0) * power;
    }
    1.0 + 2.0 / (n_f * (n_f - 1.0) * (n_f - 2.0)) * sum
}

/// The correlation of neighbours, by ranks, with the trend of each part taken away. Of l values so treated it comes out by about
/// (2 + 4ρ)/l too small, as wherever a line is fitted to an autoregressive process; that is given back. One standard error is added, since
/// too small a value does more harm than too large a one. What that is worth, the simulation in the tests says.
fn resemblance(values: &[f64]) -> f64 {
    let l = values.len() / PARTS;
    let rest: Vec<f64> = values.chunks_exact(l).take(PARTS).flat_map(flat).collect();
    let ranks = ranks(&rest);
    let (mut squares, mut products) = (0.0, 0.0);
    for part in ranks.chunks_exact(l) {
        let mean = part.iter().sum::<f64>() / l as f64;
        squares += part.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let pairs = part.windows(2);
        products += pairs.map(|p| (p[0] - mean) * (p[1] - mean)).sum::<f64>();
    }
    if squares == 0.0 {
        return 0.0;
    }
    let l = l as f64;
    let rho = ((l * products / squares + 2.0) / (l - 4.0)).clamp(-1.0, 1.0);
    let error = ((1.0 - rho * rho) / values.len() as f64).sqrt();
    (rho + error).clamp(0.0, 0.99)
}

/// Without its trend and its level.
fn flat(part: &[f64]) -> Vec<f64> {
    let points: Vec<(f64, f64)> = (0_u32..).map(f64::from).zip(part.iter().copied()).collect();
    let slope = slope(&points);
    let level: Vec<f64> = points.iter().map(|(t, x)| x - slope * t).collect();
    let middle = median(level.clone()).unwrap_or(0.0);
    level.into_iter().map(|x| x - middle).collect()
}

/// Equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut next = 0;
    for group in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = next as f64 + (group.len() - 1) as f64 / 2.0;
        group.iter().for_each(|index| ranks[*index] = rank);
        next += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests;
