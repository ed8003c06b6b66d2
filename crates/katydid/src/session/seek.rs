//! The search for the limit, under way: looks at the timeline once a second, on the log's thread, ends a step when it is over, and tells the
//! engine the next one. Which one that is the analysis decides; each decision is kept as a fact, so that it can be made again.

use std::sync::Arc;

use katydid_analyze::search::recorded::{self, UnderWay, recorded};
use katydid_analyze::search::{self, Next, limits};
use katydid_analyze::{target, validity};
use katydid_record::search::{End as Ended, InUse, Purpose, Seen, Step, Wish};
use katydid_record::timeline::Second;
use katydid_record::{
    Fact, Limit, Model, Phase, PhaseId, PhaseKind, Plan, Schedule, Slo, Timeline,
};

use super::abort::{End, INCOMPLETE_S};

/// A step goes on until the next one is told. If none is, for so long after its time: then the load ends.
const UNTOLD_S: f64 = 60.0;
/// The next step begins so long after the newest second: the engine has to know before.
const NOTICE_S: u64 = 1;
/// The part of the bad requests allowed that may be the generator's doing.
const OURS: f64 = 0.2;
/// How long a request may take where no objective says it, seconds.
const USUAL_LIMIT_S: f64 = 5.0;

/// The phase of a step that comes after this height, of those for the same the `of_its_purpose`-th.
fn phase(step: &Step, from: f64, of_its_purpose: usize) -> Phase {
    Phase {
        name: format!("{} {of_its_purpose}", step.purpose.as_str()),
        kind: PhaseKind::Hold,
        from: if step.rise_s > 0.0 { from } else { step.height },
        to: step.height,
        rise_s: step.rise_s,
        length_s: step.length_s() + UNTOLD_S,
        after: None,
    }
}

/// What a search begins with, for its plan.
pub fn first(wish: &Wish) -> Option<Schedule> {
    let Next::Step(step) = search::next(wish, &[]) else {
        return None;
    };
    Some(Schedule {
        model: if wish.whole {
            Model::Users
        } else {
            Model::Arrivals
        },
        phases: vec![phase(&step, 0.0, 1)],
        lines: Vec::new(),
    })
}

/// Limit and budget of an objective about times, seconds and a share.
fn within(slo: &Slo) -> Option<(f64, f64)> {
    match slo.limit {
        Limit::Within { limit_us, .. } => Some((limit_us as f64 / 1e6, slo.limit.budget())),
        Limit::Errors { .. } => None,
    }
}

/// How long a request may take, for objectives: the longest limit, seconds.
pub fn longest_s(slos: &[Slo]) -> f64 {
    let limits = slos.iter().filter_map(within).map(|(limit_s, _)| limit_s);
    limits.reduce(f64::max).unwrap_or(USUAL_LIMIT_S)
}

/// A search that is under way.
pub struct Seek {
    wish: Wish,
    objectives: Vec<String>,
    /// The shortest limit of a request.
    shortest_s: f64,
    /// The least share that may be bad, of objectives that have a limit if there are any.
    least: f64,
    /// How long one took in the first step.
    usual_s: Option<f64>,
    end: Arc<End>,
    looked_at: u64,
    is_over: bool,
}

/// What came of a look.
#[derive(Default)]
pub struct Look {
    /// To be kept.
    pub facts: Vec<Fact>,
    /// To be said at once.
    pub line: Option<String>,
}

impl Seek {
    /// The search of a plan that has one.
    pub fn new(plan: &Plan, end: Arc<End>) -> Option<Self> {
        let wish = plan.search.clone()?;
        let within: Vec<(f64, f64)> = plan.slos.iter().filter_map(within).collect();
        let limits = within.iter().map(|(limit_s, _)| *limit_s);
        let budgets = within.iter().map(|(_, budget)| *budget);
        let any = wish.budgets.iter().copied().reduce(f64::min);
        Some(Self {
            wish,
            objectives: plan.slos.iter().map(|slo| slo.text.clone()).collect(),
            shortest_s: limits.reduce(f64::min).unwrap_or(USUAL_LIMIT_S),
            least: budgets.reduce(f64::min).or(any).unwrap_or_default(),
            usual_s: None,
            end,
            looked_at: 0,
            is_over: false,
        })
    }

    /// Ends the step that is under way if it is over, and begins the next.
    pub fn look(&mut self, timeline: &Timeline) -> Look {
        let now = timeline.end / 1_000_000;
        if self.is_over || now <= self.looked_at || timeline.load_is_over() {
            return Look::default();
        }
        self.looked_at = now;
        let until = now.saturating_sub(INCOMPLETE_S);
        let found = recorded(timeline, self.wish.budgets.len(), until);
        let Some(under_way) = found.under_way else {
            let mut look = Look::default();
            if found.seen.is_empty()
                && timeline.phases.contains_key(&1)
                && let Next::Step(step) = search::next(&self.wish, &[])
            {
                look.facts.push(recorded::is_step(1, &step));
            }
            return look;
        };
        let seconds = under_way.slices.first().map_or(0, Vec::len);
        let is_full = seconds as f64 >= under_way.step.hold_s;
        let lately = lately(timeline, &under_way, until);
        let cut = !is_full && self.is_to_be_cut(timeline, &under_way, (until, lately));
        if !is_full && !cut {
            return Look::default();
        }
        if let Some((in_flight, ended)) = lately.filter(|(_, ended)| !cut && *ended > 0.0) {
            self.usual_s.get_or_insert(in_flight / ended);
        }
        let ended = Ended {
            lasted_s: under_way.lasted_s + (now - until) as f64,
            seconds: seconds as u64,
            cut,
            invalid: self.is_ours(timeline, under_way.phase, cut),
            busy: busy(timeline, under_way.phase),
            took: recorded::took(timeline, under_way.phase, &under_way.step),
            in_use: target::most_pressing(timeline).map(|pressing| InUse {
                text: pressing.text,
                share: pressing.share,
            }),
        };
        self.go_on(found.seen, under_way, &ended, now + NOTICE_S)
    }

    fn go_on(&mut self, mut seen: Vec<Seen>, last: UnderWay, ended: &Ended, second: u64) -> Look {
        let mut facts = vec![recorded::has_ended(last.phase, ended)];
        seen.push(Seen {
            step: last.step,
            lasted_s: ended.lasted_s,
            slices: last.slices,
            cut: ended.cut,
            invalid: ended.invalid,
            busy: ended.busy,
            took: ended.took,
        });
        match search::next(&self.wish, &seen) {
            Next::Step(step) => {
                facts.push(recorded::is_step(last.phase + 1, &step));
                let same = seen.iter().filter(|seen| seen.step.purpose == step.purpose);
                let from = last.step.height;
                self.end
                    .go_on(second, vec![phase(&step, from, 1 + same.count())]);
            }
            Next::Done(outcome) => {
                facts.push(recorded::is_over(&outcome));
                self.is_over = true;
                self.end.ask();
            }
        }
        let line = seen.last().map(|last| self.said(last, &seen));
        Look { facts, line }
    }

    /// `fine 3: 41.2 arrivals/s, p95 < 300ms: 3.1 % bad (5 % allowed)`.
    fn said(&self, last: &Seen, seen: &[Seen]) -> String {
        let Step {
            purpose, height, ..
        } = last.step;
        let same = seen.iter().filter(|seen| seen.step.purpose == purpose);
        let head = format!(
            "{} {}: {} {}",
            purpose.as_str(),
            same.count(),
            katydid_analyze::numbers::figures(height),
            self.wish.unit()
        );
        if last.invalid {
            return format!("{head}; the generator did not keep up, it does not count");
        }
        let shares = last.slices.iter().zip(&self.wish.budgets);
        let shares = shares.zip(&self.objectives);
        let said: Vec<String> = shares
            .map(|((slices, budget), text)| share_of(slices, *budget, text))
            .collect();
        let cut = match (last.cut, purpose) {
            (true, Purpose::Calm | Purpose::Back) => ", recovered",
            (true, Purpose::Beyond | Purpose::Spike) => {
                ", ended early: all users that may be are at work"
            }
            (true, _) => ", ended early: it cannot keep up",
            (false, _) => "",
        };
        format!("{head}: {}{cut}", said.join("; "))
    }

    /// In this phase the generator did not keep up, or its own ceiling held requests back.
    fn is_ours(&self, timeline: &Timeline, phase: PhaseId, cut: bool) -> bool {
        // What stayed for several times the limit is not explained by a generator that was late by a part of it.
        let limit_ms = if cut { 1e4 } else { 1e3 } * self.shortest_s;
        let phase = timeline.phases.get(&phase);
        phase.is_some_and(|phase| !validity::of_step(phase, limit_ms, OURS * self.least))
    }

    fn is_to_be_cut(
        &self,
        timeline: &Timeline,
        under_way: &UnderWay,
        (until, lately): (u64, Option<(f64, f64)>),
    ) -> bool {
        let purpose = under_way.step.purpose;
        if purpose.is_overload() {
            let is_exhausted = is_exhausted(timeline, until);
            return search::is_over(&self.wish, purpose, &under_way.slices, is_exhausted);
        }
        let usual_s = self.usual_s.unwrap_or(self.wish.limit_s);
        // Before that nothing need have come back.
        let lately = lately.filter(|_| under_way.lasted_s >= self.wish.limit_s + usual_s);
        let is_drowned = lately.is_some_and(|(in_flight, ended)| {
            search::is_drowned(in_flight, ended, self.wish.limit_s, usual_s)
        });
        search::is_over(&self.wish, purpose, &under_way.slices, is_drowned)
    }
}

/// Part of the time of a phase that the generator's busiest thread was at work.
fn busy(timeline: &Timeline, phase: PhaseId) -> f64 {
    let health = timeline.phases.get(&phase).map(validity::of_phase);
    let threads = health.map(|health| [health.hub_busy_share, health.io_busy_share]);
    let busy = threads.into_iter().flatten().flatten();
    busy.fold(0.0, f64::max)
}

/// In each of the last seconds an arrival found all users at work that may be: the target does not get more load any more.
fn is_exhausted(timeline: &Timeline, until: u64) -> bool {
    let (_, fewest) = limits::DROWNED_S;
    (until.saturating_sub(fewest)..until).all(|second| {
        let second = timeline.seconds.newest.get(&second);
        second.is_some_and(|second| second.blocked > 0)
    })
}

/// In the last seconds of a step: requests in flight on average, and how many ended per second.
fn lately(timeline: &Timeline, under_way: &UnderWay, until: u64) -> Option<(f64, f64)> {
    let (most, fewest) = limits::DROWNED_S;
    let began = (until as f64 - under_way.lasted_s).ceil() as u64;
    let from = until.saturating_sub(most).max(began);
    let seconds: Vec<_> = timeline.seconds.newest.range(from..until).collect();
    if (seconds.len() as u64) < fewest {
        return None;
    }
    let mean = |of: &dyn Fn(&Second) -> u64| {
        let all: u64 = seconds.iter().map(|(_, second)| of(second)).sum();
        all as f64 / seconds.len() as f64
    };
    Some((
        mean(&|second| second.in_flight()),
        mean(&|second| second.ok + second.failed),
    ))
}

fn share_of(slices: &[(u64, u64)], budget: f64, text: &str) -> String {
    let (bad, total) = katydid_analyze::interval::sum(slices);
    if total == 0 {
        return format!("{text}: no requests");
    }
    let percent = |share: f64| katydid_analyze::numbers::figures(100.0 * share);
    let (share, allowed) = (percent(bad as f64 / total as f64), percent(budget));
    format!("{text}: {share} % bad of {allowed} % allowed")
}

#[cfg(test)]
mod tests;
