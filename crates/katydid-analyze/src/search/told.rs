//! A search told: its answer in sentences, and its steps with their shares, from the record.

use katydid_record::search::{
    BeyondSummary, Confirmation, Lacking, LevelSummary, ObjectiveSummary, Outcome, Purpose,
    SearchSummary, Seen, StepSummary, Wish,
};
use katydid_record::summary::SloOutcome;
use katydid_record::{Kind, PhaseId, Plan, Timeline};

use super::hysteresis::{self, Hysteresis};
use super::knee::{self, Knee};
use super::limits as at;
use super::recorded::{self, Recorded};
use super::{Next, Said, next, said, share};
use crate::interval::sum;
use crate::numbers::figures;

/// Why an overload may be missing.
const NOT_MADE: &str = "there was no time left, or the generator may not make so much load";
/// Steps whose heights are nearer to each other than by this factor are shown together.
const NEARLY: f64 = 1.02;

fn not_tried(summary: &SearchSummary) -> &'static str {
    match summary.confirmed {
        None => "the number is not confirmed",
        Some(_) => NOT_MADE,
    }
}

/// The search of a plan that has one. What was known, if it was stopped before its end.
pub fn search(timeline: &Timeline, plan: &Plan) -> Option<SearchSummary> {
    let wish = plan.search.as_ref()?;
    let until = timeline.end / 1_000_000;
    let found = recorded::recorded(timeline, plan.slos.len(), until);
    let recorded = recorded::outcome(timeline);
    let told = Told {
        timeline,
        plan,
        wish,
        found: &found,
        complete: recorded.is_some(),
    };
    let outcome = recorded.or_else(|| as_if_time_were_over(wish, &found.seen))?;
    Some(told.summary(&outcome))
}

/// For the exit code: a number is what was asked for; that there is none is undecided.
pub fn outcome(timeline: &Timeline, plan: &Plan) -> Option<SloOutcome> {
    let search = search(timeline, plan)?;
    Some(if search.is_answered() {
        SloOutcome::Pass
    } else {
        SloOutcome::Undecided
    })
}

fn as_if_time_were_over(wish: &Wish, seen: &[Seen]) -> Option<Outcome> {
    let spent = seen.iter().map(|seen| seen.lasted_s).sum();
    let wish = Wish {
        time_s: Some(spent),
        ..wish.clone()
    };
    match next(&wish, seen) {
        Next::Done(outcome) => Some(outcome),
        Next::Step(_) => None,
    }
}

struct Told<'a> {
    timeline: &'a Timeline,
    plan: &'a Plan,
    wish: &'a Wish,
    found: &'a Recorded,
    complete: bool,
}

impl Told<'_> {
    fn summary(&self, outcome: &Outcome) -> SearchSummary {
        let mut summary = SearchSummary {
            complete: self.complete,
            unit: self.wish.unit().to_owned(),
            objectives: self.objectives(),
            requests_per_arrival: self.requests_per_arrival(),
            requests_per_user_s: self.requests_per_user_s(),
            steps: self.steps(),
            ..SearchSummary::default()
        };
        self.answer(outcome, &mut summary);
        summary.levels = self.levels(summary.binding.unwrap_or(0));
        let ours = self.found.seen.iter().filter(|seen| seen.invalid).count();
        if ours > 0 {
            summary.remarks.push(format!(
                "{ours} of {} steps do not count: the generator did not keep up, or --max-rate held requests back.",
                self.found.seen.len()
            ));
        }
        summary.remarks.extend(self.first_to_saturate());
        self.say_what_was_not_asked(&mut summary);
        if !self.complete {
            let stopped = "It was stopped before its end; this is what was known by then.";
            summary.remarks.push(stopped.to_owned());
        }
        summary
    }

    /// A number that an objective has no part in is not what was asked for: the answer begins with that.
    fn say_what_was_not_asked(&self, summary: &mut SearchSummary) {
        let slos = self.plan.slos.iter().zip(self.totals());
        let unasked = slos.filter(|(_, total)| *total == 0);
        let unasked: Vec<&str> = unasked.map(|(slo, _)| slo.text.as_str()).collect();
        if unasked.is_empty() {
            return;
        }
        if summary.height.take().is_some() {
            let without = summary.answer.replacen("Sustains", "sustains", 1);
            let names = unasked.join(", nor about ");
            summary.answer = format!("No request was about {names}. Without it: {without}");
            return;
        }
        let remark =
            |text: &&str| format!("{text}: no request was about it, so this holds without it.");
        summary.remarks.extend(unasked.iter().map(remark));
    }

    /// Requests that were about each objective.
    fn totals(&self) -> Vec<u64> {
        let of = |objective: usize| {
            let slices = self.found.seen.iter();
            let slices = slices.filter_map(|seen| seen.slices.get(objective));
            slices.map(|slices| sum(slices).1).sum()
        };
        (0..self.wish.budgets.len()).map(of).collect()
    }

    fn objectives(&self) -> Vec<ObjectiveSummary> {
        let slos = self.plan.slos.iter().zip(&self.wish.budgets);
        slos.map(|(slo, budget)| ObjectiveSummary {
            text: slo.text.clone(),
            budget: *budget,
        })
        .collect()
    }

    fn steps(&self) -> Vec<StepSummary> {
        let steps = self.found.phases.iter().zip(&self.found.seen);
        steps
            .zip(&self.found.in_use)
            .map(|((phase, seen), in_use)| StepSummary {
                in_use: in_use.clone(),
                phase: self.phase(*phase),
                purpose: seen.step.purpose.as_str().to_owned(),
                height: seen.step.height,
                lasted_s: seen.lasted_s,
                counts: !seen.invalid,
                cut: seen.cut,
                bad: seen.slices.iter().map(|slices| share(slices)).collect(),
            })
            .collect()
    }

    fn levels(&self, objective: usize) -> Vec<LevelSummary> {
        let counts = |seen: &&Seen| {
            let purpose = seen.step.purpose;
            !seen.invalid && purpose != Purpose::Calm && !purpose.is_beyond()
        };
        let mut steps: Vec<(f64, (u64, u64))> = (self.found.seen.iter().filter(counts))
            .filter_map(|seen| {
                let counts = match sum(seen.slices.get(objective)?) {
                    // It was cut because nothing came back, or before it had settled.
                    (_, 0) if seen.cut => (1, 1),
                    counts => counts,
                };
                (counts.1 > 0).then_some((seen.step.height, counts))
            })
            .collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut levels = Vec::new();
        while let Some((first, _)) = steps.first() {
            let end = steps.partition_point(|(height, _)| *height < NEARLY * first);
            let group: Vec<_> = steps.drain(..end).collect();
            let heights: f64 = group.iter().map(|(height, _)| height).sum();
            let counts: Vec<(u64, u64)> = group.iter().map(|(_, counts)| *counts).collect();
            levels.push(LevelSummary {
                height: heights / group.len() as f64,
                steps: group.len() as u64,
                bad: share(&counts).unwrap_or(0.0),
            });
        }
        levels
    }

    fn phase(&self, phase: PhaseId) -> String {
        let phase = self.timeline.phases.get(&phase);
        phase.map(|phase| phase.name.clone()).unwrap_or_default()
    }

    /// The steps near the limit that were not cut, with their phases.
    fn near_limit(&self) -> impl Iterator<Item = (&PhaseId, &Seen)> {
        let steps = self.found.phases.iter().zip(&self.found.seen);
        steps.filter(|(_, seen)| seen.step.purpose == Purpose::Fine && !seen.cut)
    }

    fn requests_per_arrival(&self) -> Option<f64> {
        let (mut requests, mut arrivals) = (0, 0);
        for (phase, _) in self.near_limit() {
            let Some(totals) = self.timeline.phases.get(phase) else {
                continue;
            };
            for (key, endpoint) in &totals.endpoints {
                let ended = endpoint.counts.ok + endpoint.counts.failed;
                match key.kind {
                    Kind::Request | Kind::Custom => requests += ended,
                    Kind::Flow => arrivals += ended,
                    Kind::Job => {}
                }
            }
        }
        (arrivals > 0).then(|| requests as f64 / arrivals as f64)
    }

    /// Since the steps have settled.
    fn requests_per_user_s(&self) -> Option<f64> {
        let (mut requests, mut users_s) = (0, 0.0);
        for (phase, seen) in self.near_limit().filter(|_| self.wish.whole) {
            for (second, width_s) in recorded::hold(self.timeline, *phase, &seen.step) {
                requests += second.ok + second.failed;
                users_s += seen.step.height * width_s as f64;
            }
        }
        (users_s > 0.0).then(|| requests as f64 / users_s)
    }

    /// `120 arrivals/s`.
    fn at(&self, height: f64) -> String {
        format!("{} {}", figures(height), self.wish.unit())
    }

    fn answer(&self, outcome: &Outcome, summary: &mut SearchSummary) {
        let unit = self.wish.unit();
        let breaks = |binding: usize| self.plan.slos.get(binding).map_or("", |slo| &slo.text);
        let (word, answer) = match *outcome {
            Outcome::Found {
                height,
                low,
                high,
                binding,
                confirmation,
            } => {
                (summary.height, summary.low, summary.high) = (Some(height), Some(low), Some(high));
                summary.binding = Some(binding);
                self.say_what_there_is_to_the_number(height, binding, confirmation, summary);
                ("found", self.number(height, (low, high), summary))
            }
            Outcome::Between {
                held,
                broke,
                binding,
            } => {
                (summary.low, summary.high) = (held, Some(broke));
                summary.binding = Some(binding);
                summary.remarks.push(
                    "Each load was tried once, for some seconds (--fast): this is no interval. Without it there is one.".to_owned(),
                );
                ("between", self.between(held, broke, breaks(binding)))
            }
            Outcome::TooNoisy { low, high, binding } => {
                (summary.low, summary.high) = (Some(low), Some(high));
                summary.binding = Some(binding);
                if self.is_short() {
                    let few = "With so few steps near the limit it cannot be told closer: give it more time.";
                    summary.remarks.push(few.to_owned());
                } else {
                    summary.remarks.push(
                    "From minute to minute the target is faster or slower by more than the load changes it. Stop what else runs beside it, or look for what changes: the phases of the report are in their order."
                        .to_owned(),
                );
                }
                let (low, high) = (figures(low), figures(high));
                let (word, why) = if self.is_short() {
                    ("unfinished", "No number yet")
                } else {
                    ("too_noisy", "Too noisy here for a number")
                };
                let text = format!(
                    "{why}: {} breaks somewhere between {low} and {high} {unit}.",
                    breaks(binding)
                );
                (word, text)
            }
            Outcome::Unfinished {
                held,
                broke,
                lacking,
            } => ("unfinished", self.unfinished(held, broke, lacking)),
            Outcome::BrokenAtIdle { height, binding } => {
                summary.binding = Some(binding);
                summary
                    .remarks
                    .push("Look at one request alone: katydid probe.".to_owned());
                let text = format!(
                    "{} does not hold even at {}.",
                    breaks(binding),
                    self.at(height)
                );
                ("broken_at_idle", text)
            }
            Outcome::OutOfReach { above } => ("out_of_reach", self.out_of_reach(above)),
            Outcome::Stuck { after, at: calm } => {
                summary.remarks.push(
                    "What keeps it there does not need the load any more: retries, a queue that is worked off, a cache that stays cold. Restart it before the next search."
                        .to_owned(),
                );
                summary.remarks.extend(self.before_it_got_stuck());
                let text = format!(
                    "Does not recover: after {} it stayed broken at {}, which it had held before.",
                    self.at(after),
                    self.at(calm)
                );
                ("stuck", text)
            }
        };
        word.clone_into(&mut summary.outcome);
        summary.answer = answer;
    }

    /// What happens beyond the limit that was found, or why that was not tried.
    fn beyond(&self, height: f64, binding: usize, summary: &mut SearchSummary) {
        let seen = &self.found.seen;
        let Said {
            peak,
            beyond,
            spike,
            remarks,
        } = said(self.wish, seen, height, binding);
        (summary.peak, summary.beyond, summary.spike) = (peak, beyond, spike);
        summary.remarks.extend(remarks);
        let is_left_alone = hysteresis::has_stayed_broken(self.wish, seen);
        if !self.complete || !self.wish.beyond || is_left_alone {
            return;
        }
        let is_made = |purpose| seen.iter().any(|seen| seen.step.purpose == purpose);
        let is_well = |of: &BeyondSummary| of.recovered != Some(false);
        if !is_made(Purpose::Beyond) {
            let why = not_tried(summary);
            let text = format!("What happens beyond it was not tried: {why}.");
            summary.remarks.push(text);
        } else if !is_made(Purpose::Base) && summary.beyond.iter().all(is_well) {
            summary
                .remarks
                .push(format!("No spike was made: {NOT_MADE}."));
        }
    }

    /// Whether loads on the way down from beyond the limit are as on the way up, or why that was not tried.
    fn hysteresis(&self, binding: usize, summary: &mut SearchSummary) {
        let told = hysteresis::hysteresis(self.timeline, self.plan, self.found, binding);
        if let Some(Hysteresis { rungs, remarks }) = told {
            summary.hysteresis = rungs;
            summary.remarks.extend(remarks);
        } else if self.complete && self.wish.hysteresis {
            let why = not_tried(summary);
            let text = format!("The way down from beyond it was not tried: {why}.");
            summary.remarks.push(text);
        }
    }

    /// What was near its limit at the least height at which anything was.
    fn first_to_saturate(&self) -> Option<String> {
        let steps = self.found.seen.iter().zip(&self.found.in_use);
        let full = steps.filter_map(|(seen, in_use)| {
            let in_use = in_use.as_ref().filter(|of| of.share >= at::FULL)?;
            // What an overload left over is not the load's doing.
            let is_own = seen.step.purpose != Purpose::Calm && !seen.step.purpose.is_beyond();
            is_own.then_some((seen.step.height, in_use))
        });
        let (height, in_use) = full.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(format!(
            "First near its limit: {}, at {} {}.",
            in_use.text,
            figures(height),
            self.wish.unit()
        ))
    }

    /// There are fewer steps near the limit than the search would have made with more time.
    fn is_short(&self) -> bool {
        let is_fine = |seen: &&Seen| seen.step.purpose == Purpose::Fine;
        self.found.seen.iter().filter(is_fine).count() < at::ENOUGH
    }

    fn confirmation(&self, confirmation: Confirmation) -> String {
        match confirmation {
            Confirmation::Held(height) => {
                let confirm = |seen: &&Seen| seen.step.purpose == Purpose::Confirm;
                let last = self.found.seen.iter().rfind(confirm);
                let held_s = last.map_or(0, |seen| seen.slices.first().map_or(0, Vec::len));
                format!("{} were then held for {held_s} s.", self.at(height))
            }
            Confirmation::Failed(height) => {
                format!(
                    "Held for some minutes, {} were too much, or it cannot be told: take the number with care.",
                    self.at(height)
                )
            }
            Confirmation::NotMade => "Not confirmed: there was no time to hold a load for some minutes, or the generator did not keep up in it.".to_owned(),
        }
    }

    /// The number that was known when the overload came that it did not recover from.
    fn before_it_got_stuck(&self) -> Option<String> {
        let seen = &self.found.seen;
        let last = (seen.iter()).rposition(|seen| seen.step.purpose != Purpose::Calm)?;
        let Outcome::Found { low, high, .. } = as_if_time_were_over(self.wish, &seen[..last])?
        else {
            return None;
        };
        Some(format!(
            "Until then it looked as if the limit were between {} and {} {}.",
            figures(low),
            figures(high),
            self.wish.unit()
        ))
    }

    fn say_what_there_is_to_the_number(
        &self,
        height: f64,
        binding: usize,
        confirmation: Confirmation,
        summary: &mut SearchSummary,
    ) {
        if self.wish.budgets.len() > 1 {
            let first = self.plan.slos.get(binding).map_or("", |slo| &slo.text);
            summary
                .remarks
                .push(format!("{first} is the first to break."));
        }
        summary.remarks.push(self.confirmation(confirmation));
        if let Confirmation::Held(height) = confirmation {
            summary.confirmed = Some(height);
        }
        self.beyond(height, binding, summary);
        let knee = knee::knee(self.timeline, self.plan, self.found, (height, binding));
        if let Some(Knee { knee, remark }) = knee {
            summary.knee = knee;
            summary.remarks.push(remark);
        }
        self.hysteresis(binding, summary);
    }

    fn number(&self, height: f64, (low, high): (f64, f64), summary: &SearchSummary) -> String {
        let requests = (summary.requests_per_user_s)
            .or(summary.requests_per_arrival)
            .map(|each| format!(", {} req/s", figures(each * height)))
            .unwrap_or_default();
        let (low, high) = (figures(low), figures(high));
        format!(
            "Sustains {} (95 % interval {low} to {high}){requests}.",
            self.at(height)
        )
    }

    fn between(&self, held: Option<f64>, broke: f64, breaks: &str) -> String {
        let (unit, broke) = (self.wish.unit(), figures(broke));
        match held.map(figures) {
            Some(held) => format!("{breaks} breaks between {held} and {broke} {unit}, roughly."),
            None => format!("{breaks} breaks below {broke} {unit}."),
        }
    }

    fn unfinished(&self, held: Option<f64>, broke: Option<f64>, lacking: Lacking) -> String {
        let known = match (held, broke) {
            (Some(held), Some(broke)) => {
                format!("it held {}, and broke at {}", self.at(held), self.at(broke))
            }
            (Some(held), None) => format!("it held {}", self.at(held)),
            (None, Some(broke)) => format!("it broke at {}", self.at(broke)),
            (None, None) => "no step came to its end".to_owned(),
        };
        match lacking {
            _ if !self.complete => format!("No number yet: {known}."),
            Lacking::Time => format!("The time was over before there was a number: {known}."),
            Lacking::Requests => "No request was about an objective, so nothing could be judged: compare their names with those of the table.".to_owned(),
            Lacking::Generator => {
                format!("The generator did not keep up in too many steps: {known}.")
            }
        }
    }

    fn out_of_reach(&self, above: f64) -> String {
        if above <= 0.0 {
            return "The generator did not keep up in any step, so nothing is known of the target."
                .to_owned();
        }
        let ceiling = self.wish.ceiling.is_some_and(|ceiling| above >= ceiling);
        let whose = if ceiling {
            "the most that --up-to allows"
        } else {
            "the most that the generator can do here"
        };
        format!("Holds {}, {whose}: its limit is higher.", self.at(above))
    }
}

#[cfg(test)]
mod tests {
    use katydid_record::search::{End, InUse, Step};
    use katydid_record::{Body, EndpointWindow, Frame, Histogram, Limit, Mark, Name, Slo};

    use super::*;

    const STEPS: [(Purpose, f64, f64); 4] = [
        (Purpose::Coarse, 40.0, 0.6),
        (Purpose::Coarse, 160.0, 1.0),
        (Purpose::Calm, 20.0, 0.95),
        (Purpose::Fine, 80.0, 0.97),
    ];

    fn plan(slos: Vec<Slo>) -> Plan {
        let wish = Wish {
            budgets: vec![0.05; slos.len().max(1)],
            start: 40.0,
            ceiling: None,
            whole: false,
            time_s: None,
            limit_s: 0.3,
            beyond: false,
            fast: false,
            hysteresis: false,
        };
        Plan {
            search: Some(wish),
            slos,
            ..Plan::default()
        }
    }

    /// Four steps, in which one request ends each second, and an outcome.
    fn timeline(plan: &Plan, outcome: Outcome) -> Timeline {
        let mut timeline = Timeline::watching(plan);
        let mut apply = |at, phase, body| {
            timeline.apply(&Frame {
                at,
                span: 0,
                source: 0,
                phase,
                body,
            });
        };
        let endpoint = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: "GET".to_owned(),
            name: "/".to_owned(),
            tagged: None,
        };
        apply(0, 0, Body::Names(vec![endpoint]));
        for (phase, (purpose, height, share)) in (1..).zip(STEPS) {
            let at = u64::from(phase) * 20_000_000;
            let step = Step {
                purpose,
                height,
                rise_s: 0.0,
                settle_s: 3.0,
                hold_s: 12.0,
            };
            let end = End {
                lasted_s: 15.0,
                seconds: 12,
                cut: false,
                invalid: false,
                busy: 0.0,
                took: None,
                in_use: Some(InUse {
                    text: format!("cpu {:.0} %", 100.0 * share),
                    share,
                }),
            };
            let mark = Mark::PhaseBegan {
                phase,
                name: format!("step {phase}"),
                kind: "hold".to_owned(),
            };
            apply(at, phase, Body::Mark(mark));
            apply(at, 0, Body::Facts(vec![recorded::is_step(phase, &step)]));
            for second in 1..15 {
                let mut times = Histogram::default();
                times.record_n(100_000, 1);
                let window = EndpointWindow {
                    ok: 1,
                    from_due: times.cut(),
                    ..EndpointWindow::default()
                };
                apply(at + second * 1_000_000, phase, Body::Requests(vec![window]));
            }
            apply(at, 0, Body::Facts(vec![recorded::has_ended(phase, &end)]));
        }
        apply(
            99_000_000,
            0,
            Body::Facts(vec![recorded::is_over(&outcome)]),
        );
        timeline
    }

    #[test]
    fn what_saturates_first_is_what_does_at_the_least_load() {
        let plan = plan(Vec::new());
        let outcome = Outcome::OutOfReach { above: 160.0 };
        let told = search(&timeline(&plan, outcome), &plan).expect("a search");
        assert_eq!(
            told.remarks,
            ["First near its limit: cpu 97 %, at 80 arrivals/s."]
        );
        assert_eq!(told.steps[2].in_use.as_ref().map(|of| of.share), Some(0.95));
    }

    #[test]
    fn a_number_without_an_objective_says_so_first() {
        let slo = |text: &str, endpoint: Option<&str>| Slo {
            text: text.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            access: None,
            phase: None,
            limit: Limit::Within {
                share: 0.95,
                limit_us: 300_000,
            },
        };
        let outcome = Outcome::Found {
            height: 100.0,
            low: 97.0,
            high: 103.0,
            binding: 0,
            confirmation: Confirmation::Held(97.0),
        };
        let answer = |slos: Vec<Slo>| {
            let plan = plan(slos);
            let told = search(&timeline(&plan, outcome), &plan).expect("a search");
            (told.verdict(), told.answer)
        };
        let sustains = "ustains 100 arrivals/s (95 % interval 97 to 103).";
        let all = || slo("p95 < 300ms", None);
        assert_eq!(answer(vec![all()]), ("FOUND", format!("S{sustains}")));
        let cart = slo("GET /cart p95 < 300ms", Some("GET /cart"));
        let expected =
            format!("No request was about GET /cart p95 < 300ms. Without it: s{sustains}");
        assert_eq!(answer(vec![all(), cart]), ("NOT FOUND", expected));
    }
}
