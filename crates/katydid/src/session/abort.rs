//! `--abort-on`: ends the load when the target, or the machine it runs on, does worse than it may. It looks at the timeline once a second,
//! on the log's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use katydid_analyze::interval;
use katydid_engine::clock::{Nanos, SECOND};
use katydid_engine::link::Inbox;
use katydid_engine::message::Command;
use katydid_record::{Body, Fact, MachineLimit, Mark, Phase, Plan, Resource, Timeline};

use super::Live;

/// Seconds that are looked at together.
const WINDOW_S: u64 = 10;
/// Fewer say nothing.
const LEAST_S: u64 = 5;
/// The newest seconds are not complete: not all sources have told.
pub(super) const INCOMPLETE_S: u64 = 1;
/// Topic of what is said of conditions that cannot be watched.
const TOPIC: &str = "abort-on";

/// Where the end of the load is asked for, or that it goes on.
#[derive(Default)]
pub struct End {
    /// Zero of the run's clock.
    start: Nanos,
    /// A hub is told by the engine; known once that is there.
    engine: OnceLock<Arc<Inbox>>,
    /// Who drives the load without a hub looks here.
    asked: AtomicBool,
}

impl End {
    /// Of a run that began then.
    pub fn of_run(start: Nanos) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// The engine whose hub is to be told.
    pub fn of(&self, engine: &Arc<Inbox>) {
        // Nobody else sets it.
        let _ = self.engine.set(engine.clone());
    }

    /// Has the load end now.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(engine) = self.engine.get() {
            engine.push(Command::TimeLimit(0));
        }
    }
}

impl End {
    /// Tells the engine to go on with these phases from that second of the run on.
    pub(super) fn go_on(&self, second: u64, phases: Vec<Phase>) {
        if let Some(engine) = self.engine.get() {
            engine.push(Command::GoOn(self.start + second * SECOND, phases));
        }
    }
}

impl Live {
    /// A condition wants the load to end.
    pub fn is_to_end(&self) -> bool {
        self.early_end.asked.load(Ordering::Acquire)
    }
}

/// The conditions of a plan.
pub struct Watch {
    /// Text, budget and number among what the timeline counts.
    requests: Vec<(String, f64, usize)>,
    /// And whether it was said that the number is missing.
    machine: Vec<(MachineLimit, bool)>,
    /// The load has no phases: it begins with the run.
    is_attack: bool,
    end: Arc<End>,
    looked_at: u64,
}

impl Watch {
    /// Nothing to look for if the plan has no conditions.
    pub fn new(plan: &Plan, end: Arc<End>) -> Self {
        let first = plan.slos.len();
        let numbered = plan.abort_on.iter().zip(first..);
        let machine = plan.abort_on_machine.iter();
        Self {
            requests: numbered
                .map(|(slo, number)| (slo.text.clone(), slo.limit.budget(), number))
                .collect(),
            machine: machine.map(|limit| (limit.clone(), false)).collect(),
            is_attack: plan.command == "attack",
            end,
            looked_at: 0,
        }
    }

    /// Ends the load if a condition holds. Answers what is to be noted: which, with its numbers, once; and which cannot be told.
    pub fn look(&mut self, timeline: &Timeline) -> Vec<Body> {
        let now = timeline.end / 1_000_000;
        // What ends after the load are the slow ones.
        let over = timeline.load_is_over() || (self.requests.is_empty() && self.machine.is_empty());
        if over || now <= self.looked_at {
            return Vec::new();
        }
        self.looked_at = now;
        let until = now.saturating_sub(INCOMPLETE_S);
        let mut notes = Vec::new();
        let mut requests = self.requests.iter();
        let mut why = requests.find_map(|condition| bad_requests(timeline, condition, until));
        let began = self.load_began(timeline);
        for (limit, is_said) in &mut self.machine {
            match in_use(timeline, limit.resource, began, until) {
                InUse::Share(share, seconds) if share > limit.share => {
                    why.get_or_insert_with(|| sentence(limit, share, seconds));
                }
                InUse::Unknown if !std::mem::replace(is_said, true) => {
                    notes.push(Body::Facts(vec![unknown(limit)]));
                }
                _ => {}
            }
        }
        if let Some(why) = why {
            (self.requests, self.machine) = (Vec::new(), Vec::new());
            self.end.ask();
            notes.push(Body::Mark(Mark::Aborted { why }));
        }
        notes
    }

    /// The first whole second of the load, if it has begun: what the machine did before is not the load's doing.
    fn load_began(&self, timeline: &Timeline) -> Option<u64> {
        let phases = timeline.phases.values().filter_map(|phase| phase.began);
        let began = phases.min().map(|at| at.div_ceil(1_000_000));
        began.or(self.is_attack.then_some(0))
    }
}

/// What to say if this condition surely holds for the last seconds before `until`.
fn bad_requests(
    timeline: &Timeline,
    (text, budget, number): &(String, f64, usize),
    until: u64,
) -> Option<String> {
    let slices = last(timeline, *number, until)?;
    let share = interval::share(&slices)?;
    let (bad, total) = interval::sum(&slices);
    let seconds = slices.len();
    (share.low > *budget)
        .then(|| format!("{text}: {bad} of {total} requests were bad in the last {seconds} s"))
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

/// What the last seconds tell of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
enum InUse {
    /// There were too few seconds of load.
    TooEarly,
    /// There were enough, but too few in which it could be read.
    Unknown,
    /// On average over so many seconds.
    Share(f64, u64),
}

fn in_use(timeline: &Timeline, resource: Resource, began: Option<u64>, until: u64) -> InUse {
    let from = until.saturating_sub(WINDOW_S).max(began.unwrap_or(until));
    if from >= until {
        return InUse::TooEarly;
    }
    let (mut used, mut all, mut known, mut unknown) = (0, 0, 0, 0);
    for second in timeline.machine.newest.range(from..until) {
        match second.1.in_use(resource) {
            Some((part, whole)) => (used, all, known) = (used + part, all + whole, known + 1),
            None => unknown += 1,
        }
    }
    if known >= LEAST_S {
        return InUse::Share(used as f64 / all as f64, known);
    }
    if known + unknown >= LEAST_S {
        return InUse::Unknown;
    }
    InUse::TooEarly
}

fn sentence(limit: &MachineLimit, share: f64, seconds: u64) -> String {
    let what = match limit.resource {
        Resource::Cpu => "processors were busy",
        Resource::Memory => "memory was in use",
    };
    let (text, share) = (&limit.text, percent_over(share, limit.share));
    format!("{text}: {share} % of this machine's {what} in the last {seconds} s")
}

/// Percent, with as many digits as it takes to see that it is over the limit.
fn percent_over(share: f64, limit: f64) -> String {
    let with = |digits: usize| format!("{:.digits$}", share * 100.0);
    let is_over = |text: &String| text.parse::<f64>().is_ok_and(|shown| shown > limit * 100.0);
    let shown = (0..=3).map(with).find(is_over);
    shown.unwrap_or_else(|| with(6))
}

fn unknown(limit: &MachineLimit) -> Fact {
    let text = match limit.resource {
        Resource::Cpu => "how busy this machine's processors are (/proc/stat)",
        Resource::Memory => "how much of this machine's memory is in use (/proc/meminfo)",
    };
    Fact {
        topic: TOPIC.to_owned(),
        subject: limit.text.clone(),
        text: format!("it could not be read {text}; in that time this condition was not watched"),
    }
}

/// What to say at once of facts, and that it is something wrong.
pub fn line(facts: &[Fact]) -> Option<(String, bool)> {
    let fact = facts.iter().find(|fact| fact.topic == TOPIC)?;
    Some((format!("{}: {}", fact.subject, fact.text), true))
}

#[cfg(test)]
mod tests;
