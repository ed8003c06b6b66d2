//! Between which heights it breaks, as coarse steps have it.

use katydid_record::search::{Purpose, Seen, Wish};

use super::limits as at;
use super::{is_strained, share};

/// What is known of coarse steps. Each is made between the ends that were known before, so the ends never cross.
#[derive(Clone, Debug, Default)]
pub struct Bracket {
    /// The greatest that held.
    pub held: Option<f64>,
    /// It had next to nothing bad.
    pub easily: bool,
    /// The least that did not hold.
    pub broke: Option<f64>,
    /// The objective that was broken there.
    pub binding: usize,
    /// The least at which the generator did not keep up, twice.
    pub beyond_us: Option<f64>,
}

impl Bracket {
    /// From all steps so far.
    pub fn of(wish: &Wish, seen: &[Seen]) -> Self {
        let mut bracket = Self::default();
        let coarse: Vec<&Seen> = seen
            .iter()
            .filter(|seen| seen.step.purpose == Purpose::Coarse)
            .collect();
        for (n, seen) in coarse.iter().enumerate() {
            let height = seen.step.height;
            let same = |other: &&&Seen| (other.step.height - height).abs() < 1e-9;
            // Of one that was made twice the second counts.
            if coarse[n + 1..].iter().any(|other| same(&other)) {
                continue;
            }
            let is_less = |known: Option<f64>| known.is_none_or(|known| height < known);
            if seen.invalid {
                let twice = coarse[..n]
                    .iter()
                    .any(|other| same(&other) && other.invalid);
                if twice && is_less(bracket.beyond_us) {
                    bracket.beyond_us = Some(height);
                }
            } else if let Some(binding) = broken(wish, seen) {
                if is_less(bracket.broke) {
                    (bracket.broke, bracket.binding) = (Some(height), binding);
                }
            } else if bracket.held.is_none_or(|held| height > held) {
                bracket.held = Some(height);
                bracket.easily = is_next_to_nothing(wish, seen);
            }
        }
        bracket
    }

    /// The generator does not keep up at such a height.
    pub fn is_beyond_us(&self, height: f64) -> bool {
        self.beyond_us.is_some_and(|beyond| height >= beyond)
    }
}

/// The objective that a step breaks, if it does: of several the one of which most is bad, measured by its budget. One in which nothing
/// ended at all did not hold either.
pub fn broken(wish: &Wish, seen: &Seen) -> Option<usize> {
    let shares: Vec<Option<f64>> = seen.slices.iter().map(|slices| share(slices)).collect();
    let is_empty = shares.iter().all(Option::is_none);
    let worst = |of: &(usize, f64)| of.1;
    let (objective, times) = shares
        .iter()
        .zip(&wish.budgets)
        .enumerate()
        .map(|(n, (share, budget))| (n, share.unwrap_or(0.0) / budget.max(1e-9)))
        .max_by(|a, b| worst(a).total_cmp(&worst(b)))?;
    let budget = wish.budgets[objective];
    let is_over = times * budget > (at::BROKEN * budget).min(0.5);
    (is_empty || is_over || is_strained(seen)).then_some(objective)
}

fn is_next_to_nothing(wish: &Wish, seen: &Seen) -> bool {
    let mut slices = seen.slices.iter().zip(&wish.budgets);
    slices.all(|(slices, budget)| share(slices).is_none_or(|share| share <= at::NOTHING * budget))
}
