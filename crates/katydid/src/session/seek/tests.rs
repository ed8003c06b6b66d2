//! A search that is driven as the log drives it: second by second, with a service that answers by a formula in the engine's place.

use std::cell::Cell;

use katydid_record::frame::{Kind, Mark, Name};
use katydid_record::search::{Outcome, SearchSummary};
use katydid_record::summary::SloOutcome;
use katydid_record::{Body, EndpointWindow, Frame, GeneratorWindow, Histogram, Slo, Sparse};

use katydid_analyze::search::told;

use super::*;

const SECOND_US: u64 = 1_000_000;

fn wish(time_s: f64) -> Wish {
    Wish {
        budgets: vec![0.05],
        start: 5.0,
        ceiling: None,
        whole: false,
        time_s: Some(time_s),
        limit_s: 0.3,
        beyond: false,
        fast: false,
        hysteresis: false,
    }
}

fn plan(wish: Wish) -> Plan {
    Plan {
        command: "find".into(),
        schedule: first(&wish),
        search: Some(wish),
        slos: vec![Slo {
            text: "p95 < 300ms".into(),
            endpoint: None,
            access: None,
            phase: None,
            limit: Limit::Within {
                share: 0.95,
                limit_us: 300_000,
            },
        }],
        ..Plan::default()
    }
}

/// What a service does in a second at a rate.
struct Answers {
    ended: u64,
    bad: u64,
    in_flight: u64,
    lag_us: u64,
    /// Arrivals that found all users at work.
    blocked: u64,
    /// Part of the time that the generator's I/O thread was at work.
    busy: f64,
    /// How long those take that are not bad.
    takes_us: u64,
}

impl Answers {
    /// So many a second, of which this share takes too long.
    fn of(rate: f64, share: f64) -> Self {
        let ended = rate.round() as u64;
        Self {
            ended,
            bad: (rate * share.min(1.0)).round() as u64,
            in_flight: (rate * 0.1).ceil() as u64,
            lag_us: 100,
            blocked: 0,
            busy: 0.0,
            takes_us: 100_000,
        }
    }
}

/// Breaks at 100 arrivals a second.
fn breaks_at_100(rate: f64) -> Answers {
    Answers::of(rate, 0.05 * (rate / 100.0).powf(35.0))
}

struct Run {
    timeline: Timeline,
    lines: Vec<String>,
    heights: Vec<f64>,
    plan: Plan,
}

impl Run {
    /// Second by second until the search is over, or for so many.
    fn new(wish: Wish, seconds: u64, answers: impl Fn(f64, u64) -> Answers) -> Self {
        Self::of(plan(wish), seconds, answers)
    }

    fn of(plan: Plan, seconds: u64, answers: impl Fn(f64, u64) -> Answers) -> Self {
        let mut run = Self {
            timeline: Timeline::watching(&plan),
            lines: Vec::new(),
            heights: Vec::new(),
            plan,
        };
        let endpoint = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: "GET".into(),
            name: "/".into(),
            tagged: None,
        };
        let flow = Name::Endpoint {
            id: 1,
            kind: Kind::Flow,
            method: String::new(),
            name: "User".into(),
            tagged: None,
        };
        run.apply(0, 0, 0, Body::Names(vec![endpoint, flow]));
        let mut seek = Seek::new(&run.plan, Arc::new(End::default())).expect("the plan has one");
        let mut phase = 0;
        let mut told = Some((0, 5.0));
        for second in 0..seconds {
            if let Some((_, height)) = told.filter(|(at, _)| *at <= second) {
                phase += 1;
                let mark = Mark::PhaseBegan {
                    phase,
                    name: format!("step {phase}"),
                    kind: "hold".into(),
                };
                // The engine comes to it a little later.
                run.timeline.apply(&Frame {
                    at: second * SECOND_US + 60,
                    span: 0,
                    source: 0,
                    phase,
                    body: Body::Mark(mark),
                });
                run.heights.push(height);
                told = None;
            }
            let height = run.heights.last().copied().unwrap_or(5.0);
            run.second(second, phase, &answers(height, second));
            let look = seek.look(&run.timeline);
            run.lines.extend(look.line);
            for fact in &look.facts {
                if fact.topic == "search.step" && fact.subject != "1" {
                    let step: Step = serde_json::from_str(&fact.text).expect("a step");
                    told = Some((second + 2, step.height));
                }
            }
            let is_over = look.facts.iter().any(|fact| fact.topic == "search.outcome");
            if !look.facts.is_empty() {
                run.apply(second + 1, 0, 0, Body::Facts(look.facts));
            }
            if is_over {
                break;
            }
        }
        run
    }

    fn apply(&mut self, second: u64, span: u64, phase: PhaseId, body: Body) {
        self.timeline.apply(&Frame {
            at: second * SECOND_US,
            span,
            source: 0,
            phase,
            body,
        });
    }

    fn second(&mut self, second: u64, phase: PhaseId, answers: &Answers) {
        let window = EndpointWindow {
            ok: answers.ended,
            from_due: some(&[
                (answers.takes_us, answers.ended - answers.bad),
                (900_000, answers.bad),
            ]),
            ..EndpointWindow::default()
        };
        let blocked = EndpointWindow {
            endpoint: 1,
            blocked: answers.blocked,
            ..EndpointWindow::default()
        };
        let windows = Body::Requests(vec![window, blocked]);
        self.apply(second, SECOND_US, phase, windows);
        let generator = GeneratorWindow {
            in_flight: answers.in_flight,
            lag: some(&[(answers.lag_us, answers.ended.max(30))]),
            processors: 2,
            io_cpu_us: (1e6 * answers.busy) as u64,
            ..GeneratorWindow::default()
        };
        let generator = Body::Generator(Box::new(generator));
        self.apply(second, SECOND_US, phase, generator);
    }

    /// When each phase began, µs.
    fn began(&self) -> Vec<u64> {
        let phases = self.timeline.phases.values();
        phases.filter_map(|phase| phase.began).collect()
    }

    fn told(&self) -> SearchSummary {
        told::search(&self.timeline, &self.plan).expect("a search")
    }

    fn outcome(&self) -> Outcome {
        recorded::outcome(&self.timeline).expect("it came to its end")
    }
}

fn some(values: &[(u64, u64)]) -> Sparse {
    let mut histogram = Histogram::default();
    for (us, count) in values {
        histogram.record_n(*us, *count);
    }
    histogram.cut()
}

#[test]
fn each_step_begins_at_a_whole_second_and_lasts_as_long_as_it_has_to() {
    let run = Run::new(wish(900.0), 1_000, |rate, _| breaks_at_100(rate));
    assert_eq!(run.heights[..5], [5.0, 10.0, 20.0, 40.0, 80.0]);
    let began = run.began();
    // 10 s of settling and 12 s; one more until all of the last second is known, and one until the engine goes on.
    assert_eq!(began[1], 24 * SECOND_US + 60);
    assert_eq!(began[2], (24 + 15 + 2) * SECOND_US + 60);
    let Outcome::Found { low, high, .. } = run.outcome() else {
        panic!("{:?}", run.outcome());
    };
    assert!(
        low < 100.0 && 100.0 < high && high / low < 1.2,
        "{low} {high}"
    );
    assert!(run.timeline.end <= 910 * SECOND_US, "{}", run.timeline.end);
    assert_eq!(
        run.lines[0],
        "coarse 1: 5 arrivals/s: p95 < 300ms: 0 % bad of 5 % allowed"
    );
    let told = run.told();
    assert!(told.complete && told.height.is_some(), "{told:?}");
    assert_eq!(told.steps.len(), run.lines.len());
    // p95 is 100 ms until the objective breaks.
    let knee =
        "No knee: until just below the limit p95 stays below twice the 100 ms of little load.";
    assert!(
        told.knee.is_none() && told.remarks.iter().any(|remark| remark == knee),
        "{:?}",
        told.remarks
    );
    assert_eq!(
        told::outcome(&run.timeline, &run.plan),
        Some(SloOutcome::Pass)
    );
}

#[test]
fn an_overload_is_cut_before_the_step_has_settled() {
    // From 80 a second on nothing comes back any more, and ever more waits.
    let run = Run::new(wish(900.0), 140, |rate, second| match rate {
        80.0.. => Answers {
            ended: 0,
            bad: 0,
            in_flight: 20 * second,
            lag_us: 100,
            blocked: 0,
            busy: 0.0,
            takes_us: 100_000,
        },
        rate => Answers::of(rate, 0.0),
    });
    assert_eq!(run.heights[4..5], [80.0]);
    let began = run.began();
    assert!(began[5] - began[4] <= 6 * SECOND_US, "{began:?}");
    assert!(run.heights[5] < 20.0, "calm: {:?}", run.heights);
    assert!(run.lines[4].ends_with("ended early: it cannot keep up"));
}

#[test]
fn a_late_generator_is_not_held_against_the_target() {
    let late = |by_us: u64| {
        Run::new(wish(900.0), 1_000, move |rate, _| Answers {
            lag_us: if rate > 30.0 { by_us } else { 100 },
            ..breaks_at_100(rate)
        })
    };
    // 20 ms more or less do not matter for a limit of 300 ms.
    assert!(matches!(late(20_000).outcome(), Outcome::Found { .. }));
    let run = late(40_000);
    assert!(
        matches!(run.outcome(), Outcome::OutOfReach { above } if above < 40.0),
        "{:?}",
        run.outcome()
    );
    assert!(
        run.lines
            .iter()
            .any(|line| line.ends_with("it does not count"))
    );
    assert_eq!(
        told::outcome(&run.timeline, &run.plan),
        Some(SloOutcome::Undecided)
    );
}

#[test]
fn no_load_is_made_that_the_generator_cannot_do() {
    // At 40 a second its thread is at work for half of the time, so that 64 need the 80 % that it may be.
    let run = Run::new(wish(900.0), 1_000, |rate, _| Answers {
        busy: rate / 80.0,
        ..breaks_at_100(rate)
    });
    assert!(
        run.heights.iter().all(|height| *height <= 65.0),
        "{:?}",
        run.heights
    );
    assert!(
        matches!(run.outcome(), Outcome::OutOfReach { above } if (60.0..=65.0).contains(&above)),
        "{:?}",
        run.outcome()
    );
}

#[test]
fn an_answer_that_cannot_have_come_yet_is_not_missed() {
    // Each request takes six seconds, and may take eight.
    let slow = Wish {
        limit_s: 8.0,
        ..wish(900.0)
    };
    let run = Run::new(slow, 60, |rate, second| Answers {
        ended: if second < 6 { 0 } else { rate as u64 },
        bad: 0,
        in_flight: rate as u64 * (second + 1).min(6),
        lag_us: 100,
        blocked: 0,
        busy: 0.0,
        takes_us: 100_000,
    });
    assert!(
        run.lines[0].ends_with("0 % bad of 5 % allowed"),
        "{:?}",
        run.lines
    );
    assert_eq!(run.heights[..2], [5.0, 10.0]);
}

#[test]
fn what_is_stopped_says_what_was_known() {
    let run = Run::new(wish(900.0), 100, |rate, _| breaks_at_100(rate));
    assert_eq!(recorded::outcome(&run.timeline), None);
    let told = run.told();
    assert!(!told.complete);
    assert_eq!(told.answer, "No number yet: it held 80 arrivals/s.");
}

#[test]
fn what_happens_beyond_the_limit_follows_its_confirmation() {
    let beyond = Wish {
        beyond: true,
        ..wish(7_200.0)
    };
    let run = Run::new(beyond, 7_200, |rate, _| breaks_at_100(rate));
    assert!(matches!(run.outcome(), Outcome::Found { .. }));
    let told = run.told();
    let purposes: Vec<&str> = told.steps.iter().map(|step| &*step.purpose).collect();
    let confirmed = purposes.iter().rposition(|purpose| *purpose == "confirm");
    assert_eq!(
        purposes[confirmed.expect("a confirmation") + 1..],
        ["beyond", "calm", "beyond", "calm", "base", "spike", "back"]
    );
    let found = told.height.expect("a number");
    let expected = [1.5, 2.0].map(|times| (times, "collapse", Some(true)));
    let beyond = told.beyond.iter();
    let beyond: Vec<_> = beyond
        .map(|of| (of.times, of.outcome.as_str(), of.recovered))
        .collect();
    assert_eq!(beyond, expected);
    assert!((told.beyond[1].height - 2.0 * found).abs() < 1e-9);
    let spike = told.spike.expect("a spike");
    assert_eq!(spike.outcome, "recovered");
    assert!((30.0..34.0).contains(&spike.lasted_s), "{spike:?}");
    // It was not watched for longer than it takes to be sure.
    assert!(spike.watched_s < 40.0, "{spike:?}");
    // What came of them is not told of loads below the limit.
    assert!(told.levels.iter().all(|level| level.height < 180.0));
    let last = run.lines.last().expect("a line");
    assert!(
        last.starts_with("back 1: ") && last.ends_with(", recovered"),
        "{last}"
    );
}

#[test]
fn an_overload_ends_when_all_users_are_at_work() {
    let beyond = Wish {
        beyond: true,
        ..wish(7_200.0)
    };
    let run = Run::new(beyond, 7_200, |rate, _| Answers {
        blocked: if rate > 140.0 { 10 } else { 0 },
        ..breaks_at_100(rate)
    });
    let told = run.told();
    let overload = told.steps.iter().find(|step| step.purpose == "beyond");
    let overload = overload.expect("one");
    assert!(overload.cut && overload.lasted_s < 8.0, "{overload:?}");
    assert_eq!(told.beyond.len(), 0);
    let expected =
        "What works at 1.5× is not known: all users that may be were at work (--max-users).";
    assert!(
        told.remarks.iter().any(|remark| remark == expected),
        "{:?}",
        told.remarks
    );
    // A spike is one even if it is short.
    let spike = told.spike.expect("a spike");
    assert!(spike.lasted_s < 8.0, "{spike:?}");
    assert_eq!(spike.outcome, "recovered");
    let is_said = |remark: &String| remark.starts_with("The spike was ended early: all users");
    assert!(told.remarks.iter().any(is_said), "{:?}", told.remarks);
}

#[test]
fn that_all_users_are_at_work_matters_to_any_objective() {
    let beyond = Wish {
        beyond: true,
        ..wish(7_200.0)
    };
    let mut plan = plan(beyond);
    plan.slos[0].endpoint = Some("GET /".into());
    let run = Run::of(plan, 7_200, |rate, _| Answers {
        blocked: if rate > 140.0 { 10 } else { 0 },
        ..breaks_at_100(rate)
    });
    let told = run.told();
    let overload = told.steps.iter().find(|step| step.purpose == "beyond");
    assert!(overload.is_some_and(|step| step.cut), "{overload:?}");
}

/// What is said of the way over the limit and down again by a service that an overload changes so, until there is little load.
fn up_and_down(overloaded: impl Fn(f64) -> Answers) -> SearchSummary {
    let both_ways = Wish {
        hysteresis: true,
        ..wish(7_200.0)
    };
    let is_changed = Cell::new(false);
    let run = Run::new(both_ways, 7_200, |rate, _| {
        is_changed.set(rate > 115.0 || is_changed.get() && rate > 60.0);
        if is_changed.get() {
            overloaded(rate)
        } else {
            breaks_at_100(rate)
        }
    });
    run.told()
}

#[test]
fn loads_on_the_way_down_are_compared_with_those_on_the_way_up() {
    let same = up_and_down(breaks_at_100);
    let purposes: Vec<&str> = same.steps.iter().map(|step| &*step.purpose).collect();
    assert_eq!(
        purposes[purposes.len() - 8..],
        ["up", "up", "up", "up", "down", "down", "down", "calm"]
    );
    assert_eq!(
        same.remarks.last().expect("one"),
        "No hysteresis: on the way down from 1.2× each load is as on the way up."
    );

    let broken = up_and_down(|rate| Answers::of(rate, 0.5));
    let outcomes = |told: &SearchSummary| {
        let rungs = told.hysteresis.iter();
        let outcomes = rungs.map(|rung| (rung.times, rung.outcome.clone()));
        outcomes.collect::<Vec<_>>()
    };
    let expected = |word: &str| {
        let rungs = [(0.9, word), (0.7, word), (0.5, "same")];
        rungs.map(|(times, word)| (times, word.to_owned()))
    };
    assert_eq!(outcomes(&broken), expected("broken"));
    let remark = broken.remarks.last().expect("one");
    let start = "Hysteresis: on the way down from 1.2× 50 % are bad at 0.9× (0 % on the way up), 5";
    let end = "; at 0.5× it is as on the way up. Look for what an overload leaves behind: a queue, an emptied cache, memory.";
    assert!(
        remark.starts_with(start) && remark.ends_with(end),
        "{remark}"
    );

    let slower = up_and_down(|rate| Answers {
        takes_us: 200_000,
        ..Answers::of(rate, if rate > 115.0 { 1.0 } else { 0.0 })
    });
    assert_eq!(outcomes(&slower), expected("slower"));
    let remark = slower.remarks.last().expect("one");
    assert!(
        remark.contains("p95 is 200 ms at 0.9× (100 ms on the way up), p95 is 200 ms at 0.7×"),
        "{remark}"
    );
}

#[test]
fn nothing_more_is_tried_when_it_stays_broken_after_the_way_down() {
    let all = Wish {
        hysteresis: true,
        beyond: true,
        ..wish(7_200.0)
    };
    let is_broken = Cell::new(false);
    let run = Run::new(all, 7_200, |rate, _| {
        is_broken.set(is_broken.get() || (117.0..125.0).contains(&rate));
        if is_broken.get() {
            Answers::of(rate, 1.0)
        } else {
            breaks_at_100(rate)
        }
    });
    let told = run.told();
    assert!(matches!(run.outcome(), Outcome::Found { .. }));
    let last = told.steps.last().expect("a step");
    assert_eq!((last.purpose.as_str(), last.cut), ("calm", false));
    let is_why = |remark: &&String| remark.contains("not tried") || remark.contains("not well");
    let why: Vec<&String> = told.remarks.iter().filter(is_why).collect();
    let expected =
        "After the way down it was not well again within 120 s at 0.3×: nothing more was tried.";
    assert_eq!(why, [expected]);
}

#[test]
fn a_target_that_is_faster_and_slower_by_turns_has_no_number() {
    let by_turns = |part: f64| {
        let run = Run::new(wish(1_800.0), 1_900, move |rate, second| Answers {
            takes_us: (100_000.0 * if second / 50 % 2 == 0 { 1.0 } else { part }) as u64,
            ..breaks_at_100(rate)
        });
        run.outcome()
    };
    let steady = by_turns(0.95);
    assert!(matches!(steady, Outcome::Found { .. }), "{steady:?}");
    let wandering = by_turns(0.4);
    assert!(
        matches!(wandering, Outcome::TooNoisy { .. }),
        "{wandering:?}"
    );
}

#[test]
fn by_users_heights_are_whole_and_come_one_user_after_the_other() {
    let users = Wish {
        whole: true,
        ceiling: Some(5_000.0),
        ..wish(1_800.0)
    };
    assert_eq!(first(&users).expect("a step").model, Model::Users);
    let run = Run::new(users, 1_900, |users, _| breaks_at_100(users));
    assert!(run.heights.iter().all(|height| height.fract() == 0.0));
    let Outcome::Found { low, high, .. } = run.outcome() else {
        panic!("{:?}", run.outcome());
    };
    assert!(
        low <= 100.0 && 99.0 <= high && high / low < 1.2,
        "{low} {high}"
    );
    // Five more users within a second, then 3 s and 12 s; two more until the engine goes on.
    assert_eq!(run.began()[2] - run.began()[1], 18 * SECOND_US);
    let told = run.told();
    assert!(
        told.answer.contains(" users (95 % interval "),
        "{}",
        told.answer
    );
    // The service answers as many requests a second as there are users.
    let each = told.requests_per_user_s.expect("requests");
    assert!((each - 1.0).abs() < 0.02, "{each}");
    assert_eq!(told.requests_per_arrival, None);

    let Next::Step(first) = search::next(&run.plan.search.expect("one"), &[]) else {
        panic!("no step");
    };
    let phase = phase(&first, 0.0, 1);
    assert_eq!((phase.from, phase.to, phase.rise_s), (0.0, 5.0, 1.0));
}

#[test]
fn a_fast_search_ends_between_two_loads() {
    let fast = Wish {
        fast: true,
        ..wish(900.0)
    };
    let run = Run::new(fast, 1_000, |rate, _| breaks_at_100(rate));
    let Outcome::Between {
        held: Some(held),
        broke,
        ..
    } = run.outcome()
    else {
        panic!("{:?}", run.outcome());
    };
    assert!(
        held <= 100.0 && 100.0 <= broke && broke / held < 1.45,
        "{held} {broke}"
    );
    assert!(run.timeline.end < 300 * SECOND_US, "{}", run.timeline.end);
    let told = run.told();
    assert_eq!((told.verdict(), told.height), ("BETWEEN", None));
    assert!(
        told.answer.starts_with("p95 < 300ms breaks between "),
        "{}",
        told.answer
    );
    assert_eq!(
        told::outcome(&run.timeline, &run.plan),
        Some(SloOutcome::Pass)
    );
}

#[test]
fn who_does_not_recover_late_has_had_a_limit() {
    let is_broken = Cell::new(false);
    let run = Run::new(wish(1_800.0), 1_900, |rate, second| {
        is_broken.set(is_broken.get() || second > 600 && rate > 103.0);
        if is_broken.get() {
            Answers::of(rate, 1.0)
        } else {
            breaks_at_100(rate)
        }
    });
    assert!(
        matches!(run.outcome(), Outcome::Stuck { .. }),
        "{:?}",
        run.outcome()
    );
    let told = run.told();
    assert_eq!(told.height, None);
    let is_said = |remark: &String| remark.starts_with("Until then it looked as if the limit were");
    assert!(told.remarks.iter().any(is_said), "{:?}", told.remarks);
}
