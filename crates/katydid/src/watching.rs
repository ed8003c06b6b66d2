//! What is watched in a run: the addresses of `--watch`, and what is found of a target on this machine.
//!
//! Observers are opened before the run's clock starts, so that no time of the run goes into that; what they say until then is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use katydid_engine::clock::{self, Nanos};
use katydid_observe::batch::Clock;
use katydid_observe::{Address, Indexes, Keys, Opened, Source, Wanted, Watch, receiver};
use katydid_record::redact::redact;
use katydid_record::{Body, Frame, Tracing};

use crate::error::UsageError;
use crate::here;

/// How long the beginning of a run waits for what it watches.
pub const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// How long a probe waits for counters, and for plans.
const COUNT_WITHIN: Duration = Duration::from_secs(2);
const SURVEY_WITHIN: Duration = Duration::from_secs(6);

/// What is to be watched.
#[derive(Default)]
pub struct Sources {
    sources: Vec<Box<dyn Source>>,
    wanted: Wanted,
}

/// Where spans are received when it is not said.
const SPANS: &str = "otlp:127.0.0.1:4318";

/// Whether a word of `--watch` is a receiver of spans.
pub fn receives_spans(word: &str) -> bool {
    word.starts_with("otlp:")
}

/// Where spans are received; `None` if they are not, or if what was written is no address.
pub fn receiver_of_spans(addresses: &[String], tracing: Option<Tracing>) -> Option<SocketAddr> {
    tracing?;
    let given = addresses.iter().find(|word| receives_spans(word));
    let (_, at) = given.map_or(SPANS, String::as_str).split_once(':')?;
    katydid_observe::receiver_at(at).ok()
}

/// Reads addresses and adds what is found of `hosts`, base URLs of the target. One subject is watched once.
pub fn sources(
    addresses: &[String],
    hosts: &[String],
    tracing: Option<Tracing>,
) -> Result<Sources, UsageError> {
    let mut all = Sources::default();
    let is_unsaid = tracing.is_some() && !addresses.iter().any(|word| receives_spans(word));
    let words = addresses.iter().map(String::as_str);
    for word in words.chain(is_unsaid.then_some(SPANS)) {
        let source = Address::read(word).and_then(|address| match tracing {
            Some(tracing) if receives_spans(word) => receiver(&address, tracing, &all.wanted),
            _ => address.source(),
        });
        all.add(source.map_err(|error| UsageError::new(format!("--watch {error}")))?);
    }
    for port in here::ports_here(hosts) {
        for word in [format!("port:{port}"), "host".to_owned()] {
            // What cannot be found without being asked for is not missed.
            if let Ok(source) = Address::read(&word).and_then(Address::source) {
                all.add(source);
            }
        }
    }
    Ok(all)
}

impl Sources {
    fn add(&mut self, source: Box<dyn Source>) {
        let subject = source.subject();
        if self.sources.iter().all(|known| known.subject() != subject) {
            self.sources.push(source);
        }
    }

    /// Nothing is to be watched.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// How many things.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// What can build indexes for an experiment, by subject.
    pub fn indexes(&self) -> BTreeMap<String, Box<dyn Indexes>> {
        self.by_subject(|source| source.indexes())
    }

    /// What can take keys away for an experiment, by subject.
    pub fn keys(&self) -> BTreeMap<String, Box<dyn Keys>> {
        self.by_subject(|source| source.keys())
    }

    fn by_subject<T>(&self, of: impl Fn(&dyn Source) -> Option<T>) -> BTreeMap<String, T> {
        let all = self.sources.iter();
        all.filter_map(|source| Some((source.subject(), of(source.as_ref())?)))
            .collect()
    }

    /// Starts watching, and waits until it is known what can be seen.
    pub fn open(self) -> std::io::Result<Watching> {
        let gate = Arc::new(Gate::default());
        let for_sink = gate.clone();
        let clock: Clock = Arc::new(|| clock::now() / 1_000);
        let sink = move |frames| for_sink.pass(frames);
        let (watch, opened) = Watch::start(self.sources, &clock, sink, OPEN_WITHIN)?;
        Ok(Watching {
            watch: Arc::new(watch),
            gate,
            opened,
            wanted: self.wanted,
        })
    }
}

type Send = Box<dyn Fn(Vec<Frame>) + std::marker::Send>;

/// Turns the observers' clock into the run's, once that is known.
#[derive(Default)]
struct Gate(Mutex<Passing>);

#[derive(Default)]
struct Passing {
    held: Vec<Frame>,
    to: Option<(u64, Send)>,
}

impl Gate {
    fn pass(&self, frames: Vec<Frame>) {
        let mut passing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &passing.to {
            Some((start, send)) => {
                let frames = frames
                    .into_iter()
                    .filter_map(|frame| on_the_run(frame, *start));
                send(frames.collect());
            }
            None => passing.held.extend(frames),
        }
    }

    fn open(&self, start: u64, send: Send) {
        let mut passing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = std::mem::take(&mut passing.held);
        let held = held
            .into_iter()
            .filter_map(|frame| on_the_run(frame, start));
        send(held.collect());
        passing.to = Some((start, send));
    }
}

/// The frame on the run's clock. What was measured before it is left out; what was said is kept, as of its beginning.
fn on_the_run(mut frame: Frame, start: u64) -> Option<Frame> {
    if frame.at < start && matches!(frame.body, Body::Samples(_)) {
        return None;
    }
    frame.at = frame.at.saturating_sub(start);
    Some(frame)
}

/// Observers at work.
#[derive(Clone)]
pub struct Watching {
    watch: Arc<Watch>,
    gate: Arc<Gate>,
    opened: Vec<Opened>,
    wanted: Wanted,
}

impl Watching {
    /// What could be seen at the beginning, or not.
    pub fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// Where the requests are named whose spans are to be kept.
    pub fn wanted(&self) -> Wanted {
        self.wanted.clone()
    }

    /// The run's clock started at `start`; from here on frames go to `send`, with a look at once.
    pub fn begin(&self, start: Nanos, send: impl Fn(Vec<Frame>) + std::marker::Send + 'static) {
        self.gate.open(start / 1_000, Box::new(send));
        self.edge();
    }

    /// A phase begins, or the load is over.
    pub fn edge(&self) {
        self.watch.edge();
    }

    /// Counters of what counts exactly, now. False: some did not come in time.
    pub fn count(&self) -> bool {
        self.watch.count(COUNT_WITHIN)
    }

    /// Counters, and what is otherwise seen at the end: plans. False: some did not come in time.
    pub fn survey(&self) -> bool {
        self.watch.survey(SURVEY_WITHIN)
    }

    /// Looks once more and ends. False: some of the last looks are missing.
    pub fn finish(&self) -> bool {
        self.watch.finish()
    }

    /// Says on standard error what is watched, and what is not with what opens it.
    pub fn say(&self, briefly: bool) {
        let mut text = String::new();
        let seen = self
            .opened
            .iter()
            .filter_map(|opened| opened.result.as_ref().ok());
        let seen: Vec<&str> = seen.map(|watched| watched.title.as_str()).collect();
        if !seen.is_empty() && !briefly {
            let _ = writeln!(text, "watching {}", seen.join("; "));
        }
        for opened in &self.opened {
            if let Err(trouble) = &opened.result {
                let why = redact(&trouble.to_string());
                let _ = writeln!(
                    text,
                    "warning: {} cannot be seen: {why}. It is tried again while the test runs.",
                    opened.subject
                );
                if !trouble.remedy().is_empty() {
                    let _ = writeln!(text, "  {}", trouble.remedy());
                }
            }
        }
        // Standard error may be closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(at: u64, body: Body) -> Frame {
        Frame {
            at,
            span: 0,
            source: 0,
            phase: 0,
            body,
        }
    }

    #[test]
    fn what_is_measured_before_the_run_is_left_out_and_what_is_said_is_kept() {
        let sample = || Body::Samples(vec![(0, 1.0)]);
        let said = || Body::Names(Vec::new());
        let gate = Gate::default();
        gate.pass(vec![frame(10, said()), frame(11, sample())]);
        let (sender, received) = std::sync::mpsc::channel();
        gate.open(
            20,
            Box::new(move |frames| sender.send(frames).expect("it listens")),
        );
        gate.pass(vec![frame(19, sample()), frame(25, sample())]);
        assert_eq!(received.recv().expect("kept"), [frame(0, said())]);
        assert_eq!(received.recv().expect("passed"), [frame(5, sample())]);
    }

    #[test]
    fn a_word_that_means_nothing_is_refused() {
        let refused = sources(&["gopher://x".to_owned()], &[], None)
            .err()
            .expect("refused");
        assert!(
            refused.to_string().starts_with("--watch 'gopher://x'"),
            "{refused}"
        );
    }
}
