//! How far a share that was measured may be from the true one.
//!
//! Requests of one second have much in common, so that a thousand of them are not a thousand witnesses. The interval is the wider of
//! two: the exact one of the binomial distribution, which takes them for independent, and one from the scatter of batches of seconds.

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// Chance that the interval lies wholly to one side of the truth, on each side.
const ONE_SIDE: f64 = 0.025;
/// Shortest batch, in slices, where there are enough.
const BATCH: usize = 5;
/// Batches that a short phase is cut into at least.
const FEW: usize = 4;

/// A share and what it may be, 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// As measured.
    pub share: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share of bad ones among `(bad, total)` of equally long slices in their order; slices without any count too, as they lie
/// between others. `None` without a single one.
pub fn share(slices: &[(u64, u64)]) -> Option<Interval> {
    let (bad, total) = sum(slices);
    if total == 0 {
        return None;
    }
    let share = bad as f64 / total as f64;
    let (low, high) = exact(bad, total);
    let half = scatter(slices, share).unwrap_or(0.0);
    Some(Interval {
        share,
        low: low.min(share - half).max(0.0),
        high: high.max(share + half).min(1.0),
    })
}

/// Bad ones and all of several slices together.
pub fn sum(slices: &[(u64, u64)]) -> (u64, u64) {
    let add = |(bad, total), slice: &(u64, u64)| (bad + slice.0, total + slice.1);
    slices.iter().fold((0, 0), add)
}

/// Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case of the binomial* (1934).
fn exact(bad: u64, total: u64) -> (f64, f64) {
    let (k, n) = (bad as f64, total as f64);
    let low = match bad {
        0 => 0.0,
        _ => beta_quantile(k, n - k + 1.0, ONE_SIDE),
    };
    let high = match total - bad {
        0 => 1.0,
        _ => beta_quantile(k + 1.0, n - k, 1.0 - ONE_SIDE),
    };
    (low, high)
}

/// By halving: the library's own search does not end for millions of samples.
fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    const HALVINGS: u32 = 100;
    let Ok(beta) = Beta::new(a, b) else {
        return 1.0;
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if beta.cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Half of the interval that the scatter of batch means gives: Student's t times the standard error of a ratio (Cochran, *Sampling
/// Techniques*, section 2.11). `None` with less than two batches.
fn scatter(slices: &[(u64, u64)], share: f64) -> Option<f64> {
    let off: Vec<f64> = slices
        .iter()
        .map(|(bad, total)| *bad as f64 - share * *total as f64)
        .collect();
    let length = batch(&off).min((off.len() / FEW).max(1));
    let batches: Vec<f64> = off
        .chunks_exact(length)
        .map(|batch| batch.iter().sum())
        .collect();
    let m = batches.len() as f64;
    let t = StudentsT::new(0.0, 1.0, m - 1.0).ok()?;
    // What is left over at the end belongs to the share but to no batch.
    let counted: u64 = slices[..batches.len() * length].iter().map(|s| s.1).sum();
    let squares: f64 = batches.iter().map(|off| off * off).sum();
    let error = (m / (m - 1.0) * squares).sqrt() / counted as f64;
    let half = t.inverse_cdf(1.0 - ONE_SIDE) * error;
    half.is_finite().then_some(half)
}

/// Slices in a batch: five, and more where neighbours resemble each other, by their correlation ρ at a distance of one: 5(1+ρ)/(1−ρ).
fn batch(off: &[f64]) -> usize {
    let squares: f64 = off.iter().map(|x| x * x).sum();
    if squares == 0.0 {
        return BATCH;
    }
    let products: f64 = off.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let rho = (products / squares).clamp(0.0, 0.95);
    (BATCH as f64 * (1.0 + rho) / (1.0 - rho)).ceil() as usize
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // what is given back as it came is equal
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::chance::Chance;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4
    }

    /// Against R's `binom.test(5, 100)$conf.int` and the rule of three.
    #[test]
    fn the_exact_interval() {
        let (low, high) = exact(5, 100);
        assert!(near(low, 0.0164) && near(high, 0.1128), "{low} {high}");
        let (low, high) = exact(0, 72);
        assert!(low == 0.0 && near(high, 0.0500), "{high}");
        assert_eq!(exact(9, 9).1, 1.0);
        // 0 of n: 1 − 0.025^(1/n).
        let n = 20_000_000;
        let closed = 1.0 - 0.025_f64.powf(1.0 / n as f64);
        assert!((exact(0, n).1 / closed - 1.0).abs() < 1e-6);
        let (low, high) = exact(500_000, 50_000_000);
        assert!(
            low < 0.01 && 0.01 < high && high - low < 1e-4,
            "{low} {high}"
        );
    }

    #[test]
    fn equal_slices_add_nothing_to_the_exact_interval() {
        let slices = [(1, 20); 40];
        let all = share(&slices).expect("there are some");
        let (low, high) = exact(40, 800);
        assert_eq!((all.share, all.low, all.high), (0.05, low, high));
    }

    #[test]
    fn a_bad_stretch_widens_it() {
        let mut slices = vec![(0, 50); 60];
        slices[20..26].fill((25, 50));
        let all = share(&slices).expect("there are some");
        let (_, high) = exact(150, 3_000);
        assert!(all.share == 0.05 && all.high > 1.8 * high, "{all:?} {high}");
    }

    #[test]
    fn nothing_and_next_to_nothing() {
        assert_eq!(share(&[]), None);
        assert_eq!(share(&[(0, 0)]), None);
        let one = share(&[(1, 1)]).expect("there is one");
        assert!(near(one.low, 0.025) && one.high == 1.0, "{one:?}");
        assert!(share(&[(0, 3), (2, 3)]).is_some());
    }

    /// Seconds of a service whose share of bad requests wanders: its logarithm is an autoregressive process.
    fn seconds(chance: &mut Chance, mean: f64, rho: f64, spread: f64, n: usize) -> Vec<(u64, u64)> {
        let mut level = chance.normal() * spread;
        let step = spread * (1.0 - rho * rho).sqrt();
        // The mean of exp(x) for a normal x with this spread.
        let lift = (spread * spread / 2.0).exp();
        let mut second = || {
            level = rho * level + step * chance.normal();
            let share = (mean * level.exp() / lift).min(1.0);
            let bad = (0..50).filter(|_| chance.uniform() < share).count();
            (bad as u64, 50)
        };
        (0..n).map(|_| second()).collect()
    }

    /// Share of 2,000 runs in which a budget of 5 % is said to be kept, and broken.
    fn said(mean: f64, rho: f64, spread: f64, n: usize) -> (f64, f64) {
        let mut chance = Chance(7);
        let (mut kept, mut broken) = (0, 0);
        for _ in 0..2_000 {
            let all = share(&seconds(&mut chance, mean, rho, spread, n)).expect("there are some");
            kept += u32::from(all.high <= 0.05);
            broken += u32::from(all.low > 0.05);
        }
        (f64::from(kept) / 2_000.0, f64::from(broken) / 2_000.0)
    }

    /// The budget is 5 %. The last number is the spread of the wandering share's logarithm; docs/method.md has this table.
    #[test]
    fn it_is_rarely_wrong_and_not_always_undecided() {
        let mut table = String::new();
        for (mean, rho, spread, seconds) in [
            (0.03, 0.8, 0.3, 60),
            (0.04, 0.0, 0.0, 60),
            (0.04, 0.8, 0.3, 60),
            (0.04, 0.8, 0.8, 180),
            (0.06, 0.0, 0.0, 60),
            (0.06, 0.8, 0.3, 10),
            (0.06, 0.8, 0.3, 60),
            (0.06, 0.8, 0.3, 180),
            (0.06, 0.8, 0.8, 60),
            (0.06, 0.8, 0.8, 180),
            (0.08, 0.8, 0.3, 60),
        ] {
            let (kept, broken) = said(mean, rho, spread, seconds);
            writeln!(
                table,
                "{mean} {rho} {spread} {seconds} s: kept {kept:.3}, broken {broken:.3}"
            )
            .expect("a text takes it");
        }
        let expected = "\
0.03 0.8 0.3 60 s: kept 0.941, broken 0.000
0.04 0 0 60 s: kept 0.649, broken 0.000
0.04 0.8 0.3 60 s: kept 0.470, broken 0.000
0.04 0.8 0.8 180 s: kept 0.395, broken 0.000
0.06 0 0 60 s: kept 0.000, broken 0.482
0.06 0.8 0.3 10 s: kept 0.015, broken 0.090
0.06 0.8 0.3 60 s: kept 0.003, broken 0.241
0.06 0.8 0.3 180 s: kept 0.001, broken 0.701
0.06 0.8 0.8 60 s: kept 0.056, broken 0.030
0.06 0.8 0.8 180 s: kept 0.021, broken 0.091
0.08 0.8 0.3 60 s: kept 0.000, broken 0.821
";
        assert_eq!(table, expected);
    }
}
