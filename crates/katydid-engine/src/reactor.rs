//! The I/O thread: one loop that owns sockets, timers and the recorder. It never takes the GIL and never blocks but in `poll`.
//!
//! It knows requests and connections; users, tasks and what a response means are others' business. The parts: this file is the
//! loop, its clock work and its commands; [`names`] is how a request finds an address; [`opening`] is how a connection comes to
//! stand; [`exchange`] is what happens on a connection; [`outcome`] is how a request ends.

mod ceiling;
mod early;
mod exchange;
mod names;
mod opening;
mod outcome;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use katydid_record::{Frame, Mark, PhaseId, PhaseKind};
use mio::{Events, Poll, Token};
use slab::Slab;

use self::ceiling::Ceiling;
use self::early::Early;
use crate::clock::{self, Nanos, SECOND};
use crate::conn::Conn;
use crate::driver::Driver;
use crate::flight::{Flight, Stream};
use crate::health::Health;
use crate::link::{Inbox, Outbox};
use crate::message::{Command, Message, Request};
use crate::pacer::{AHEAD, Arrival, Follower, Ramp};
use crate::precise::PreciseTimer;
use crate::recorder::Recorder;
use crate::resolve::Resolver;
use crate::ticks::Ticks;
use crate::tls::TlsConfigs;
use crate::trace::Tracer;

pub(crate) const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// How long the I/O thread sleeps at most while somebody queues without waking it. A sleep that is to end before the kernel's own next
/// tick (4 ms at 250 Hz) needs the processor's timer set for it, which costs 10 µs on a virtual machine: as much as a request.
const HELD_LOOK: Duration = Duration::from_millis(4);
/// Commands taken before sockets get their turn.
const COMMANDS_AT_ONCE: usize = 1024;
/// Bytes read at once.
const SCRATCH: usize = 64 << 10;
/// Flights kept for the next request.
const SPARE_FLIGHTS: usize = 512;
/// Addresses of a host are asked for again after this long.
const ADDRESSES_LAST: Nanos = 60 * SECOND;

/// Where frames go; must not block.
pub type FrameSink = Box<dyn FnMut(Vec<Frame>) + Send>;

/// Who is told how requests ended.
pub(crate) enum Consumer {
    Hub(Arc<Outbox>),
    Driver(Box<dyn Driver>),
}

struct Addresses {
    found: Arc<[SocketAddr]>,
    at: Nanos,
}

pub(crate) struct Reactor {
    poll: Poll,
    inbox: Arc<Inbox>,
    consumer: Consumer,
    pushed: bool,
    /// What a driver asked for and was not taken up yet.
    wanted: Vec<Request>,
    conns: Slab<Conn>,
    /// Connections by client.
    clients: Vec<Vec<u32>>,
    next_stamp: u32,
    /// Instant, key and stamp. Valid while its connection is armed for just that instant.
    timers: BinaryHeap<Reverse<(Nanos, u32, u32)>>,
    precise: PreciseTimer,
    scratch: Vec<u8>,
    /// Flights for a driver's next requests.
    spare: Vec<Box<Flight>>,
    addresses: HashMap<u32, Addresses>,
    /// Requests that wait for the addresses of a route; an entry means that they were asked for.
    unresolved: HashMap<u32, Vec<Box<Flight>>>,
    /// When the first of these has waited long enough.
    unresolved_until: Option<Nanos>,
    resolver: Resolver,
    tls: TlsConfigs,
    streams: HashMap<u64, Stream>,
    recorder: Recorder,
    health: Health,
    frames: FrameSink,
    start: Nanos,
    ceiling: Option<Ceiling>,
    tracer: Option<Tracer>,
    early: Early,
    ramp: Option<Ramp>,
    ramp_at: Option<Nanos>,
    follower: Option<Follower>,
    /// Phases that have begun.
    phases: PhaseId,
    /// No load is planned any more.
    load_over: bool,
    follow_at: Option<Nanos>,
    ticks: Ticks,
    cut_at: Nanos,
    time_up: Option<Nanos>,
    in_flight: u64,
    users: u64,
    no_wait: bool,
}

impl Reactor {
    pub fn new(
        poll: Poll,
        inbox: Arc<Inbox>,
        consumer: Consumer,
        start: Nanos,
        hub_thread: Option<i32>,
        frames: FrameSink,
    ) -> io::Result<Self> {
        Ok(Self {
            precise: PreciseTimer::new(poll.registry(), TIMER)?,
            resolver: Resolver::start(inbox.clone())?,
            poll,
            inbox,
            consumer,
            pushed: false,
            wanted: Vec::new(),
            conns: Slab::new(),
            clients: Vec::new(),
            next_stamp: 0,
            timers: BinaryHeap::new(),
            scratch: vec![0; SCRATCH],
            spare: Vec::new(),
            addresses: HashMap::new(),
            unresolved: HashMap::new(),
            unresolved_until: None,
            tls: TlsConfigs::default(),
            streams: HashMap::new(),
            recorder: Recorder::new(0, "io", start),
            health: Health::new(hub_thread),
            frames,
            start,
            ceiling: None,
            tracer: None,
            early: Early::new(),
            ramp: None,
            ramp_at: None,
            follower: None,
            phases: 0,
            load_over: false,
            follow_at: None,
            ticks: Ticks::new(clock::now()),
            cut_at: start + SECOND,
            time_up: None,
            in_flight: 0,
            users: 0,
            no_wait: false,
        })
    }

    /// Runs until [`Command::Stop`].
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        if let Consumer::Driver(driver) = &mut self.consumer {
            driver.start(clock::now(), &mut self.wanted);
        }
        loop {
            for _ in 0..COMMANDS_AT_ONCE {
                match self.inbox.pop() {
                    Some(Command::Stop) => {
                        self.stop();
                        return Ok(());
                    }
                    Some(command) => self.obey(command),
                    None => break,
                }
            }
            self.take_up_wanted();
            self.keep_time(clock::now());
            self.ring();
            let patience = if self.inbox.about_to_sleep() {
                let patience = self.patience();
                if self.hub_may_hold() {
                    patience.min(HELD_LOOK)
                } else {
                    patience
                }
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => self.inbox.awake(),
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    TIMER => self.precise.clear(),
                    Token(token) => {
                        let (key, stamp) = ((token & 0xffff_ffff) as u32, (token >> 32) as u32);
                        self.on_event(key, stamp, event);
                        self.take_up_wanted();
                    }
                }
            }
            self.ring();
        }
    }

    fn ring(&mut self) {
        if std::mem::take(&mut self.pushed)
            && let Consumer::Hub(outbox) = &self.consumer
        {
            outbox.ring();
        }
    }

    /// Whether commands may be queued for which no wake-up was written.
    fn hub_may_hold(&self) -> bool {
        match &self.consumer {
            Consumer::Hub(outbox) => self.inbox.is_held() || !outbox.is_awaited(),
            Consumer::Driver(_) => false,
        }
    }

    fn push(&mut self, message: Message) {
        match &mut self.consumer {
            Consumer::Hub(outbox) => {
                outbox.push(message);
                self.pushed = true;
            }
            Consumer::Driver(driver) => {
                if let Message::Completed(mut flight) = message {
                    driver.completed(std::mem::take(&mut flight.completion), &mut self.wanted);
                    if self.spare.len() < SPARE_FLIGHTS && flight.is_light() {
                        self.spare.push(flight);
                    }
                }
            }
        }
    }

    /// Takes up what the driver wants by now. What that brings about at once (a refusal, and the driver's answer to it) waits
    /// for the next turn: commands, clock and sockets come first.
    fn take_up_wanted(&mut self) {
        let mut batch = std::mem::take(&mut self.wanted);
        while let Some(request) = batch.pop() {
            let flight = match self.spare.pop() {
                Some(mut flight) => {
                    flight.request = request;
                    flight
                }
                None => Flight::new(request),
            };
            self.submit(flight);
        }
        if self.wanted.is_empty() {
            self.wanted = batch;
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(flight) => self.submit_when_due(flight),
            Command::Cancel { client, token } => self.cancel(client, token),
            Command::Read { client, token } => self.read_stream(client, token),
            Command::Endpoint(row) => self.recorder.announce(*row),
            Command::DropClient(client) => self.drop_client(client),
            Command::CloseIdle(client) => self.close_idle(client),
            Command::Ramp { from, to, rate } => {
                let now = clock::now();
                self.ramp = Some(Ramp::new(now, from, to, rate));
                self.ramp_at = Some(now);
            }
            Command::Follow(follow) => {
                let began = follow.began;
                self.follower = Some(Follower::new(
                    follow.schedule,
                    began,
                    self.users,
                    follow.share,
                ));
                self.follow_at = Some(began);
            }
            Command::GoOn(at, phases) => {
                if let Some(follower) = &mut self.follower {
                    let at = at.max(clock::now() + AHEAD);
                    follower.go_on(at, &phases);
                    self.follow_at = self.follow_at.map(|next| next.min(at - AHEAD));
                }
            }
            Command::BeginPhase(phase) => {
                let (name, kind, number) = *phase;
                if let Some(number) = number {
                    self.phases = number.saturating_sub(1);
                }
                self.begin_phase(clock::now(), name, kind);
            }
            Command::Trace(tracing, process) => self.tracer = Some(Tracer::new(tracing, process)),
            Command::MaxRate(rate) => self.ceiling = Some(Ceiling::new(rate)),
            Command::EndLoad => self.end_load(clock::now()),
            Command::TimeLimit(limit) => self.time_up = Some(clock::now() + limit),
            Command::Users(users) => self.users = users,
            Command::NoWait(no_wait) => self.no_wait = no_wait,
            Command::Mark(mark) => self.recorder.mark(clock::now(), *mark),
            Command::Resolved(route, answer) => self.on_resolved(route, *answer),
            Command::CutNow(answer) => {
                self.cut(clock::now());
                // Whoever asked may have given up waiting.
                let _ = answer.try_send(());
            }
            Command::Stop => {}
        }
    }

    fn keep_time(&mut self, now: Nanos) {
        while let Some(&Reverse((at, key, stamp))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.on_timer(at, key, stamp, now);
        }
        if self.unresolved_until.is_some_and(|at| now >= at) {
            self.give_up_unresolved(now);
        }
        if now >= self.cut_at {
            self.cut(now);
            self.cut_at = self.start + ((now - self.start) / SECOND + 1) * SECOND;
        }
        if now >= self.ticks.next() {
            self.tick(now);
        }
        self.submit_due(now);
        self.let_pass(now);
        if let Consumer::Driver(driver) = &mut self.consumer {
            driver.wake(now, &mut self.wanted);
            self.take_up_wanted();
            return;
        }
        if self.ramp_at.is_some_and(|at| now >= at) {
            self.poll_ramp(now);
        }
        if self.follow_at.is_some_and(|at| now >= at) {
            self.follow(now);
        }
        if self.time_up.is_some_and(|at| now >= at) {
            self.end_load(now);
            self.push(Message::TimeUp);
        }
    }

    fn tick(&mut self, now: Nanos) {
        for due in self.ticks.take(now) {
            self.recorder.io_lag.record(clock::micros_between(due, now));
            self.push(Message::Tick(due));
        }
    }

    fn poll_ramp(&mut self, now: Nanos) {
        let Some(ramp) = &mut self.ramp else { return };
        let (changed, next) = ramp.poll(now);
        self.ramp_at = next;
        if next.is_none() {
            self.ramp = None;
        }
        if let Some(users) = changed {
            self.push(Message::Spawn { line: 0, users });
        }
    }

    fn follow(&mut self, now: Nanos) {
        let Some(follower) = &mut self.follower else {
            return;
        };
        let news = follower.poll(now);
        self.follow_at = news.next;
        for (name, kind) in news.phases {
            self.begin_phase(now, name, kind);
        }
        for (line, users) in news.users {
            self.push(Message::Spawn { line, users });
        }
        for Arrival { due, number, line } in news.arrivals {
            self.push(Message::Arrival { due, number, line });
        }
        if news.next.is_none() {
            self.end_load(now);
            self.push(Message::TimeUp);
        }
    }

    fn begin_phase(&mut self, now: Nanos, name: String, kind: PhaseKind) {
        self.load_over = false;
        self.phases += 1;
        let phase = self.phases;
        self.sample_health();
        let frames = self.recorder.begin_phase(now, phase);
        (self.frames)(frames);
        let kind = kind.as_str().to_owned();
        self.recorder
            .mark(now, Mark::PhaseBegan { phase, name, kind });
        self.push(Message::Phase(phase));
    }

    /// Nothing of the plan comes any more.
    fn end_load(&mut self, now: Nanos) {
        (self.follower, self.follow_at) = (None, None);
        (self.ramp, self.ramp_at) = (None, None);
        self.time_up = None;
        if !std::mem::replace(&mut self.load_over, true) {
            self.recorder.mark(now, Mark::LoadEnded);
        }
    }

    /// How long nothing will be due.
    fn patience(&mut self) -> Duration {
        let now = clock::now();
        let mut next = self.cut_at;
        for at in [self.unresolved_until, self.timers.peek().map(|t| t.0.0)]
            .into_iter()
            .flatten()
        {
            next = next.min(at);
        }
        // poll counts milliseconds; these are due to the microsecond.
        let mut precise = self.ticks.next();
        match &self.consumer {
            Consumer::Hub(_) => {
                for at in [self.ramp_at, self.time_up].into_iter().flatten() {
                    next = next.min(at);
                }
                let turn = self.ceiling.as_ref().and_then(Ceiling::next_turn);
                let early = self.early.first_key_value().map(|((due, _), _)| *due);
                for at in [self.follow_at, turn, early].into_iter().flatten() {
                    precise = precise.min(at);
                }
            }
            Consumer::Driver(_) if !self.wanted.is_empty() => return Duration::ZERO,
            Consumer::Driver(driver) => {
                precise = driver.next_wake().map_or(precise, |at| at.min(precise));
            }
        }
        if precise <= now {
            return Duration::ZERO;
        }
        self.precise.set(precise);
        Duration::from_nanos(next.saturating_sub(now))
    }

    fn sample_health(&mut self) {
        let generator = &mut self.recorder.generator;
        self.health.sample(generator);
        generator.users = self.users;
        generator.in_flight = self.in_flight;
        generator.no_wait = self.no_wait;
    }

    fn cut(&mut self, now: Nanos) {
        self.sample_health();
        let frames = self.recorder.cut(now);
        (self.frames)(frames);
    }

    fn stop(mut self) {
        let busy: Vec<u32> = self
            .conns
            .iter()
            .filter(|(_, c)| c.flight.is_some())
            .map(|(key, _)| key as u32)
            .collect();
        for key in busy {
            self.abort(key);
        }
        self.abort_unsent(|_| true);
        self.cut(clock::now());
        self.ring();
    }
}
