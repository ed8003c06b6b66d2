//! The fold of a run's frames: the only thing that judging and showing read.
//!
//! [`Timeline::apply`] is the only mutator. It commutes and takes late frames, so live and replayed runs are equal; the one
//! exception is [`Timeline::since_reset`], a view for Locust-shaped outputs that follows the order of arrival around a reset.
//! It does not judge, and it computes percentiles only through its histograms.

mod endpoint;
mod event;
mod generator;
mod machine;
mod newest;
mod phase;
mod seconds;
mod slices;
mod sparks;
mod traces;
mod watched;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::access::Access;
use crate::frame::{
    Body, CallId, Cause, EndpointId, EndpointWindow, EventId, Exemplar, Fact, FailureId, Frame,
    Kind, Mark, Name, PhaseId, RunTime, SOURCES_PER_PROCESS, SeriesId, SeriesKind, SourceId,
};
use crate::histogram::Histogram;
use crate::plan::Plan;
use crate::probe::Probed;
use crate::spans::EndpointCalls;
use crate::watched::OBSERVERS;
pub use endpoint::{Endpoint, FailureTotals, Recent};
pub use event::{EVENTS, EventEnd, EventSeen};
pub use generator::{GeneratorSums, GeneratorTotals, Generators};
pub use machine::{MachineSecond, MachineSeconds};
pub use phase::{PHASES, PhaseEndpoint, PhaseTotals};
pub use seconds::{INTERVALS, Level, Second, Seconds, Stretch};
pub use slices::{SLICES, Slices};
pub use sparks::{SPARKS, Spark, Sparks};
pub use traces::{CallKey, CallTotals, Calls, TraceSeen, Traces};
pub use watched::{Growth, POINTS, SERIES, Series, SeriesKey, Subject, Target};

/// Failure texts kept per endpoint.
pub const FAILURES_PER_ENDPOINT: usize = 200;
/// Slowest and first failed requests kept per endpoint.
const EXEMPLARS: usize = 5;
/// Looks of a probe.
const PROBES: usize = 20_000;
/// Marks, facts and exceptions kept.
const MARKS: usize = 10_000;

/// What identifies an endpoint across sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// What it is.
    pub kind: Kind,
    /// Method as the script gave it.
    pub method: String,
    /// Name after grouping.
    pub name: String,
    /// What the scenario's tag says it is. Where some tasks that ask for it are tagged and others are not, these are two rows: so each
    /// request counts as what it was, in whatever order frames come.
    pub tagged: Option<Access>,
}

impl EndpointKey {
    /// Whether this is its name, or its method and its name.
    pub fn is_called(&self, wanted: &str) -> bool {
        wanted == self.name
            || wanted
                .strip_suffix(self.name.as_str())
                .and_then(|rest| rest.strip_suffix(' '))
                .is_some_and(|method| method.eq_ignore_ascii_case(&self.method))
    }
}

/// One request worth looking at, with its names resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The request.
    pub request: Exemplar,
    /// Cause and text, when it failed.
    pub failure: Option<(Cause, String)>,
}

impl Example {
    fn slower_first(&self, other: &Self) -> Ordering {
        let key = |example: &Self| (example.request.from_due_us, example.request.done);
        key(other).cmp(&key(self))
    }

    fn earlier_first(&self, other: &Self) -> Ordering {
        let key = |example: &Self| (example.request.done, example.request.from_due_us);
        key(self).cmp(&key(other))
    }

    /// Adds it to a list that holds the first few in this order.
    fn keep_in(self, list: &mut Vec<Self>, order: fn(&Self, &Self) -> Ordering) {
        list.push(self);
        list.sort_by(order);
        list.truncate(EXEMPLARS);
    }
}

#[derive(Clone, Debug, Default)]
struct Names {
    endpoints: HashMap<EndpointId, EndpointKey>,
    failures: HashMap<FailureId, (Cause, String)>,
    series: HashMap<SeriesId, SeriesName>,
    calls: HashMap<CallId, CallKey>,
    /// Of an observer: what it watches.
    watches: Option<String>,
}

#[derive(Clone, Debug)]
struct SeriesName {
    of: String,
    key: SeriesKey,
    unit: String,
    kind: SeriesKind,
    /// Where its points are among those of what it is of, once it has some.
    place: Option<usize>,
}

/// The fold of all frames seen so far.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    names: HashMap<SourceId, Names>,
    /// What cannot be placed until its names are announced.
    parked: Vec<Frame>,
    /// Totals by endpoint.
    pub endpoints: BTreeMap<EndpointKey, Endpoint>,
    /// The same since the last reset; `None` before the first.
    pub since_reset: Option<(RunTime, BTreeMap<EndpointKey, Endpoint>)>,
    /// Phase by phase; what was seen before the first is in none.
    pub phases: BTreeMap<PhaseId, PhaseTotals>,
    /// Its objectives are counted for; given at the start, since seconds are not kept by endpoint.
    plan: Plan,
    /// By number of the objective (conditions that end the load come after the objectives) and phase.
    pub slices: BTreeMap<(usize, PhaseId), Slices>,
    /// Processes that ended before their time.
    pub workers_lost: BTreeSet<u32>,
    /// What was seen of the plan's events.
    pub events: BTreeMap<EventId, EventSeen>,
    /// Why the load was ended before its time, if a condition did that.
    pub aborted: Option<String>,
    /// When the plan was over, if it came to its end, µs.
    pub load_ended: Option<RunTime>,
    /// Processes that have come to its end.
    load_ended_in: BTreeSet<u32>,
    /// The run second by second.
    pub seconds: Seconds,
    /// The generator's own health.
    pub generators: Generators,
    /// What was in use of its machine.
    pub machine: MachineSeconds,
    /// Each endpoint over time.
    pub sparks: BTreeMap<EndpointKey, Sparks>,
    /// What is watched of the target.
    pub target: Target,
    /// What the target's spans say.
    pub traces: Traces,
    /// What a probe asked, by the time of the look before it, with the time of the look after it.
    pub probes: BTreeMap<RunTime, (RunTime, Probed)>,
    /// What happened when, in order of time.
    pub marks: BTreeMap<(RunTime, SourceId, usize), Mark>,
    /// Facts, in order of arrival within their second.
    pub facts: BTreeMap<(RunTime, String, String), Fact>,
    /// Slowest requests by endpoint.
    pub slowest: BTreeMap<EndpointKey, Vec<Example>>,
    /// First failed requests by endpoint.
    pub first_failed: BTreeMap<EndpointKey, Vec<Example>>,
    /// End of the latest window, µs.
    pub end: RunTime,
    /// Something was left out because of a cap.
    pub capped: bool,
    /// Empty between frames; its memory is used again.
    scratch: Histogram,
}

impl Timeline {
    /// A timeline that counts for the objectives of a plan.
    pub fn watching(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            ..Self::default()
        }
    }

    /// Takes in one frame.
    pub fn apply(&mut self, frame: &Frame) {
        self.end = self.end.max(frame.at.saturating_add(frame.span));
        match &frame.body {
            Body::Names(names) => self.learn(frame.source, names),
            Body::Requests(windows) => self.add_windows(frame, windows),
            Body::Exemplars(exemplars) => {
                for exemplar in exemplars {
                    self.add_exemplar(frame, exemplar);
                }
            }
            Body::Generator(window) => {
                self.generators.add(frame, window);
                self.machine.add(frame, window);
                let phase = frame.phase.min(PHASES + 1);
                self.seconds.add_generator(phase, frame, window);
                if let Some(phase) = self.phase(frame.phase) {
                    phase.generators.add(frame, window);
                    phase.until(frame);
                }
            }
            Body::Facts(facts) if frame.source >= OBSERVERS => self.learn_of(frame, facts),
            Body::Facts(facts) => {
                for fact in facts {
                    if self.facts.len() == MARKS {
                        self.capped = true;
                        break;
                    }
                    let key = (frame.at, fact.topic.clone(), fact.subject.clone());
                    self.facts.insert(key, fact.clone());
                }
            }
            Body::Mark(mark) => self.add_mark(frame, mark),
            Body::Watched(watched) => {
                self.capped |= !self.target.announce(watched);
                let known = self.names.entry(frame.source).or_default();
                known.watches = Some(watched.subject.clone());
                self.unpark(frame.source);
            }
            Body::Samples(samples) => self.add_samples(frame, samples),
            Body::Calls(calls) => self.add_calls(frame, calls),
            Body::Probed(probed) if self.probes.len() < PROBES => {
                let until = frame.at.saturating_add(frame.span);
                self.probes.insert(frame.at, (until, (**probed).clone()));
            }
            Body::Probed(_) => self.capped = true,
            Body::Trace(spans) => self.capped |= !self.traces.add_spans(spans),
            Body::Unknown => {}
        }
    }

    fn learn(&mut self, source: SourceId, names: &[Name]) {
        let known = self.names.entry(source).or_default();
        for name in names {
            match name {
                Name::Endpoint {
                    id,
                    kind,
                    method,
                    name,
                    tagged,
                } => {
                    let key = EndpointKey {
                        kind: *kind,
                        method: method.clone(),
                        name: name.clone(),
                        tagged: *tagged,
                    };
                    known.endpoints.insert(*id, key);
                }
                Name::Failure { id, cause, text } => {
                    known.failures.insert(*id, (*cause, text.clone()));
                }
                Name::Series {
                    id,
                    of,
                    name,
                    labels,
                    unit,
                    kind,
                } => {
                    let key = SeriesKey {
                        name: name.clone(),
                        labels: labels.clone(),
                    };
                    let series = SeriesName {
                        of: of.clone(),
                        key,
                        unit: unit.clone(),
                        kind: *kind,
                        place: None,
                    };
                    known.series.insert(*id, series);
                }
                Name::Call {
                    id,
                    about,
                    system,
                    text,
                } => {
                    let key = CallKey {
                        about: about.clone(),
                        system: system.clone(),
                        text: text.clone(),
                    };
                    known.calls.insert(*id, key);
                }
            }
        }
        self.unpark(source);
    }

    /// What a source sent before its names.
    fn unpark(&mut self, source: SourceId) {
        let (now, later) = std::mem::take(&mut self.parked)
            .into_iter()
            // Calls speak of endpoints that another source names.
            .partition(|frame| frame.source == source || matches!(frame.body, Body::Calls(_)));
        self.parked = later;
        let now: Vec<Frame> = now;
        for frame in now {
            self.apply(&frame);
        }
    }

    fn failure(&self, source: SourceId, id: FailureId) -> Option<(Cause, String)> {
        self.names.get(&source)?.failures.get(&id).cloned()
    }

    fn park(&mut self, frame: &Frame, body: Body) {
        if self.parked.len() < MARKS {
            self.parked.push(Frame {
                body,
                ..frame.clone()
            });
        } else {
            self.capped = true;
        }
    }

    fn add_windows(&mut self, frame: &Frame, windows: &[EndpointWindow]) {
        // Together first: a second holds more than a window does, and merging costs what it holds.
        let (mut all, mut from_due) =
            (EndpointWindow::default(), std::mem::take(&mut self.scratch));
        for window in windows {
            match self.add_window(frame, window) {
                Some(Kind::Request | Kind::Custom) => {
                    all.count(window);
                    from_due.add(&window.from_due);
                }
                // Arrivals that made no request.
                Some(Kind::Flow) => all.blocked += window.blocked,
                Some(Kind::Job) | None => {}
            }
        }
        all.from_due = from_due.cut();
        self.scratch = from_due;
        if all != EndpointWindow::default() {
            let phase = frame.phase.min(PHASES + 1);
            self.seconds.add_requests(phase, frame.at, &all);
        }
    }

    /// Answers what it counted for; `None` if that is not known yet.
    fn add_window(&mut self, frame: &Frame, window: &EndpointWindow) -> Option<Kind> {
        let names = self.names.get(&frame.source);
        let key = names
            .and_then(|names| names.endpoints.get(&window.endpoint))
            .cloned();
        let failures: Option<Vec<_>> = window
            .failures
            .iter()
            .map(|(id, count)| Some((self.failure(frame.source, *id)?, *count)))
            .collect();
        let (Some(key), Some(failures)) = (key, failures) else {
            self.park(frame, Body::Requests(vec![window.clone()]));
            return None;
        };
        let kind = key.kind;
        if let Some(phase) = self.phase(frame.phase) {
            phase.add(&key, window);
            phase.until(frame);
        }
        let phase = frame.phase.min(PHASES + 1);
        let counted = self.plan.slos.iter().chain(&self.plan.abort_on);
        for (number, slo) in counted.enumerate() {
            if slo.covers(&key, &self.plan) {
                let slices = self.slices.entry((number, phase)).or_default();
                slices.add(frame.at, &slo.tally(&key, window));
            }
        }
        if let Some((since, endpoints)) = &mut self.since_reset
            // Workers cut their windows a moment before or after.
            && frame.at + frame.span / 2 >= *since
        {
            endpoints
                .entry(key.clone())
                .or_default()
                .add(frame.at, frame.span, window, &failures);
        }
        let sparks = self.sparks.entry(key.clone()).or_default();
        sparks.add(frame.at, window);
        self.endpoints
            .entry(key)
            .or_default()
            .add(frame.at, frame.span, window, &failures);
        Some(kind)
    }

    fn learn_of(&mut self, frame: &Frame, facts: &[Fact]) {
        let watches = self.names.get(&frame.source);
        let Some(of) = watches.and_then(|names| names.watches.clone()) else {
            return self.park(frame, Body::Facts(facts.to_vec()));
        };
        for fact in facts {
            self.capped |= !self.target.learn(&of, frame.at, fact);
        }
    }

    fn add_samples(&mut self, frame: &Frame, samples: &[(SeriesId, f64)]) {
        let mut early = Vec::new();
        let mut names = self.names.get_mut(&frame.source);
        for (id, value) in samples {
            match names.as_mut().and_then(|names| names.series.get_mut(id)) {
                Some(name) => self.capped |= !self.target.add(name, (frame.at, *value)),
                None => early.push((*id, *value)),
            }
        }
        if !early.is_empty() {
            self.park(frame, Body::Samples(early));
        }
    }

    fn add_calls(&mut self, frame: &Frame, calls: &[EndpointCalls]) {
        let mut early = Vec::new();
        for of_endpoint in calls {
            let names = self.names.get(&of_endpoint.of);
            let endpoint = names.and_then(|names| names.endpoints.get(&of_endpoint.endpoint));
            let names = self.names.get(&frame.source);
            let known = of_endpoint.calls.iter().map(|called| {
                let key = names.and_then(|names| names.calls.get(&called.call))?;
                Some((key.clone(), *called))
            });
            match (endpoint, known.collect::<Option<Vec<_>>>()) {
                (Some(endpoint), Some(known)) => {
                    let phase = frame.phase.min(PHASES + 1);
                    self.capped |= !self.traces.add_calls(phase, endpoint, of_endpoint, &known);
                }
                _ => early.push(of_endpoint.clone()),
            }
        }
        if !early.is_empty() {
            self.park(frame, Body::Calls(early));
        }
    }

    fn add_exemplar(&mut self, frame: &Frame, exemplar: &Exemplar) {
        let names = self.names.get(&frame.source);
        let key = names
            .and_then(|names| names.endpoints.get(&exemplar.endpoint))
            .cloned();
        let failure = exemplar.failure.map(|id| self.failure(frame.source, id));
        let (Some(key), Some(failure)) = (key, failure.map_or(Some(None), |found| found.map(Some)))
        else {
            return self.park(frame, Body::Exemplars(vec![exemplar.clone()]));
        };
        // The id was the source's; across sources it would make equal examples differ.
        let request = Exemplar {
            endpoint: 0,
            failure: None,
            ..exemplar.clone()
        };
        let example = Example { request, failure };
        if example.request.trace.is_some() {
            self.traces.add_example(&key, &example);
        }
        if example.failure.is_some() {
            let list = self.first_failed.entry(key).or_default();
            example.keep_in(list, Example::earlier_first);
        } else {
            let list = self.slowest.entry(key).or_default();
            example.keep_in(list, Example::slower_first);
        }
    }

    /// Whether no process makes load any more; of several, the first makes none.
    pub fn load_is_over(&self) -> bool {
        let processes = self.generators.processes.len();
        let mut makers = (u32::from(processes > 1)..).take(processes.saturating_sub(1).max(1));
        makers.all(|process| {
            let lost = process > 0 && self.workers_lost.contains(&(process - 1));
            lost || self.load_ended_in.contains(&process)
        })
    }

    /// Where to count what belongs to a phase. All beyond the cap are one.
    fn phase(&mut self, phase: PhaseId) -> Option<&mut PhaseTotals> {
        self.capped |= phase > PHASES;
        (phase > 0).then(|| self.phases.entry(phase.min(PHASES + 1)).or_default())
    }

    fn add_mark(&mut self, frame: &Frame, mark: &Mark) {
        if let Mark::PhaseBegan { phase, name, kind } = mark
            && let Some(totals) = self.phase(*phase)
        {
            totals.begin(frame.at, name, kind);
            if *phase > PHASES {
                "(later phases)".clone_into(&mut totals.name);
            }
        }
        if let Mark::WorkerLost { worker } = mark {
            self.workers_lost.insert(*worker);
        }
        self.add_event(frame.at, mark);
        self.capped |= !self.target.mark(frame.at, mark);
        if let Mark::Aborted { why } = mark {
            self.aborted = Some(why.clone());
        }
        if *mark == Mark::LoadEnded {
            let at = frame.at;
            self.load_ended = Some(self.load_ended.map_or(at, |known| known.max(at)));
            self.load_ended_in
                .insert(frame.source / SOURCES_PER_PROCESS);
        }
        if *mark == Mark::Reset
            && self
                .since_reset
                .as_ref()
                .is_none_or(|(since, _)| *since <= frame.at)
        {
            self.since_reset = Some((frame.at, BTreeMap::new()));
        }
        // How it ended is said even of a run that had ten thousand exceptions.
        if self.marks.len() >= MARKS && !matches!(mark, Mark::End { .. }) {
            self.capped = true;
            return;
        }
        let twins = self
            .marks
            .range((frame.at, frame.source, 0)..=(frame.at, frame.source, usize::MAX))
            .count();
        self.marks
            .insert((frame.at, frame.source, twins), mark.clone());
    }

    fn add_event(&mut self, at: RunTime, mark: &Mark) {
        let (Mark::EventBegan { event, .. } | Mark::EventEnded { event, .. }) = mark else {
            return;
        };
        if (*event as usize) < EVENTS {
            self.events.entry(*event).or_default().add(at, mark);
        } else {
            self.capped = true;
        }
    }

    /// Totals by endpoint since the last reset, or since the start.
    pub fn locust_endpoints(&self) -> (RunTime, &BTreeMap<EndpointKey, Endpoint>) {
        match &self.since_reset {
            Some((since, endpoints)) => (*since, endpoints),
            None => (0, &self.endpoints),
        }
    }

    /// All requests and custom events together; flows and jobs are made of them. Arrivals that made no flow made no request either:
    /// blocked and missed ones are in it.
    pub fn total<'a>(
        endpoints: impl IntoIterator<Item = (&'a EndpointKey, &'a Endpoint)>,
    ) -> Endpoint {
        let mut total = Endpoint::default();
        for (key, endpoint) in endpoints {
            match key.kind {
                Kind::Request | Kind::Custom => total.merge(endpoint),
                Kind::Flow => {
                    total.blocked += endpoint.blocked;
                    total.missed += endpoint.missed;
                }
                Kind::Job => {}
            }
        }
        total
    }
}

#[cfg(test)]
mod tests;
