//! Single things: failures, failing responses, exceptions, the slowest requests.

use std::fmt::Write;

use katydid_record::summary::{DriftOutcome, ExampleSummary, SloOutcome, Summary};

use super::markup::{endpoint, escape, escape_lines, more, section};
use crate::number::{count, instant, short};
use crate::phrase;

const DRIFTS: usize = 100;
const FAILURES: usize = 200;
const EXAMPLES: usize = 20;
const EXCEPTIONS: usize = 50;
const LINES: usize = 60;

/// What became of the objectives.
pub fn objectives(out: &mut String, summary: &Summary) {
    if summary.slos.is_empty() {
        return;
    }
    section(out, "Objectives");
    out.push_str("<div class=\"scroll\"><table>\n<tbody>\n");
    for slo in &summary.slos {
        let (class, word) = match slo.outcome {
            SloOutcome::Pass => ("pass", "PASS"),
            SloOutcome::Fail => ("fail", "FAIL"),
            SloOutcome::Undecided => ("soft", "UNDECIDED"),
            SloOutcome::Invalid => ("fail", "INVALID"),
        };
        let _ = writeln!(
            out,
            "<tr><td class=\"cause\"><b class=\"{class}\">{word}</b></td><td class=\"cause\">{}</td><td class=\"said\">{}</td></tr>",
            escape(&phrase::objective(slo)),
            escape(&phrase::measured(slo))
        );
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// What was done while the load was on.
pub fn events(out: &mut String, summary: &Summary) {
    if summary.events.is_empty() {
        return;
    }
    section(out, "Events in the plan");
    out.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">At</th><th class=\"after\">Event</th><th>Command</th>\
         <th>What became of it</th></tr></thead>\n<tbody>\n",
    );
    for event in &summary.events {
        let class = if event.outcome.is_failure() {
            " class=\"fail\""
        } else {
            ""
        };
        let output = match event.output.as_str() {
            "" => String::new(),
            text => format!("<pre>{}</pre>", escape_lines(text, LINES)),
        };
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"endpoint\">{}</td><td class=\"said\"><code>{}</code></td>\
             <td class=\"said\"><span{class}>{}</span>{output}</td></tr>",
            instant(event.at_s),
            escape(&event.name),
            escape(&event.command),
            escape(&event.reason)
        );
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// What changed while the load did not.
pub fn drifts(out: &mut String, summary: &Summary) {
    if summary.drifts.is_empty() {
        return;
    }
    section(out, "Drift");
    out.push_str("<div class=\"scroll\"><table>\n<tbody>\n");
    for drift in summary.drifts.iter().take(DRIFTS) {
        let class = match drift.outcome {
            DriftOutcome::Rose => "fail",
            DriftOutcome::None | DriftOutcome::Fell => "pass",
            _ => "soft",
        };
        let _ = writeln!(
            out,
            "<tr><td class=\"cause\"><b class=\"{class}\">{}</b></td><td class=\"said\">{}</td></tr>",
            phrase::drift_outcome(drift.outcome),
            escape(&phrase::drift(drift))
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
    more(out, summary.drifts.len(), DRIFTS);
    out.push_str("</section>\n");
}

/// Failures, most frequent first.
pub fn failures(out: &mut String, summary: &Summary) {
    if summary.failures.is_empty() {
        return;
    }
    section(out, "Failures");
    out.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">Count</th><th class=\"after\">Endpoint</th><th>Cause</th><th>What was said</th>\
         <th class=\"n\">First</th><th class=\"n\">Last</th></tr></thead>\n<tbody>\n",
    );
    for f in summary.failures.iter().take(FAILURES) {
        let _ = writeln!(
            out,
            "<tr><td class=\"n fail\">{}</td><td class=\"endpoint\">{}</td><td class=\"cause\">{}</td><td class=\"said\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            count(f.count),
            endpoint(phrase::method(f.kind, &f.method), &f.name),
            phrase::cause(f.cause),
            escape(&f.text),
            instant(f.first_s),
            instant(f.last_s)
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
    more(out, summary.failures.len(), FAILURES);
    out.push_str("</section>\n");
}

/// The first failing responses, as outlines.
pub fn failing_responses(out: &mut String, summary: &Summary) {
    let all = || summary.exemplars.iter().filter(|e| e.why == "failed");
    if all().next().is_none() {
        return;
    }
    section(out, "First failing responses");
    out.push_str("<p class=\"soft\">Outlines: values are masked and bodies are never kept.</p>\n<ol class=\"responses\">\n");
    for e in all().take(EXAMPLES) {
        let failure = e
            .failure
            .as_deref()
            .map(|text| format!("<p>{}</p>", escape(text)))
            .unwrap_or_default();
        let shape = e
            .shape
            .as_deref()
            .map(|text| format!("<pre>{}</pre>", escape_lines(text, LINES)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "<li><p>{} <span class=\"soft\">{}, {} ms from due, at {}</span></p>{failure}{shape}</li>",
            endpoint(&e.method, &e.name),
            status(e),
            short(e.from_due_ms),
            instant(e.done_s)
        );
    }
    out.push_str("</ol>\n");
    more(out, all().count(), EXAMPLES);
    out.push_str("</section>\n");
}

/// Exceptions of the script. Open, so that they are printed.
pub fn exceptions(out: &mut String, summary: &Summary) {
    if summary.exceptions.is_empty() {
        return;
    }
    section(out, "Exceptions in the scenario");
    for e in summary.exceptions.iter().take(EXCEPTIONS) {
        let _ = writeln!(
            out,
            "<details open><summary><b>{}</b> × {}</summary><pre>{}</pre></details>",
            count(e.count),
            escape(&e.message),
            escape_lines(&e.traceback, LINES)
        );
    }
    more(out, summary.exceptions.len(), EXCEPTIONS);
    out.push_str("</section>\n");
}

/// The slowest requests, the slowest first.
pub fn slowest(out: &mut String, summary: &Summary) {
    let mut all: Vec<&ExampleSummary> = summary
        .exemplars
        .iter()
        .filter(|e| e.why == "slowest")
        .collect();
    if all.is_empty() {
        return;
    }
    all.sort_by(|a, b| b.from_due_ms.total_cmp(&a.from_due_ms));
    section(out, "Slowest requests");
    out.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">From due, ms</th><th class=\"n\">From send, ms</th>\
         <th class=\"after\">Endpoint</th><th>Answer</th><th class=\"n\">At</th></tr></thead>\n<tbody>\n",
    );
    for e in all.iter().take(EXAMPLES) {
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"endpoint\">{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
            short(e.from_due_ms),
            short(e.from_send_ms),
            endpoint(&e.method, &e.name),
            status(e),
            instant(e.done_s)
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
    more(out, all.len(), EXAMPLES);
    out.push_str("</section>\n");
}

fn status(e: &ExampleSummary) -> String {
    match e.status {
        0 => "no response".to_owned(),
        status => format!("status {status}"),
    }
}
