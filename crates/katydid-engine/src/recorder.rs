//! Counts outcomes into windows and cuts frames from them. One per thread that judges; it takes no lock and, unless a failure
//! text is new, formats no string.

use std::collections::HashMap;

use katydid_record::{
    Body, Cause, EndpointId, EndpointWindow, Exemplar, FailureId, Frame, GeneratorWindow,
    Histogram, Mark, Name, PhaseId, RunTime, SourceId, Sparse,
};

use crate::clock::{Nanos, micros_between};
use crate::hints;
use crate::http1::ResponseHead;
use crate::message::{Instants, Row};

/// Distinct failure texts kept per source; the rest count under one text.
pub const FAILURE_TEXTS: usize = 2_000;
/// Characters of a failure text.
const FAILURE_TEXT_LENGTH: usize = 400;
/// Failed requests kept as exemplars, per endpoint and window; and the first that is traced.
const FAILED_EXEMPLARS: usize = 2;

/// What is known of a failure besides its instants.
#[derive(Clone, Debug)]
pub struct Failed<'a> {
    /// From the closed list.
    pub cause: Cause,
    /// In the script's terms.
    pub text: &'a str,
    /// HTTP status, or 0.
    pub status: u16,
    /// Redacted outline of the response.
    pub shape: Option<String>,
}

#[derive(Default)]
struct Window {
    counts: EndpointWindow,
    from_due: Histogram,
    from_send: Histogram,
    failed_from_due: Histogram,
    from_asked: Option<Box<Histogram>>,
    connect: Histogram,
    tls: Histogram,
    aborted_age: Histogram,
    touched: bool,
    slowest: Option<Exemplar>,
    slowest_traced: Option<Exemplar>,
    first_failed: Vec<Exemplar>,
}

/// The counts of one thread.
pub struct Recorder {
    source: SourceId,
    /// The run's zero.
    start: Nanos,
    windows: Vec<Option<Box<Window>>>,
    touched: Vec<EndpointId>,
    names: Vec<Name>,
    marks: Vec<(RunTime, Mark)>,
    failures: HashMap<(Cause, String), FailureId>,
    /// taken − asked, µs.
    pub lag: Histogram,
    /// The rest of the generator's window; histograms are filled in at the cut.
    pub generator: GeneratorWindow,
    /// How late the hub was, µs.
    pub hub_lag: Histogram,
    /// How late the I/O thread was, µs.
    pub io_lag: Histogram,
    window_began: RunTime,
    phase: PhaseId,
}

impl Recorder {
    /// A recorder for one source of a run that began at `start`.
    pub fn new(source: SourceId, role: &str, start: Nanos) -> Self {
        let began = Mark::SourceBegan {
            role: role.to_owned(),
        };
        Self {
            source,
            start,
            windows: Vec::new(),
            touched: Vec::new(),
            names: Vec::new(),
            marks: vec![(0, began)],
            failures: HashMap::new(),
            lag: Histogram::default(),
            generator: GeneratorWindow::default(),
            hub_lag: Histogram::default(),
            io_lag: Histogram::default(),
            window_began: 0,
            phase: 0,
        }
    }

    /// Run time of an instant, µs.
    pub fn run_time(&self, at: Nanos) -> RunTime {
        at.saturating_sub(self.start) / 1_000
    }

    /// When the current window began, run time µs.
    pub fn window_began(&self) -> RunTime {
        self.window_began
    }

    /// Announces an endpoint; ids are given out by the caller, densely.
    pub fn announce(&mut self, row: Row) {
        let Row {
            id,
            kind,
            method,
            name,
            tagged,
        } = row;
        self.names.push(Name::Endpoint {
            id,
            kind,
            method,
            name,
            tagged,
        });
    }

    /// Notes something that happened at `at`.
    pub fn mark(&mut self, at: Nanos, mark: Mark) {
        let at = self.run_time(at);
        self.marks.push((at, mark));
    }

    #[inline]
    fn window(&mut self, endpoint: EndpointId) -> &mut Window {
        let index = endpoint as usize;
        if index >= self.windows.len() {
            self.windows.resize_with(index + 1, || None);
        }
        let window = self.windows[index].get_or_insert_default();
        if !window.touched {
            window.touched = true;
            self.touched.push(endpoint);
        }
        window
    }

    /// A request went well.
    #[inline]
    pub fn ok(&mut self, endpoint: EndpointId, at: &Instants, status: u16, content_bytes: u64) {
        let done = self.run_time(at.done);
        let window = self.window(endpoint);
        let from_due = micros_between(at.due, at.done);
        let from_send = micros_between(at.send, at.done);
        window.counts.ok += 1;
        if at.trace.is_some() {
            window.counts.traced += 1;
            window.counts.traced_us += from_send;
        }
        window.counts.content_bytes += content_bytes;
        window.note_asked(at);
        window.from_due.record(from_due);
        window.from_send.record(from_send);
        let is_slower = |than: &Option<Exemplar>| {
            than.as_ref()
                .is_none_or(|slowest| slowest.from_due_us < from_due)
        };
        let is_slowest = is_slower(&window.slowest);
        if is_slowest || at.trace.is_some() && is_slower(&window.slowest_traced) {
            let exemplar = Exemplar {
                endpoint,
                done,
                from_due_us: from_due,
                from_send_us: from_send,
                status,
                failure: None,
                shape: None,
                trace: at.trace,
            };
            if is_slowest {
                let before = window.slowest.replace(exemplar);
                window.slowest_traced = before
                    .filter(|before| before.trace.is_some())
                    .or(window.slowest_traced.take());
            } else {
                window.slowest_traced = Some(exemplar);
            }
        }
    }

    /// What a response says of itself, if it does.
    #[inline]
    pub fn hints(&mut self, endpoint: EndpointId, head: &ResponseHead) {
        if head.has_hints() {
            hints::count(head, &mut self.window(endpoint).counts.hints);
        }
    }

    /// A request failed.
    pub fn failed(
        &mut self,
        endpoint: EndpointId,
        at: &Instants,
        content_bytes: u64,
        failed: Failed<'_>,
    ) {
        let failure = self.failure_id(failed.cause, failed.text);
        let done = self.run_time(at.done);
        let window = self.window(endpoint);
        let from_due = micros_between(at.due, at.done);
        window.counts.failed += 1;
        window.counts.traced += u64::from(at.trace.is_some());
        window.counts.content_bytes += content_bytes;
        window.note_asked(at);
        window.failed_from_due.record(from_due);
        window.count_failure(failure);
        let is_first_traced = at.trace.is_some()
            && window
                .first_failed
                .iter()
                .all(|first| first.trace.is_none());
        if window.first_failed.len() < FAILED_EXEMPLARS || is_first_traced {
            window.first_failed.push(Exemplar {
                endpoint,
                done,
                from_due_us: from_due,
                from_send_us: if at.send == 0 {
                    0
                } else {
                    micros_between(at.send, at.done)
                },
                status: failed.status,
                failure: Some(failure),
                shape: failed.shape,
                trace: at.trace,
            });
        }
    }

    /// An attempt whose reporter gave no response time.
    pub fn untimed(
        &mut self,
        endpoint: EndpointId,
        content_bytes: u64,
        failed: Option<(Cause, &str)>,
    ) {
        let failure = failed.map(|(cause, text)| self.failure_id(cause, text));
        let window = self.window(endpoint);
        window.counts.untimed += 1;
        window.counts.content_bytes += content_bytes;
        if let Some(failure) = failure {
            window.counts.failed += 1;
            window.count_failure(failure);
        } else {
            window.counts.ok += 1;
        }
    }

    /// A request was given up while in flight, `age_us` after it was due.
    pub fn aborted(&mut self, endpoint: EndpointId, age_us: u64) {
        let window = self.window(endpoint);
        window.counts.aborted += 1;
        window.aborted_age.record(age_us);
    }

    /// A request completed, but its script left without judging it.
    pub fn unjudged(&mut self, endpoint: EndpointId) {
        self.window(endpoint).counts.unjudged += 1;
    }

    /// Slots that passed before this endpoint's request could be made.
    pub fn skipped_slots(&mut self, endpoint: EndpointId, blocked: u32, missed: u32) {
        let counts = &mut self.window(endpoint).counts;
        counts.blocked += u64::from(blocked);
        counts.missed += u64::from(missed);
    }

    /// Bytes on the wire, whoever judges.
    #[inline]
    pub fn bytes(&mut self, endpoint: EndpointId, sent: u64, received: u64) {
        let counts = &mut self.window(endpoint).counts;
        counts.bytes_out += sent;
        counts.bytes_in += received;
    }

    /// A connection was opened for this endpoint's request: times to connect and for TLS, ns.
    pub fn connected(&mut self, endpoint: EndpointId, connect: Nanos, tls: Option<Nanos>) {
        self.generator.connections_opened += 1;
        let window = self.window(endpoint);
        window.connect.record(connect / 1_000);
        if let Some(tls) = tls {
            window.tls.record(tls / 1_000);
        }
    }

    fn failure_id(&mut self, cause: Cause, text: &str) -> FailureId {
        let text = cap(text);
        if let Some(id) = self.failures.get(&(cause, text.clone())) {
            return *id;
        }
        let text = if self.failures.len() < FAILURE_TEXTS {
            text
        } else {
            "(other failures)".to_owned()
        };
        let next = self.failures.len() as FailureId;
        let id = *self.failures.entry((cause, text.clone())).or_insert(next);
        if id == next {
            self.names.push(Name::Failure { id, cause, text });
        }
        id
    }

    /// What is counted from `now` on belongs to another phase; gives the frames that end here.
    pub fn begin_phase(&mut self, now: Nanos, phase: PhaseId) -> Vec<Frame> {
        let frames = self.cut(now);
        self.phase = phase;
        frames
    }

    /// Takes everything counted since the last cut as frames that end at `now`.
    pub fn cut(&mut self, now: Nanos) -> Vec<Frame> {
        let until = self.run_time(now);
        let (at, span) = (self.window_began, until.saturating_sub(self.window_began));
        self.window_began = until;
        let (source, phase) = (self.source, self.phase);
        let frame = |body| Frame {
            at,
            span,
            source,
            phase,
            body,
        };
        let mut frames = Vec::new();
        if !self.names.is_empty() {
            frames.push(frame(Body::Names(std::mem::take(&mut self.names))));
        }
        let mut exemplars = Vec::new();
        let windows: Vec<EndpointWindow> = std::mem::take(&mut self.touched)
            .into_iter()
            .filter_map(|id| {
                let window = self.windows[id as usize].as_deref_mut()?;
                exemplars.extend(window.slowest.take());
                exemplars.extend(window.slowest_traced.take());
                exemplars.append(&mut window.first_failed);
                Some(window.cut(id))
            })
            .collect();
        if !windows.is_empty() {
            frames.push(frame(Body::Requests(windows)));
        }
        if !exemplars.is_empty() {
            frames.push(frame(Body::Exemplars(exemplars)));
        }
        let generator = GeneratorWindow {
            lag: self.lag.cut(),
            hub_lag: self.hub_lag.cut(),
            io_lag: self.io_lag.cut(),
            ..std::mem::take(&mut self.generator)
        };
        if generator != GeneratorWindow::default() {
            frames.push(frame(Body::Generator(Box::new(generator))));
        }
        for (at, mark) in self.marks.drain(..) {
            frames.push(Frame {
                at,
                span: 0,
                source,
                phase,
                body: Body::Mark(mark),
            });
        }
        frames
    }
}

impl Window {
    /// Keeps asked → done apart from the first request on whose due was not its asking.
    #[inline]
    fn note_asked(&mut self, at: &Instants) {
        if self.from_asked.is_none() {
            if at.due == at.asked {
                return;
            }
            let mut so_far = self.from_due.clone();
            so_far.merge(&self.failed_from_due);
            self.from_asked = Some(Box::new(so_far));
        }
        if let Some(asked) = &mut self.from_asked {
            asked.record(micros_between(at.asked, at.done));
        }
    }

    fn count_failure(&mut self, failure: FailureId) {
        match self
            .counts
            .failures
            .iter_mut()
            .find(|(id, _)| *id == failure)
        {
            Some((_, count)) => *count += 1,
            None => self.counts.failures.push((failure, 1)),
        }
    }

    fn cut(&mut self, endpoint: EndpointId) -> EndpointWindow {
        self.touched = false;
        EndpointWindow {
            endpoint,
            from_due: self.from_due.cut(),
            from_send: self.from_send.cut(),
            failed_from_due: self.failed_from_due.cut(),
            from_asked: self.from_asked.take().map(|asked| asked.to_sparse()),
            connect: cut_rare(&mut self.connect),
            tls: cut_rare(&mut self.tls),
            aborted_age: cut_rare(&mut self.aborted_age),
            ..std::mem::take(&mut self.counts)
        }
    }
}

/// Cuts a histogram that is mostly empty and gives its pages back.
fn cut_rare(histogram: &mut Histogram) -> Sparse {
    let sparse = histogram.cut();
    *histogram = Histogram::default();
    sparse
}

fn cap(text: &str) -> String {
    match text.char_indices().nth(FAILURE_TEXT_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
