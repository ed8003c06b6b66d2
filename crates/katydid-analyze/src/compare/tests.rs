//! Whether it is right about runs whose truth is known. The runs are drawn: each endpoint's p95 with what a run has in common, what
//! the endpoint adds, and a drift from pair to pair.

#![allow(clippy::float_cmp)] // heights are copied

use katydid_record::Comparison;
use katydid_record::comparison::{Design, Measure};

use super::measured::{Count, Place, Value};
use super::*;
use crate::chance::Chance;

const ENDPOINTS: usize = 9;

fn place(endpoint: &str, measure: Measure) -> Place {
    Place {
        phase: "hold".into(),
        endpoint: endpoint.into(),
        measure,
    }
}

/// A run whose times are `slower` than usual by endpoint; `spread` is the standard deviation of what runs differ by.
fn run(chance: &mut Chance, spread: f64, slower: impl Fn(usize) -> f64) -> Measured {
    let mut run = Measured {
        id: "a".into(),
        phases: vec![("hold".into(), "120/s".into())],
        ..Measured::default()
    };
    let common = spread * chance.normal();
    let mut keep = |endpoint: &str, measure, value: f64| {
        let within = 0.02;
        run.values
            .insert(place(endpoint, measure), Value { value, within });
    };
    for (measure, base) in [
        (Measure::P50, 20.0),
        (Measure::P95, 80.0),
        (Measure::P99, 160.0),
    ] {
        let mut all = 0.0;
        for number in 0..ENDPOINTS {
            let own = 0.05 * chance.normal();
            let by = slower(number) * (common + own).exp();
            all += by / ENDPOINTS as f64;
            if measure == Measure::P95 {
                keep(&format!("GET /{number}"), measure, base * by);
            }
        }
        keep("", measure, base * all);
    }
    keep("", Measure::Bad, 0.0);
    keep("", Measure::TargetCpu, 5.0 * (0.03 * chance.normal()).exp());
    run
}

fn question(design: Design) -> Question {
    Question {
        design,
        labels: ["a".into(), "b".into()],
        primary: None,
        margin: MARGIN,
    }
}

fn pairs(chance: &mut Chance, pairs: usize, slower: impl Fn(usize) -> f64) -> Comparison {
    let before: Vec<Measured> = (0..pairs).map(|_| run(chance, 0.05, |_| 1.0)).collect();
    let after: Vec<Measured> = (0..pairs).map(|_| run(chance, 0.05, &slower)).collect();
    compare(&before, &after, &question(Design::Pairs)).expect("they can be compared")
}

/// Share of validations that end with one of these words.
fn said(n: u32, words: &[&str], mut validation: impl FnMut() -> Comparison) -> f64 {
    let is_said = |_: &u32| words.contains(&validation().verdict.as_str());
    (0..n).filter(is_said).count() as f64 / f64::from(n)
}

#[test]
fn the_same_is_rarely_called_another() {
    let mut chance = Chance(11);
    for k in [3, 5, 8] {
        let wrong = said(2_000, &["IMPROVED", "REGRESSED", "INVALID"], || {
            pairs(&mut chance, k, |_| 1.0)
        });
        assert!(wrong <= 0.07, "{wrong} of {k} pairs");
    }
}

#[test]
fn a_slowdown_is_found() {
    let mut chance = Chance(12);
    let all = said(1_000, &["REGRESSED"], || pairs(&mut chance, 5, |_| 1.2));
    assert!(all >= 0.8, "all: {all}");
    let faster = said(1_000, &["IMPROVED"], || {
        pairs(&mut chance, 5, |of| if of == 3 { 0.34 } else { 1.0 })
    });
    assert!(faster >= 0.9, "one endpoint: {faster}");
}

#[test]
fn what_is_asked_for_is_judged_first() {
    let mut chance = Chance(13);
    let mut asked = question(Design::Pairs);
    asked.primary = Some(Primary {
        endpoint: Some("GET /3".into()),
        measure: Measure::P95,
        phase: None,
    });
    let side = |chance: &mut Chance, by: f64| -> Vec<Measured> {
        (0..3)
            .map(|_| run(chance, 0.05, |of| if of == 3 { by } else { 1.0 }))
            .collect()
    };
    let found = said(500, &["IMPROVED"], || {
        let (before, after) = (side(&mut chance, 1.0), side(&mut chance, 0.34));
        compare(&before, &after, &asked).expect("they can be compared")
    });
    assert!(found >= 0.95, "{found}");
    asked.primary = Some(Primary {
        endpoint: Some("GET /elsewhere".into()),
        measure: Measure::P95,
        phase: None,
    });
    let (before, after) = (side(&mut chance, 1.0), side(&mut chance, 1.0));
    let error = compare(&before, &after, &asked).expect_err("there is no such endpoint");
    assert!(error.to_string().contains("GET /0, GET /1"), "{error}");
}

#[test]
fn sentences() {
    let mut chance = Chance(14);
    let told = pairs(&mut chance, 5, |_| 0.5);
    assert_eq!(told.verdict, "IMPROVED");
    assert!(
        told.reason.starts_with("p95 of all requests "),
        "{}",
        told.reason
    );
    assert!(told.reason.contains(" % interval −"), "{}", told.reason);
    assert!(
        told.reason.contains("5 interleaved pairs"),
        "{}",
        told.reason
    );
    assert_eq!((told.counted, told.exit_code), (5, 0));
    let told = pairs(&mut chance, 5, |_| 2.0);
    assert_eq!((told.verdict.as_str(), told.exit_code), ("REGRESSED", 99));
}

#[test]
fn pairs_with_an_invalid_run_are_dropped() {
    let mut chance = Chance(15);
    let mut side = |invalid: usize| -> Vec<Measured> {
        let mut runs: Vec<Measured> = (0..5).map(|_| run(&mut chance, 0.05, |_| 1.0)).collect();
        for run in &mut runs[..invalid] {
            run.why_not = Some("the generator was late".into());
        }
        runs
    };
    let (good, one, two) = (side(0), side(1), side(2));
    let told = compare(&good, &one, &question(Design::Pairs)).expect("they can be compared");
    assert_eq!((told.counted, told.dropped.len()), (4, 1));
    assert_ne!(told.verdict, "INVALID");
    let told = compare(&good, &two, &question(Design::Pairs)).expect("they can be compared");
    assert_eq!((told.verdict.as_str(), told.exit_code), ("INVALID", 3));
    assert!(told.reason.contains("2 of 5 pairs"), "{}", told.reason);
}

#[test]
fn one_run_each_is_indicative() {
    let mut chance = Chance(16);
    let mut one = |by: f64| vec![run(&mut chance, 0.05, |_| by)];
    let told = compare(&one(1.0), &one(3.0), &question(Design::Single)).expect("comparable");
    assert_eq!((told.verdict.as_str(), told.exit_code), ("SINGLE RUN", 0));
    assert!(
        told.reason.starts_with("indicative only: p95"),
        "{}",
        told.reason
    );
}

#[test]
fn a_baseline_of_several_runs_decides() {
    let mut chance = Chance(17);
    let mut side = |n: usize, by: f64| -> Vec<Measured> {
        (0..n).map(|_| run(&mut chance, 0.05, |_| by)).collect()
    };
    let base = side(6, 1.0);
    let told = compare(&base, &side(1, 1.6), &question(Design::Groups)).expect("comparable");
    assert_eq!(told.verdict, "REGRESSED", "{}", told.reason);
}

#[test]
fn other_loads_are_not_compared() {
    let mut chance = Chance(18);
    let before = vec![run(&mut chance, 0.05, |_| 1.0)];
    let mut after = before.clone();
    after[0].phases = vec![("hold".into(), "200/s".into())];
    let error = compare(&before, &after, &question(Design::Single)).expect_err("another load");
    assert!(error.to_string().contains("no phase in common"), "{error}");
}

#[test]
fn a_service_that_fails_is_a_regression() {
    let mut chance = Chance(20);
    let before: Vec<Measured> = (0..5).map(|_| run(&mut chance, 0.05, |_| 1.0)).collect();
    let mut after = before.clone();
    for run in &mut after {
        run.values.retain(|place, _| place.measure == Measure::Bad);
        let all = Value {
            value: 1.0,
            within: 0.001,
        };
        run.values.insert(place("", Measure::Bad), all);
    }
    let told = compare(&before, &after, &question(Design::Pairs)).expect("comparable");
    assert_eq!(told.verdict, "REGRESSED", "{}", told.reason);
    assert!(
        told.reason
            .starts_with("failures of all requests 0 → 100 %"),
        "{}",
        told.reason
    );
    assert!(
        told.notes
            .iter()
            .any(|note| note.contains("all requests, GET /0")),
        "{:?}",
        told.notes
    );
    // One broken run of five shows in the notes, and decides nothing by itself.
    let mut one = before.clone();
    one[2] = after[2].clone();
    let told = compare(&before, &one, &question(Design::Pairs)).expect("comparable");
    assert_eq!(told.verdict, "INCONCLUSIVE", "{}", told.reason);
    // A load that had to be ended is one, too.
    let mut ended = before.clone();
    ended[1].aborted = Some("errors > 10%".into());
    let told = compare(&before, &ended, &question(Design::Pairs)).expect("comparable");
    assert_eq!((told.verdict.as_str(), told.exit_code), ("REGRESSED", 99));
    assert!(told.reason.contains("in 1 of 5 runs"), "{}", told.reason);
}

#[test]
fn what_should_have_changed_has_to() {
    let mut chance = Chance(21);
    let mut side = |memory: f64| -> Vec<Measured> {
        let mut runs: Vec<Measured> = (0..5).map(|_| run(&mut chance, 0.05, |_| 1.0)).collect();
        for run in &mut runs {
            let value = Value {
                value: memory,
                within: 0.0,
            };
            run.values.insert(place("", Measure::TargetMemory), value);
        }
        runs
    };
    let told = compare(&side(500e6), &side(300e6), &question(Design::Pairs)).expect("comparable");
    assert_ne!(told.verdict, "IMPROVED");
    assert!(
        told.reason.contains("; but memory of the target −40 %"),
        "{}",
        told.reason
    );
    let told = compare(&side(300e6), &side(500e6), &question(Design::Pairs)).expect("comparable");
    assert_eq!(told.verdict, "REGRESSED");
}

#[test]
fn what_else_got_better_is_not_what_was_asked_for() {
    let mut chance = Chance(24);
    let mut side = |by: f64| -> Vec<Measured> {
        (0..5)
            .map(|_| run(&mut chance, 0.05, |of| if of == 5 { by } else { 1.0 }))
            .collect()
    };
    let (before, after) = (side(1.0), side(0.2));
    let mut asked = question(Design::Pairs);
    let told = compare(&before, &after, &asked).expect("comparable");
    assert_eq!(told.verdict, "IMPROVED", "{}", told.reason);
    asked.primary = Some(Primary {
        endpoint: Some("GET /3".into()),
        measure: Measure::P95,
        phase: None,
    });
    let told = compare(&before, &after, &asked).expect("comparable");
    assert_ne!(told.verdict, "IMPROVED", "{}", told.reason);
    assert!(told.reason.contains("; but "), "{}", told.reason);
}

#[test]
fn two_pairs_conclude_nothing() {
    let mut chance = Chance(22);
    let told = pairs(&mut chance, 2, |_| 9.0);
    assert_eq!(told.verdict, "INCONCLUSIVE", "{}", told.reason);
    assert!(
        told.reason.ends_with("fewer than 3 pairs conclude nothing"),
        "{}",
        told.reason
    );
}

#[test]
fn a_few_failures_more_than_none_are_chance() {
    let mut chance = Chance(23);
    let mut side = |n: usize, bad: f64| -> Vec<Measured> {
        let mut runs: Vec<Measured> = (0..n).map(|_| run(&mut chance, 0.05, |_| 1.0)).collect();
        for run in &mut runs {
            let share = (6_000.0 * bad + 0.5) / 6_001.0;
            let within = (share * (1.0 - share) / 6_000.0_f64).sqrt();
            run.values
                .insert(place("", Measure::Bad), Value { value: bad, within });
        }
        runs
    };
    let asked = question(Design::Groups);
    let told = compare(&side(5, 0.0), &side(1, 7.0 / 6_000.0), &asked).expect("comparable");
    assert_ne!(told.verdict, "REGRESSED", "{}", told.reason);
    let told = compare(&side(5, 0.0), &side(1, 0.01), &asked).expect("comparable");
    assert_eq!(told.verdict, "REGRESSED", "{}", told.reason);
}

#[test]
fn what_is_counted_is_compared_as_it_is() {
    let mut chance = Chance(19);
    let mut side = |queries: f64| -> Vec<Measured> {
        let mut runs: Vec<Measured> = (0..3).map(|_| run(&mut chance, 0.05, |_| 1.0)).collect();
        let key = ("GET /3".to_owned(), "queries");
        runs[0].counts.insert(
            key,
            Count {
                value: queries,
                exact: true,
            },
        );
        for run in &mut runs {
            run.looked.insert("n_plus_one".into());
            if queries > 50.0 {
                let key = ("n_plus_one".into(), "items".into());
                let found = ("N+1 queries, GET /3".into(), true);
                run.findings.insert(key, found);
            }
        }
        runs
    };
    let told = compare(&side(51.0), &side(2.0), &question(Design::Pairs)).expect("comparable");
    let count = &told.counts[0];
    assert_eq!(
        (count.before, count.after, count.exact, count.worse),
        (51.0, 2.0, true, false)
    );
    assert!(
        told.reason
            .contains("Queries per request of GET /3: 51 → 2 (exact)"),
        "{}",
        told.reason
    );
    assert_eq!(told.findings.resolved, ["N+1 queries, GET /3"]);
    let told = compare(&side(2.0), &side(2.0), &question(Design::Pairs)).expect("comparable");
    assert!(told.counts.is_empty() && told.findings.resolved.is_empty());
}

#[test]
fn two_searches_are_compared_by_what_they_found() {
    let search = |height: f64, off: f64| -> Vec<Measured> {
        let place = Place {
            measure: Measure::Capacity,
            ..Place::default()
        };
        let mut run = Measured {
            phases: vec![(String::new(), "p95 < 300ms".into())],
            ..Measured::default()
        };
        let within = off / 1.96;
        run.values.insert(
            place,
            Value {
                value: height,
                within,
            },
        );
        vec![run]
    };
    let told = |after: f64| {
        let question = question(Design::Single);
        compare(&search(140.0, 0.05), &search(after, 0.05), &question).expect("comparable")
    };
    let more = told(390.0);
    assert_eq!(more.verdict, "SINGLE RUN", "{}", more.reason);
    assert!(
        more.reason.contains("140 → 390/s, +179 %"),
        "{}",
        more.reason
    );
    let first = &more.changes[0];
    let (low, high) = (first.low.unwrap_or(0.0), first.high.unwrap_or(0.0));
    // √(2·(0.05/1.96)² + 2·0.05²) = 0.079 on either side, 1.96 times.
    assert!(
        (low - 1.384).abs() < 0.01 && (high - 2.255).abs() < 0.01,
        "{low} {high}"
    );
}
