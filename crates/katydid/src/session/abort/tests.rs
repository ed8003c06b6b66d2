use katydid_record::frame::SOURCES_PER_PROCESS;
use katydid_record::{Frame, GeneratorWindow};

use super::super::log::Log;
use super::*;

/// Busy and idle share of the processors and of the memory, as far as they could be read.
type Seen = (Option<f64>, Option<f64>);

const SECOND_US: u64 = 1_000_000;

fn limit(text: &str, resource: Resource, share: f64) -> MachineLimit {
    MachineLimit {
        text: text.into(),
        resource,
        share,
    }
}

fn plan(command: &str) -> Plan {
    Plan {
        command: command.into(),
        abort_on_machine: vec![
            limit("cpu > 90%", Resource::Cpu, 0.9),
            limit("memory > 95%", Resource::Memory, 0.95),
        ],
        ..Plan::default()
    }
}

fn frame(second: u64, source: u32, body: Body) -> Frame {
    Frame {
        at: second * SECOND_US,
        span: SECOND_US,
        source,
        phase: 0,
        body,
    }
}

fn window((cpu, memory): Seen) -> Body {
    let of = |share: f64, all: u64| (share * all as f64).round() as u64;
    let busy = cpu.map(|cpu| of(cpu, 2 * SECOND_US));
    let used = memory.map(|memory| of(memory, 1_000_000));
    Body::Generator(Box::new(GeneratorWindow {
        processors: 2,
        machine_busy_us: busy.unwrap_or(0),
        machine_idle_us: busy.map_or(0, |busy| 2 * SECOND_US - busy),
        machine_memory_bytes: used.map_or(0, |_| 1_000_000),
        machine_available_bytes: used.map_or(0, |used| 1_000_000 - used),
        ..GeneratorWindow::default()
    }))
}

fn phase_began() -> Body {
    Body::Mark(Mark::PhaseBegan {
        phase: 1,
        name: "hold".into(),
        kind: "hold".into(),
    })
}

/// What the watch notes, with the second at whose end it did, of a run whose load begins in the second `began`.
fn notes(plan: &Plan, began: Option<u64>, seconds: &[Seen]) -> (Vec<(u64, Body)>, bool) {
    let (mut timeline, end) = (Timeline::watching(plan), Arc::new(End::default()));
    let mut watch = Watch::new(plan, end.clone());
    let mut notes = Vec::new();
    for (second, seen) in (0..).zip(seconds) {
        if began == Some(second) {
            let mark = Frame {
                span: 0,
                ..frame(second, 0, phase_began())
            };
            timeline.apply(&mark);
        }
        timeline.apply(&frame(second, 0, window(*seen)));
        let found = watch.look(&timeline);
        notes.extend(found.into_iter().map(|body| (second, body)));
        // Looking twice says nothing new.
        assert_eq!(watch.look(&timeline), []);
    }
    (notes, end.asked.load(Ordering::Acquire))
}

fn aborted(notes: &[(u64, Body)]) -> Option<(u64, &str)> {
    notes.iter().find_map(|(second, body)| match body {
        Body::Mark(Mark::Aborted { why }) => Some((*second, why.as_str())),
        _ => None,
    })
}

/// When the load is ended and why, of one that begins with the run.
fn check(seconds: &[Seen], expected: Option<(u64, &str)>) {
    let (notes, asked) = notes(&plan("run"), Some(0), seconds);
    assert_eq!(aborted(&notes), expected, "{seconds:?}");
    assert_eq!(asked, expected.is_some());
    assert_eq!(notes.len(), usize::from(expected.is_some()), "{notes:?}");
}

fn cpu(share: f64) -> Seen {
    (Some(share), Some(0.5))
}

#[test]
fn a_machine_that_is_over_the_limit_ends_the_load_after_five_seconds() {
    // The second that has just ended is not looked at yet.
    let why = "cpu > 90%: 97 % of this machine's processors were busy in the last 5 s";
    check(&[cpu(0.97); 20], Some((5, why)));
    check(&[cpu(0.97); 5], None);
    let why = "memory > 95%: 96 % of this machine's memory was in use in the last 5 s";
    check(&[(Some(0.1), Some(0.96)); 20], Some((5, why)));
}

#[test]
fn a_machine_that_is_not_over_it_does_not() {
    check(&[cpu(0.5); 60], None);
    // At the limit is not over it.
    check(&[cpu(0.9); 60], None);
    check(&[(Some(0.9), Some(0.95)); 60], None);
}

#[test]
fn ten_seconds_count_on_average() {
    let mut seconds = vec![cpu(0.5); 20];
    seconds.extend([cpu(1.0); 20]);
    // Two of ten at 50 % leave 90 %: it takes a third.
    let why = "cpu > 90%: 95 % of this machine's processors were busy in the last 10 s";
    check(&seconds, Some((29, why)));
    let wave: Vec<Seen> = (0..60).map(|n| cpu([1.0, 0.7][n % 2])).collect();
    check(&wave, None);
}

#[test]
fn what_was_before_the_load_does_not_count() {
    let mut seconds = vec![cpu(1.0); 30];
    seconds.extend([cpu(0.2); 30]);
    let (busy_before, _) = notes(&plan("run"), Some(30), &seconds);
    assert_eq!(busy_before, []);
    let (never_began, _) = notes(&plan("run"), None, &seconds);
    assert_eq!(never_began, []);
    // An attack has no phases.
    let (attack, asked) = notes(&plan("attack"), None, &seconds);
    assert_eq!(aborted(&attack).map(|(second, _)| second), Some(5));
    assert!(asked);
}

#[test]
fn what_cannot_be_read_is_said_once_and_the_other_condition_is_watched() {
    let mut seconds = vec![(None, Some(0.5)); 20];
    seconds.extend([(None, Some(1.0)); 20]);
    let (notes, asked) = notes(&plan("run"), Some(0), &seconds);
    let facts: Vec<_> = notes
        .iter()
        .filter_map(|(second, body)| match body {
            Body::Facts(facts) => Some((*second, facts[0].subject.as_str(), line(facts))),
            _ => None,
        })
        .collect();
    let said = "cpu > 90%: it could not be read how busy this machine's processors are (/proc/stat); in that time this condition was not \
                watched";
    assert_eq!(facts, [(5, "cpu > 90%", Some((said.to_owned(), true)))]);
    let why = "memory > 95%: 100 % of this machine's memory was in use in the last 10 s";
    assert!(asked);
    assert_eq!(aborted(&notes), Some((30, why)));
}

#[test]
fn the_log_keeps_what_cannot_be_told() {
    let plan = plan("attack");
    let mut log =
        Log::start(None, None, None, &plan, Arc::default(), None, || ()).expect("a thread");
    for second in 0..8 {
        let blind = frame(second, 0, window((Some(0.1), None)));
        log.sender().send(vec![blind]);
    }
    let facts = log.finish().expect("it runs").timeline.facts;
    let subjects: Vec<_> = facts.values().map(|fact| fact.subject.as_str()).collect();
    assert_eq!(subjects, ["memory > 95%"]);
}

/// A few seconds that could not be read leave enough others.
#[test]
fn a_gap_is_no_reason_to_say_anything() {
    let mut seconds = vec![cpu(0.5); 10];
    seconds.extend([(None, Some(0.5)); 5]);
    seconds.extend([cpu(0.5); 10]);
    check(&seconds, None);
}

/// A process that was stopped tells of all that time in one window: nothing was unreadable.
#[test]
fn a_long_window_is_one_second() {
    let plan = plan("run");
    let mut timeline = Timeline::watching(&plan);
    timeline.apply(&frame(0, 0, phase_began()));
    timeline.apply(&Frame {
        span: 30 * SECOND_US,
        ..frame(0, 0, window(cpu(1.0)))
    });
    timeline.apply(&frame(30, 0, window(cpu(1.0))));
    assert_eq!(Watch::new(&plan, Arc::default()).look(&timeline), []);
}

#[test]
fn workers_say_nothing_of_the_machine() {
    let plan = plan("run");
    let mut timeline = Timeline::watching(&plan);
    let mut watch = Watch::new(&plan, Arc::default());
    timeline.apply(&frame(0, SOURCES_PER_PROCESS, phase_began()));
    for second in 0..20 {
        timeline.apply(&frame(second, 0, window(cpu(0.85))));
        timeline.apply(&frame(second, SOURCES_PER_PROCESS, window(cpu(1.0))));
        assert_eq!(watch.look(&timeline), []);
    }
}

#[test]
fn digits_show_that_it_is_over_the_limit() {
    let check = |share: f64, limit: f64, expected: &str| {
        assert_eq!(percent_over(share, limit), expected, "{share} over {limit}");
    };
    check(0.97, 0.9, "97");
    check(0.904, 0.9, "90.4");
    check(0.9004, 0.9, "90.04");
    check(0.070_1, 0.07, "7.01");
    check(0.999_6, 0.999, "100");
    check(0.900_000_1, 0.9, "90.000010");
}
