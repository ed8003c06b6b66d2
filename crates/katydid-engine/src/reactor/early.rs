//! Requests whose instant is still to come. An arrival is told a moment ahead (`pacer::AHEAD`), so that its script has made the
//! request by then; this thread, which nothing holds up, sends it when it is due.

use std::collections::BTreeMap;

use super::Reactor;
use crate::clock::{self, Nanos};
use crate::flight::Flight;

/// By the instant they are due, and by token.
pub type Early = BTreeMap<(Nanos, u64), Box<Flight>>;

impl Reactor {
    /// Takes up a request, now or when it is due.
    pub(super) fn submit_when_due(&mut self, mut flight: Box<Flight>) {
        let request = &mut flight.request;
        if request.due > request.asked {
            // Asked for in advance, it counts from when it is due.
            request.asked = request.due;
            if request.due > clock::now() {
                self.early.insert((request.due, request.token), flight);
                return;
            }
        }
        self.submit(flight);
    }

    /// Takes up what has become due.
    pub(super) fn submit_due(&mut self, now: Nanos) {
        while let Some(first) = self.early.first_entry()
            && first.key().0 <= now
        {
            let flight = first.remove();
            self.submit(flight);
        }
    }

    /// Nobody waits for these any more.
    pub(super) fn abort_early(&mut self, is_gone: impl Fn(&Flight) -> bool) {
        let recorder = &mut self.recorder;
        self.early.retain(|_, flight| {
            let is_gone = is_gone(flight);
            if is_gone {
                // Never sent: there is nothing that it waited for the target.
                recorder.aborted(flight.request.endpoint, 0);
            }
            !is_gone
        });
    }
}
