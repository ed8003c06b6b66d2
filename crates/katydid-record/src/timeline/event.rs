//! What was seen of one event of the plan.

use crate::frame::{EventOutcome, Mark, RunTime};

/// A plan has no more of them.
pub const EVENTS: usize = 100;

/// One event: when it was begun, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventSeen {
    /// When its command was begun, and how long after its time, µs.
    pub began: Option<(RunTime, u64)>,
    /// How the command ended.
    pub ended: Option<EventEnd>,
}

/// How the command of an event ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EventEnd {
    /// When.
    pub at: RunTime,
    /// How.
    pub outcome: EventOutcome,
    /// Its exit status, if it had one.
    pub status: Option<i32>,
    /// Since it was begun, µs.
    pub took_us: u64,
    /// The end of what it printed.
    pub output: String,
}

impl EventSeen {
    /// Told twice, the first time counts.
    pub(super) fn add(&mut self, at: RunTime, mark: &Mark) {
        match mark {
            Mark::EventBegan { late_us, .. } => {
                let began = (at, *late_us);
                self.began = Some(self.began.map_or(began, |known| known.min(began)));
            }
            Mark::EventEnded {
                outcome,
                status,
                took_us,
                output,
                ..
            } if self.ended.as_ref().is_none_or(|known| at < known.at) => {
                self.ended = Some(EventEnd {
                    at,
                    outcome: *outcome,
                    status: *status,
                    took_us: *took_us,
                    output: output.clone(),
                });
            }
            _ => {}
        }
    }

    /// What became of it.
    pub fn outcome(&self) -> EventOutcome {
        match (&self.ended, self.began) {
            (Some(end), _) => end.outcome,
            (None, Some(_)) => EventOutcome::Begun,
            (None, None) => EventOutcome::NotRun,
        }
    }
}
