//! A run as JSON inside a page: small, and unable to end the element that holds it or to steer a reader's eye. Knows no field.

use std::fmt::Write;

use katydid_record::view::{Chart, EndpointView, SourceView, Trace, View};

use super::{Curves, RunCurve};
use crate::words::steers;

/// Digits of a value that a chart can show.
const DIGITS: usize = 5;

/// The view with no more digits than can be seen: values to five of them, times to ms. What was not seen stays null.
pub fn rounded(view: &View) -> View {
    let seen = |values: &[f64]| values.iter().copied().map(value).collect();
    let times = |values: &[f64]| values.iter().copied().map(time).collect();
    let maybe = |values: &[Option<f64>]| values.iter().map(|v| v.map(value)).collect();
    let chart = |chart: &Chart| {
        let mut chart = chart.clone();
        chart.t_s = times(&chart.t_s);
        for line in &mut chart.lines {
            line.values = maybe(&line.values);
        }
        chart
    };
    let endpoint = |endpoint: &EndpointView| EndpointView {
        t_s: times(&endpoint.t_s),
        rps: seen(&endpoint.rps),
        failures_per_s: seen(&endpoint.failures_per_s),
        p95: maybe(&endpoint.p95),
        histogram: endpoint
            .histogram
            .iter()
            .map(|(top, count)| (value(*top), *count))
            .collect(),
    };
    let source = |source: &SourceView| SourceView {
        subject: source.subject.clone(),
        charts: source.charts.iter().map(chart).collect(),
    };
    let trace = |trace: &Trace| {
        let mut trace = trace.clone();
        trace.at_s = time(trace.at_s);
        trace.db_ms = value(trace.db_ms);
        for span in &mut trace.spans {
            (span.from_send_ms, span.ms) = (value(span.from_send_ms), value(span.ms));
        }
        trace
    };
    View {
        endpoints: view.endpoints.iter().map(endpoint).collect(),
        target: view.target.iter().map(source).collect(),
        generator: view.generator.iter().map(chart).collect(),
        traces: view.traces.iter().map(trace).collect(),
    }
}

/// The same of a comparison's curves.
pub fn rounded_curves(curves: &Curves) -> Curves {
    let run = |run: &RunCurve| RunCurve {
        id: run.id.clone(),
        t_s: run.t_s.iter().copied().map(time).collect(),
        p95: run.p95.iter().map(|p95| p95.map(value)).collect(),
        rps: run.rps.iter().copied().map(value).collect(),
    };
    Curves {
        before: curves.before.iter().map(run).collect(),
        after: curves.after.iter().map(run).collect(),
    }
}

fn value(value: f64) -> f64 {
    let text = format!("{value:.*e}", DIGITS - 1);
    text.parse().unwrap_or(value)
}

fn time(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// JSON that can stand in a script element. No `<` is left, and inside texts control characters and those that turn the writing
/// direction are written as their escape, which the reader then sees. Line ends and tabs stay.
pub fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match c {
            '<' => out.push_str("\\u003c"),
            '\\' => match rest.next() {
                Some('u') => {
                    let code: String = rest.by_ref().take(4).collect();
                    let _ = write!(out, "\\\\u{{{}}}", code.trim_start_matches('0'));
                }
                Some(kind @ ('b' | 'f' | 'r')) => {
                    let code = match kind {
                        'b' => "\\\\u{8}",
                        'f' => "\\\\u{c}",
                        _ => "\\\\r",
                    };
                    out.push_str(code);
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            c if c.is_control() || steers(c) => {
                let _ = write!(out, "\\\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element_and_nothing_steers() {
        let check = |text: &str, read: &str| {
            let json = inert(&serde_json::to_string(text).unwrap_or_default());
            assert!(!json.contains(['<', '\u{2028}', '\u{202e}', '\u{85}']));
            assert_eq!(
                serde_json::from_str::<String>(&json).ok().as_deref(),
                Some(read)
            );
        };
        check("</script><b>", "</script><b>");
        check(
            "two\nlines\t\"quoted\" \\u0007",
            "two\nlines\t\"quoted\" \\u0007",
        );
        check("\u{7}\u{1b}[2J\u{8}\r", "\\u{7}\\u{1b}[2J\\u{8}\\r");
        check("a\u{2028}b\u{202e}c\u{85}", "a\\u{2028}b\\u{202e}c\\u{85}");
    }

    #[test]
    #[allow(clippy::float_cmp)] // they are rounded to these
    fn values_keep_what_can_be_seen() {
        assert_eq!(value(12.345_678), 12.346);
        assert_eq!(value(0.000_123_456_78), 0.000_123_46);
        assert_eq!(value(1_234_567.0), 1_234_600.0);
        assert_eq!(value(0.0), 0.0);
        assert_eq!(time(12.000_123), 12.0);
    }
}
