//! What the rules look at: a run, by endpoint, by phase, by what was watched. Adds up; judges nothing.

mod late;
mod quiet;
mod regressed;
mod tagged;

use katydid_record::finding::Cost;
use katydid_record::probe::{
    ExperimentSummary, Pass, ProbeSummary, ProbedEndpoint, ProbedStatement,
};
use katydid_record::timeline::{CallKey, CallTotals, Calls, Series, Subject};
use katydid_record::{Endpoint, EndpointKey, Kind, RunTime, Timeline};

use super::limits;
use crate::numbers::median;
use crate::probe;
use crate::target::{Part, table};
use crate::titles::Titles;

pub use late::Late;
pub use quiet::Quiet;

/// A run.
pub struct Case<'a> {
    /// All of it.
    pub timeline: &'a Timeline,
    /// From the beginning of the load to its end.
    pub whole: Part,
    /// Each phase, or the whole run where there is none.
    pub phases: Vec<Part>,
    /// Requests by endpoint, those that took most time in all first.
    pub endpoints: Vec<EndpointCase>,
    /// Databases that were watched.
    pub databases: Vec<Database<'a>>,
    /// What was tried out on the target.
    pub experiments: &'a [ExperimentSummary],
}

/// An endpoint.
pub struct EndpointCase {
    /// As it is counted.
    key: EndpointKey,
    /// `GET /orders`.
    pub title: String,
    /// Those that ended well or badly.
    pub requests: u64,
    /// From send, of those that went well, ms.
    pub mean_ms: f64,
    /// Time that those took that were given up without an answer when the load ended, s.
    pub unanswered_s: f64,
    /// Within this one in twenty of them was done, ms.
    pub fast_ms: f64,
    /// Requests whose spans came.
    pub traced: u64,
    /// How long its requests waited before the service began with them, ms, where spans say so.
    pub before_ms: Option<f64>,
    /// How long the service had them, ms, as its spans say, where they say that too.
    pub served_ms: Option<f64>,
    /// The longest time without a statement after the first one: the medians of the requests whose spans were kept.
    pub quiet: Option<Quiet>,
    /// What a probe found of it.
    pub probed: Option<ProbedEndpoint>,
    /// What it calls: as spans have it, or else the probe.
    pub calls: Vec<Call>,
    /// What it seems to call, where neither is known: by tags of statements, or by how counts go together.
    pub perhaps: Vec<Call>,
    /// At so many looks a statement ran with a tag that names it.
    pub tags: usize,
    /// In so many windows.
    pub windows: usize,
}

/// What an endpoint calls.
pub struct Call {
    /// What.
    pub key: CallKey,
    /// How often.
    pub per_request: f64,
    /// Its mean, ms.
    pub each_ms: f64,
}

impl Call {
    /// It is a statement, not a command of a cache, nor what a driver does beside them.
    pub fn is_sql(&self) -> bool {
        self.key.about == "db" && self.key.text.contains(' ')
    }

    /// It asks another service.
    pub fn is_of_a_service(&self) -> bool {
        is_service(&self.key.about)
    }

    /// Of a request, ms; of calls side by side the sum.
    pub fn ms(&self) -> f64 {
        self.per_request * self.each_ms
    }
}

/// A `PostgreSQL` database.
pub struct Database<'a> {
    /// What was seen of it.
    pub subject: &'a Subject,
    /// `PostgreSQL 18.1, database shop`.
    pub title: &'a str,
    /// What ran in it, in the whole run, what took most time first.
    pub statements: Vec<Statement<'a>>,
}

/// A statement.
pub struct Statement<'a> {
    /// Its short name.
    pub id: &'a str,
    /// Without literals.
    pub text: &'a str,
    /// How often it ran.
    pub calls: f64,
    /// In all, s.
    pub seconds: f64,
    /// Rows in all.
    pub rows: f64,
    /// Blocks in all.
    pub blocks: f64,
}

impl<'a> Case<'a> {
    /// Looks at a run, of which a probe has said this.
    pub fn new(timeline: &'a Timeline, probe: Option<&'a ProbeSummary>) -> Self {
        let parts = crate::target::parts(timeline);
        let phases: Vec<Part> = parts[1..].to_vec();
        let whole = Part {
            phase: String::new(),
            from: phases.first().map_or(0, |phase| phase.from),
            until: phases
                .last()
                .map_or(until_changed(timeline), |phase| phase.until),
        };
        let databases: Vec<Database<'a>> = of_kind(timeline, "postgres")
            .map(|subject| Database::new(subject, &whole))
            .collect();
        let mut endpoints = endpoints(timeline, probe);
        if timeline.probes.is_empty() && endpoints.iter().any(|of| !of.has_calls()) {
            for database in &databases {
                tagged::by_tags(&whole, database, &mut endpoints);
                regressed::regress(timeline, &whole, database, &mut endpoints);
            }
        }
        Self {
            timeline,
            endpoints,
            experiments: probe.map_or(&[], |probe| &probe.experiments),
            databases,
            phases: if phases.is_empty() {
                vec![whole.clone()]
            } else {
                phases
            },
            whole,
        }
    }

    /// One request was made at a time: nothing is to be said of load.
    pub fn is_probe(&self) -> bool {
        !self.timeline.probes.is_empty()
    }

    /// What was watched of this kind.
    pub fn watched(&self, kind: &'static str) -> impl Iterator<Item = &'a Subject> + use<'a> {
        of_kind(self.timeline, kind)
    }

    /// The first database that ran a statement of this text, with it.
    pub fn statement(&self, text: &str) -> Option<(&Database<'a>, &Statement<'a>)> {
        let mut all = self.databases.iter();
        all.find_map(|database| Some((database, database.statement(text)?)))
    }

    /// Time that all requests took, s.
    pub fn request_seconds(&self) -> f64 {
        self.endpoints.iter().map(EndpointCase::seconds).sum()
    }

    /// Length of the load, s.
    pub fn seconds(&self) -> f64 {
        self.whole.seconds()
    }

    /// The ends of the three thirds of the load, after its beginning.
    fn thirds(&self) -> [RunTime; 4] {
        let third = self.whole.until.saturating_sub(self.whole.from) / 3;
        [0, 1, 2, 3].map(|number| self.whole.from + third * number)
    }

    /// From the beginning of the load to the end of its first third.
    pub fn first_third(&self) -> Part {
        Part {
            until: self.thirds()[1],
            ..self.whole.clone()
        }
    }

    /// From the end of the first third of the load to its end.
    pub fn after_first_third(&self) -> Part {
        Part {
            from: self.thirds()[1],
            ..self.whole.clone()
        }
    }

    /// A level at the end of each third of the load, folded from the looks of the third's last third; `None` where there were none.
    pub fn at_thirds(&self, series: &Series, fold: fn(&[f64]) -> f64) -> Option<[f64; 3]> {
        let [_, first, second, third] = self.thirds();
        let before = (second - first) / 3;
        let at = |end: RunTime| {
            let within = end.saturating_sub(before)..=end;
            let looks = series.points().iter().filter(|(at, _)| within.contains(at));
            let values: Vec<f64> = looks.map(|(_, value)| *value).collect();
            (!values.is_empty()).then(|| fold(&values))
        };
        Some([at(first)?, at(second)?, at(third)?])
    }

    /// Requests that ended in each third of the load, to the second.
    pub fn requests_by_third(&self) -> [u64; 3] {
        let ends = self.thirds();
        let mut requests = [0; 3];
        for piece in crate::series::pieces(self.timeline) {
            let middle = u64::midpoint(piece.from_us, piece.until_us);
            let third = (0..3).find(|third| (ends[*third]..ends[third + 1]).contains(&middle));
            if let Some(third) = third {
                requests[third] += piece.second.ok + piece.second.failed;
            }
        }
        requests
    }

    /// Requests under way in a phase, as the generator counts them once a second.
    pub fn under_way(&self, part: &Part) -> Option<Vec<f64>> {
        let pieces = crate::series::pieces(self.timeline);
        let middle = |piece: &crate::series::Piece| u64::midpoint(piece.from_us, piece.until_us);
        let within = pieces
            .iter()
            .filter(|piece| (part.from..part.until).contains(&middle(piece)));
        let counts: Vec<f64> = within
            .map(|piece| piece.second.in_flight() as f64)
            .collect();
        (!counts.is_empty()).then_some(counts)
    }

    /// How long nothing was answered before the load ended, s.
    pub fn silent_s(&self) -> f64 {
        let last = self.timeline.endpoints.values().map(|of| of.last).max();
        last.map_or(0.0, |last| {
            self.whole.until.saturating_sub(last) as f64 / 1e6
        })
    }

    /// Processors that the target's processes used in the load; the most of one subject.
    pub fn target_cores(&self) -> Option<f64> {
        let subjects = self.timeline.target.subjects.values();
        let used = subjects.filter_map(|of| {
            let (spent, seconds) = grown(of, "process.cpu.all", &self.whole)?;
            (seconds > 0.0).then(|| spent / seconds)
        });
        used.max_by(f64::total_cmp)
    }

    /// The share of the machine's processors that was busy, in the phase where it was most.
    pub fn machine_busy(&self) -> Option<f64> {
        super::cpu::busiest(self)
    }

    /// Its processors are at their limit, as far as they were watched.
    pub fn machine_is_full(&self) -> bool {
        self.machine_busy()
            .is_some_and(|busy| busy >= limits::CPU_BUSY)
    }

    /// What one process of the target used of a processor, in the phase where it was most.
    pub fn busiest_process(&self) -> Option<f64> {
        let subjects = self.timeline.target.subjects.values();
        let used = subjects.filter_map(|of| Some(super::cpu::busiest_process(self, of)?.used));
        used.max_by(f64::total_cmp)
    }

    /// The phase of a database in which a measure is largest.
    pub fn worst_phase(
        &self,
        measure: impl Fn(&Subject, &Part) -> Option<f64>,
    ) -> Option<(&Database<'a>, &Part, f64)> {
        let all = self.databases.iter();
        all.flat_map(|database| self.phases.iter().map(move |part| (database, part)))
            .filter_map(|(database, part)| Some((database, part, measure(database.subject, part)?)))
            .max_by(|a, b| a.2.total_cmp(&b.2))
    }

    /// What something costs that takes so much of each request of an endpoint, ms.
    pub fn cost(&self, endpoint: &EndpointCase, ms: f64) -> Cost {
        // Traced requests may be slower than the others: those at the beginning all are traced.
        let ms = ms.min(endpoint.mean_ms);
        self.cost_in_all(endpoint, ms, ms * endpoint.requests as f64 / 1e3)
    }

    /// The same where it takes so much of all requests, s.
    pub fn cost_in_all(&self, endpoint: &EndpointCase, ms: f64, seconds: f64) -> Cost {
        Cost {
            ms,
            of_ms: endpoint.mean_ms,
            // Calls side by side add up to more than there is.
            share: (seconds / self.request_seconds()).min(1.0),
        }
    }

    /// Endpoints that run a statement, as spans or a probe have it, with how often per request: those that run it most in all first.
    pub fn callers(&self, text: &str) -> Vec<(&EndpointCase, f64)> {
        self.running(text, |of| if of.has_calls() { &of.calls } else { &[] })
    }

    /// Those that seem to, by tags or by how counts go together, where nothing else is known.
    pub fn perhaps(&self, text: &str) -> Vec<(&EndpointCase, f64)> {
        self.running(text, |of| &of.perhaps)
    }

    fn running(
        &self,
        text: &str,
        calls: impl Fn(&EndpointCase) -> &[Call],
    ) -> Vec<(&EndpointCase, f64)> {
        let per_request = |endpoint: &EndpointCase| {
            let mut all = calls(endpoint).iter();
            all.find(|call| call.key.text == text)
                .map(|call| call.per_request)
        };
        let mut all: Vec<_> = self
            .endpoints
            .iter()
            .filter_map(|endpoint| Some((endpoint, per_request(endpoint)?)))
            .collect();
        all.sort_by(|a, b| (b.1 * b.0.requests as f64).total_cmp(&(a.1 * a.0.requests as f64)));
        all
    }
}

impl EndpointCase {
    /// It is in the service for so long besides the database, in all, ms.
    pub fn held_ms(&self) -> f64 {
        (self.served_ms.unwrap_or(self.mean_ms) - self.database_ms()) * self.requests as f64
    }

    /// Its spans are enough to tell calls per request.
    pub fn is_traced(&self) -> bool {
        self.traced >= limits::TRACED
    }

    /// It is known what it calls.
    pub fn has_calls(&self) -> bool {
        self.is_traced() || self.is_probed()
    }

    fn is_tagged(&self) -> bool {
        !self.is_traced() && self.tags > 0
    }

    fn is_probed(&self) -> bool {
        self.probed
            .as_ref()
            .is_some_and(|of| of.requests >= probe::ENOUGH && of.queries.is_some())
    }

    /// Who says what it calls: of how many requests.
    pub fn source(&self) -> String {
        match &self.probed {
            Some(of) if !self.is_traced() => format!("probe of {} requests", of.requests),
            None if self.is_tagged() => format!("tags at {} looks", self.tags),
            None if !self.is_traced() => format!("regression over {} windows", self.windows),
            _ => format!("spans of {} requests", self.traced),
        }
    }

    /// Who says what it calls, in a word.
    pub fn basis(&self) -> &'static str {
        match self {
            of if of.is_traced() => "spans",
            of if of.is_probed() => "probe",
            of if of.is_tagged() => "tags",
            _ => "regression",
        }
    }

    /// A statement, as a probe has it.
    pub fn probed(&self, text: &str) -> Option<&ProbedStatement> {
        let mut all = self.probed.iter().flat_map(|of| &of.statements);
        all.find(|statement| statement.text == text)
    }

    /// Of a request, the time in databases, ms.
    pub fn database_ms(&self) -> f64 {
        self.time_in(|key| key.about == "db" && !is_cache(key))
    }

    /// Until a connection to a database was had, ms; `None` where no span tells of it.
    pub fn pool_ms(&self) -> Option<f64> {
        let is_it = |key: &CallKey| key.about == "pool";
        let is_told = self.calls.iter().any(|call| is_it(&call.key));
        is_told.then(|| self.time_in(is_it))
    }

    /// In caches, ms.
    pub fn cache_ms(&self) -> f64 {
        self.time_in(is_cache)
    }

    /// In other services, ms.
    pub fn service_ms(&self) -> f64 {
        self.time_in(|key| is_service(&key.about))
    }

    /// In calls of some kind, ms.
    pub fn time_in(&self, is_it: impl Fn(&CallKey) -> bool) -> f64 {
        let calls = self.calls.iter().filter(|call| is_it(&call.key));
        calls.map(Call::ms).sum()
    }

    /// Its requests run statements.
    pub fn asks_a_database(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|call| call.is_sql() && call.per_request >= 0.5)
    }

    /// Time that its requests took in all, s, until they were answered or the load ended.
    pub fn seconds(&self) -> f64 {
        self.requests as f64 * self.mean_ms / 1e3 + self.unanswered_s
    }
}

/// What a probe saw is of the target as it is: until it was changed, or to the end.
fn until_changed(timeline: &Timeline) -> RunTime {
    let mut all = timeline.probes.iter();
    let changed = all.find(|(_, (_, probed))| probed.arm.is_some() || probed.pass == Pass::Cold);
    changed.map_or(timeline.end, |(from, _)| *from)
}

fn endpoints(timeline: &Timeline, probe: Option<&ProbeSummary>) -> Vec<EndpointCase> {
    let titles = Titles::new(timeline.endpoints.keys());
    let traced = timeline.traces.by_endpoint();
    let requests = timeline.endpoints.iter();
    let requests = requests.filter(|(key, of)| key.kind == Kind::Request && of.ended() > 0);
    let probed = probe.map_or(&[][..], |probe| &probe.endpoints);
    let mut all: Vec<EndpointCase> = requests
        .map(|(key, of)| EndpointCase {
            probed: probed
                .iter()
                .find(|probed| (&probed.method, &probed.name) == (&key.method, &key.name))
                .cloned(),
            title: format!("{} {}", key.method, titles.of(key)),
            requests: of.ended(),
            mean_ms: of.from_send.mean_us().unwrap_or(0.0) / 1e3,
            unanswered_s: of.aborted_age.sum_us() as f64 / 1e6,
            fast_ms: of.from_send.quantile_us(0.05).unwrap_or(0) as f64 / 1e3,
            before_ms: before_ms(of, traced.get(key)),
            served_ms: served_ms(of, traced.get(key)),
            quiet: quiet_of(timeline, key),
            traced: traced.get(key).map_or(0, |calls| calls.requests),
            calls: traced.get(key).map_or_else(Vec::new, calls),
            perhaps: Vec::new(),
            tags: 0,
            windows: 0,
            key: key.clone(),
        })
        .collect();
    for endpoint in &mut all {
        // Beside the single requests of a probe stand those that were made at once.
        if !timeline.probes.is_empty()
            && let Some(probed) = &endpoint.probed
        {
            endpoint.mean_ms = probed.median_ms.unwrap_or(endpoint.mean_ms);
            endpoint.requests = probed.requests;
        }
        if !endpoint.is_traced() && endpoint.is_probed() {
            endpoint.calls = probed_calls(endpoint);
        }
    }
    all.sort_by(|a, b| b.seconds().total_cmp(&a.seconds()));
    all
}

/// What those who ask waited for longer than the service says that it took: on the way, in its queues, for its event loop.
fn before_ms(of: &Endpoint, calls: Option<&Calls>) -> Option<f64> {
    let asked_ms = of.traced_us as f64 / of.traced as f64 / 1e3;
    served_ms(of, calls).map(|served_ms| (asked_ms - served_ms).max(0.0))
}

fn served_ms(of: &Endpoint, calls: Option<&Calls>) -> Option<f64> {
    let is_told = |calls: &&Calls| {
        calls.requests >= limits::TRACED && of.traced >= limits::TRACED && calls.served_us > 0
    };
    let calls = calls.filter(is_told)?;
    Some(calls.served_us as f64 / calls.requests as f64 / 1e3)
}

/// In a transaction that an ORM began with the first statement this is how long the database waits for the service.
fn quiet_of(timeline: &Timeline, key: &EndpointKey) -> Option<Quiet> {
    let examples = timeline.traces.examples.get(key)?.iter();
    let kept = examples.filter_map(|example| timeline.traces.spans.get(&example.request.trace?));
    let all: Vec<Quiet> = kept
        .filter_map(|trace| quiet::quiet(&trace.spans))
        .collect();
    Some(Quiet {
        ms: median(all.iter().map(|of| of.ms).collect())?,
        called_ms: median(all.iter().map(|of| of.called_ms).collect())?,
    })
}

/// Whether a service's first process executes one of these, of whatever version: `python` is `python3.12`, too.
pub fn executes(subject: &Subject, programs: &[&str]) -> bool {
    let told = subject.fact("process.program", "").unwrap_or_default();
    programs.iter().any(|program| told.starts_with(program))
}

fn of_kind<'a>(
    timeline: &'a Timeline,
    kind: &'static str,
) -> impl Iterator<Item = &'a Subject> + use<'a> {
    let all = timeline.target.subjects.values();
    all.filter(move |subject| subject.watched.kind == kind)
}

fn is_service(about: &str) -> bool {
    ["http", "rpc"].contains(&about)
}

fn is_cache(key: &CallKey) -> bool {
    ["redis", "valkey", "memcached"].contains(&key.system.as_str())
}

fn sql(text: &str) -> CallKey {
    CallKey {
        about: "db".into(),
        system: "postgresql".into(),
        text: text.to_owned(),
    }
}

fn probed_calls(endpoint: &EndpointCase) -> Vec<Call> {
    let statements = endpoint.probed.iter().flat_map(|of| &of.statements);
    let call = |of: &ProbedStatement| Call {
        key: sql(&of.text),
        per_request: of.per_request,
        each_ms: of
            .request_ms
            .unwrap_or(of.ms + limits::ROUND_TRIP_MS)
            .max(of.ms),
    };
    statements.map(call).collect()
}

fn calls(all: &Calls) -> Vec<Call> {
    let requests = all.requests.max(1) as f64;
    let call = |(key, totals): (&CallKey, &CallTotals)| Call {
        key: key.clone(),
        per_request: totals.count as f64 / requests,
        each_ms: totals.sum_us as f64 / 1e3 / totals.count.max(1) as f64,
    };
    all.calls.iter().map(call).collect()
}

impl<'a> Database<'a> {
    fn new(subject: &'a Subject, whole: &Part) -> Self {
        let of = |id: &str, name: &str| table::grown(subject, name, ("statement", id), whole);
        let ids = table::labelled(subject, "statement.calls", "statement");
        let mut statements: Vec<Statement<'a>> = ids
            .into_iter()
            .map(|id| Statement {
                id,
                text: subject.fact("statement", id).unwrap_or_default(),
                calls: of(id, "statement.calls"),
                seconds: of(id, "statement.time"),
                rows: of(id, "statement.rows"),
                blocks: of(id, "statement.blocks_hit") + of(id, "statement.blocks_read"),
            })
            .filter(|statement| statement.calls > 0.0)
            .collect();
        statements.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Self {
            subject,
            title: &subject.watched.title,
            statements,
        }
    }

    /// Time of all its statements, s.
    pub fn seconds(&self) -> f64 {
        self.statements
            .iter()
            .map(|statement| statement.seconds)
            .sum()
    }

    /// Blocks that all of them looked at.
    pub fn blocks(&self) -> f64 {
        self.statements
            .iter()
            .map(|statement| statement.blocks)
            .sum()
    }

    /// Sessions of these classes at each look; `None` where they are too few.
    pub fn sessions(&self, classes: &[&str], part: &Part) -> Option<Vec<f64>> {
        let looks = classes
            .iter()
            .filter_map(|class| levels(self.subject, "sessions", Some(("class", class)), part));
        looks.reduce(|sums, more| {
            let both = sums.iter().zip(&more);
            both.map(|(sum, more)| sum + more).collect()
        })
    }

    /// The statement of this text.
    pub fn statement(&self, text: &str) -> Option<&Statement<'a>> {
        self.statements
            .iter()
            .find(|statement| statement.text == text)
    }
}

impl Statement<'_> {
    /// Rows of a call.
    pub fn rows_per_call(&self) -> f64 {
        self.rows / self.calls
    }

    /// Blocks of a call.
    pub fn blocks_per_call(&self) -> f64 {
        self.blocks / self.calls
    }

    /// Mean of a call, ms.
    pub fn mean_ms(&self) -> f64 {
        self.seconds / self.calls * 1e3
    }
}

/// What a counter without labels grew by in a part of the run, and in how many seconds of it.
pub fn grown(subject: &Subject, name: &str, part: &Part) -> Option<(f64, f64)> {
    let series = subject.plain(name)?;
    Some(subject.grown(series, part.from, part.until))
}

/// The values of a level in a part of the run; `None` where they are too few.
pub fn levels(
    subject: &Subject,
    name: &str,
    label: Option<(&str, &str)>,
    part: &Part,
) -> Option<Vec<f64>> {
    let series = match label {
        Some(label) => subject.of(name, label),
        None => subject.plain(name),
    };
    let within = |at: RunTime| (part.from..part.until).contains(&at);
    let values: Vec<f64> = series?
        .points()
        .iter()
        .filter(|(at, _)| within(*at))
        .map(|(_, value)| *value)
        .collect();
    (values.len() >= limits::SAMPLES).then_some(values)
}

/// Their mean.
pub fn mean_level(
    subject: &Subject,
    name: &str,
    label: Option<(&str, &str)>,
    part: &Part,
) -> Option<f64> {
    Some(mean(&levels(subject, name, label, part)?))
}

/// Of values that there are.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
