//! A running test: the engine, this process's own recorder, the log, and how all of it ends.
//!
//! It knows endpoints, users as numbers, and files; what a task is only its caller knows.

mod abort;
pub mod base;
mod csv_files;
mod ending;
pub mod experiment;
pub mod export;
pub mod github;
mod hooks;
mod log;
mod manifest;
pub mod outputs;
mod progress;
pub mod registry;
pub mod seek;
mod stats;
mod text;
pub mod workers;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use jiff::Timestamp;
use katydid_analyze::{locust, probe};
use katydid_engine::clock::{self, Nanos, SECOND};
use katydid_engine::driver::Driver;
use katydid_engine::link::Outbox;
use katydid_engine::message::{Command, Flight, Instants, Message};
use katydid_engine::recorder::Recorder;
use katydid_engine::{Engine, EngineError, health};
use katydid_record::frame::{Body, Fact, Kind, Mark};
use katydid_record::probe::ExperimentSummary;
use katydid_record::redact::redact;
use katydid_record::{
    Access, EndpointId, Frame, Manifest, PhaseId, PhaseKind, Plan, Probed, Run, RunTime, RunWriter,
    WriteError,
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use self::abort::End;
use self::base::{Base, Bases, Target};
pub use self::ending::{Closing, Ended};
use self::experiment::Hands;
use self::export::{Export, Ready, Wishes};
use self::hooks::Hooks;
use self::log::{Log, Sink};
use self::progress::Progress;
use self::registry::Registry;
use self::stats::stats_json;
use self::workers::{FramePipe, Place, Readers};
use crate::config::Surroundings;
use crate::run_dir;
use crate::watching::{self, Watching};

/// The source number of the hub's recorder; the I/O thread has 0.
const HUB: u32 = 1;
/// Requests that may share a wake-up.
const HELD_AT_MOST: u32 = 16;
/// How far apart requests that share a wake-up may be. Users that compute between theirs keep nobody waiting.
const HELD_FOR: Nanos = 200_000;
/// Raw failure texts whose normal form is remembered.
const NORMALISED: usize = 1_000;
/// How long a request for fresh numbers waits for the I/O thread.
const FRESH_WITHIN: Duration = Duration::from_millis(50);

/// What a session is to do besides making requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Write a run directory.
    pub record: bool,
    /// Where; a new one under `runs/` otherwise.
    pub run_dir: Option<String>,
    /// Short name of the run.
    pub name: String,
    /// The command line.
    pub argv: Vec<String>,
    /// What was asked for.
    pub plan: Plan,
    /// Show progress on standard error.
    pub progress: bool,
    /// Files of the scenario.
    pub scenario: Vec<String>,
    /// Prefix of Locust's CSV files.
    pub csv: Option<String>,
    /// A history row per endpoint, not only the sum.
    pub csv_full_history: bool,
    /// When the run began, if that was before now: processes of one run share it.
    pub start_ns: Option<Nanos>,
    /// This process is a worker: another one keeps the record.
    pub worker: Option<Place>,
    /// Pipes that workers send their frames through.
    pub workers: Vec<RawFd>,
    /// The folder of a run that has probed the target.
    pub probed: Option<String>,
    /// Addresses of what is to be watched, with their secrets.
    pub watch: Vec<String>,
    /// Base URLs of the target: what is found of it on this machine is watched too.
    pub hosts: Vec<String>,
    /// Who collects metrics meanwhile.
    #[serde(flatten)]
    pub export: Wishes,
}

/// Why a session could not start or end.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The operating system refused a thread.
    #[error("cannot start the log: {0}")]
    Log(#[source] std::io::Error),
    /// The operating system refused a thread for the events.
    #[error("cannot start the thread that runs events: {0}")]
    Hooks(#[source] std::io::Error),
    /// The operating system refused a thread for the observers.
    #[error("cannot start to watch: {0}")]
    Watch(#[source] std::io::Error),
    /// The operating system refused a thread for the export of metrics.
    #[error("cannot start to export metrics: {0}")]
    Export(#[source] std::io::Error),
    /// It had ended before.
    #[error("the session has ended")]
    Over,
}

/// A running test.
pub struct Live {
    engine: Engine,
    recorder: Recorder,
    next_cut: Nanos,
    start: Nanos,
    log: Log,
    sender: log::Sender,
    registry: Registry,
    bases: Bases,
    manifest: Arc<Manifest>,
    run_dir: Option<PathBuf>,
    next_client: u32,
    free_clients: Vec<u32>,
    normal: HashMap<String, String>,
    phases: HashMap<PhaseKind, u32>,
    held: Option<Held>,
    readers: Readers,
    worker: Option<Place>,
    /// Why the record is not whole, as far as the log does not know it.
    problems: Vec<String>,
    hooks: Hooks,
    watching: Option<Watching>,
    hands: Hands,
    experiments: Vec<ExperimentSummary>,
    export: Option<Export>,
    early_end: Arc<End>,
    over: bool,
}

/// Submits that share a wake-up.
struct Held {
    /// How many; the first has woken the I/O thread, if it slept. None yet: the next one will.
    queued: u32,
    /// When the first was queued.
    since: Nanos,
}

impl Held {
    fn may_grow(&self, now: Nanos) -> bool {
        let few = (1..HELD_AT_MOST).contains(&self.queued);
        few && now.saturating_sub(self.since) < HELD_FOR
    }
}

impl Live {
    /// Starts a session whose completions go to the calling thread's hub.
    pub fn start(options: &Options) -> Result<Self, SessionError> {
        let hub = health::this_thread();
        Self::launch(options, |start, frames| Engine::for_hub(start, hub, frames))
    }

    /// Starts a session that `driver` drives.
    pub fn drive(options: &Options, driver: Box<dyn Driver>) -> Result<Self, SessionError> {
        Self::launch(options, |start, frames| {
            Engine::for_driver(start, driver, frames)
        })
    }

    fn launch(
        options: &Options,
        engine: impl FnOnce(Nanos, katydid_engine::FrameSink) -> Result<Engine, EngineError>,
    ) -> Result<Self, SessionError> {
        let export = export(options)?;
        let (watching, hands) = watch(options)?;
        let now = Timestamp::now();
        let dir = options
            .record
            .then(|| {
                let cwd = std::env::current_dir().unwrap_or_default();
                run_dir::create(
                    options.run_dir.as_deref().map(Path::new),
                    &cwd,
                    &options.name,
                    now,
                )
            })
            .transpose()
            .map_err(|error| SessionError::Usage(error.to_string()))?;
        let id = dir
            .as_ref()
            .map_or_else(|| run_dir::id(&options.name, now), |dir| dir.id.clone());
        let manifest = Arc::new(manifest::of(options, id, now));
        let writer = sink(
            options,
            dir.as_ref().map(|dir| dir.path.as_path()),
            &manifest,
        )?;
        let progress = options
            .progress
            .then(|| Progress::new(&options.plan, std::io::stderr().is_terminal()));
        let csv = options
            .csv
            .as_deref()
            .map(|prefix| {
                csv_files::CsvFiles::create(prefix, options.csv_full_history, manifest.clone())
            })
            .transpose()
            .map_err(|error| SessionError::Usage(error.to_string()))?;
        let start = options.start_ns.unwrap_or_else(clock::now);
        let early_end = Arc::new(End::of_run(start));
        // Whether objectives hold is for the process that sees the whole.
        let judged = options.worker.is_none().then_some(&options.plan);
        let judged = judged.cloned().unwrap_or_default();
        let edge = watching.clone();
        let edge = move || edge.iter().for_each(Watching::edge);
        let wanted = watching.as_ref().map(Watching::wanted);
        let log = Log::start(
            writer,
            progress,
            csv,
            &judged,
            early_end.clone(),
            wanted,
            edge,
        )
        .map_err(SessionError::Log)?;
        let (sender, for_engine) = (log.sender(), log.sender());
        let readers =
            Readers::start(&options.workers, start, &sender).map_err(SessionError::Log)?;
        let engine = engine(start, Box::new(move |frames| for_engine.send(frames)))?;
        if let Some(tracing) = options.plan.trace {
            let process = options.worker.map_or(0, |place| place.index + 1);
            engine.push(Command::Trace(tracing, process));
        }
        let run_dir = dir.map(|dir| dir.path);
        let hooks = Hooks::ready(&options.plan, run_dir.as_deref(), start, log.sender())?;
        let export = export.map(|ready| ready.start(log.sender(), manifest.clone()));
        let export = export.transpose().map_err(SessionError::Export)?;
        early_end.of(engine.inbox());
        log.sender().send(earlier_probe(options)?);
        if let Some(watching) = &watching {
            let sender = log.sender();
            watching.begin(start, move |frames| sender.send(frames));
        }
        Ok(Self {
            engine,
            recorder: Recorder::new(HUB, "hub", start),
            next_cut: start + SECOND,
            start,
            log,
            sender,
            registry: Registry::default(),
            bases: Bases::default(),
            manifest,
            run_dir,
            next_client: 0,
            free_clients: Vec::new(),
            normal: HashMap::new(),
            phases: HashMap::new(),
            held: None,
            readers,
            worker: options.worker,
            problems: Vec::new(),
            hooks,
            watching,
            hands,
            experiments: Vec::new(),
            export,
            early_end,
            over: false,
        })
    }

    /// The queue of messages for the hub.
    pub fn outbox(&self) -> Option<Arc<Outbox>> {
        self.engine.outbox().cloned()
    }

    /// Where the run is recorded.
    pub fn run_dir(&self) -> Option<&Path> {
        self.run_dir.as_deref()
    }

    /// The I/O thread ended before the session: a defect in katydid.
    pub fn lost_its_thread(&self) -> bool {
        !self.over && !self.engine.is_alive()
    }

    /// A base URL with how to reach it.
    pub fn base(&mut self, url: &str, tls: &str, proxy: Option<&str>) -> Result<Arc<Base>, String> {
        self.bases.base(url, tls, proxy)
    }

    /// Where a URL goes and in which row it counts by default.
    #[inline]
    pub fn target(
        &mut self,
        base: &Base,
        method: &str,
        url: &str,
        name: Option<&str>,
        tagged: Option<Access>,
        name_as_given: bool,
    ) -> Result<Target, String> {
        let registry = &mut self.registry;
        let target = self
            .bases
            .target(registry, base, method, url, name, tagged, name_as_given)?;
        self.announce();
        Ok(target)
    }

    /// The number of a row.
    pub fn endpoint(
        &mut self,
        kind: Kind,
        method: &str,
        name: &str,
        tagged: Option<Access>,
    ) -> EndpointId {
        let id = self.registry.intern(kind, method, name, tagged);
        self.announce();
        id
    }

    #[inline]
    fn announce(&mut self) {
        if self.registry.has_fresh() {
            for row in self.registry.take_fresh() {
                self.recorder.announce(row.clone());
                self.engine.push(Command::Endpoint(Box::new(row)));
            }
        }
    }

    /// Hands a request to the I/O thread, in the memory that brings its end back.
    #[inline]
    pub fn submit(&mut self, flight: Box<Flight>) {
        let now = flight.request.asked;
        let command = Command::Submit(flight);
        match &mut self.held {
            Some(held) if held.may_grow(now) => {
                held.queued += 1;
                self.engine.inbox().queue(command);
            }
            Some(held) => {
                *held = Held {
                    queued: 1,
                    since: now,
                };
                self.engine.push(command);
            }
            None => self.engine.push(command),
        }
    }

    /// From now on several submits share a wake-up of the I/O thread, until [`Live::let_go`]: for a caller that is about to
    /// resume many users. A wake-up per request would let the I/O thread fall asleep after each. The first submit wakes it, unless
    /// `expected`: it has sent what the users are resumed with, and looks by itself.
    pub fn hold(&mut self, expected: bool) {
        self.held = Some(Held {
            queued: u32::from(expected),
            since: clock::now(),
        });
        self.engine.inbox().hold();
    }

    /// Nothing is held back any more.
    pub fn let_go(&mut self) {
        if let Some(held) = self.held.take() {
            self.engine.inbox().let_go();
            if held.queued > 1 {
                self.engine.inbox().wake();
            }
        }
    }

    /// Hands a command to the I/O thread.
    pub fn command(&self, command: Command) {
        self.engine.push(command);
    }

    /// A phase of this kind begins now, named after it. `which`: its number, and of how many of its kind it is the last, where other
    /// processes begin it too.
    pub fn begin_phase(&mut self, kind: PhaseKind, which: Option<(PhaseId, u32)>) {
        let count = self.phases.entry(kind).or_default();
        *count = which.map_or(*count + 1, |(_, of_its_kind)| of_its_kind);
        let phase = (kind.numbered(*count), kind, which.map(|(number, _)| number));
        self.engine.push(Command::BeginPhase(Box::new(phase)));
    }

    /// The hub has come to the message that this phase has begun: everything before it in the queue is counted.
    pub fn phase_began(&mut self, phase: PhaseId) {
        let frames = self.recorder.begin_phase(clock::now(), phase);
        self.sender.send(frames);
        self.watching.iter().for_each(Watching::edge);
    }

    /// A number for a client's connections.
    pub fn new_client(&mut self) -> u32 {
        self.free_clients.pop().unwrap_or_else(|| {
            self.next_client += 1;
            self.next_client - 1
        })
    }

    /// A client is gone; its number may be given out again.
    pub fn drop_client(&mut self, client: u32) {
        self.engine.push(Command::DropClient(client));
        self.free_clients.push(client);
    }

    /// This thread's recorder: the second inlet.
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// A completion came for somebody who is gone, and the engine had left the judgement to them.
    pub fn nobody_judges(&mut self, endpoint: EndpointId, at: &Instants) {
        let age = clock::micros_between(at.due, at.done);
        self.recorder.aborted(endpoint, age);
    }

    /// The hub handles a tick that was due at `due`.
    pub fn tick(&mut self, due: Nanos) {
        let now = clock::now();
        self.recorder
            .hub_lag
            .record(clock::micros_between(due, now));
        if now >= self.next_cut {
            self.cut(now);
        }
    }

    fn cut(&mut self, now: Nanos) {
        self.next_cut = self.start + ((now - self.start) / SECOND + 1) * SECOND;
        let frames = self.recorder.cut(now);
        self.sender.send(frames);
    }

    /// Notes something that happened now. Texts are redacted.
    pub fn mark(&mut self, mark: Mark) {
        let mark = match mark {
            Mark::Exception { message, traceback } => Mark::Exception {
                message: redact(&message),
                traceback: redact(&traceback),
            },
            Mark::Warning { text } => Mark::Warning {
                text: redact(&text),
            },
            other => other,
        };
        let now = clock::now();
        if mark == Mark::Reset {
            self.freshen();
        }
        self.recorder.mark(now, mark);
        self.cut(now);
    }

    /// Notes something that a reader should know.
    pub fn fact(&mut self, topic: &str, text: &str) {
        let fact = Fact {
            topic: topic.to_owned(),
            subject: topic.to_owned(),
            text: redact(text),
        };
        let at = self.recorder.run_time(clock::now());
        self.sender.send(vec![said(at, 0, Body::Facts(vec![fact]))]);
    }

    /// What looks when a probe asks it to.
    pub fn watching(&self) -> Option<Watching> {
        self.watching.clone()
    }

    /// What a probe asked between two looks, the first of which was over at `began`.
    pub fn probed(&mut self, probed: Probed, began: Nanos, ended: Nanos) {
        let at = self.recorder.run_time(began);
        let span = clock::micros_between(began, ended);
        let body = Body::Probed(Box::new(probed));
        self.sender.send(vec![said(at, span, body)]);
    }

    /// A failure text without secrets and without addresses of objects, so that equal failures count together.
    pub fn normalise(&mut self, text: &str) -> String {
        if let Some(normal) = self.normal.get(text) {
            return normal.clone();
        }
        let normal = text::without_addresses(&redact(text));
        if self.normal.len() < NORMALISED {
            self.normal.insert(text.to_owned(), normal.clone());
        }
        normal
    }

    /// Brings everything recorded so far to the log.
    fn freshen(&mut self) {
        let (answer, answered) = sync_channel(1);
        self.engine.push(Command::CutNow(answer));
        // If the I/O thread is that late, slightly old numbers are better than waiting for it.
        let _ = answered.recv_timeout(FRESH_WITHIN);
        self.cut(clock::now());
    }

    /// Locust-shaped totals up to now.
    pub fn stats(&mut self) -> Value {
        self.freshen();
        let manifest = self.manifest.clone();
        let view = self
            .log
            .ask(move |timeline| locust::view(&manifest, timeline));
        view.map_or(Value::Null, |view| stats_json(&view))
    }

    /// Locust's response time at a quantile, ms.
    pub fn percentile(
        &mut self,
        method: Option<&str>,
        name: Option<&str>,
        q: f64,
        window: Option<f64>,
    ) -> Option<f64> {
        self.freshen();
        let row = name.map(|name| (method.unwrap_or_default().to_owned(), name.to_owned()));
        self.log.ask(move |timeline| {
            let row = row
                .as_ref()
                .map(|(method, name)| (method.as_str(), name.as_str()));
            locust::percentile(timeline, row, q, window)
        })?
    }

    /// A worker ended before its time.
    pub fn worker_lost(&mut self, worker: u32) {
        self.mark(Mark::WorkerLost { worker });
    }

    /// The record is not whole: somebody else says why.
    pub fn problem(&mut self, text: &str) {
        self.problems.push(redact(text));
    }

    /// What had ended but was not drained: nobody will judge it any more.
    fn count_unseen(&mut self) {
        let Some(outbox) = self.outbox() else { return };
        while let Some(message) = outbox.pop() {
            if let Message::Completed(flight) = message
                && !flight.completion.recorded
            {
                self.nobody_judges(flight.completion.endpoint, &flight.completion.instants);
            }
        }
    }
}

/// What an earlier probe found, as the record of this run carries it.
fn earlier_probe(options: &Options) -> Result<Vec<Frame>, SessionError> {
    let Some(dir) = options.probed.as_deref().filter(|_| options.record) else {
        return Ok(Vec::new());
    };
    let run = Run::open(Path::new(dir))
        .map_err(|error| SessionError::Usage(format!("--probed {dir}: {error}")))?;
    let Some(found) = probe::probe(&run.timeline) else {
        let text =
            format!("--probed {dir}: in this run nothing was probed; katydid probe makes one");
        return Err(SessionError::Usage(text));
    };
    let fact = Fact {
        topic: probe::FACT.to_owned(),
        subject: probe::FACT.to_owned(),
        text: serde_json::to_string(&found).unwrap_or_default(),
    };
    Ok(vec![said(0, 0, Body::Facts(vec![fact]))])
}

/// A frame of the hub's that belongs to no phase.
fn said(at: RunTime, span: u64, body: Body) -> Frame {
    Frame {
        at,
        span,
        source: HUB,
        phase: 0,
        body,
    }
}

/// What is needed to export metrics. Only the process that sees the whole does, and no check.
fn export(options: &Options) -> Result<Option<Ready>, SessionError> {
    if !options.record || options.worker.is_some() {
        return Ok(None);
    }
    let env = Surroundings::of_process().env;
    let receives = watching::receiver_of_spans(&options.watch, options.plan.trace);
    Ready::of(&options.export, &env, receives)
        .map_err(|error| SessionError::Usage(error.to_string()))
}

/// Opens what is to be watched. Only the process that keeps a record does.
fn watch(options: &Options) -> Result<(Option<Watching>, Hands), SessionError> {
    if !options.record || options.worker.is_some() {
        return Ok((None, Hands::default()));
    }
    let sources = watching::sources(&options.watch, &options.hosts, options.plan.trace);
    let sources = sources.map_err(|error| SessionError::Usage(error.to_string()))?;
    if sources.is_empty() {
        return Ok((None, Hands::default()));
    }
    let hands = Hands::new(sources.indexes(), sources.keys());
    let watching = sources.open().map_err(SessionError::Watch)?;
    watching.say(!options.progress);
    Ok((Some(watching), hands))
}

fn sink(
    options: &Options,
    dir: Option<&Path>,
    manifest: &Manifest,
) -> Result<Option<Sink>, SessionError> {
    if let Some(place) = &options.worker {
        let pipe = FramePipe::open(place.frames_fd).map_err(SessionError::Log)?;
        return Ok(Some(Sink::Parent(pipe)));
    }
    let writer = dir.map(|dir| RunWriter::create(dir, manifest)).transpose();
    writer
        .map(|writer| writer.map(Sink::Directory))
        .map_err(|error: WriteError| SessionError::Usage(error.to_string()))
}
