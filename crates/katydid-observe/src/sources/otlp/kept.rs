//! What is kept of the spans that come: counts since the last look, and for a while the spans themselves.
//!
//! All of it is bounded. When spans are too many to be kept, the oldest go; the counts stay right.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use katydid_record::{
    CallId, Called, EndpointCalls, EndpointId, Name, PhaseId, SeenSpan, Sight, SourceId, TraceId,
    TraceSpans,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::call::{self, Calling};

/// Bytes of spans that are held until it is known whether they are wanted.
const HELD: usize = 48 << 20;
/// Spans of one trace.
const SPANS: usize = 200;
/// Different calls; those beyond are one.
const CALLS: usize = 1_000;
/// Texts whose call is remembered.
const TEXTS: usize = 8_192;
/// Traces that are waited for.
const WANTED: usize = 2_000;
/// Services that are told apart.
const SERVICES: usize = 64;
/// Share of database spans that must have a statement for their counts to be worth something.
const TOLD: f64 = 0.95;

#[derive(Default)]
struct Counts {
    requests: u64,
    served_us: u64,
    spans: u64,
    calls: BTreeMap<CallId, Called>,
}

#[derive(Default)]
struct Held {
    spans: Vec<SeenSpan>,
    left_out: u32,
    bytes: usize,
    /// The first span of the service that took the request is there.
    is_entered: bool,
}

/// When a service has sent.
struct Sent {
    last: Instant,
    longest_gap: Duration,
}

#[derive(Clone, Copy, Default)]
struct Totals {
    received: u64,
    foreign: u64,
    requests: u64,
    refused: u64,
    evicted: u64,
    db: u64,
    db_told: u64,
}

/// What is kept.
pub struct Kept {
    run: Option<u32>,
    totals: Totals,
    counts: BTreeMap<(PhaseId, SourceId, EndpointId), Counts>,
    names: Vec<Name>,
    calls: HashMap<Calling, (CallId, String)>,
    ids: HashMap<(&'static str, String, String), CallId>,
    held: HashMap<TraceId, Held>,
    order: VecDeque<TraceId>,
    bytes: usize,
    /// With whether it came.
    wanted: HashMap<TraceId, bool>,
    wanted_order: VecDeque<TraceId>,
    services: BTreeMap<String, Sent>,
    hears_grpc: bool,
}

impl Kept {
    /// For the requests of this run.
    pub fn new(run: Option<u32>) -> Self {
        Self {
            run,
            totals: Totals::default(),
            counts: BTreeMap::new(),
            names: Vec::new(),
            calls: HashMap::new(),
            ids: HashMap::new(),
            held: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            wanted: HashMap::new(),
            wanted_order: VecDeque::new(),
            services: BTreeMap::new(),
            hears_grpc: false,
        }
    }

    /// Takes a batch.
    pub fn take(&mut self, request: ExportTraceServiceRequest) {
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes);
            let attributes = attributes.unwrap_or_default();
            let service = call::text_of(&attributes, "service.name").unwrap_or("?");
            let service: String = service.chars().take(60).collect();
            self.heard(&service);
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.span(span, &service);
            }
        }
    }

    fn span(&mut self, span: &Span, service: &str) {
        self.totals.received += 1;
        let trace = TraceId::from_bytes(&span.trace_id);
        let Some(trace) = trace.filter(|trace| Some(trace.run()) == self.run) else {
            self.totals.foreign += 1;
            return;
        };
        let is_entry = span.parent_span_id == trace.parent().to_be_bytes();
        let about = call::about(span);
        let (id, text) = self.call(&about);
        let seen = call::seen(span, service, about.about, text);
        let key = (trace.phase(), trace.source(), trace.endpoint());
        let counts = self.counts.entry(key).or_default();
        counts.spans += 1;
        if is_entry {
            counts.requests += 1;
            counts.served_us += seen.us;
            self.totals.requests += 1;
        }
        if let Some(id) = id {
            let called = counts.calls.entry(id).or_insert(Called {
                call: id,
                ..Called::default()
            });
            called.count += 1;
            called.sum_us += seen.us;
            called.failed += u64::from(seen.failed);
        }
        if about.about == "db" {
            self.totals.db += 1;
            self.totals.db_told += u64::from(about.is_told);
        }
        self.hold(trace, seen, is_entry);
    }

    /// Number and text of what a span calls; work on a message is not a call.
    fn call(&mut self, about: &Calling) -> (Option<CallId>, String) {
        if about.about.is_empty() {
            return (None, String::new());
        }
        if let Some((id, text)) = self.calls.get(about) {
            return (Some(*id), text.clone());
        }
        let text = about.text();
        let mut key = (about.about, about.system.clone(), text.clone());
        if self.ids.len() >= CALLS && !self.ids.contains_key(&key) {
            key = ("", String::new(), String::new());
        }
        let next = self.ids.len() as CallId;
        let id = *self.ids.entry(key.clone()).or_insert(next);
        if id == next {
            let (about, system, text) = match key {
                ("", ..) => (about.about, String::new(), "(other calls)".to_owned()),
                known => known,
            };
            self.names.push(Name::Call {
                id,
                about: about.to_owned(),
                system,
                text,
            });
        }
        if self.calls.len() < TEXTS {
            self.calls.insert(about.clone(), (id, text.clone()));
        }
        (Some(id), text)
    }

    fn hold(&mut self, trace: TraceId, span: SeenSpan, is_entry: bool) {
        let held = self.held.entry(trace).or_insert_with(|| {
            self.order.push_back(trace);
            Held::default()
        });
        held.is_entered |= is_entry;
        if held.spans.len() >= SPANS {
            held.left_out += 1;
        } else {
            let size =
                size_of::<SeenSpan>() + span.name.len() + span.text.len() + span.service.len();
            held.bytes += size;
            self.bytes += size;
            held.spans.push(span);
        }
        while self.bytes > HELD
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(gone) = self.held.remove(&oldest) {
                self.bytes -= gone.bytes;
                self.totals.evicted += gone.spans.len() as u64;
            }
        }
    }

    /// Keep these whole.
    pub fn want(&mut self, traces: Vec<TraceId>) {
        for trace in traces {
            if self.wanted.insert(trace, false).is_none() {
                self.wanted_order.push_back(trace);
            }
            if self.wanted_order.len() > WANTED
                && let Some(oldest) = self.wanted_order.pop_front()
            {
                self.wanted.remove(&oldest);
            }
        }
    }

    /// Spans of wanted traces that have come since the last time.
    pub fn take_wanted(&mut self) -> Vec<TraceSpans> {
        let mut found = Vec::new();
        for (trace, has_come) in &mut self.wanted {
            let Some(held) = self.held.get_mut(trace) else {
                continue;
            };
            *has_come |= held.is_entered;
            if held.spans.is_empty() && held.left_out == 0 {
                continue;
            }
            self.bytes -= std::mem::take(&mut held.bytes);
            found.push(TraceSpans {
                trace: *trace,
                spans: std::mem::take(&mut held.spans),
                left_out: std::mem::take(&mut held.left_out),
            });
        }
        found.sort_by_key(|spans| spans.trace);
        found
    }

    /// What was counted since the last time, by phase.
    pub fn take_counts(&mut self) -> BTreeMap<PhaseId, Vec<EndpointCalls>> {
        let mut by_phase: BTreeMap<PhaseId, Vec<EndpointCalls>> = BTreeMap::new();
        for ((phase, of, endpoint), counts) in std::mem::take(&mut self.counts) {
            by_phase.entry(phase).or_default().push(EndpointCalls {
                of,
                endpoint,
                requests: counts.requests,
                served_us: counts.served_us,
                spans: counts.spans,
                calls: counts.calls.into_values().collect(),
            });
        }
        by_phase
    }

    /// Calls that were met for the first time.
    pub fn new_names(&mut self) -> Vec<Name> {
        std::mem::take(&mut self.names)
    }

    /// Totals by name.
    pub fn totals(&self) -> [(&'static str, u64); 6] {
        let totals = self.totals;
        [
            ("spans.received", totals.received),
            ("spans.foreign", totals.foreign),
            ("spans.requests", totals.requests),
            ("spans.db", totals.db),
            ("batches.refused", totals.refused),
            ("spans.evicted", totals.evicted),
        ]
    }

    /// A batch was not taken.
    pub fn refuse(&mut self) {
        self.totals.refused += 1;
    }

    /// An exporter speaks gRPC.
    pub fn hears_grpc(&mut self) {
        self.hears_grpc = true;
    }

    fn heard(&mut self, service: &str) {
        let now = Instant::now();
        if let Some(sent) = self.services.get_mut(service) {
            let gap = now.duration_since(sent.last);
            sent.longest_gap = sent.longest_gap.max(gap);
            sent.last = now;
        } else if self.services.len() < SERVICES {
            let sent = Sent {
                last: now,
                longest_gap: Duration::ZERO,
            };
            self.services.insert(service.to_owned(), sent);
        }
    }

    /// How long services take between two batches, with a little more; nothing where none has come.
    pub fn patience(&self) -> Duration {
        let gaps = self.services.values().map(|sent| sent.longest_gap);
        gaps.max().map_or(Duration::ZERO, |gap| {
            gap.mul_f64(1.2) + Duration::from_millis(300)
        })
    }

    /// Whether each service has sent since then, so that all that had ended by then is here.
    pub fn has_settled(&self, since: Instant) -> bool {
        self.services.values().all(|sent| sent.last >= since)
    }

    /// What can be seen. `environment` is what exporters want to be told.
    pub fn sights(&self, environment: &str) -> Vec<Sight> {
        let totals = self.totals;
        let ours = totals.received - totals.foreign;
        let mut spans = Sight::seen("spans");
        if ours > 0 {
            spans.note = format!("{ours} spans of {} requests", totals.requests);
        } else if totals.foreign > 0 {
            let note = format!(
                "{} spans came, none of a request of this run: the target begins traces of its own instead of reading the header traceparent",
                totals.foreign
            );
            spans = Sight::blind("spans", note, "OTEL_PROPAGATORS=tracecontext,baggage");
        } else if self.hears_grpc {
            let note = "an exporter speaks gRPC here; spans are received over HTTP";
            spans = Sight::blind("spans", note, environment);
        } else {
            let note = "none has come: the target sends none, or sends them elsewhere";
            spans = Sight::blind("spans", note, environment);
        }
        let mut sights = vec![spans];
        if totals.db > 0 {
            let told = totals.db_told as f64 / totals.db as f64;
            sights.push(if told >= TOLD {
                Sight::seen("statements of database spans")
            } else {
                let note = format!("{:.0} % of the database spans have one", told * 100.0);
                Sight::blind("statements of database spans", note, "")
            });
        }
        if totals.refused > 0 {
            let note = format!(
                "{} batches were refused: too many spans at once, too large, or not OTLP",
                totals.refused
            );
            sights.push(Sight::blind("all spans", note, "--trace-share 1%"));
        }
        sights
    }
}
