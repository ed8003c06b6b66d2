//! A run in GitHub's Markdown, for a pull request or the summary of a pipeline's step: the verdict, objectives, phases; endpoints
//! and failures folded away.
//!
//! Its length is bounded, whatever the run holds: a step's summary may have 1 MiB.

mod markup;
mod versus;

use std::fmt::Write;

use katydid_record::summary::{EndpointSummary, PhaseSummary, SloOutcome, SloSummary, Summary};

use crate::number::{NONE, count, duration, instant, percent, rate, short};
use crate::phrase;
use markup::{code, head, latency, more, prose, row};
pub use versus::markdown_comparison;

const MOST_OBJECTIVES: usize = 60;
const MOST_PHASES: usize = 60;
const MOST_ENDPOINTS: usize = 60;
const MOST_FAILURES: usize = 20;
const MOST_FINDINGS: usize = 10;
const MOST_EVENTS: usize = 20;
const MOST_REASONS: usize = 20;
/// Characters of a sentence, of a name.
const SENTENCE: usize = 500;
const NAME: usize = 160;

/// The text, with a line end. The first line is the verdict and why.
pub fn markdown(summary: &Summary) -> String {
    let mut out = String::new();
    verdict(&mut out, summary);
    findings(&mut out, summary);
    search(&mut out, summary);
    objectives(&mut out, summary);
    if summary.search.is_none() {
        phases(&mut out, summary);
    }
    events(&mut out, summary);
    folded(&mut out, summary);
    generator(&mut out, summary);
    let run = &summary.run;
    let _ = writeln!(
        out,
        "\nRun {} · katydid {} · exit code {}",
        code(&run.id, NAME),
        prose(&run.tool_version, NAME),
        run.exit_code
    );
    out
}

fn verdict(out: &mut String, summary: &Summary) {
    let run = &summary.run;
    let word = match run.verdict.as_str() {
        "" => "no verdict",
        word => word,
    };
    let reason = match run.reason.as_str() {
        "" => phrase::incomplete(summary).unwrap_or_default(),
        reason => reason,
    };
    let dash = if reason.is_empty() { "" } else { " — " };
    let _ = writeln!(
        out,
        "**{}**{dash}{}",
        prose(word, NAME),
        prose(reason, SENTENCE)
    );
    for reason in summary.generator.reasons.iter().skip(1).take(MOST_REASONS) {
        let _ = writeln!(out, "- {}", prose(reason, SENTENCE));
    }
    let name = match run.name.as_str() {
        "" => String::new(),
        name => format!("{}: ", code(name, NAME)),
    };
    let what = format!(
        "{} ({})",
        phrase::what_ran(summary),
        phrase::ended(&run.ended)
    );
    let _ = writeln!(out, "\n{name}{}", prose(&what, SENTENCE));
}

/// Causes, each with what it costs and what to change; what was ruled out in a line.
fn findings(out: &mut String, summary: &Summary) {
    let Some(all) = &summary.findings else {
        return;
    };
    for (number, finding) in (1..).zip(all.findings.iter().take(MOST_FINDINGS)) {
        let gap = if number == 1 { "\n" } else { "" };
        let _ = writeln!(
            out,
            "{gap}{number}. **{}**: {}",
            prose(&phrase::finding_title(finding), SENTENCE),
            prose(&finding.what, SENTENCE)
        );
        let cost = finding.cost.map(|cost| format!("{}; ", phrase::cost(cost)));
        let _ = writeln!(
            out,
            "   - {}{}",
            prose(&cost.unwrap_or_default(), SENTENCE),
            prose(&phrase::confidence(finding), SENTENCE)
        );
        let _ = writeln!(out, "   - fix: {}", prose(&finding.advice, SENTENCE));
        for fix in &finding.fixes {
            let _ = writeln!(
                out,
                "   - {}: {}",
                prose(&fix.r#in, NAME),
                code(&fix.text, SENTENCE)
            );
        }
    }
    more(out, all.findings.len(), MOST_FINDINGS, "findings");
}

/// What there is to know of a search besides its answer, which stands in the first line, and what was bad at which load.
fn search(out: &mut String, summary: &Summary) {
    let Some(search) = &summary.search else {
        return;
    };
    out.push('\n');
    for remark in &search.remarks {
        let _ = writeln!(out, "- {}", prose(remark, SENTENCE));
    }
    let Some(objective) = search.objective().filter(|_| !search.levels.is_empty()) else {
        return;
    };
    out.push('\n');
    let bad = format!(">Bad: {}", objective.text);
    let unit = format!(">{}", search.unit);
    head(out, &[&unit, ">Steps", &bad, ">Allowed"]);
    for level in &search.levels {
        row(
            out,
            [
                rate(level.height),
                count(level.steps),
                percent(level.bad),
                percent(objective.budget),
            ],
        );
    }
}

fn objectives(out: &mut String, summary: &Summary) {
    let slos = &summary.slos;
    if slos.is_empty() {
        return;
    }
    out.push('\n');
    head(
        out,
        &[
            "Outcome",
            "Objective",
            ">Measured",
            ">Bad (95 % interval)",
            ">Allowed",
        ],
    );
    for slo in slos.iter().take(MOST_OBJECTIVES) {
        let word = phrase::outcome(slo.outcome);
        let word = match slo.outcome {
            SloOutcome::Pass => word.to_owned(),
            _ => format!("**{word}**"),
        };
        let measured = slo.observed_ms.map(|ms| format!("{} ms", short(ms)));
        row(
            out,
            [
                word,
                code(&phrase::objective(slo), NAME),
                measured.unwrap_or_else(|| NONE.to_owned()),
                bad(slo),
                percent(slo.budget),
            ],
        );
    }
    more(out, slos.len(), MOST_OBJECTIVES, "objectives");
    let said = |slo: &SloSummary| {
        let line = format!("{}: {}", phrase::objective(slo), slo.reason);
        slo.outcome == SloOutcome::Pass || line == summary.run.reason
    };
    let wanting = slos.iter().filter(|slo| !said(slo));
    for (i, slo) in wanting.take(MOST_REASONS).enumerate() {
        let gap = if i == 0 { "\n" } else { "" };
        let _ = writeln!(
            out,
            "{gap}- {}: {}",
            code(&phrase::objective(slo), NAME),
            prose(&slo.reason, SENTENCE)
        );
    }
}

fn bad(slo: &SloSummary) -> String {
    match (slo.share, slo.low, slo.high) {
        (Some(share), Some(low), Some(high)) => {
            format!("{} ({} to {})", percent(share), percent(low), percent(high))
        }
        (Some(share), ..) => percent(share),
        _ => NONE.to_owned(),
    }
}

/// A row per phase, and one for the run.
fn phases(out: &mut String, summary: &Summary) {
    let users = match summary.run.command.as_str() {
        "attack" => ">Connections",
        _ => ">Users",
    };
    out.push('\n');
    head(
        out,
        &[
            "Phase",
            ">Length",
            users,
            ">Requests",
            ">req/s",
            ">Failed",
            ">p50 ms",
            ">p95 ms",
            ">p99 ms",
        ],
    );
    let all: Vec<&PhaseSummary> = phrase::phases(summary);
    for phase in all.iter().take(MOST_PHASES) {
        let invalid = if phase.valid { "" } else { " **INVALID**" };
        numbers(
            out,
            format!("{}{invalid}", code(&phase.name, NAME)),
            duration(phase.ended_s - phase.began_s),
            phase.users,
            &phase.total,
        );
    }
    let run = &summary.run;
    numbers(
        out,
        "Whole run".to_owned(),
        duration(run.duration_s),
        run.users,
        &summary.total,
    );
    more(out, all.len(), MOST_PHASES, "phases");
    for (i, spike) in summary.spikes.iter().take(MOST_REASONS).enumerate() {
        let gap = if i == 0 { "\n" } else { "" };
        let [did, then] = phrase::spike(spike);
        let _ = writeln!(
            out,
            "{gap}- {}: {}; **{}**",
            code(&spike.phase, NAME),
            prose(&did, SENTENCE),
            prose(&then, SENTENCE)
        );
    }
    for (i, drift) in summary.drifts.iter().take(MOST_REASONS).enumerate() {
        let gap = if i == 0 { "\n" } else { "" };
        let _ = writeln!(
            out,
            "{gap}- Drift: {}",
            prose(&phrase::drift(drift), SENTENCE)
        );
    }
    let apart = phrase::apart(&summary.total);
    if !apart.is_empty() {
        let _ = writeln!(out, "\nNot in the table: {}.", apart.join("; "));
    }
    out.push_str("\nTimes are those of successes, from due.");
    if phrase::any_wide(summary) {
        let _ = write!(out, " {}", prose(phrase::WIDE, SENTENCE));
    }
    out.push('\n');
}

fn events(out: &mut String, summary: &Summary) {
    if summary.events.is_empty() {
        return;
    }
    out.push('\n');
    head(out, &[">At", "Event", "Command", "Outcome"]);
    for event in summary.events.iter().take(MOST_EVENTS) {
        let reason = prose(&event.reason, SENTENCE);
        let reason = if event.outcome.is_failure() {
            format!("**{reason}**")
        } else {
            reason
        };
        let cells = [
            instant(event.at_s),
            code(&event.name, NAME),
            code(&event.command, NAME),
            reason,
        ];
        row(out, cells);
    }
    more(out, summary.events.len(), MOST_EVENTS, "events");
}

fn numbers(out: &mut String, name: String, length: String, users: u64, total: &EndpointSummary) {
    let due = &total.from_due;
    row(
        out,
        [
            name,
            length,
            count(users),
            count(total.requests),
            rate(total.rps),
            failed(total),
            latency(due, "p50", due.p50),
            latency(due, "p95", due.p95),
            latency(due, "p99", due.p99),
        ],
    );
}

fn failed(e: &EndpointSummary) -> String {
    match e.failures {
        0 => "0".to_owned(),
        n => format!("{} ({})", count(n), percent(e.failure_ratio)),
    }
}

/// Endpoints and failures.
fn folded(out: &mut String, summary: &Summary) {
    let (endpoints, failures) = (&summary.endpoints, &summary.failures);
    if endpoints.is_empty() && failures.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n<details><summary>{}, {}</summary>",
        phrase::plural(endpoints.len() as u64, "endpoint"),
        phrase::plural(failures.len() as u64, "kind") + " of failure"
    );
    if !endpoints.is_empty() {
        out.push('\n');
        head(
            out,
            &[
                "Endpoint",
                ">Requests",
                ">Failed",
                ">req/s",
                ">p50 ms",
                ">p95 ms",
                ">p99 ms",
                ">max ms",
            ],
        );
        for e in endpoints.iter().take(MOST_ENDPOINTS) {
            let due = &e.from_due;
            row(
                out,
                [
                    endpoint(phrase::method(e.kind, &e.method), &e.name),
                    count(e.requests),
                    failed(e),
                    rate(e.rps),
                    latency(due, "p50", due.p50),
                    latency(due, "p95", due.p95),
                    latency(due, "p99", due.p99),
                    latency(due, "max", due.max),
                ],
            );
        }
        more(out, endpoints.len(), MOST_ENDPOINTS, "endpoints");
    }
    if !failures.is_empty() {
        out.push('\n');
        head(out, &[">Count", "Endpoint", "Cause", "What was said"]);
        for f in failures.iter().take(MOST_FAILURES) {
            row(
                out,
                [
                    count(f.count),
                    endpoint(phrase::method(f.kind, &f.method), &f.name),
                    phrase::cause(f.cause).to_owned(),
                    code(&f.text, SENTENCE),
                ],
            );
        }
        more(out, failures.len(), MOST_FAILURES, "failures");
    }
    out.push_str("\n</details>\n");
}

fn endpoint(method: &str, name: &str) -> String {
    if method.is_empty() {
        code(name, NAME)
    } else {
        code(&format!("{method} {name}"), NAME)
    }
}

fn generator(out: &mut String, summary: &Summary) {
    let (first, second) = phrase::generator(&summary.generator);
    let parts = [first, second].concat();
    let _ = writeln!(out, "\nGenerator: {}", parts.join(" · "));
}
