//! `--max-rate`: requests beyond a ceiling wait for their turn, in the order in which they were asked for.
//!
//! That wait is nobody's fault: a request that was held back is due and asked when its turn has come, so no response time has it.

use std::collections::VecDeque;

use super::Reactor;
use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::flight::Flight;

/// How far turns that came too late are made up for: a thread that wakes late would stay below the ceiling otherwise.
const MADE_UP: Nanos = 10 * MILLISECOND;

#[derive(Debug)]
pub struct Ceiling {
    /// Between two turns.
    interval: Nanos,
    next: Nanos,
    pub(super) waiting: VecDeque<Box<Flight>>,
}

impl Ceiling {
    /// At most so many requests per second, from now on.
    pub fn new(rate: f64) -> Self {
        Self {
            interval: (SECOND as f64 / rate).ceil() as Nanos,
            next: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Takes a turn, if one is there.
    fn turn(&mut self, now: Nanos) -> bool {
        let there = now >= self.next;
        if there {
            self.next = self.next.max(now.saturating_sub(MADE_UP)) + self.interval;
        }
        there
    }

    /// When somebody's turn comes.
    pub fn next_turn(&self) -> Option<Nanos> {
        (!self.waiting.is_empty()).then_some(self.next)
    }
}

impl Reactor {
    /// The request, if it may go now; otherwise it is kept.
    pub(super) fn pass(&mut self, flight: Box<Flight>, now: Nanos) -> Option<Box<Flight>> {
        let Some(ceiling) = &mut self.ceiling else {
            return Some(flight);
        };
        if ceiling.waiting.is_empty() && ceiling.turn(now) {
            return Some(flight);
        }
        ceiling.waiting.push_back(flight);
        self.recorder.generator.held_back += 1;
        None
    }

    /// Lets those go whose turn has come.
    pub(super) fn let_pass(&mut self, now: Nanos) {
        while let Some(ceiling) = &mut self.ceiling
            && !ceiling.waiting.is_empty()
            && ceiling.turn(now)
            && let Some(mut flight) = ceiling.waiting.pop_front()
        {
            let waited = now.saturating_sub(flight.at.taken);
            flight.request.due += waited;
            flight.request.asked += waited;
            flight.begin(now);
            self.dispatch(flight, now);
        }
    }

    /// Nobody waits for these any more.
    pub(super) fn abort_held_back(&mut self, is_gone: impl Fn(&Flight) -> bool) {
        let Some(ceiling) = &mut self.ceiling else {
            return;
        };
        let all = std::mem::take(&mut ceiling.waiting);
        let (gone, waiting): (VecDeque<_>, _) = all.into_iter().partition(|flight| is_gone(flight));
        ceiling.waiting = waiting;
        for flight in gone {
            // Never sent: there is nothing that it waited for the target.
            self.recorder.aborted(flight.request.endpoint, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns taken by somebody who asks whenever the next one is said to come, and is late by `late` each time.
    fn turns(rate: f64, late: Nanos) -> u64 {
        let mut ceiling = Ceiling::new(rate);
        let (mut now, mut taken) = (SECOND, 0);
        while now < 11 * SECOND {
            while ceiling.turn(now) {
                taken += 1;
            }
            now = ceiling.next.max(now) + late;
        }
        taken
    }

    #[test]
    fn the_rate_is_kept_by_a_thread_that_wakes_late_and_never_exceeded() {
        for rate in [1.0_f64, 3.0, 100.0, 7_000.0] {
            for late in [0, MILLISECOND, 9 * MILLISECOND] {
                let least = (rate * 10.0).floor() - 1.0;
                let most = (rate * (10.0 + 0.01)).ceil() + 1.0;
                let taken = turns(rate, late) as f64;
                assert!(
                    (least * 0.99..=most).contains(&taken),
                    "{rate} {late} {taken}"
                );
            }
            let idle = Ceiling::new(rate);
            assert_eq!(idle.next_turn(), None);
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut ceiling = Ceiling::new(1_000.0);
        assert!(ceiling.turn(SECOND));
        let after = 60 * SECOND;
        let burst = (0..100).take_while(|_| ceiling.turn(after)).count() as u64;
        assert!(burst <= MADE_UP / MILLISECOND + 1, "{burst}");
    }
}
