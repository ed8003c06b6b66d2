use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use katydid_record::timeline::EventEnd;

use super::super::abort::End;
use super::super::log::Log;
use super::*;

/// Events of a load that has just begun, in a folder of their own.
struct World {
    folder: tempfile::TempDir,
    log: Log,
    hooks: Hooks,
}

impl World {
    /// `(at_s, command, limit_s)` of each event.
    fn new(events: &[(f64, &str, f64)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let event = |(at_s, command, limit_s): &(f64, &str, f64)| Event {
            name: "flush".into(),
            at_s: *at_s,
            command: format!("cd {}; {command}", folder.path().display()),
            limit_s: *limit_s,
        };
        let plan = Plan {
            events: events.iter().map(event).collect(),
            ..Plan::default()
        };
        let end = Arc::new(End::default());
        let log = Log::start(None, None, None, &plan, end, None, || ()).expect("a log");
        let start = clock::now();
        let hooks = Hooks::ready(&plan, Some(folder.path()), start, log.sender());
        let hooks = hooks.expect("a thread");
        hooks.tell(News::LoadBegan(start));
        Self { folder, log, hooks }
    }

    fn end_of(&self, event: EventId) -> Option<EventEnd> {
        let seen = self
            .log
            .ask(move |timeline| timeline.events.get(&event).cloned());
        seen??.ended
    }

    fn wait_for(&self, event: EventId) -> EventEnd {
        until("the end of the command", || self.end_of(event))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a command has written there, when it is a whole line.
    fn line(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path(name)).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    }
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "no {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A zombie that nobody has waited for yet does nothing any more.
fn is_at_work(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

#[test]
fn a_command_runs_and_its_end_is_told() {
    let world = World::new(&[(
        0.0,
        "echo password=hunter2; echo $KATYDID_RUN_DIR $KATYDID_EVENT >&2; cat",
        60.0,
    )]);
    let end = world.wait_for(0);
    assert_eq!((end.outcome, end.status), (EventOutcome::Done, Some(0)));
    let expected = format!("password=***\n{} flush", world.folder.path().display());
    assert_eq!(end.output, expected);
}

#[test]
fn a_status_is_told_and_so_is_a_signal() {
    let world = World::new(&[(0.0, "echo no; exit 3", 60.0), (0.0, "kill -9 0", 60.0)]);
    let end = world.wait_for(0);
    assert_eq!(
        (end.outcome, end.status, end.output.as_str()),
        (EventOutcome::Failed, Some(3), "no")
    );
    let end = world.wait_for(1);
    assert_eq!((end.outcome, end.status), (EventOutcome::Failed, None));
}

#[test]
fn one_that_takes_too_long_may_clean_up_and_is_killed() {
    let polite = "trap 'echo cleaned; exit 0' TERM; echo $$ >polite; while :; do sleep 0.01; done";
    let deaf = "trap '' TERM; echo $$ >deaf; while :; do sleep 0.01; done";
    let world = World::new(&[(0.0, polite, 0.2), (0.0, deaf, 0.2)]);
    let end = world.wait_for(0);
    assert_eq!(
        (end.outcome, end.output.lines().last()),
        (EventOutcome::TookTooLong, Some("cleaned"))
    );
    assert!(end.took_us >= 200_000);
    assert_eq!(world.wait_for(1).outcome, EventOutcome::TookTooLong);
    for name in ["polite", "deaf"] {
        let process = world.line(name).expect("its number");
        until("end of it", || (!is_at_work(&process)).then_some(()));
    }
}

#[test]
fn nothing_is_left_when_the_run_ends() {
    let mut world = World::new(&[
        (0.0, "sleep 1000 & echo $! >left; exit 0", 60.0),
        (0.0, "echo $$ >working; sleep 1000; true", 60.0),
        (3_000.0, "touch never", 60.0),
    ]);
    assert_eq!(world.wait_for(0).outcome, EventOutcome::Done);
    let left = until("process", || world.line("left"));
    let working = until("process", || world.line("working"));
    assert!(is_at_work(&left) && is_at_work(&working));
    world.hooks.stop();
    for process in [left, working] {
        until("end of it", || (!is_at_work(&process)).then_some(()));
    }
    assert_eq!(world.wait_for(1).outcome, EventOutcome::Stopped);
    assert!(world.end_of(2).is_none() && !world.path("never").exists());
}

#[test]
fn after_the_load_nothing_begins() {
    let world = World::new(&[(0.0, "touch first", 60.0), (0.5, "touch second", 60.0)]);
    world.hooks.tell(News::LoadEnded);
    let mut world = world;
    world.hooks.stop();
    assert!(!world.path("second").exists());
}

#[test]
fn equal_times_keep_their_order_and_nobody_waits() {
    let wait = "until test -e go; do sleep 0.01; done";
    let world = World::new(&[(0.0, wait, 60.0), (0.0, "touch go", 60.0)]);
    assert_eq!(world.wait_for(1).outcome, EventOutcome::Done);
    assert_eq!(world.wait_for(0).outcome, EventOutcome::Done);
    let began = world.log.ask(|timeline| {
        let seen = timeline.events.values();
        seen.map(|seen| seen.began.map(|(at, _)| at))
            .collect::<Vec<_>>()
    });
    let began = began.expect("the log is there");
    assert!(began.len() == 2 && began[0] <= began[1], "{began:?}");
}

#[test]
fn without_a_run_directory_nothing_runs() {
    let plan = Plan {
        events: vec![Event {
            name: "a".into(),
            at_s: 0.0,
            command: "exit 1".into(),
            limit_s: 1.0,
        }],
        ..Plan::default()
    };
    let end = Arc::new(End::default());
    let log = Log::start(None, None, None, &plan, end, None, || ()).expect("a log");
    let hooks = Hooks::ready(&plan, None, 0, log.sender()).expect("it is not needed");
    assert!(hooks.0.is_none());
}

#[test]
fn of_much_output_the_end_is_kept() {
    let mut tail = Tail::default();
    for n in 0..100_000 {
        tail.push(format!("line {n} é\n").as_bytes());
    }
    let text = tail.text();
    assert!(tail.bytes.len() <= 2 * HELD + 64);
    assert!(
        text.starts_with("…\nline ") && text.ends_with("line 99999 é"),
        "{text}"
    );
    assert!(text.len() <= OUTPUT + "…\n".len());
    let mut wide = Tail::default();
    wide.push("é".repeat(3 * HELD).as_bytes());
    assert!(wide.text().chars().skip(2).all(|c| c == 'é'));
}

#[test]
fn what_is_said_at_the_moment() {
    let ended = |outcome, output: &str| Mark::EventEnded {
        event: 0,
        name: "flush".into(),
        outcome,
        status: Some(7),
        took_us: 500_000,
        output: output.into(),
    };
    let said = |mark| line(&mark).expect("something");
    let failed = said(ended(EventOutcome::Failed, "a\nno such host"));
    let expected = "event flush: failed with exit status 7 after 500 ms: no such host";
    assert_eq!(failed, (expected.to_owned(), true));
    let done = said(ended(EventOutcome::Done, "OK"));
    assert_eq!(done, ("event flush: done in 500 ms".to_owned(), false));
    assert!(line(&Mark::LoadEnded).is_none());
}
