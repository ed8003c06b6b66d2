//! What became of the plan's events.

use katydid_record::summary::EventSummary;
use katydid_record::timeline::{EventEnd, EventSeen};
use katydid_record::{EventOutcome, Plan, Timeline};

/// From so late on it is said, s.
const LATE_S: f64 = 0.1;

/// Each event of the plan, whether it came to its time or not.
pub fn events(timeline: &Timeline, plan: &Plan) -> Vec<EventSummary> {
    let load_began = timeline.phases.values().find_map(|phase| phase.began);
    let schedule = plan.schedule.as_ref();
    let planned = (0..).zip(&plan.events);
    planned
        .map(|(number, event)| {
            let seen = timeline.events.get(&number);
            let began = seen.and_then(|seen| seen.began);
            let ended = seen.and_then(|seen| seen.ended.as_ref());
            let outcome = seen.map_or(EventOutcome::NotRun, EventSeen::outcome);
            let late_s = began.map(|(_, late_us)| late_us as f64 / 1e6);
            let at_s = match began {
                Some((at, late)) => at.saturating_sub(late) as f64 / 1e6,
                None => load_began.unwrap_or(0) as f64 / 1e6 + event.at_s,
            };
            EventSummary {
                name: event.name.clone(),
                command: event.command.clone(),
                at_s,
                phase: schedule
                    .and_then(|s| s.phase_from(event.at_s))
                    .map(str::to_owned),
                outcome,
                late_ms: late_s.map(|s| s * 1e3),
                took_s: ended.map(|end| end.took_us as f64 / 1e6),
                limit_s: event.limit_s,
                status: ended.and_then(|end| end.status),
                output: ended.map(|end| end.output.clone()).unwrap_or_default(),
                reason: reason(outcome, ended, late_s),
            }
        })
        .collect()
}

/// Whether the test was what the plan says.
pub fn any_failed(timeline: &Timeline) -> bool {
    let mut seen = timeline.events.values();
    seen.any(|event| event.outcome().is_failure())
}

fn reason(outcome: EventOutcome, ended: Option<&EventEnd>, late_s: Option<f64>) -> String {
    let text = match ended {
        Some(end) => sentence(outcome, end.status, end.took_us),
        None if outcome == EventOutcome::NotRun => "not run: the load ended before its time".into(),
        None => "begun; its end was not recorded".into(),
    };
    match late_s.filter(|s| *s >= LATE_S) {
        Some(late_s) => format!("{text}; begun {late_s:.1} s late"),
        None => text,
    }
}

/// How a command ended, in words.
pub fn sentence(outcome: EventOutcome, status: Option<i32>, took_us: u64) -> String {
    let took = match took_us as f64 / 1e3 {
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    };
    match (outcome, status) {
        (EventOutcome::Done, _) => format!("done in {took}"),
        (EventOutcome::Failed, Some(status)) => {
            format!("failed with exit status {status} after {took}")
        }
        (EventOutcome::Failed, None) => format!("failed: ended by a signal after {took}"),
        (EventOutcome::NotStarted, _) => "could not be started".to_owned(),
        (EventOutcome::TookTooLong, _) => format!("took too long, and was killed after {took}"),
        (EventOutcome::Stopped, _) => {
            format!("still at work when the run ended, {took} after it was begun, and killed")
        }
        (EventOutcome::NotRun | EventOutcome::Begun, _) => "begun".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use katydid_record::{Body, Event, Frame, Mark, Model, Phase, PhaseKind, Schedule};

    use super::*;

    fn plan() -> Plan {
        let hold = Phase {
            name: "hold".into(),
            kind: PhaseKind::Hold,
            from: 5.0,
            to: 5.0,
            rise_s: 0.0,
            length_s: 60.0,
            after: None,
        };
        let mut schedule = Schedule {
            model: Model::Users,
            phases: vec![hold],
            lines: Vec::new(),
        };
        let event = |name: &str, at_s: f64| Event {
            name: name.into(),
            at_s,
            command: format!("{name} --all"),
            limit_s: 60.0,
        };
        let events = vec![
            event("flush", 10.0),
            event("deploy", 20.0),
            event("restart", 30.0),
        ];
        for event in &events {
            schedule.cut(event.at_s, &event.name);
        }
        Plan {
            schedule: Some(schedule),
            events,
            ..Plan::default()
        }
    }

    fn timeline(marks: impl IntoIterator<Item = (u64, Mark)>) -> Timeline {
        let mut timeline = Timeline::default();
        let began = Mark::PhaseBegan {
            phase: 1,
            name: "hold".into(),
            kind: "hold".into(),
        };
        for (at, mark) in [(500_000, began)].into_iter().chain(marks) {
            timeline.apply(&Frame {
                at,
                span: 0,
                source: 2,
                phase: 0,
                body: Body::Mark(mark),
            });
        }
        timeline
    }

    fn began(event: u32, late_us: u64) -> Mark {
        Mark::EventBegan {
            event,
            name: String::new(),
            command: String::new(),
            late_us,
        }
    }

    fn ended(event: u32, outcome: EventOutcome, status: Option<i32>) -> Mark {
        Mark::EventEnded {
            event,
            name: String::new(),
            outcome,
            status,
            took_us: 1_230_000,
            output: "OK".into(),
        }
    }

    #[test]
    fn each_event_of_the_plan_has_an_end() {
        let timeline = timeline([
            (10_700_000, began(0, 200_000)),
            (11_930_000, ended(0, EventOutcome::Failed, Some(3))),
            (20_500_100, began(1, 100)),
        ]);
        let found = events(&timeline, &plan());
        let told: Vec<_> = found
            .iter()
            .map(|e| (e.at_s, e.phase.as_deref().unwrap_or("-"), e.reason.as_str()))
            .collect();
        let expected = [
            (
                10.5,
                "hold after flush",
                "failed with exit status 3 after 1.2 s; begun 0.2 s late",
            ),
            (20.5, "hold after deploy", "begun; its end was not recorded"),
            (
                30.5,
                "hold after restart",
                "not run: the load ended before its time",
            ),
        ];
        assert_eq!(told, expected);
        assert_eq!(found[0].output, "OK");
        assert!(any_failed(&timeline));
    }

    #[test]
    fn what_counts_as_failed() {
        for (outcome, expected) in [
            (EventOutcome::Done, false),
            (EventOutcome::Stopped, false),
            (EventOutcome::NotStarted, true),
            (EventOutcome::TookTooLong, true),
        ] {
            let timeline = timeline([(1, began(0, 0)), (2, ended(0, outcome, None))]);
            assert_eq!(any_failed(&timeline), expected, "{outcome:?}");
        }
        assert!(!any_failed(&timeline([(1, began(0, 0))])));
    }
}
