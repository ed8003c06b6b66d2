#![allow(clippy::float_cmp)] // heights are copied, not computed

use katydid_record::schedule::PhaseKind::{Hold, Ramp, Recovery, Spike};
use katydid_record::schedule::{Model, PhaseKind, Schedule};

use super::*;

fn one(text: &str) -> Schedule {
    let schedule = parse(text).expect("it is clear").schedule;
    assert_eq!(schedule.lines, []);
    schedule
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
    let load = parse("Shopper: ramp to 200 users over 2m, hold 10m as busy; Admin: hold 5 users")
        .expect("clear");
    let lines = load.schedule.lines.iter();
    let lines = lines.map(|line| {
        (
            line.class.as_str(),
            line.schedule.peak(),
            line.schedule.length_s(),
        )
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [("Shopper", 200.0, 720.0), ("Admin", 5.0, 720.0)]
    );
    let phases = load.schedule.phases.iter();
    let phases: Vec<_> = phases
        .map(|p| (p.name.as_str(), p.kind, p.from, p.to, p.length_s))
        .collect();
    assert_eq!(
        phases,
        [
            ("ramp", Ramp, 0.0, 205.0, 120.0),
            ("busy", Hold, 205.0, 205.0, 600.0)
        ]
    );
    let load =
        parse("A: hold 5 users 1m\nB: hold 2 users 30s, at 50s run 'echo'\n").expect("clear");
    let phases: Vec<_> = load
        .schedule
        .phases
        .iter()
        .map(|p| (p.name.as_str(), p.to))
        .collect();
    assert_eq!(
        phases,
        [("hold", 7.0), ("hold 2", 5.0), ("hold 2 after echo", 5.0)]
    );
    let load = parse("Shopper: smoke of 5 users; Admin: arrive at 2/s");
    assert!(
        load.expect_err("two models")
            .to_string()
            .contains("cannot be mixed")
    );
    let load = parse("Reader: ramp to 20/s over 1m; Writer: arrive at 2/s").expect("clear");
    assert_eq!(load.schedule.arrivals(), 600 + 120);
}

#[test]
fn lines_without_an_end() {
    let refused = [
        ("A: hold 5 users", "no line says how long"),
        ("A: hold 5 users; B: hold 3 users", "no line says how long"),
        (
            "A: hold 5 users, hold 3 users 1m; B: hold 5 users 1m",
            "nothing can follow",
        ),
        (
            "A: hold 5 users 1m, hold 3 users; B: hold 5 users 1m",
            "its last part has no length",
        ),
        ("hold 5 users", "how long"),
        (
            "A: hold 5 users 1m; A: hold 5 users 1m",
            "more than one line for the same users",
        ),
        (
            "A: hold 5 users 1m; hold 5 users 1m",
            "more than one line for the same users",
        ),
    ];
    for (text, why) in refused {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
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
        ("hold 5 users 1m, at 1m run 'x'", "1m", "over after 1m"),
        (
            "hold 5 users 1m, at 90s run 'x'",
            "90s",
            "comes before that",
        ),
        ("hold 5 users 1m, at -5s run 'x'", "-5s", "not a time"),
        ("hold 5 users 1m, at noon run 'x'", "noon", "not a time"),
        ("hold 5 users 1m, at", "", "when"),
        ("hold 5 users 1m, at 5s flush", "flush", "'run'"),
        ("hold 5 users 1m, at 5s run", "", "the command in quotes"),
        (
            "hold 5 users 1m, at 5s run flushall",
            "flushall",
            "in quotes",
        ),
        ("hold 5 users 1m, at 5s run \"a, b", "\"a, b", "not closed"),
        ("hold 5 users 1m, at 5s run 'x'as y", "'x'as", "a blank"),
        ("hold 5 users 1m, at 5s run ' '", "' '", "is empty"),
        ("hold 5 users 1m, at 5s run ''", "''", "is empty"),
        ("hold 5 users 1m, at 5s run 'x' as", "", "the name"),
        (
            "hold 5 users 1m, at 5s run 'x' as \"a b\"",
            "\"a",
            "one word",
        ),
        ("hold 5 users 1m, at 5s run 'x' within 0s", "0s", "no time"),
        ("hold 5 users 1m, at 5s run 'x' as a as b", "as", "twice"),
        ("hold 5 users 1m, at 5s run 'x' hold 1m", "hold", "a ','"),
        (
            "hold 5 users 1m, at 5s run 'x' as a, at 6s run 'y' as a",
            "a",
            "another event",
        ),
        ("at 5s run 'x'", "", "how much load is there meanwhile?"),
        (
            "soak of 5 users, hold 1m, at 5s run 'x'",
            ",",
            "a preset is all",
        ),
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

fn events(text: &str) -> Vec<(String, f64, String, f64)> {
    let line = parse(text).expect("it is clear");
    let events = line.events.into_iter();
    events
        .map(|e| (e.name, e.at_s, e.command, e.limit_s))
        .collect()
}

fn event(name: &str, at_s: f64, command: &str, limit_s: f64) -> (String, f64, String, f64) {
    (name.to_owned(), at_s, command.to_owned(), limit_s)
}

#[test]
fn an_event_cuts_the_phase_that_is_on() {
    let words = r#"ramp to 10 users over 10s, at 5s run "a; b, c: 'd'" as x, hold 1m, at 20s run 'redis-cli flushall', at 1m run 'e'"#;
    let expected = [
        row("ramp", Ramp, (0.0, 5.0), (5.0, 5.0)),
        row("ramp after x", Ramp, (5.0, 10.0), (5.0, 5.0)),
        row("hold", Hold, (10.0, 10.0), (0.0, 10.0)),
        row(
            "hold after redis-cli flushall",
            Hold,
            (10.0, 10.0),
            (0.0, 40.0),
        ),
        row("hold after e", Hold, (10.0, 10.0), (0.0, 10.0)),
    ];
    assert_eq!(phases(words), expected);
    let expected = [
        event("x", 5.0, "a; b, c: 'd'", 60.0),
        event("redis-cli flushall", 20.0, "redis-cli flushall", 60.0),
        event("e", 60.0, "e", 60.0),
    ];
    assert_eq!(events(words), expected);
}

#[test]
fn events_come_in_the_order_of_their_times() {
    let words = r#"at 30s run "c" within 90s, at 10s run "say \"hi\"" within 2m as "a", soak of 5 users, at 10s run "b", at 5m run "on the edge""#;
    let expected = [
        event("a", 10.0, "say \"hi\"", 120.0),
        event("b", 10.0, "b", 60.0),
        event("c", 30.0, "c", 90.0),
        event("on the edge", 300.0, "on the edge", 60.0),
    ];
    assert_eq!(events(words), expected);
    let names: Vec<_> = phases(words).into_iter().map(|phase| phase.0).collect();
    assert_eq!(names, ["ramp", "ramp after a", "ramp after c", "hold"]);
}

#[test]
fn an_event_has_a_name_that_can_be_referred_to() {
    for (command, name) in [
        ("/usr/local/bin/flush-it --all", "flush-it --all"),
        (
            "curl -X POST http://127.0.0.1:8000/_control/freeze",
            "curl -X POST",
        ),
        ("echo off > switch", "echo off"),
        ("(cd x; y)", "event"),
        (
            "./a-command-whose-name-is-very-long",
            "a-command-whose-name-is-",
        ),
        ("TOKEN=abcdef deploy", "event"),
        ("systemctl restart cache", "systemctl restart cache"),
        ("für Elise", "für Elise"),
    ] {
        let found = events(&format!("hold 5 users 1m, at 5s run \"{command}\""));
        assert_eq!(found[0].0, name);
    }
    let found = events("hold 5/s for 1m, at 5s run 'a b', at 6s run 'a b', at 7s run 'x' as a");
    let names: Vec<_> = found.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(names, ["a b", "a b 2", "a"]);
}

#[test]
fn a_hundred_events_are_enough() {
    let many = |n: usize| format!("hold 5 users 1m{}", ", at 5s run 'x'".repeat(n));
    assert_eq!(events(&many(100)).len(), 100);
    assert!(wrong(&many(101)).0.contains("more than 100 events"));
}

#[test]
fn words_that_are_not_events_stay_what_they_were() {
    assert_eq!(phases("hold 5 users 1m as run")[0].0, "run");
    assert_eq!(phases("hold 5 users 1m as \"a\"")[0].0, "\"a\"");
    assert!(
        parse("A: hold 5 users 1m, at 5s run \"curl http://a:1; b\"\nB: hold 5 users 1m").is_ok()
    );
}

mod any_words {
    use proptest::prelude::*;

    proptest! {
        /// Whatever is written, there is an answer.
        #[test]
        fn never_panics(text in r#"(ramp|hold|spike|arrive|steps|to|of|over|for|as|at|every|from|users|run|within|"|'|\\|[0-9.]{1,4}(/s|m|s)?|[,;:\n]|é| ){0,12}"#) {
            let _ = super::parse(&text);
        }

        #[test]
        fn never_panics_on_anything(text in ".{0,40}") {
            let _ = super::parse(&text);
        }
    }
}
