//! What the target's spans say: calls by endpoint, and whole traces of the slowest requests.

use std::collections::BTreeMap;

use katydid_record::summary::SpanSummary;
use katydid_record::timeline::{CallTotals, Calls, Example, TraceSeen};
use katydid_record::view::{Chart, Span, Table, Trace};
use katydid_record::{EndpointKey, SeenSpan, SpanKind, Timeline, TraceId};
use serde_json::{Value, json};

use super::draw::Look;
use super::statements::shortened;
use super::table::{columns, figure, largest};
use super::{Kind, Pressing};
use crate::titles::Titles;

/// How it is shown.
pub const KIND: Kind = Kind {
    name: "spans",
    charts,
    tables: |_, _| Vec::new(),
    pressing: |_| Vec::<Pressing>::new(),
};

/// One of so many requests without spans is worth a word: a few are always on their way at the end.
const LOST: u64 = 20;

/// Traces of a page.
const TRACES: usize = 50;

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    vec![
        look.chart("spans", "Spans that came", "/s")
            .rate("spans.received", "all")
            .rate("spans.db", "of database calls")
            .done(),
        look.chart("requests", "Traced requests whose spans came", "/s")
            .rate("spans.requests", "requests")
            .done(),
    ]
}

/// By endpoint, over the whole run.
pub fn summaries(timeline: &Timeline) -> Vec<SpanSummary> {
    let titles = Titles::new(timeline.endpoints.keys());
    let mut all = timeline.traces.by_endpoint();
    let asked = timeline.endpoints.iter().filter(|(_, of)| of.traced > 0);
    asked.for_each(|(key, _)| {
        all.entry(key).or_default();
    });
    let summary = |(key, calls): (&EndpointKey, Calls)| {
        let db = calls.about("db");
        let each = |sum: f64| (calls.requests > 0).then(|| sum / calls.requests as f64);
        SpanSummary {
            method: key.method.clone(),
            name: titles.of(key),
            asked: timeline.endpoints.get(key).map_or(0, |of| of.traced),
            requests: calls.requests,
            spans: calls.spans,
            db_calls: db.count,
            db_calls_per_request: each(db.count as f64),
            db_ms_per_request: each(db.sum_us as f64 / 1e3),
        }
    };
    all.into_iter().map(summary).collect()
}

/// Said where the spans of many requests that asked for them did not come, though others' did.
pub fn lost(summaries: &[SpanSummary]) -> Option<String> {
    let asked: u64 = summaries.iter().map(|of| of.asked).sum();
    let came: u64 = summaries.iter().map(|of| of.requests.min(of.asked)).sum();
    let is_much = came > 0 && (asked - came) * LOST > asked;
    is_much.then(|| {
        format!(
            "Spans came of {came} of the {asked} requests that asked for them: the target's exporter dropped the others or had \
             not sent them at the end, or a part of the target has no tracing. Calls per request are of those that came."
        )
    })
}

/// Of the whole run, and of each phase.
pub fn tables(timeline: &Timeline) -> Vec<Table> {
    let mut tables = of_part("", &timeline.traces.by_endpoint());
    for (phase, totals) in &timeline.phases {
        let here = timeline.traces.calls.iter();
        let here = here.filter(|((of, _), _)| of == phase);
        let here = here.map(|((_, key), calls)| (key, calls.clone())).collect();
        tables.extend(of_part(&totals.name, &here));
    }
    tables
}

fn of_part(phase: &str, endpoints: &BTreeMap<&EndpointKey, Calls>) -> Vec<Table> {
    let traced = endpoints.iter().filter(|(_, calls)| calls.requests > 0);
    let mut rows = Vec::new();
    let mut calls_rows = Vec::new();
    for (key, calls) in traced {
        let endpoint = json!(format!("{} {}", key.method, key.name));
        let each = |sum: f64| sum / calls.requests as f64;
        let per_request = |sum: f64| figure(each(sum));
        let db = calls.about("db");
        let others = ["http", "messaging", "rpc"].map(|about| calls.about(about).count);
        rows.push((
            db.sum_us as f64,
            vec![
                endpoint.clone(),
                json!(calls.requests),
                per_request(calls.spans as f64),
                per_request(db.count as f64),
                per_request(db.sum_us as f64 / 1e3),
                per_request(others.iter().sum::<u64>() as f64),
            ],
        ));
        for (call, totals) in &calls.calls {
            let CallTotals {
                count,
                sum_us,
                failed,
            } = *totals;
            let system = [call.system.as_str(), call.about.as_str()];
            let system = system.into_iter().find(|word| !word.is_empty());
            calls_rows.push((
                sum_us as f64,
                vec![
                    endpoint.clone(),
                    json!(system.unwrap_or_default()),
                    json!(call.text),
                    per_request(count as f64),
                    figure(sum_us as f64 / 1e3 / count.max(1) as f64),
                    per_request(sum_us as f64 / 1e3),
                    Value::from(failed),
                ],
            ));
        }
    }
    let (rows, note) = largest(rows, "endpoints");
    let (calls, calls_note) = largest(calls_rows, "calls");
    vec![
        Table {
            id: "endpoints".into(),
            title: "Calls by endpoint, as spans have them".into(),
            phase: phase.into(),
            columns: columns(&[
                ("endpoint", "text"),
                ("traced requests", ""),
                ("spans per request", ""),
                ("database calls per request", ""),
                ("their time per request", "ms"),
                ("other calls per request", ""),
            ]),
            rows,
            note,
        },
        Table {
            id: "calls".into(),
            title: "What endpoints call, by time".into(),
            phase: phase.into(),
            columns: columns(&[
                ("endpoint", "text"),
                ("whom", "text"),
                ("call", "code"),
                ("per request", ""),
                ("each", "ms"),
                ("time per request", "ms"),
                ("failed", ""),
            ]),
            rows: calls,
            note: calls_note,
        },
    ]
}

/// The slowest traced requests whose spans came, the slowest first.
pub fn traces(timeline: &Timeline) -> Vec<Trace> {
    let titles = Titles::new(timeline.endpoints.keys());
    let examples = timeline.traces.examples.iter();
    let mut all: Vec<(&EndpointKey, &Example, TraceId, &TraceSeen)> = examples
        .flat_map(|(key, list)| list.iter().map(move |example| (key, example)))
        .filter_map(|(key, example)| {
            let trace = example.request.trace?;
            let seen = timeline.traces.spans.get(&trace)?;
            Some((key, example, trace, seen))
        })
        .collect();
    all.sort_by(|a, b| {
        let key = |one: &(&EndpointKey, &Example, TraceId, &TraceSeen)| {
            (one.1.request.from_due_us, one.1.request.done)
        };
        key(b).cmp(&key(a))
    });
    all.truncate(TRACES);
    let trace = |(key, example, id, seen): (&EndpointKey, &Example, TraceId, &TraceSeen)| {
        let request = &example.request;
        let phase = timeline.phases.get(&id.phase());
        Trace {
            id: id.to_string(),
            method: key.method.clone(),
            name: titles.of(key),
            phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
            at_s: request.done as f64 / 1e6,
            from_due_ms: request.from_due_us as f64 / 1e3,
            from_send_ms: request.from_send_us as f64 / 1e3,
            status: request.status,
            failure: example.failure.as_ref().map(|(_, text)| text.clone()),
            spans: tree(&seen.spans, id.parent(), request.from_send_us),
            left_out: seen.left_out,
            db_calls: databases(seen).count() as u32,
            db_ms: covered_us(databases(seen)) as f64 / 1e3,
        }
    };
    all.into_iter().map(trace).collect()
}

fn databases(seen: &TraceSeen) -> impl Iterator<Item = &SeenSpan> {
    seen.spans.iter().filter(|span| span.about == "db")
}

/// Time in which at least one of the spans was under way. They come by their beginning.
fn covered_us<'a>(spans: impl Iterator<Item = &'a SeenSpan>) -> u64 {
    let (mut covered, mut until) = (0, 0);
    for span in spans {
        let end = span.start_us.saturating_add(span.us);
        covered += end.saturating_sub(until.max(span.start_us));
        until = until.max(end);
    }
    covered
}

/// Spans in the order of a tree, on the time of a request that took so long.
fn tree(spans: &[SeenSpan], request: u64, took_us: u64) -> Vec<Span> {
    let is_root = |span: &SeenSpan| {
        span.parent == request || !spans.iter().any(|other| other.id == span.parent)
    };
    let entry = spans.iter().find(|span| span.parent == request);
    let Some(first) = entry.or(spans.first()) else {
        return Vec::new();
    };
    // The target's clock is not ours: as much time lies before the first span as after it.
    let before_us = took_us.saturating_sub(first.us) as f64 / 2.0;
    let placed = |span: &SeenSpan, depth: u32| Span {
        name: span.name.clone(),
        called: called(span),
        service: span.service.clone(),
        kind: kind(span.kind).to_owned(),
        about: span.about.clone(),
        depth,
        from_send_ms: (span.start_us as f64 - first.start_us as f64 + before_us) / 1e3,
        ms: span.us as f64 / 1e3,
        failed: span.failed,
        text: span.text.clone(),
    };
    let mut left: Vec<Option<&SeenSpan>> = spans.iter().map(Some).collect();
    let mut out = Vec::with_capacity(spans.len());
    // Taken from the end; of one parent the earliest comes last. What is not below a root lies in a circle, and stands at the end.
    let mut open: Vec<(usize, u32)> = Vec::new();
    let roots = (0..spans.len()).filter(|n| is_root(&spans[*n]));
    let circles = (0..spans.len()).filter(|n| !is_root(&spans[*n]));
    for start in roots.chain(circles) {
        open.push((start, 0));
        while let Some((number, depth)) = open.pop() {
            let Some(span) = left[number].take() else {
                continue;
            };
            out.push(placed(span, depth));
            let children = (0..spans.len()).rev();
            let children = children.filter(|n| spans[*n].parent == span.id && left[*n].is_some());
            open.extend(children.map(|n| (n, depth + 1)));
        }
    }
    out
}

fn called(span: &SeenSpan) -> String {
    // A command of a cache is one word, as the span's name is.
    if span.about == "db" && span.text.contains(' ') {
        shortened(&span.text)
    } else {
        span.name.clone()
    }
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64, parent: u64, start_us: u64, us: u64) -> SeenSpan {
        SeenSpan {
            id,
            parent,
            start_us,
            us,
            name: id.to_string(),
            ..SeenSpan::default()
        }
    }

    fn check(spans: &[SeenSpan], expected: &[(&str, u32, f64)]) {
        let found = tree(spans, 99, 10_000);
        let found: Vec<_> = found
            .iter()
            .map(|span| (span.name.as_str(), span.depth, span.from_send_ms))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_tree_from_the_top_in_the_middle_of_the_request() {
        let spans = [
            span(1, 99, 1_000_000, 8_000),
            span(2, 1, 1_001_000, 2_000),
            span(4, 2, 1_001_500, 500),
            span(3, 1, 1_004_000, 2_000),
        ];
        let expected = [("1", 0, 1.0), ("2", 1, 2.0), ("4", 2, 2.5), ("3", 1, 5.0)];
        check(&spans, &expected);
    }

    #[test]
    fn calls_side_by_side_are_no_sum() {
        let spans = [
            span(1, 0, 100, 50),
            span(2, 0, 110, 20),
            span(3, 0, 140, 30),
            span(4, 0, 200, 5),
        ];
        assert_eq!(covered_us(spans.iter()), 75);
        assert_eq!(covered_us([].iter()), 0);
    }

    #[test]
    fn spans_that_did_not_come_are_said() {
        let of = |asked, requests| SpanSummary {
            asked,
            requests,
            ..SpanSummary::default()
        };
        assert_eq!(lost(&[of(50, 48), of(50, 48)]), None);
        assert_eq!(lost(&[of(50, 0)]), None, "that is a blind spot of its own");
        let text = lost(&[of(50, 50), of(50, 30)]).expect("a fifth is missing");
        assert!(text.starts_with("Spans came of 80 of the 100 "), "{text}");
    }

    #[test]
    fn a_statement_is_called_by_what_tells_it_from_others() {
        let check = |about: &str, text: &str, expected: &str| {
            let span = SeenSpan {
                about: about.into(),
                text: text.into(),
                ..span(7, 0, 0, 0)
            };
            assert_eq!(called(&span), expected);
        };
        check(
            "db",
            "select a, b from t where c = $1",
            "select … from t where c = $1",
        );
        check("db", "UPDATE t SET a = $1", "UPDATE t SET a = $1");
        check("db", "GET", "7");
        check("http", "GET example.com", "7");
    }

    #[test]
    fn what_lost_its_parent_or_goes_round_is_shown_all_the_same() {
        let spans = [
            span(5, 6, 100, 10),
            span(6, 5, 200, 10),
            span(7, 12, 1_000, 20_000),
            span(8, 8, 2_000, 0),
        ];
        let found = tree(&spans, 99, 10_000);
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].name, "7", "it has the only root");
        check(&[], &[]);
    }
}
