//! `--abort-on`: ends the load when the target does worse than it may. It looks at the timeline once a second, on the log's thread.

use std::sync::{Arc, OnceLock};

use katydid_analyze::interval;
use katydid_engine::link::Inbox;
use katydid_engine::message::Command;
use katydid_record::{Plan, Timeline};

/// Seconds that are looked at together.
const WINDOW_S: u64 = 10;
/// Fewer say nothing.
const LEAST_S: u64 = 5;
/// The newest seconds are not complete: not all sources have told.
const INCOMPLETE_S: u64 = 1;

/// Where the end of the load is asked for; known once the engine is there.
pub type Engine = Arc<OnceLock<Arc<Inbox>>>;

/// The conditions of a plan.
pub struct Watch {
    /// Text, budget and number among what the timeline counts.
    conditions: Vec<(String, f64, usize)>,
    engine: Engine,
    looked_at: u64,
}

impl Watch {
    /// Nothing to look for if the plan has no conditions.
    pub fn new(plan: &Plan, engine: Engine) -> Self {
        let first = plan.slos.len();
        let numbered = plan.abort_on.iter().zip(first..);
        Self {
            conditions: numbered
                .map(|(slo, number)| (slo.text.clone(), slo.limit.budget(), number))
                .collect(),
            engine,
            looked_at: 0,
        }
    }

    /// Ends the load if a condition holds; answers which, with its numbers, once.
    pub fn look(&mut self, timeline: &Timeline) -> Option<String> {
        let now = timeline.end / 1_000_000;
        // What ends after the load are the slow ones.
        let over = timeline.load_is_over();
        if self.conditions.is_empty() || over || now <= self.looked_at {
            return None;
        }
        self.looked_at = now;
        let until = now.saturating_sub(INCOMPLETE_S);
        let why = self.conditions.iter().find_map(|(text, budget, number)| {
            let slices = last(timeline, *number, until)?;
            let share = interval::share(&slices)?;
            let (bad, total) = slices.iter().fold((0, 0), |(b, t), s| (b + s.0, t + s.1));
            (share.low > *budget).then(|| {
                format!(
                    "{text}: {bad} of {total} requests were bad in the last {} s",
                    slices.len()
                )
            })
        })?;
        self.conditions.clear();
        if let Some(engine) = self.engine.get() {
            engine.push(Command::TimeLimit(0));
        }
        Some(why)
    }
}

/// Bad and all requests of each of the last seconds before `until`, over all phases; `None` if they are too few.
fn last(timeline: &Timeline, number: usize, until: u64) -> Option<Vec<(u64, u64)>> {
    let from = until.saturating_sub(WINDOW_S);
    let mut seconds = vec![(0, 0); (until - from) as usize];
    for ((found, _), slices) in &timeline.slices {
        if *found == number {
            for (second, tally) in slices.newest.range(from..until) {
                let place = &mut seconds[(second - from) as usize];
                *place = (place.0 + tally.bad(), place.1 + tally.total);
            }
        }
    }
    let began = seconds.iter().position(|(_, total)| *total > 0)?;
    let seconds = seconds.split_off(began);
    (seconds.len() as u64 >= LEAST_S).then_some(seconds)
}
