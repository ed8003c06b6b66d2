//! What follows the table: failures, examples, exceptions, the generator's health, notes.

use std::cmp::Reverse;

use katydid_record::EventOutcome;
use katydid_record::summary::{
    DriftOutcome, ExampleSummary, SloOutcome, SloSummary, SpanSummary, Summary,
};

use super::page::{Page, Tone};
use crate::number::{count, instant, short};
use crate::phrase::{self, plural};
use crate::words::{clean, columns, cut, pad_left, shorten};

const MOST_DRIFTS: usize = 20;
const MOST_FAILURES: usize = 20;
const MOST_RESPONSES: usize = 5;
const MOST_EXCEPTIONS: usize = 5;
const MOST_NOTES: usize = 20;
const MOST_TRACED: usize = 6;
const MOST_EVENTS: usize = 20;
const LINES_OF_OUTPUT: usize = 6;
const LINES_OF_SHAPE: usize = 6;
const LINES_OF_TRACEBACK: usize = 12;

/// What became of the objectives.
pub fn objectives(page: &mut Page, summary: &Summary) {
    if summary.slos.is_empty() {
        return;
    }
    page.title("Objectives");
    for slo in &summary.slos {
        let (word, tone) = outcome(slo);
        let word = page.tone(tone, word);
        let room = page.width().saturating_sub(13);
        let objective = shorten(&clean(&phrase::objective(slo)), room);
        page.line(&format!("  {word}  {objective}"));
        page.item(13, "", Tone::Faint, &phrase::measured(slo));
    }
}

/// What each spike did.
pub fn spikes(page: &mut Page, summary: &Summary) {
    for spike in &summary.spikes {
        page.gap();
        let [did, then] = phrase::spike(spike);
        page.item(17, &clean(&capital(&spike.phase)), Tone::Plain, &did);
        let tone = match spike.recovered_s {
            Some(_) => Tone::Strong,
            None => Tone::Bad,
        };
        page.item(17, "", tone, &then);
    }
}

/// What became of the plan's events.
pub fn events(page: &mut Page, summary: &Summary) {
    if summary.events.is_empty() {
        return;
    }
    page.title("Events");
    let shown = summary.events.iter().take(MOST_EVENTS);
    let instants = shown.clone().map(|event| columns(&instant(event.at_s)));
    let width = instants.max().unwrap_or(0);
    for event in shown {
        let label = format!("  {}  ", pad_left(&instant(event.at_s), width));
        let indent = columns(&label);
        page.item(indent, &label, Tone::Plain, &phrase::event(event));
        let tone = match event.outcome {
            EventOutcome::Done => Tone::Faint,
            outcome if outcome.is_failure() => Tone::Bad,
            _ => Tone::Warning,
        };
        page.item(indent, "", tone, &event.reason);
        let lines: Vec<&str> = event.output.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES_OF_OUTPUT)..];
        page.block(indent + 2, &last.join("\n"), LINES_OF_OUTPUT);
    }
    more(page, summary.events.len(), MOST_EVENTS, "events");
}

/// What changed while the load did not.
pub fn drifts(page: &mut Page, summary: &Summary) {
    if summary.drifts.is_empty() {
        return;
    }
    page.gap();
    let shown = summary.drifts.iter().take(MOST_DRIFTS);
    for (label, drift) in ["Drift"]
        .into_iter()
        .chain(std::iter::repeat(""))
        .zip(shown)
    {
        let tone = match drift.outcome {
            DriftOutcome::Rose | DriftOutcome::Fell => Tone::Warning,
            _ => Tone::Plain,
        };
        page.item(17, label, tone, &phrase::drift(drift));
    }
    more(page, summary.drifts.len(), MOST_DRIFTS, "drifts");
}

fn capital(name: &str) -> String {
    let name = shorten(name, 15);
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// Words of one width.
fn outcome(slo: &SloSummary) -> (&'static str, Tone) {
    match slo.outcome {
        SloOutcome::Pass => ("PASS     ", Tone::Strong),
        SloOutcome::Fail => ("FAIL     ", Tone::Bad),
        SloOutcome::Undecided => ("UNDECIDED", Tone::Warning),
        SloOutcome::Invalid => ("INVALID  ", Tone::Bad),
    }
}

/// The last two lines. A reason that does not fit is cut: it stands in full further up.
pub fn verdict(page: &mut Page, summary: &Summary) {
    let run = &summary.run;
    if run.verdict.is_empty() {
        return;
    }
    page.gap();
    let tone = match run.verdict.as_str() {
        "PASS" | "DONE" => Tone::Strong,
        "UNDECIDED" => Tone::Warning,
        _ => Tone::Bad,
    };
    let verdict = page.tone(tone, &cut(&clean(&run.verdict), 24));
    page.line(&format!(
        "Verdict          {verdict} (exit code {})",
        run.exit_code
    ));
    let reason = cut(&clean(&run.reason), page.width().saturating_sub(17));
    page.line(&format!("Reason           {reason}"));
}

/// Failures with count, endpoint, cause and text.
pub fn failures(page: &mut Page, summary: &Summary) {
    if summary.failures.is_empty() {
        return;
    }
    page.title("Failures");
    let shown = &summary.failures[..summary.failures.len().min(MOST_FAILURES)];
    let width = shown
        .iter()
        .map(|f| count(f.count).len())
        .max()
        .unwrap_or(0);
    for failure in shown {
        let label = format!("  {}  ", pad_left(&count(failure.count), width));
        let endpoint = named(phrase::method(failure.kind, &failure.method), &failure.name);
        let when = when(failure.first_s, failure.last_s);
        let cause = phrase::cause(failure.cause);
        let text = format!("{endpoint}  [{cause}] {}  ({when})", failure.text);
        page.item(columns(&label), &label, Tone::Plain, &text);
    }
    more(page, summary.failures.len(), MOST_FAILURES, "failures");
}

/// The first failing responses: outlines without values.
pub fn failing_responses(page: &mut Page, summary: &Summary) {
    let all = || summary.exemplars.iter().filter(|e| e.why == "failed");
    if all().next().is_none() {
        return;
    }
    page.title("First failing responses (values masked)");
    for example in all().take(MOST_RESPONSES) {
        page.item(4, "  ", Tone::Plain, &example_line(example));
        if let Some(shape) = &example.shape {
            page.block(6, shape, LINES_OF_SHAPE);
        }
    }
    more(page, all().count(), MOST_RESPONSES, "responses");
}

/// Exceptions with their tracebacks.
pub fn exceptions(page: &mut Page, summary: &Summary) {
    if summary.exceptions.is_empty() {
        return;
    }
    page.title("Exceptions");
    for exception in summary.exceptions.iter().take(MOST_EXCEPTIONS) {
        let label = format!("  {}  ", count(exception.count));
        page.item(columns(&label), &label, Tone::Bad, &exception.message);
        page.block(6, &exception.traceback, LINES_OF_TRACEBACK);
    }
    more(
        page,
        summary.exceptions.len(),
        MOST_EXCEPTIONS,
        "exceptions",
    );
}

/// The slowest request.
pub fn slowest(page: &mut Page, summary: &Summary) {
    let slowest = summary
        .exemplars
        .iter()
        .filter(|e| e.why == "slowest")
        .max_by(|a, b| a.from_due_ms.total_cmp(&b.from_due_ms));
    if let Some(example) = slowest {
        page.gap();
        page.item(17, "Slowest request", Tone::Plain, &example_line(example));
    }
}

/// The generator's own health.
pub fn generator(page: &mut Page, summary: &Summary) {
    page.gap();
    let (first, second) = phrase::generator(&summary.generator);
    page.parts(17, "Generator", &first);
    page.parts(17, "", &second);
    // The first reason is the first line of the text.
    for reason in summary.generator.reasons.iter().skip(1) {
        page.item(17, "", Tone::Bad, reason);
    }
    for warning in &summary.generator.warnings {
        page.item(17, "", Tone::Warning, warning);
    }
}

/// What was watched of the target, and what of it could not be seen.
pub fn watched(page: &mut Page, summary: &Summary) {
    if summary.target.is_empty() {
        return;
    }
    page.gap();
    let mut label = "Watched";
    let mut item = |tone, text: &str| page.item(17, std::mem::take(&mut label), tone, text);
    let seen = summary.target.iter().filter(|target| target.looks > 0);
    let seen: Vec<String> = seen.map(|target| clean(&target.title)).collect();
    if !seen.is_empty() {
        item(Tone::Plain, &seen.join("; "));
    }
    for target in &summary.target {
        let subject = clean(&target.subject);
        for loss in &target.losses {
            let when = match loss.until_s {
                None => format!("not seen from {} on", instant(loss.from_s)),
                Some(until_s) => when(loss.from_s, until_s),
            };
            item(
                Tone::Warning,
                &format!("{subject}, {when}: {}", clean(&loss.why)),
            );
        }
        if target.stalls > 0 {
            let stalls = plural(target.stalls, "look");
            item(
                Tone::Warning,
                &format!("{subject}: {stalls} took too long and were dropped"),
            );
        }
        for sight in target.sights.iter().filter(|sight| !sight.seen) {
            let (what, note) = (clean(&sight.what), clean(&sight.note));
            item(
                Tone::Faint,
                &format!("{subject}, not seen: {what} ({note})"),
            );
        }
    }
}

/// How often endpoints call databases, as spans have it.
pub fn traced(page: &mut Page, summary: &Summary) {
    let requests: u64 = summary.spans.iter().map(|spans| spans.requests).sum();
    let asked: u64 = summary.spans.iter().map(|spans| spans.asked).sum();
    if requests == 0 {
        return;
    }
    let per_request = |spans: &SpanSummary| {
        let (method, name) = (clean(&spans.method), clean(&spans.name));
        let calls = short(spans.db_calls_per_request.unwrap_or_default());
        format!("{method} {name} {calls}")
    };
    let mut spans: Vec<&SpanSummary> = summary.spans.iter().filter(|s| s.requests > 0).collect();
    spans.sort_by_key(|spans| Reverse(spans.db_calls / spans.requests));
    let calls: Vec<String> = spans
        .iter()
        .take(MOST_TRACED)
        .map(|s| per_request(s))
        .collect();
    page.gap();
    let text = format!(
        "spans came of {} of {}; database calls per request: {}",
        count(requests),
        plural(asked.max(requests), "request"),
        calls.join(", ")
    );
    page.item(17, "Traced", Tone::Plain, &text);
}

/// What a reader should know.
pub fn notes(page: &mut Page, summary: &Summary) {
    if summary.notes.is_empty() {
        return;
    }
    page.title("Notes");
    for note in summary.notes.iter().take(MOST_NOTES) {
        page.item(4, "  ·", Tone::Plain, note);
    }
    more(page, summary.notes.len(), MOST_NOTES, "notes");
}

/// Where the run is, and how to see more of it.
pub fn saved(page: &mut Page, run_dir: Option<&str>) {
    let Some(dir) = run_dir else { return };
    page.gap();
    let dir = clean(dir);
    page.line(&format!("Saved            {dir}"));
    page.line(&format!("Report           katydid report {}", quoted(&dir)));
}

/// For a shell.
fn quoted(dir: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "/._-+:@%,=~".contains(c);
    if !dir.is_empty() && dir.chars().all(harmless) {
        dir.to_owned()
    } else {
        format!("'{}'", dir.replace('\'', r"'\''"))
    }
}

fn example_line(example: &ExampleSummary) -> String {
    let status = match example.status {
        0 => "no response".to_owned(),
        status => format!("status {status}"),
    };
    let failure = example
        .failure
        .as_ref()
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    format!(
        "{}  {status}, {} ms from due, {} ms from send, at {}{failure}",
        named(&example.method, &example.name),
        short(example.from_due_ms),
        short(example.from_send_ms),
        instant(example.done_s),
    )
}

fn named(method: &str, name: &str) -> String {
    let name = shorten(&clean(name), 60);
    if method.is_empty() {
        name
    } else {
        format!("{} {name}", clean(method))
    }
}

fn when(first_s: f64, last_s: f64) -> String {
    if last_s - first_s <= 1.0 {
        format!("at {}", instant(first_s))
    } else {
        format!("from {} to {}", instant(first_s), instant(last_s))
    }
}

pub fn more(page: &mut Page, all: usize, shown: usize, what: &str) {
    if all > shown {
        page.item(
            4,
            "  ",
            Tone::Faint,
            &format!("… and {} more {what} in the report", all - shown),
        );
    }
}
