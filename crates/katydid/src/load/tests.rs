#![allow(clippy::float_cmp)] // heights are copied, not computed

use katydid_record::schedule::PhaseKind::{Hold, Ramp, Recovery, Spike};
use katydid_record::schedule::{Model, PhaseKind, Schedule};

use super::*;

fn one(text: &str) -> Schedule {
    let mut lines = parse(text).expect("it is clear");
    assert_eq!(lines.len(), 1);
    lines.remove(0).schedule
}

/// Name, kind, from, to, rise and length of each phase.
fn phases(text: &str) -> Vec<(String, PhaseKind, f64, f64, f64, f64)> {
    one(text)
        .phases
        .into_iter()
        .map(|p| (p.name, p.kind, p.from, p.to, p.rise_s, p.length_s))
        .collect()
}

fn row(
    name: &str,
    kind: PhaseKind,
    (from, to): (f64, f64),
    (rise, length): (f64, f64),
) -> (String, PhaseKind, f64, f64, f64, f64) {
    (name.to_owned(), kind, from, to, rise, length)
}

#[test]
fn a_spike_comes_back_to_the_level_before_it() {
    let found = phases("ramp to 200 users over 2m, hold 10m, spike to 1000 users for 30s, hold 5m");
    let expected = [
        row("ramp", Ramp, (0.0, 200.0), (120.0, 120.0)),
        row("hold", Hold, (200.0, 200.0), (0.0, 600.0)),
        row("spike", Spike, (200.0, 1000.0), (1.0, 30.0)),
        row("recovery", Recovery, (1000.0, 200.0), (1.0, 300.0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn arrivals() {
    let found =
        phases("arrive at 50/s for 5m, ramp to 6000/min over 10m, spike to 400 for 5s, hold 1h30m");
    let expected = [
        row("hold", Hold, (0.0, 50.0), (0.0, 300.0)),
        row("ramp", Ramp, (50.0, 100.0), (600.0, 600.0)),
        row("spike", Spike, (100.0, 400.0), (0.0, 5.0)),
        row("recovery", Recovery, (400.0, 100.0), (0.0, 5400.0)),
    ];
    assert_eq!(found, expected);
    assert_eq!(one("hold 120/s for 60s").model, Model::Arrivals);
}

#[test]
fn steps_and_names() {
    let found = phases(
        "steps of 40 users to 100 every 30s, hold 10 for 1m as low, ramp from 5 to 0 users in 1.5m",
    );
    let expected = [
        row("hold", Hold, (0.0, 40.0), (1.0, 30.0)),
        row("hold 2", Hold, (40.0, 80.0), (1.0, 30.0)),
        row("hold 3", Hold, (80.0, 100.0), (1.0, 30.0)),
        row("low", Hold, (100.0, 10.0), (1.0, 60.0)),
        row("ramp", Ramp, (5.0, 0.0), (90.0, 90.0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_line_for_each_class() {
    let lines = parse("Shopper: ramp to 200 users over 2m, hold 10m; Admin: hold 5 users 12m")
        .expect("clear");
    let classes: Vec<_> = lines.iter().map(|line| line.class.as_deref()).collect();
    assert_eq!(classes, [Some("Shopper"), Some("Admin")]);
    assert_eq!(lines[1].schedule.peak(), 5.0);
    assert!(parse("Shopper: hold 5 users 1m\nAdmin: hold 2 users 1m\n").is_ok());
}

#[test]
fn presets_are_what_their_words_say() {
    for preset in &PRESETS {
        for level in ["of 7 users", "of 33.3/s"] {
            let schedule = one(&format!("{} {level}", preset.name));
            assert!(!schedule.phases.is_empty(), "{}", preset.name);
        }
    }
    let found = phases("spike of 10 users");
    assert_eq!(found[0], row("ramp", Ramp, (0.0, 3.0), (60.0, 60.0)));
    assert_eq!(found[2], row("spike", Spike, (3.0, 10.0), (1.0, 30.0)));
    assert_eq!(one("steps of 50/s").phases.len(), 5);
}

/// What is wrong, and what stands under the mark.
fn wrong(text: &str) -> (String, String) {
    let error = parse(text).expect_err(text).to_string();
    let lines: Vec<&str> = error.lines().collect();
    let [said, line, mark] = lines.as_slice() else {
        panic!("{error}")
    };
    let at = mark.find('^').expect("a mark");
    let width = mark.trim().len();
    let marked: String = line.chars().skip(at).take(width).collect();
    ((*said).to_owned(), marked)
}

#[test]
fn a_mistake_is_pointed_at() {
    for (text, marked, said) in [
        ("rmap to 5 users over 1m", "rmap", "did you mean 'ramp'?"),
        ("ramp to 5 users 1m", "1m", "'over' or 'in'"),
        ("ramp to 5 users over", "", "how long"),
        ("ramp to 5 over 1m", "5", "is this users or arrivals?"),
        ("ramp to -5 users over 1m", "-5", "from 0"),
        ("ramp to NaN users over 1m", "NaN", "from 0"),
        ("ramp to inf users over 1m", "inf", "from 0"),
        ("ramp to 5.5 users over 1m", "5.5", "users are whole"),
        (
            "ramp to 99999999 users over 1m",
            "99999999",
            "are not meant",
        ),
        ("ramp to five users over 1m", "five", "not a number"),
        ("hold 5 users for 0s", "0s", "no time"),
        ("hold 5 users for -3m", "-3m", "not a time"),
        ("hold 5 users for 900d", "900d", "more than a year"),
        ("hold 10m", "", "how much is held?"),
        ("hold 5 users 1m hold 6 users 1m", "hold", "a ','"),
        (
            "hold 5 users 1m, arrive at 5/s for 1m",
            "5/s",
            "cannot be mixed",
        ),
        ("hold 5/y for 1m", "5/y", "per second, minute or hour"),
        ("hold 5 users 1m,, hold 5m", ",", "a part"),
        ("hold 0 users 1m", "", "never a user"),
        ("ramp to 0/s over 1m", "", "nothing ever arrives"),
        (
            "hold 5 users 1m as a, hold 1m as a",
            "a",
            "another phase has this name",
        ),
        ("spike", "", "'spike of 50 users'"),
        ("soak of many", "many", "'soak of 50 users'"),
        (
            "A: hold 5 users 1m; A: hold 5 users 1m",
            "",
            "more than one line",
        ),
        ("A B: hold 5 users 1m", ":", "one user class"),
        ("", "", "it is empty"),
        (
            "ramp to 5 users over 1m, höld 5m",
            "höld",
            "did you mean 'hold'?",
        ),
    ] {
        let (found, under) = wrong(text);
        assert!(found.contains(said), "{text}: {found}");
        assert_eq!(under.trim(), marked, "{text}: {found}");
    }
}

mod any_words {
    use proptest::prelude::*;

    proptest! {
        /// Whatever is written, there is an answer.
        #[test]
        fn never_panics(text in "(ramp|hold|spike|arrive|steps|to|of|over|for|as|at|every|from|users|[0-9.]{1,4}(/s|m|s)?|[,;:\n]|é| ){0,12}") {
            let _ = super::parse(&text);
        }

        #[test]
        fn never_panics_on_anything(text in ".{0,40}") {
            let _ = super::parse(&text);
        }
    }
}
