//! What all fine steps of a search say together: where the limit is, over all objectives.

use katydid_record::search::Purpose;

use super::bracket::{self, Bracket};
use super::curve::{self, Estimate, Point};
use super::limits as at;
use super::{Search, share};

impl Search<'_> {
    /// What all fine steps say: over all objectives, and which of them is broken first.
    pub(super) fn estimate(&self) -> Option<(Estimate, usize)> {
        *self.estimate.get_or_init(|| self.estimated())
    }

    fn estimated(&self) -> Option<(Estimate, usize)> {
        let objectives = 0..self.wish.budgets.len();
        let all: Vec<(Estimate, usize)> = objectives
            .filter_map(|objective| Some((self.estimate_of(objective)?, objective)))
            .collect();
        let middle = |of: &&(Estimate, usize)| of.0.middle;
        // One that was never seen to be near its budget says nothing of where that is, unless none was.
        let near: Vec<_> = all.iter().filter(|(_, of)| self.was_near(*of)).collect();
        let near = if near.is_empty() {
            all.iter().collect()
        } else {
            near
        };
        let (first, binding) = **near.iter().min_by(|a, b| middle(a).total_cmp(&middle(b)))?;
        // Those that may be the first one count too.
        let rivals = near.iter().filter(|(other, _)| other.low <= first.high);
        let together = rivals.fold(first, |all, (other, _)| Estimate {
            low: all.low.min(other.low),
            high: all.high.min(other.high),
            wider: all.wider.max(other.wider),
            ..all
        });
        Some((together, binding))
    }

    fn estimate_of(&self, objective: usize) -> Option<Estimate> {
        let points: Vec<Point> = self
            .valid(Purpose::Fine)
            .filter_map(|seen| {
                let slices = seen.slices.get(objective)?;
                let slices = match share(slices) {
                    Some(_) => slices.clone(),
                    // It was cut because nothing came back.
                    None if seen.cut => vec![(1, 1); at::LAST],
                    None => return None,
                };
                Some(Point {
                    ln_height: seen.step.height.ln(),
                    slices,
                })
            })
            .collect();
        let budget = self.wish.budgets[objective];
        curve::estimate(&points, budget, self.floor(objective))
    }

    /// In some fine step a good part of the objective's budget was used up.
    pub(super) fn was_near(&self, objective: usize) -> bool {
        self.valid(Purpose::Fine).any(|seen| {
            let share = seen.slices.get(objective).and_then(|slices| share(slices));
            share.is_some_and(|share| share > at::NEAR * self.wish.budgets[objective])
        })
    }

    /// The share that is bad at any load, as coarse steps well below the limit have it.
    fn floor(&self, objective: usize) -> f64 {
        let Bracket { held, broke, .. } = self.bracket;
        let about = (held.unwrap_or_default() * broke.unwrap_or_default()).sqrt();
        let low = bracket::that_count(self.seen)
            .filter(|seen| !seen.cut && seen.step.height < at::FLOOR_BELOW * about);
        let slices = low.filter_map(|seen| seen.slices.get(objective)).flatten();
        share(&slices.copied().collect::<Vec<_>>()).unwrap_or(0.0)
    }
}
