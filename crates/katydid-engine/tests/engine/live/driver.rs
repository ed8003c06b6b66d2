//! Load made on the I/O thread itself: dues exactly on schedule, and a loop that always lets others in.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use katydid_engine::Engine;
use katydid_engine::clock::{self, Nanos, SECOND};
use katydid_engine::driver::Driver;
use katydid_engine::message::{Command, Completion, Request, Row};
use katydid_record::Kind;

use super::hub::{Frames, PATIENCE, get, target, url_of};

fn start(driver: impl Driver + 'static) -> (Engine, Frames) {
    let frames = Frames::default();
    let engine =
        Engine::for_driver(clock::now(), Box::new(driver), frames.sink()).expect("it starts");
    engine.push(Command::Endpoint(Box::new(Row {
        id: 0,
        kind: Kind::Request,
        method: "GET".into(),
        name: "/".into(),
        tagged: None,
    })));
    (engine, frames)
}

/// Open loop: arrival `i` is due at `began + i / rate`.
struct Rate {
    template: Request,
    period: Nanos,
    began: Nanos,
    next: u64,
    count: u64,
    ended: Sender<Completion>,
}

impl Driver for Rate {
    fn start(&mut self, now: Nanos, _: &mut Vec<Request>) {
        self.began = now;
    }

    fn completed(&mut self, completion: Completion, _: &mut Vec<Request>) {
        let _ = self.ended.send(completion);
    }

    fn next_wake(&self) -> Option<Nanos> {
        (self.next < self.count).then_some(self.began + self.next * self.period)
    }

    fn wake(&mut self, now: Nanos, wanted: &mut Vec<Request>) {
        while let Some(due) = self.next_wake().filter(|due| *due <= now) {
            wanted.push(Request {
                token: self.next,
                client: self.next as u32,
                due,
                asked: due,
                ..self.template.clone()
            });
            self.next += 1;
        }
    }
}

fn receive(ended: &Receiver<Completion>) -> Completion {
    ended.recv_timeout(PATIENCE).expect("it goes on")
}

#[test]
fn dues_are_exactly_on_schedule() {
    const COUNT: u64 = 500;
    let period = SECOND / 700;
    let target = target();
    let (ended, results) = channel();
    let template = get(&format!("{}/null", target.url()));
    let (mut engine, frames) = start(Rate {
        template,
        period,
        began: 0,
        next: 0,
        count: COUNT,
        ended,
    });
    let mut all: Vec<Completion> = (0..COUNT).map(|_| receive(&results)).collect();
    all.sort_by_key(|completion| completion.token);
    let began = all[0].instants.due;
    for (i, completion) in all.iter().enumerate() {
        let at = &completion.instants;
        // Late is possible on a busy machine, and shows as lag; early or off schedule is not.
        assert_eq!(at.due, began + i as u64 * period);
        assert!(at.due <= at.taken && at.taken <= at.send, "{at:?}");
    }
    engine.stop().expect("it ends well");
    let record = frames.fold();
    assert_eq!(
        (record.ends(), record.generator.in_flight),
        ((COUNT, 0, 0, 0), 0)
    );
    assert_eq!(record.generator.lag.count, COUNT);
}

/// Closed loop without mercy: whatever happened, again.
struct Closed {
    template: Request,
    clients: u32,
    ended: Sender<bool>,
}

impl Driver for Closed {
    fn start(&mut self, _: Nanos, wanted: &mut Vec<Request>) {
        wanted.extend((0..self.clients).map(|client| Request {
            client,
            token: client.into(),
            ..self.template.clone()
        }));
    }

    fn completed(&mut self, completion: Completion, wanted: &mut Vec<Request>) {
        let _ = self.ended.send(completion.outcome.is_ok());
        let due = completion.instants.done;
        let client = completion.token as u32;
        wanted.push(Request {
            client,
            token: completion.token,
            due,
            asked: due,
            ..self.template.clone()
        });
    }

    fn next_wake(&self) -> Option<Nanos> {
        None
    }

    fn wake(&mut self, _: Nanos, _: &mut Vec<Request>) {}
}

fn closed(url: &str) -> (Engine, Frames, Receiver<bool>) {
    let (ended, results) = channel();
    let (engine, frames) = start(Closed {
        template: get(url),
        clients: 4,
        ended,
    });
    (engine, frames, results)
}

#[test]
fn a_closed_loop_counts_what_the_server_counts() {
    let target = target();
    let (mut engine, frames, results) = closed(&format!("{}/null", target.url()));
    for _ in 0..2_000 {
        assert!(results.recv_timeout(PATIENCE).expect("it goes on"));
    }
    engine.stop().expect("it ends well");
    let (ok, failed, aborted, _) = frames.fold().ends();
    let served = target.stop().total.served;
    assert_eq!(failed, 0);
    assert!(
        ok <= served && served <= ok + aborted && aborted <= 4,
        "{ok} {served} {aborted}"
    );
}

/// Requests that fail in the very call that makes them must not keep the loop from its commands and its clock.
#[test]
fn a_loop_of_instant_failures_still_listens() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port is free");
    // The second fails in connect(2) itself: port 0 of a multicast address cannot be dialled.
    for url in [url_of(gone, "/"), "http://224.0.0.1:0/".to_owned()] {
        let (mut engine, frames, results) = closed(&url);
        for _ in 0..1_000 {
            assert!(!results.recv_timeout(PATIENCE).expect("it goes on"));
        }
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        engine.push(Command::CutNow(answer));
        answered.recv_timeout(PATIENCE).expect("it listens");
        engine.stop().expect("it ends well");
        let (ok, failed, aborted, _) = frames.fold().ends();
        assert!(ok == 0 && failed >= 1_000 && aborted <= 4);
    }
}

/// Commands for a hub must not make a driver's loop spin or end.
#[test]
fn a_driver_outlives_commands_for_a_hub() {
    let target = target();
    let (ended, results) = channel();
    let template = get(&format!("{}/null", target.url()));
    let (mut engine, _) = start(Rate {
        template,
        period: SECOND / 50,
        began: 0,
        next: 0,
        count: 20,
        ended,
    });
    engine.push(Command::TimeLimit(0));
    engine.push(Command::Ramp {
        from: 0,
        to: 5,
        rate: 1.0,
    });
    for _ in 0..20 {
        receive(&results).outcome.expect("it goes well");
    }
    assert_eq!(
        results.recv_timeout(Duration::ZERO).map(|_| ()).err(),
        Some(std::sync::mpsc::RecvTimeoutError::Timeout)
    );
    engine.stop().expect("it ends well");
}
