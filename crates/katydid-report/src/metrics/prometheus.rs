//! The text exposition format, version 0.0.4.

use std::fmt::Write;

use katydid_record::metric::{Metric, MetricKind, PointValue};

/// The page.
pub fn page(metrics: &[Metric]) -> String {
    let mut out = String::new();
    for metric in metrics.iter().filter(|metric| !metric.points.is_empty()) {
        let name = name(metric);
        let kind = match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
            MetricKind::Histogram => "histogram",
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "# HELP {name} {}\n# TYPE {name} {kind}",
            help(metric.help)
        );
        for point in &metric.points {
            let labels = labels(&point.labels);
            match &point.value {
                PointValue::Number(value) => {
                    let _ = writeln!(out, "{name}{} {value}", braced(&labels));
                }
                PointValue::Spread {
                    bounds,
                    counts,
                    sum,
                } => {
                    let mut so_far = 0;
                    let bounds = bounds.iter().map(ToString::to_string);
                    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
                        so_far += count;
                        let le = format!("le=\"{bound}\"");
                        let all =
                            [labels.as_str(), &le].join(if labels.is_empty() { "" } else { "," });
                        let _ = writeln!(out, "{name}_bucket{{{all}}} {so_far}");
                    }
                    let labels = braced(&labels);
                    let _ = writeln!(
                        out,
                        "{name}_sum{labels} {sum}\n{name}_count{labels} {so_far}"
                    );
                }
            }
        }
    }
    out
}

/// As Prometheus calls it.
fn name(metric: &Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    name.push_str(match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    });
    if metric.kind == MetricKind::Counter {
        name.push_str("_total");
    }
    name
}

fn labels(labels: &[(&'static str, String)]) -> String {
    let label = |(name, value): &(&str, String)| format!("{name}=\"{}\"", escaped(value));
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}

fn braced(labels: &str) -> String {
    if labels.is_empty() {
        return String::new();
    }
    format!("{{{labels}}}")
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
