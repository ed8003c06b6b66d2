//! Between which heights it breaks, as coarse steps have it.

use katydid_record::search::{Purpose, Seen, Wish};

use super::limits as at;
use super::{is_strained, share};
use crate::interval;

/// What is known of coarse steps. Each is made between the ends that were known before, so the ends never cross.
#[derive(Clone, Debug, Default)]
pub struct Bracket {
    /// The greatest that held.
    pub held: Option<f64>,
    /// The greatest at which no more was bad than may be.
    pub kept: Option<f64>,
    /// What held had next to nothing bad.
    pub easily: bool,
    /// The least that did not hold.
    pub broke: Option<f64>,
    /// The objective that was broken there.
    pub binding: usize,
    /// The least at which the generator did not keep up, twice.
    pub beyond_us: Option<f64>,
    /// At which the generator would be as busy as it may be, by what it was at the greatest that held.
    pub able: Option<f64>,
}

impl Bracket {
    /// From all steps so far.
    pub fn of(wish: &Wish, seen: &[Seen]) -> Self {
        let mut bracket = Self::default();
        let all: Vec<&Seen> = coarse(seen).collect();
        for seen in last_of_each(&all) {
            bracket.add(wish, seen, &all);
        }
        bracket
    }

    fn add(&mut self, wish: &Wish, seen: &Seen, all: &[&Seen]) {
        let height = seen.step.height;
        let is_less = |known: Option<f64>| known.is_none_or(|known| height < known);
        let is_more = |known: Option<f64>| known.is_none_or(|known| height > known);
        if seen.invalid {
            let same = all.iter().filter(|other| is_same(other, seen));
            if same.filter(|other| other.invalid).count() > 1 && is_less(self.beyond_us) {
                self.beyond_us = Some(height);
            }
            return;
        }
        let worst = worst(wish, seen);
        let is_kept = worst.is_some_and(|(_, times)| times <= 1.0);
        if is_kept && is_more(self.kept) {
            self.kept = Some(height);
        }
        let is_highest = wish
            .ceiling
            .is_some_and(|ceiling| height >= ceiling.floor());
        // There is no higher step that could break it for good.
        let barely = worst.filter(|_| is_highest && !is_kept);
        let binding = broken(wish, seen).or(barely.map(|(objective, _)| objective));
        if let Some(binding) = binding {
            if is_less(self.broke) {
                (self.broke, self.binding) = (Some(height), binding);
            }
        } else if is_more(self.held) {
            self.held = Some(height);
            self.easily = is_next_to_nothing(wish, seen);
            let tells = seen.busy >= at::BUSY_TELLS;
            self.able = tells.then(|| height * at::BUSY / seen.busy);
        }
    }
}

fn coarse(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    let is_coarse = |seen: &&Seen| seen.step.purpose == Purpose::Coarse;
    seen.iter().filter(is_coarse)
}

/// Made at the same height.
pub fn is_same(a: &Seen, b: &Seen) -> bool {
    (a.step.height - b.step.height).abs() < 1e-9
}

/// Of those that were made twice the second.
fn last_of_each<'a>(all: &[&'a Seen]) -> Vec<&'a Seen> {
    let is_last = |n: usize| !all[n + 1..].iter().any(|other| is_same(other, all[n]));
    let last = (0..all.len()).filter(|n| is_last(*n));
    last.map(|n| all[n]).collect()
}

/// Coarse steps that count: valid ones, and of those that were made twice the second.
pub fn that_count(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    let all: Vec<&Seen> = coarse(seen).collect();
    last_of_each(&all).into_iter().filter(|seen| !seen.invalid)
}

/// The greatest height up to which each coarse step had clearly fewer bad requests than may be.
pub fn safe(wish: &Wish, seen: &[Seen]) -> Option<f64> {
    let mut steps: Vec<&Seen> = that_count(seen).collect();
    steps.sort_by(|a, b| a.step.height.total_cmp(&b.step.height));
    let keeps = |seen: &&&Seen| {
        let times = worst(wish, seen).map(|(_, times)| times);
        times.is_some_and(|times| times <= at::CLEARLY)
    };
    let last = steps.iter().take_while(keeps).last()?;
    Some(last.step.height)
}

/// The objective of which most is bad, and how many times its budget that is; `None` where nothing ended.
pub fn worst(wish: &Wish, seen: &Seen) -> Option<(usize, f64)> {
    let slices = seen.slices.iter().zip(&wish.budgets).enumerate();
    let times =
        slices.filter_map(|(n, (slices, budget))| Some((n, share(slices)? / budget.max(1e-9))));
    times.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The objective that a step breaks, if it does: of several the one of which most is bad, measured by its budget. One in which nothing
/// ended at all did not hold either.
pub fn broken(wish: &Wish, seen: &Seen) -> Option<usize> {
    let Some((objective, times)) = worst(wish, seen) else {
        return Some(0);
    };
    let budget = wish.budgets[objective];
    let (bad, _) = interval::sum(&seen.slices[objective]);
    let is_over = bad >= at::FEW && times * budget > (at::BROKEN * budget).min(0.5);
    (is_over || is_strained(seen)).then_some(objective)
}

fn is_next_to_nothing(wish: &Wish, seen: &Seen) -> bool {
    let mut slices = seen.slices.iter().zip(&wish.budgets);
    slices.all(|(slices, budget)| share(slices).is_none_or(|share| share <= at::NOTHING * budget))
}
