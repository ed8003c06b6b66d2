//! Load without a script: one request again and again, as a closed loop or at a fixed rate. Runs on the I/O thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use katydid_engine::clock::{Nanos, SECOND};
use katydid_engine::driver::Driver;
use katydid_engine::message::{Completion, Request};

/// When requests are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection asks again as soon as it is answered.
    Closed,
    /// So many arrivals per second, whatever the answers do.
    Rate(f64),
}

/// One URL under load.
pub struct Attack {
    template: Request,
    pace: Pace,
    duration: Nanos,
    until: Nanos,
    began: Nanos,
    idle: Vec<u32>,
    arrivals: u64,
    /// Arrivals that found every connection busy; they ride on the next request that is made.
    blocked: Arc<AtomicU64>,
    in_flight: u32,
    next_token: u64,
    stop: Arc<AtomicBool>,
    finished: Arc<AtomicBool>,
}

impl Attack {
    /// Load with `template` on up to `connections` connections for `duration`. Sets `finished` when the last answer is in; asked
    /// to `stop`, it makes no further request. `blocked` are the slots without a connection that no request has told of yet.
    pub fn new(
        template: Request,
        connections: u32,
        pace: Pace,
        duration: Nanos,
        stop: Arc<AtomicBool>,
        finished: Arc<AtomicBool>,
        blocked: Arc<AtomicU64>,
    ) -> Self {
        Self {
            template,
            pace,
            duration,
            until: Nanos::MAX,
            began: 0,
            idle: (0..connections).rev().collect(),
            arrivals: 0,
            blocked,
            in_flight: 0,
            next_token: 0,
            stop,
            finished,
        }
    }

    fn over(&self, at: Nanos) -> bool {
        at >= self.until || self.stop.load(Ordering::Relaxed)
    }

    fn due_of(&self, arrival: u64, rate: f64) -> Nanos {
        self.began + (arrival as f64 / rate * SECOND as f64) as Nanos
    }

    fn request(&mut self, client: u32, due: Nanos) -> Request {
        self.in_flight += 1;
        self.next_token += 1;
        Request {
            token: self.next_token << 32 | u64::from(client),
            client,
            due,
            asked: due,
            blocked: self.blocked.swap(0, Ordering::Relaxed) as u32,
            ..self.template.clone()
        }
    }

    fn arrive(&mut self, at: Nanos, rate: f64, wanted: &mut Vec<Request>) {
        let began = wanted.len();
        loop {
            let due = self.due_of(self.arrivals, rate);
            if due > at || due >= self.until {
                break;
            }
            self.arrivals += 1;
            match self.idle.pop() {
                Some(client) => {
                    let request = self.request(client, due);
                    wanted.push(request);
                }
                None => {
                    self.blocked.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        // They are taken from the end; the earliest due goes first.
        wanted[began..].reverse();
    }
}

impl Driver for Attack {
    fn start(&mut self, at: Nanos, wanted: &mut Vec<Request>) {
        self.began = at;
        self.until = at.saturating_add(self.duration);
        if self.pace == Pace::Closed {
            while let Some(client) = self.idle.pop() {
                let request = self.request(client, at);
                wanted.push(request);
            }
        }
    }

    fn completed(&mut self, completion: Completion, wanted: &mut Vec<Request>) {
        self.in_flight -= 1;
        let client = completion.token as u32;
        let done = completion.instants.done;
        if self.pace == Pace::Closed && !self.over(done) {
            let request = self.request(client, done);
            wanted.push(request);
            return;
        }
        self.idle.push(client);
        if self.in_flight == 0 && self.over(done) {
            self.finished.store(true, Ordering::Release);
        }
    }

    fn next_wake(&self) -> Option<Nanos> {
        match self.pace {
            Pace::Rate(rate) if !self.over(self.began) => {
                let due = self.due_of(self.arrivals, rate);
                (due < self.until).then_some(due)
            }
            _ => None,
        }
    }

    fn wake(&mut self, at: Nanos, wanted: &mut Vec<Request>) {
        // The last may be due between the last wake-up and the end.
        if let Pace::Rate(rate) = self.pace
            && !self.stop.load(Ordering::Relaxed)
        {
            self.arrive(at, rate, wanted);
        }
        if self.over(at) && self.in_flight == 0 {
            self.finished.store(true, Ordering::Release);
        }
    }
}
