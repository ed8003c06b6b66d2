//! What one look saw, on its way to becoming frames.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use katydid_record::{
    Body, EndpointCalls, Fact, Frame, Mark, Name, PhaseId, RunTime, SeriesId, SeriesKind, SourceId,
    TraceSpans, Watched,
};

/// Series that one observer may have; what comes beyond is counted and left out.
pub const SERIES: usize = 2_000;
/// Most characters of a fact's text.
const TEXT: usize = 4_000;

/// The run's clock, µs.
pub type Clock = Arc<dyn Fn() -> RunTime + Send + Sync>;

/// Label names and values, in any order.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A read that has begun.
#[derive(Clone, Copy, Debug)]
#[must_use = "what is read afterwards belongs to it until it is given to `Batch::end`"]
pub struct Read {
    began: RunTime,
    first: usize,
    nth: u32,
    is_past: bool,
}

/// Takes in what an observer sees. Values belong to reads, whose middle is their instant.
pub struct Batch {
    clock: Clock,
    source: SourceId,
    subject: String,
    ids: HashMap<(String, BTreeMap<String, String>), SeriesId>,
    fresh: Vec<Name>,
    values: Vec<(SeriesId, f64)>,
    frames: Vec<Frame>,
    left_out: bool,
    is_edge: bool,
    number: u64,
    stalls: u64,
    was_stalled: bool,
    longest: Duration,
}

impl Batch {
    /// For one source; `subject` is its key.
    pub fn new(clock: Clock, source: SourceId, subject: &str) -> Self {
        Self {
            clock,
            source,
            subject: subject.to_owned(),
            ids: HashMap::new(),
            fresh: Vec::new(),
            values: Vec::new(),
            frames: Vec::new(),
            left_out: false,
            is_edge: false,
            number: 0,
            stalls: 0,
            was_stalled: false,
            longest: Duration::MAX,
        }
    }

    /// Whether a phase begins or the load ends now: what is read seldom is read now too.
    pub fn is_edge(&self) -> bool {
        self.is_edge
    }

    /// Whether what is read every `nth` look is due. It is in the first look, and at edges.
    pub fn is_due(&self, nth: u64) -> bool {
        self.is_edge || self.number.is_multiple_of(nth.max(1))
    }

    /// A read begins. Of what is read until [`Batch::end`] the instant is the middle.
    pub fn begin(&self) -> Read {
        self.begin_every(1)
    }

    /// The same of something that is read every `nth` look.
    pub fn begin_every(&self, nth: u32) -> Read {
        Read {
            began: (self.clock)(),
            first: self.values.len(),
            nth,
            is_past: false,
        }
    }

    /// For values of a read that is over, at the instant that [`Batch::end`] gave to it: what was left out then because it had not
    /// changed, told once it does change.
    pub fn again(&self, at: RunTime) -> Read {
        Read {
            began: at,
            first: self.values.len(),
            nth: 1,
            is_past: true,
        }
    }

    /// The read is over. One that took longer than half the distance of such reads says nothing about an instant: it is dropped,
    /// and that is a stall. The instant of what was kept.
    pub fn end(&mut self, read: Read) -> Option<RunTime> {
        let now = if read.is_past {
            read.began
        } else {
            (self.clock)()
        };
        let took_us = now.saturating_sub(read.began);
        let values = self.values.split_off(read.first.min(self.values.len()));
        if Duration::from_micros(took_us) > self.longest.saturating_mul(read.nth) {
            self.stalls += 1;
            if !std::mem::replace(&mut self.was_stalled, true) {
                let what = self.subject.clone();
                self.mark(Mark::Stalled { what, took_us });
            }
            return None;
        }
        if !read.is_past {
            self.was_stalled = false;
        }
        self.flush_names(read.began);
        let at = read.began + took_us / 2;
        if !values.is_empty() {
            self.push(at, Body::Samples(values));
        }
        Some(at)
    }

    /// A level.
    pub fn gauge(&mut self, name: &str, unit: &str, labels: Labels<'_>, value: f64) {
        self.value((name, unit, SeriesKind::Gauge), labels, value);
    }

    /// A running total, as it stands.
    pub fn counter(&mut self, name: &str, unit: &str, labels: Labels<'_>, value: f64) {
        self.value((name, unit, SeriesKind::Counter), labels, value);
    }

    fn value(&mut self, (name, unit, kind): (&str, &str, SeriesKind), labels: Labels, value: f64) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let key = (name.to_owned(), labels.iter().map(owned).collect());
        let id = match self.ids.get(&key) {
            Some(id) => *id,
            None if self.ids.len() >= SERIES => {
                if !std::mem::replace(&mut self.left_out, true) {
                    let text = format!(
                        "{} has more than {SERIES} series: the rest is left out",
                        self.subject
                    );
                    self.mark(Mark::Warning { text });
                }
                return;
            }
            None => {
                let id = self.ids.len() as SeriesId;
                self.fresh.push(Name::Series {
                    id,
                    of: self.subject.clone(),
                    name: key.0.clone(),
                    labels: key.1.clone(),
                    unit: unit.to_owned(),
                    kind,
                });
                self.ids.insert(key, id);
                id
            }
        };
        self.values.push((id, value));
    }

    /// A text that explains series, or that a rule may need: of a statement, its normalised text.
    pub fn fact(&mut self, topic: &str, about: &str, text: &str) {
        let fact = Fact {
            topic: topic.to_owned(),
            subject: about.to_owned(),
            text: text.chars().take(TEXT).collect(),
        };
        let now = (self.clock)();
        match self.frames.last_mut() {
            Some(Frame {
                body: Body::Facts(facts),
                ..
            }) => facts.push(fact),
            _ => self.push(now, Body::Facts(vec![fact])),
        }
    }

    /// What spans say of endpoints, by the phase that their requests were sent in; names come before what they are for.
    pub fn calls(&mut self, names: Vec<Name>, by_phase: BTreeMap<PhaseId, Vec<EndpointCalls>>) {
        let now = (self.clock)();
        if !names.is_empty() {
            self.push(now, Body::Names(names));
        }
        for (phase, calls) in by_phase {
            self.frames.push(Frame {
                at: now,
                span: 0,
                source: self.source,
                phase,
                body: Body::Calls(calls),
            });
        }
    }

    /// Spans of one request.
    pub fn trace(&mut self, spans: TraceSpans) {
        let now = (self.clock)();
        self.push(now, Body::Trace(Box::new(spans)));
    }

    /// Its statistics began anew: counters before and after cannot be compared.
    pub fn restarted(&mut self, why: &str) {
        let (what, why) = (self.subject.clone(), why.to_owned());
        self.mark(Mark::Restarted { what, why });
    }

    /// The same, found out by a read that is not over: what it reads comes after.
    pub fn restarted_before(&mut self, read: &Read, why: &str) {
        let (what, why) = (self.subject.clone(), why.to_owned());
        self.push(read.began, Body::Mark(Mark::Restarted { what, why }));
    }

    /// Something happened.
    pub fn mark(&mut self, mark: Mark) {
        let now = (self.clock)();
        self.push(now, Body::Mark(mark));
    }

    pub(crate) fn announce(&mut self, watched: Watched) {
        let now = (self.clock)();
        self.push(now, Body::Watched(Box::new(watched)));
    }

    /// A look begins: the `number`th, from 0. Reads longer than `longest` are dropped.
    pub(crate) fn look(&mut self, number: u64, is_edge: bool, longest: Duration) {
        (self.number, self.is_edge, self.longest) = (number, is_edge, longest);
    }

    /// What is said of the look itself: what it cost.
    pub(crate) fn cost(&mut self, took: Duration, cpu: Duration) {
        let read = self.begin();
        self.gauge("observer.read", "s", &[], took.as_secs_f64());
        self.counter("observer.cpu", "s", &[], cpu.as_secs_f64());
        self.counter("observer.stalls", "", &[], self.stalls as f64);
        self.end(read);
    }

    /// Takes what has become of it so far.
    pub(crate) fn take(&mut self) -> Vec<Frame> {
        self.values.clear();
        std::mem::take(&mut self.frames)
    }

    fn flush_names(&mut self, at: RunTime) {
        if !self.fresh.is_empty() {
            let names = std::mem::take(&mut self.fresh);
            self.push(at, Body::Names(names));
        }
    }

    fn push(&mut self, at: RunTime, body: Body) {
        self.frames.push(Frame {
            at,
            span: 0,
            source: self.source,
            phase: 0,
            body,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn batch() -> (Batch, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        let clock: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
        (Batch::new(clock, 7, "it"), now)
    }

    #[test]
    fn names_come_once_and_values_at_the_middle_of_their_read() {
        let (mut batch, now) = batch();
        for began in [1_000, 2_000] {
            now.store(began, Ordering::Relaxed);
            let read = batch.begin();
            batch.gauge("level", "", &[("cpu", "0")], 3.0);
            now.store(began + 200, Ordering::Relaxed);
            batch.end(read);
        }
        let frames = batch.take();
        let bodies: Vec<_> = frames.iter().map(|frame| (frame.at, &frame.body)).collect();
        assert!(matches!(bodies[0], (1_000, Body::Names(names)) if names.len() == 1));
        assert_eq!(bodies[1], (1_100, &Body::Samples(vec![(0, 3.0)])));
        assert_eq!(bodies[2], (2_100, &Body::Samples(vec![(0, 3.0)])));
        assert_eq!(bodies.len(), 3);
    }

    #[test]
    fn a_read_that_takes_too_long_is_dropped_and_said_once() {
        let (mut batch, now) = batch();
        batch.look(0, false, Duration::from_micros(100));
        for began in [0, 1_000] {
            now.store(began, Ordering::Relaxed);
            let read = batch.begin();
            batch.gauge("level", "", &[], 3.0);
            now.store(began + 101, Ordering::Relaxed);
            batch.end(read);
        }
        let frames = batch.take();
        assert!(matches!(
            &frames[..],
            [Frame {
                body: Body::Mark(Mark::Stalled { took_us: 101, .. }),
                ..
            }]
        ));
    }

    #[test]
    fn there_is_a_most_of_series() {
        let (mut batch, _) = batch();
        let read = batch.begin();
        for number in 0..SERIES + 5 {
            batch.gauge("level", "", &[("number", &number.to_string())], 0.0);
        }
        batch.end(read);
        let frames = batch.take();
        let warnings = frames
            .iter()
            .filter(|frame| matches!(frame.body, Body::Mark(_)));
        assert_eq!(warnings.count(), 1);
        assert!(
            frames.iter().any(
                |frame| matches!(&frame.body, Body::Samples(values) if values.len() == SERIES)
            )
        );
    }
}
