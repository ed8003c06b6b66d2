//! katydid's own numbers for those who collect metrics: from a timeline, as it stands.

use std::collections::BTreeMap;

use katydid_record::histogram::bucket_top;
use katydid_record::metric::MetricKind::{Counter, Gauge, Histogram as Spread};
use katydid_record::metric::{Metric, MetricKind, Point, PointValue};
use katydid_record::{Cause, Endpoint, EndpointKey, Histogram, Kind, Manifest, Timeline};

use crate::summarize::counted;
use crate::titles::Titles;

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
    all.extend(now(timeline));
    all.extend(generator(timeline));
    all.extend(phase(timeline));
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

fn spread(labels: Labels, times: &Histogram) -> Point {
    let mut counts = vec![0; BOUNDS.len() + 1];
    for (bucket, count) in times.buckets() {
        let seconds = bucket_top(bucket) as f64 / 1e6;
        counts[BOUNDS.partition_point(|bound| *bound < seconds)] += count;
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

/// Endpoints with their labels.
struct Rows<'a>(Vec<(Labels, &'a Endpoint)>);

impl<'a> Rows<'a> {
    fn of(timeline: &'a Timeline) -> Self {
        let titles = Titles::new(timeline.endpoints.keys());
        let labels = |key: &EndpointKey| {
            vec![
                ("method", key.method.clone()),
                ("name", titles.of(key)),
                ("kind", kind(key.kind).to_owned()),
            ]
        };
        let rows = timeline.endpoints.iter();
        let rows = rows.filter(|(_, endpoint)| counted(endpoint));
        Self(
            rows.map(|(key, endpoint)| (labels(key), endpoint))
                .collect(),
        )
    }

    fn each(&self, point: impl Fn(&Labels, &'a Endpoint) -> Vec<Point>) -> Vec<Point> {
        let rows = self.0.iter();
        rows.flat_map(|(labels, endpoint)| point(labels, endpoint))
            .collect()
    }

    /// Several numbers of each endpoint that differ in one label.
    fn numbers(
        &self,
        label: &'static str,
        values: impl Fn(&'a Endpoint) -> Vec<(&'static str, u64)>,
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
            vec![
                spread(with(labels, "outcome", "ok"), &e.from_due),
                spread(with(labels, "outcome", "failed"), &e.failed_from_due),
            ]
        });
        let from_send = self.each(|labels, e| vec![spread(labels.clone(), &e.from_send)]);
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

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

/// The newest second of which all sources have told.
fn now(timeline: &Timeline) -> Vec<Metric> {
    let told = (timeline.end / 1_000_000).checked_sub(2);
    let Some(second) = told.and_then(|second| timeline.seconds.newest.get(&second)) else {
        return Vec::new();
    };
    let one = |value: f64| vec![number(Vec::new(), value)];
    vec![
        metric(
            "katydid.users",
            "",
            Gauge,
            "Users alive.",
            one(second.users() as f64),
        ),
        metric(
            "katydid.in_flight",
            "",
            Gauge,
            "Requests under way.",
            one(second.in_flight() as f64),
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

fn phase(timeline: &Timeline) -> Option<Metric> {
    let mut phases = timeline.phases.values();
    let last = phases.rfind(|phase| phase.began.is_some())?;
    let labels = vec![("phase", last.name.clone()), ("kind", last.kind.clone())];
    let help = "The phase of the load that is on.";
    Some(metric(
        "katydid.phase",
        "",
        Gauge,
        help,
        vec![number(labels, 1.0)],
    ))
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
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_it() {
        let mut times = Histogram::default();
        for us in [10, 1_000, 1_200, 90_000_000] {
            times.record(us);
        }
        let PointValue::Spread { counts, sum, .. } = spread(Vec::new(), &times).value else {
            panic!("it is one");
        };
        assert_eq!((counts[0], counts[1]), (2, 1));
        assert_eq!(counts.last(), Some(&1));
        assert_eq!(counts.len(), BOUNDS.len() + 1);
        assert!((sum - 90.002_21).abs() < 0.1);
    }

    #[test]
    fn causes_are_called_as_in_the_summary() {
        for why in [Cause::TimeoutFirstByte, Cause::TooLarge, Cause::Dns] {
            assert_eq!(serde_json::to_value(why).unwrap(), cause(why));
        }
    }
}
