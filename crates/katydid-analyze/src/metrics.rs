//! katydid's own numbers for those who collect metrics: from a timeline, as it stands.
//!
//! Counters are of the whole run, whatever was reset meanwhile, and never fall. It does not know who collects them, nor in what form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use katydid_record::histogram::bucket_of;
use katydid_record::metric::MetricKind::{Counter, Gauge, Histogram as Spread};
use katydid_record::metric::{Metric, MetricKind, Point, PointValue};
use katydid_record::{Cause, Endpoint, Histogram, Kind, Manifest, Mark, Timeline};

/// Bounds of response times, s: about six to a factor of ten.
const BOUNDS: &[f64] = &[
    0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2,
    0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0,
];

type Labels = Vec<(&'static str, String)>;

/// All of them.
pub fn metrics(manifest: &Manifest, timeline: &Timeline) -> Vec<Metric> {
    let rows = Rows::of(timeline);
    let mut all = vec![info(manifest)];
    all.extend(rows.metrics());
    let marks = timeline.marks.values();
    let is_over = marks.rev().any(|mark| matches!(mark, Mark::End { .. }));
    all.extend(now(manifest, timeline, is_over));
    all.extend(generator(timeline));
    all.push(phases(timeline, is_over));
    all
}

fn metric(
    name: &'static str,
    unit: &'static str,
    kind: MetricKind,
    help: &'static str,
    points: Vec<Point>,
) -> Metric {
    Metric {
        name,
        help,
        unit,
        kind,
        points,
    }
}

fn number(labels: Labels, value: f64) -> Point {
    Point {
        labels,
        value: PointValue::Number(value),
    }
}

/// A bound lies in a bucket of the histogram, of which all counts as within it, as for objectives: to 0.1 % more.
fn spread(labels: Labels, times: &Histogram) -> Point {
    let mut counts = vec![0; BOUNDS.len() + 1];
    let within = BOUNDS.iter().map(|s| bucket_of((s * 1e6).round() as u64));
    let within: Vec<usize> = within.collect();
    for (bucket, count) in times.buckets() {
        counts[within.partition_point(|last| *last < bucket)] += count;
    }
    Point {
        labels,
        value: PointValue::Spread {
            bounds: BOUNDS,
            counts,
            sum: times.sum_us() as f64 / 1e6,
        },
    }
}

fn info(manifest: &Manifest) -> Metric {
    let labels = vec![
        ("run", manifest.id.clone()),
        ("name", manifest.name.clone()),
        ("version", manifest.tool_version.clone()),
    ];
    let help = "The run that these numbers are of.";
    metric(
        "katydid.run.info",
        "",
        Gauge,
        help,
        vec![number(labels, 1.0)],
    )
}

/// Endpoints with their labels. Rows that only a tag tells apart are one: once the second of them is seen, the first would be called
/// otherwise than before. What has bytes and no outcome, as hops of redirects, is there too.
struct Rows<'a>(Vec<(Labels, Cow<'a, Endpoint>)>);

impl<'a> Rows<'a> {
    fn of(timeline: &'a Timeline) -> Self {
        let mut rows: BTreeMap<(Kind, &str, &str), Cow<'a, Endpoint>> = BTreeMap::new();
        for (key, endpoint) in &timeline.endpoints {
            let plain = (key.kind, key.method.as_str(), key.name.as_str());
            match rows.get_mut(&plain) {
                Some(row) => row.to_mut().merge(endpoint),
                None => _ = rows.insert(plain, Cow::Borrowed(endpoint)),
            }
        }
        let labels = |of, method: &str, name: &str| {
            vec![
                ("method", method.to_owned()),
                ("name", name.to_owned()),
                ("kind", kind(of).to_owned()),
            ]
        };
        let rows = rows.into_iter();
        Self(
            rows.map(|((of, method, name), row)| (labels(of, method, name), row))
                .collect(),
        )
    }

    fn each(&self, point: impl Fn(&Labels, &Endpoint) -> Vec<Point>) -> Vec<Point> {
        let rows = self.0.iter();
        rows.flat_map(|(labels, endpoint)| point(labels, endpoint))
            .collect()
    }

    /// Several numbers of each endpoint that differ in one label.
    fn numbers(
        &self,
        label: &'static str,
        values: impl Fn(&Endpoint) -> Vec<(&'static str, u64)>,
    ) -> Vec<Point> {
        self.each(|labels, endpoint| {
            let values = values(endpoint).into_iter();
            values
                .map(|(word, value)| number(with(labels, label, word), value as f64))
                .collect()
        })
    }

    fn metrics(&self) -> Vec<Metric> {
        let requests = self.numbers("outcome", |e| {
            vec![
                ("ok", e.ok),
                ("failed", e.failed),
                ("aborted", e.aborted),
                ("unjudged", e.unjudged),
            ]
        });
        let failures = self.numbers("cause", |e| {
            let mut causes: BTreeMap<&'static str, u64> = BTreeMap::new();
            for ((why, _), totals) in &e.failures {
                *causes.entry(cause(*why)).or_default() += totals.count;
            }
            causes.into_iter().collect()
        });
        let slots = self.numbers("why", |e| {
            vec![("blocked", e.blocked), ("missed", e.missed)]
        });
        let from_due = self.each(|labels, e| {
            let outcomes = [("ok", &e.from_due), ("failed", &e.failed_from_due)];
            let outcomes = outcomes.into_iter();
            outcomes
                .filter_map(|(word, times)| seen(with(labels, "outcome", word), times))
                .collect()
        });
        let from_send = self.each(|labels, e| {
            let point = seen(labels.clone(), &e.from_send);
            point.into_iter().collect()
        });
        let bytes = |of: fn(&Endpoint) -> u64| {
            self.each(|labels, e| vec![number(labels.clone(), of(e) as f64)])
        };
        vec![
            metric(
                "katydid.requests",
                "",
                Counter,
                "Requests, flows and jobs that ended, by how.",
                requests,
            ),
            metric(
                "katydid.failures",
                "",
                Counter,
                "Failed ones, by cause.",
                failures,
            ),
            metric(
                "katydid.slots",
                "",
                Counter,
                "Slots without a request: blocked by a target that kept all users busy, or missed by the generator.",
                slots,
            ),
            metric(
                "katydid.request.duration",
                "s",
                Spread,
                "Response time, from when the request was due to its last byte.",
                from_due,
            ),
            metric(
                "katydid.request.duration.from_send",
                "s",
                Spread,
                "Response time of those that went well, from first byte sent to last byte received.",
                from_send,
            ),
            metric(
                "katydid.received",
                "By",
                Counter,
                "Bytes received, heads included.",
                bytes(|e| e.bytes_in),
            ),
            metric(
                "katydid.sent",
                "By",
                Counter,
                "Bytes sent, heads included.",
                bytes(|e| e.bytes_out),
            ),
        ]
    }
}

/// Thirty lines of zeros say nothing.
fn seen(labels: Labels, times: &Histogram) -> Option<Point> {
    (times.count() > 0).then(|| spread(labels, times))
}

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

/// Of the newest second of which all sources have told. Zero once the run is over: who keeps the last value would show users for ever.
fn now(manifest: &Manifest, timeline: &Timeline, is_over: bool) -> Vec<Metric> {
    let told = (timeline.end / 1_000_000).checked_sub(2);
    let second = told.and_then(|second| timeline.seconds.newest.get(&second));
    let (users, in_flight) = match second {
        _ if is_over => (0, 0),
        Some(second) if manifest.plan.command == "attack" => {
            (manifest.plan.users, second.in_flight())
        }
        Some(second) => (second.users(), second.in_flight()),
        None => return Vec::new(),
    };
    let one = |value: f64| vec![number(Vec::new(), value)];
    vec![
        metric(
            "katydid.users",
            "",
            Gauge,
            "Users alive; the most connections of an attack.",
            one(users as f64),
        ),
        metric(
            "katydid.in_flight",
            "",
            Gauge,
            "Requests under way.",
            one(in_flight as f64),
        ),
    ]
}

fn generator(timeline: &Timeline) -> Vec<Metric> {
    let all = timeline.generators.together();
    let sums = all.whole();
    let seconds = |us: u64| us as f64 / 1e6;
    let part = |part: &str, us: u64| number(vec![("part", part.to_owned())], seconds(us));
    let cpu = vec![
        part("hub", sums.hub_cpu_us),
        part("io", sums.io_cpu_us),
        part("process", sums.process_cpu_us),
    ];
    let one = |value: f64| vec![number(Vec::new(), value)];
    let late = |part: &str, times: &Histogram| spread(vec![("part", part.to_owned())], times);
    vec![
        metric(
            "katydid.generator.cpu",
            "s",
            Counter,
            "Processor time of katydid: of the scenario's thread, of the I/O thread, of all.",
            cpu,
        ),
        metric(
            "katydid.generator.lag",
            "s",
            Spread,
            "How late the generator was: requests taken up, the scenario's thread, the I/O thread.",
            vec![
                late("requests", &sums.lag),
                late("hub", &sums.hub_lag),
                late("io", &sums.io_lag),
            ],
        ),
        metric(
            "katydid.generator.connections",
            "",
            Counter,
            "Connections opened.",
            one(all.connections_opened as f64),
        ),
        metric(
            "katydid.generator.memory.max",
            "By",
            Gauge,
            "Most resident memory of katydid so far.",
            one(all.rss_max_bytes as f64),
        ),
    ]
}

/// All that have begun, so that one that is over does not stay at 1 where the last value is kept.
fn phases(timeline: &Timeline, is_over: bool) -> Metric {
    let begun = timeline.phases.iter();
    let begun: Vec<_> = begun.filter(|(_, phase)| phase.began.is_some()).collect();
    let is_over = is_over || timeline.load_ended.is_some();
    let last = begun.last().map(|(id, _)| **id).filter(|_| !is_over);
    let points = begun.into_iter().map(|(id, phase)| {
        let labels = vec![
            ("number", id.to_string()),
            ("phase", phase.name.clone()),
            ("kind", phase.kind.clone()),
        ];
        number(labels, f64::from(u8::from(last == Some(*id))))
    });
    let help = "1 for the phase of the load that is on, 0 for those before it.";
    metric("katydid.phase", "", Gauge, help, points.collect())
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Request => "request",
        Kind::Flow => "flow",
        Kind::Job => "job",
        Kind::Custom => "custom",
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Refused => "refused",
        Cause::Reset => "reset",
        Cause::Dns => "dns",
        Cause::Tls => "tls",
        Cause::TimeoutConnect => "timeout_connect",
        Cause::TimeoutFirstByte => "timeout_first_byte",
        Cause::TimeoutBody => "timeout_body",
        Cause::Protocol => "protocol",
        Cause::TooLarge => "too_large",
        Cause::Exhausted => "exhausted",
        Cause::Unreachable => "unreachable",
        Cause::Status => "status",
        Cause::Script => "script",
        Cause::Other => "other",
    }
}

#[cfg(test)]
mod tests;
