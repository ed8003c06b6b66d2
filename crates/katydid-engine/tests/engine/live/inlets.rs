//! Both inlets under random outcomes: every attempt ends as exactly one of ok, failed, aborted, unjudged.

use std::collections::HashMap;

use katydid_engine::clock::{MILLISECOND, micros_between, now};
use katydid_engine::message::{Command, Completion, Judge, Message, Piece, Request, Row};
use katydid_engine::recorder::{Failed, Recorder};
use katydid_record::Cause;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::hub::{Hub, PATIENCE, get, streamed, target};

/// What a script does with one attempt.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// Waits and judges.
    Wait,
    /// Waits and leaves without a verdict.
    Leave,
    /// Is killed right after asking.
    Cancel,
    /// Is killed once so many other requests have ended.
    CancelAfter(u8),
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    path: &'static str,
    host: &'static str,
    client: u8,
    judge: Judge,
    stream: bool,
    plan: Plan,
    drop_client: bool,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let path = prop::sample::select(vec![
        "/null",
        "/null",
        "/null",
        "/bytes?n=400000",
        "/delay?ms=3",
        "/error?share=0.5",
        "/status/302",
        "/gzip",
        "/reset",
        "/reset?at=body",
        "/garbage",
        "/truncated",
        "/close",
        "/never",
        "/idle-close?ms=1",
        "/slow?bytes=5000",
    ]);
    let host = prop::sample::select(vec![
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.1",
        "localhost",
        "no-such.invalid",
    ]);
    let judge = prop_oneof![
        Just(Judge::Engine),
        Just(Judge::Script),
        any::<(bool, bool)>()
            .prop_map(|(fast_list, follow)| Judge::EngineIfOk { fast_list, follow }),
    ];
    let plan = prop_oneof![
        6 => Just(Plan::Wait),
        1 => Just(Plan::Leave),
        1 => Just(Plan::Cancel),
        2 => (0_u8..20).prop_map(Plan::CancelAfter),
    ];
    (
        path,
        host,
        0_u8..6,
        judge,
        prop::bool::weighted(0.2),
        plan,
        prop::bool::weighted(0.03),
    )
        .prop_map(
            |(path, host, client, judge, stream, plan, drop_client)| Attempt {
                path,
                host,
                client,
                judge,
                stream,
                plan,
                drop_client,
            },
        )
}

/// The hub's half: who waits, and the second inlet.
struct Script {
    hub: Hub,
    recorder: Recorder,
    waiting: HashMap<u64, Attempt>,
    reading: HashMap<u64, (Attempt, Completion)>,
    to_cancel: Vec<(u8, u64)>,
}

impl Script {
    fn start(&mut self, attempt: Attempt, port: u16) {
        let url = format!("http://{}:{port}{}", attempt.host, attempt.path);
        let mut request = Request {
            client: u32::from(attempt.client),
            judge: attempt.judge,
            endpoint: u32::from(attempt.client % 4),
            read_timeout: 40 * MILLISECOND,
            ..get(&url)
        };
        if attempt.stream {
            request = streamed(request);
        }
        let token = self.hub.submit(request);
        self.waiting.insert(token, attempt);
        match attempt.plan {
            Plan::Cancel => self.cancel(token),
            Plan::CancelAfter(count) => self.to_cancel.push((count, token)),
            _ => {}
        }
        if attempt.drop_client {
            self.drop_client(attempt.client);
        }
    }

    fn cancel(&mut self, token: u64) {
        if let Some(attempt) = self.waiting.remove(&token) {
            self.hub.engine.push(Command::Cancel {
                client: u32::from(attempt.client),
                token,
            });
        }
        if let Some((attempt, completion)) = self.reading.remove(&token) {
            self.hub.engine.push(Command::Cancel {
                client: u32::from(attempt.client),
                token,
            });
            self.recorder.unjudged(completion.endpoint);
        }
    }

    /// A user ends: what it had under way is nobody's any more.
    fn drop_client(&mut self, client: u8) {
        let of_it = |attempt: &Attempt| attempt.client == client;
        self.waiting.retain(|_, attempt| !of_it(attempt));
        let gone: Vec<u64> = self
            .reading
            .iter()
            .filter(|(_, (a, _))| of_it(a))
            .map(|(token, _)| *token)
            .collect();
        for token in gone {
            self.cancel(token);
        }
        self.hub.engine.push(Command::DropClient(u32::from(client)));
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Completed(flight) => self.completed(flight.completion),
            Message::Streamed(token, piece) => self.streamed(token, &piece),
            _ => return,
        }
        for (count, _) in &mut self.to_cancel {
            *count = count.saturating_sub(1);
        }
        while let Some(at) = self.to_cancel.iter().position(|(count, _)| *count == 0) {
            let (_, token) = self.to_cancel.swap_remove(at);
            self.cancel(token);
        }
    }

    fn completed(&mut self, completion: Completion) {
        match self.waiting.remove(&completion.token) {
            None if completion.recorded => {}
            None => self.nobody(&completion),
            Some(attempt) if attempt.stream && completion.outcome.is_ok() => {
                let (client, token) = (u32::from(attempt.client), completion.token);
                self.reading.insert(token, (attempt, completion));
                self.hub.engine.push(Command::Read { client, token });
            }
            Some(attempt) => self.judge(attempt, &completion, None),
        }
    }

    fn streamed(&mut self, token: u64, piece: &Piece) {
        let Some((attempt, completion)) = self.reading.remove(&token) else {
            return;
        };
        match piece {
            Piece::Bytes(_) => {
                self.hub.engine.push(Command::Read {
                    client: u32::from(attempt.client),
                    token,
                });
                self.reading.insert(token, (attempt, completion));
            }
            Piece::End(_) => self.judge(attempt, &completion, None),
            Piece::Failed(failure, _) => self.judge(attempt, &completion, Some(failure.cause)),
        }
    }

    fn judge(&mut self, attempt: Attempt, completion: &Completion, broke: Option<Cause>) {
        if completion.recorded {
            return;
        }
        let (endpoint, at) = (completion.endpoint, &completion.instants);
        if matches!(attempt.plan, Plan::Leave) {
            return self.recorder.unjudged(endpoint);
        }
        match (&completion.outcome, broke) {
            (Ok(response), None) => {
                self.recorder
                    .ok(endpoint, at, response.head.status(), response.body_bytes);
            }
            (Ok(_), Some(cause)) => self.fail(completion, cause),
            (Err(why), _) => self.fail(completion, why.cause),
        }
    }

    fn fail(&mut self, completion: &Completion, cause: Cause) {
        let failed = Failed {
            cause,
            text: "as it was",
            status: 0,
            shape: None,
        };
        self.recorder
            .failed(completion.endpoint, &completion.instants, 0, failed);
    }

    /// As `Live::nobody_judges`.
    fn nobody(&mut self, completion: &Completion) {
        self.recorder.aborted(
            completion.endpoint,
            micros_between(completion.instants.due, completion.instants.done),
        );
    }
}

fn check(attempts: &[Attempt], port: u16, stop_early: bool) {
    let hub = Hub::start();
    let mut recorder = Recorder::new(1, "hub", now());
    for id in 0..4 {
        recorder.announce(Row {
            id,
            method: "GET".into(),
            name: format!("/{id}"),
            ..Row::default()
        });
    }
    let mut script = Script {
        hub,
        recorder,
        waiting: HashMap::new(),
        reading: HashMap::new(),
        to_cancel: Vec::new(),
    };
    for (number, attempt) in attempts.iter().enumerate() {
        script.start(*attempt, port);
        // Now and then the script looks at what came.
        if number % 3 == 0 {
            while let Some(message) = script.hub.queued() {
                script.take(message);
            }
        }
    }
    let is_busy = |script: &Script| !script.waiting.is_empty() || !script.reading.is_empty();
    while is_busy(&script) && !stop_early {
        let message = script.hub.receive_within(PATIENCE).expect("it goes on");
        script.take(message);
    }
    script.hub.finish();
    while let Some(message) = script.hub.queued() {
        script.take(message);
    }
    for token in script.reading.keys().copied().collect::<Vec<_>>() {
        script.cancel(token);
    }
    script.hub.frames.add(script.recorder.cut(now()));
    let (ok, failed, aborted, unjudged) = script.hub.frames.fold().ends();
    assert_eq!(
        ok + failed + aborted + unjudged,
        attempts.len() as u64,
        "{ok} {failed} {aborted} {unjudged}"
    );
}

#[test]
fn every_attempt_ends_once() {
    let target = target();
    let port = target.addr().port();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    });
    let attempts = prop::collection::vec(attempt(), 1..250);
    runner
        .run(&(attempts, any::<bool>()), |(attempts, stop_early)| {
            check(&attempts, port, stop_early);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
