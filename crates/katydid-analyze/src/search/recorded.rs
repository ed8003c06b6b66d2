//! A search as a record has it: each step is a phase; facts say which step it is, and how it ended when that was decided. So the
//! decisions can be made again from the record; they come out the same, unless frames came late.

use std::collections::BTreeMap;

use katydid_record::histogram::bucket_top;
use katydid_record::search::{End, InUse, Outcome, Seen, Step, Took};
use katydid_record::timeline::Second;
use katydid_record::{Fact, PhaseId, Timeline};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits as at;

/// Topic of the facts that say what step a phase is. The subject is the phase's number.
const STEP: &str = "search.step";
/// Topic of the facts that say how that step ended.
const END: &str = "search.end";
/// Topic of the fact that says how the search ended.
const OUTCOME: &str = "search.outcome";
/// All of them.
pub const TOPICS: [&str; 3] = [STEP, END, OUTCOME];

/// A phase that is to begin at a whole second begins a little later, seconds.
const LATE_S: f64 = 0.05;

/// What is known of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The steps that have ended.
    pub seen: Vec<Seen>,
    /// Their phases.
    pub phases: Vec<PhaseId>,
    /// What was nearest its limit at their ends.
    pub in_use: Vec<Option<InUse>>,
    /// The one that has begun and has not.
    pub under_way: Option<UnderWay>,
}

/// A step that has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct UnderWay {
    /// Its phase.
    pub phase: PhaseId,
    /// What it is.
    pub step: Step,
    /// The first second of the run after it has settled.
    pub settled: u64,
    /// For how long it is on, seconds.
    pub lasted_s: f64,
    /// By objective, the seconds since it settled that are complete.
    pub slices: Vec<Vec<(u64, u64)>>,
}

/// The fact that a phase is this step.
pub fn is_step(phase: PhaseId, step: &Step) -> Fact {
    fact(STEP, phase.to_string(), step)
}

/// The fact that a phase's step ended so.
pub fn has_ended(phase: PhaseId, end: &End) -> Fact {
    fact(END, phase.to_string(), end)
}

/// The fact that the search ended so.
pub fn is_over(outcome: &Outcome) -> Fact {
    fact(OUTCOME, String::new(), outcome)
}

fn fact(topic: &str, subject: String, what: &impl Serialize) -> Fact {
    Fact {
        topic: topic.to_owned(),
        subject,
        text: serde_json::to_string(what).unwrap_or_default(),
    }
}

/// How the search ended, if it came to its end.
pub fn outcome(timeline: &Timeline) -> Option<Outcome> {
    let mut facts = timeline.facts.values();
    let fact = facts.find(|fact| fact.topic == OUTCOME)?;
    serde_json::from_str(&fact.text).ok()
}

/// The search in a timeline of which the seconds before `until` are complete.
pub fn recorded(timeline: &Timeline, objectives: usize, until: u64) -> Recorded {
    let steps: BTreeMap<PhaseId, Step> = told(timeline, STEP);
    let ends: BTreeMap<PhaseId, End> = told(timeline, END);
    let mut found = Recorded {
        seen: Vec::new(),
        phases: Vec::new(),
        in_use: Vec::new(),
        under_way: None,
    };
    let began = |phase| timeline.phases.get(&phase).and_then(|phase| phase.began);
    for (phase, step) in steps {
        let next_began = began(phase + 1);
        let Some(began) = began(phase) else {
            continue;
        };
        let began_s = began as f64 / 1e6;
        let settled = (began_s - LATE_S + step.rise_s + step.settle_s).ceil() as u64;
        let over = settled + step.hold_s.ceil() as u64;
        let slices = |end: u64| {
            let of = |objective| seconds(timeline, objective, phase, settled..end.max(settled));
            (0..objectives).map(of).collect::<Vec<_>>()
        };
        if let Some(end) = ends.get(&phase) {
            found.phases.push(phase);
            found.in_use.push(end.in_use.clone());
            found.seen.push(Seen {
                step,
                // What it takes to decide counts too.
                lasted_s: next_began.map_or(end.lasted_s, |next| next as f64 / 1e6 - began_s),
                slices: slices(settled + end.seconds),
                cut: end.cut,
                invalid: end.invalid,
                busy: end.busy,
                took: end.took,
            });
        } else {
            found.under_way = Some(UnderWay {
                phase,
                step,
                settled,
                lasted_s: (until as f64 - began_s).max(0.0),
                slices: slices(until.min(over)),
            });
        }
    }
    found
}

/// What ended in each second of a step after it had settled, and how many seconds that are: several where a run is very long.
pub(super) fn hold<'a>(
    timeline: &'a Timeline,
    phase: PhaseId,
    step: &Step,
) -> impl Iterator<Item = (&'a Second, u64)> + use<'a> {
    let stretch = timeline.seconds.stretches.get(&phase);
    let (rise_and_settle_s, hold_s) = (step.rise_s + step.settle_s, step.hold_s);
    stretch.into_iter().flat_map(move |stretch| {
        // Its first and last interval are not whole.
        let settles = rise_and_settle_s as u64 / stretch.width_s + 1;
        let held = hold_s as u64 / stretch.width_s;
        let intervals = stretch.intervals.values().skip(settles as usize);
        let intervals = intervals.take(held as usize);
        intervals.map(|second| (second, stretch.width_s))
    })
}

/// How long requests took that ended well after the step had settled.
pub fn took(timeline: &Timeline, phase: PhaseId, step: &Step) -> Option<Took> {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (second, _) in hold(timeline, phase, step) {
        for (bucket, times) in second.from_due.buckets() {
            let ln_us = (bucket_top(bucket).max(1) as f64).ln();
            count += times as f64;
            sum += times as f64 * ln_us;
            squares += times as f64 * ln_us * ln_us;
        }
    }
    let mean = sum / count;
    (count >= at::LEAST_TIMES).then(|| Took {
        ln_us: mean,
        error: ((squares / count - mean * mean).max(0.0) / count).sqrt(),
    })
}

fn told<T: DeserializeOwned>(timeline: &Timeline, topic: &str) -> BTreeMap<PhaseId, T> {
    let facts = timeline.facts.values().filter(|fact| fact.topic == topic);
    let read = |fact: &Fact| {
        let what = serde_json::from_str(&fact.text).ok()?;
        Some((fact.subject.parse().ok()?, what))
    };
    facts.filter_map(read).collect()
}

/// Bad and all of each second; a second in which nothing ended has no slice in the timeline.
fn seconds(
    timeline: &Timeline,
    objective: usize,
    phase: PhaseId,
    seconds: std::ops::Range<u64>,
) -> Vec<(u64, u64)> {
    let slices = timeline.slices.get(&(objective, phase));
    let of = |second| {
        let tally = slices.and_then(|slices| slices.counts.get(&second));
        tally.map_or((0, 0), |tally| (tally.bad(), tally.total))
    };
    seconds.map(of).collect()
}

#[cfg(test)]
mod tests {
    use katydid_record::search::Purpose;
    use katydid_record::{
        Body, EndpointWindow, Frame, Histogram, Kind, Limit, Mark, Name, Plan, Slo,
    };

    use super::*;

    const TOOK: Took = Took {
        ln_us: 11.5,
        error: 0.25,
    };
    const STEPS: [Step; 2] = [
        Step {
            purpose: Purpose::Coarse,
            height: 5.0,
            rise_s: 0.0,
            settle_s: 1.0,
            hold_s: 3.0,
        },
        Step {
            purpose: Purpose::Fine,
            height: 4.0,
            rise_s: 0.0,
            settle_s: 2.0,
            hold_s: 3.0,
        },
    ];

    fn frame(at: f64, phase: PhaseId, body: Body) -> Frame {
        Frame {
            at: (at * 1e6) as u64,
            span: 1_000_000,
            source: 0,
            phase,
            body,
        }
    }

    /// In second n of the run n of ten requests are slow; none ends in the third.
    fn timeline() -> Timeline {
        let plan = Plan {
            slos: vec![Slo {
                text: "p95 < 300ms".to_owned(),
                endpoint: None,
                access: None,
                phase: None,
                limit: Limit::Within {
                    share: 0.95,
                    limit_us: 300_000,
                },
            }],
            ..Plan::default()
        };
        let mut timeline = Timeline::watching(&plan);
        let endpoint = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: "GET".to_owned(),
            name: "/".to_owned(),
            tagged: None,
        };
        timeline.apply(&frame(0.0, 0, Body::Names(vec![endpoint])));
        for (phase, at) in [(1, 0.0), (2, 6.1)] {
            let mark = Mark::PhaseBegan {
                phase,
                name: format!("step {phase}"),
                kind: "hold".to_owned(),
            };
            timeline.apply(&frame(at, phase, Body::Mark(mark)));
            let step = is_step(phase, &STEPS[phase as usize - 1]);
            timeline.apply(&frame(at, 0, Body::Facts(vec![step])));
        }
        for second in (0..10).filter(|second| *second != 3) {
            let mut times = Histogram::default();
            times.record_n(400_000, second);
            times.record_n(100_000, 10 - second);
            let window = EndpointWindow {
                ok: 10,
                from_due: times.cut(),
                ..EndpointWindow::default()
            };
            let phase = 1 + u32::from(second >= 6);
            timeline.apply(&frame(
                second as f64 + 0.001,
                phase,
                Body::Requests(vec![window]),
            ));
        }
        timeline
    }

    #[test]
    fn a_step_has_the_seconds_that_were_decided_on() {
        let mut timeline = timeline();
        let before = recorded(&timeline, 1, 4);
        assert!(before.seen.is_empty());
        let end = End {
            lasted_s: 4.0,
            seconds: 3,
            cut: false,
            invalid: true,
            busy: 0.25,
            took: Some(TOOK),
            in_use: Some(InUse {
                text: "cpu 97 %".to_owned(),
                share: 0.97,
            }),
        };
        let fact = Body::Facts(vec![has_ended(1, &end)]);
        timeline.apply(&frame(4.5, 0, fact));
        let Recorded {
            seen,
            phases,
            in_use,
            under_way,
        } = recorded(&timeline, 1, 10);
        assert_eq!(in_use, [end.in_use]);
        assert_eq!(phases, [1]);
        let expected = Seen {
            step: STEPS[0],
            lasted_s: 6.1,
            slices: vec![vec![(1, 10), (2, 10), (0, 0)]],
            cut: false,
            invalid: true,
            busy: 0.25,
            took: Some(TOOK),
        };
        assert_eq!(seen, [expected]);
        let under_way = under_way.expect("the second goes on");
        assert_eq!((under_way.phase, under_way.step), (2, STEPS[1]));
        // It began well after the whole second.
        assert_eq!(under_way.settled, 9);
        assert_eq!(under_way.slices, [[(9, 10)]]);
        assert!((under_way.lasted_s - 3.9).abs() < 1e-9);
    }

    #[test]
    fn a_run_without_a_search_has_none() {
        let found = recorded(&Timeline::default(), 1, 10);
        assert_eq!((found.seen.len(), found.under_way), (0, None));
    }
}
