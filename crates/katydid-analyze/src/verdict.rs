//! The one word that a run ends with, and why. In the order of the exit codes.

use katydid_record::summary::{SloOutcome, SloSummary};
use katydid_record::{Kind, Summary};

/// What has waited longer for an answer when the load ends did not just come last, s.
const UNANSWERED_S: f64 = 5.0;

/// Writes `run.verdict` and `run.reason` of a summary that is complete but for them.
pub fn write(summary: &mut Summary) {
    let (verdict, reason) = of(summary);
    verdict.clone_into(&mut summary.run.verdict);
    summary.run.reason = reason;
}

fn of(summary: &Summary) -> (&'static str, String) {
    let run = &summary.run;
    if !run.valid {
        let reason = summary.generator.reasons.first();
        return ("INVALID", reason.cloned().unwrap_or_default());
    }
    if !run.complete {
        return ("INCOMPLETE", "the record is not whole".to_owned());
    }
    if let Some(event) = summary.events.iter().find(|e| e.outcome.is_failure()) {
        let reason = format!("the event {} {}", event.name, event.reason);
        return ("INCOMPLETE", reason);
    }
    if let Some(why) = &run.aborted {
        return ("FAIL", format!("aborted: {why}"));
    }
    if let Some(search) = &summary.search {
        return (search.verdict(), search.answer.clone());
    }
    if !summary.slos.is_empty() {
        return objectives(&summary.slos);
    }
    let total = &summary.total;
    if total.failures > 0 {
        let reason = format!("{} of {} requests failed", total.failures, total.requests);
        return ("FAILURES", reason);
    }
    let jobs = summary.endpoints.iter().filter(|e| e.kind == Kind::Job);
    let (failed, all) = jobs.fold((0, 0), |(f, n), e| (f + e.failures, n + e.requests));
    if failed > 0 {
        return ("FAILURES", format!("{failed} of {all} jobs failed"));
    }
    let raised: u64 = summary.exceptions.iter().map(|e| e.count).sum();
    if raised > 0 {
        return ("FAILURES", format!("{raised} exceptions were raised"));
    }
    if run.exit_code != 0 {
        let reason = format!("the scenario asked for exit code {}", run.exit_code);
        return ("FAILURES", reason);
    }
    let unanswered = unanswered(total.aborted, total.aborted_oldest_ms);
    if total.requests == 0 {
        let was = if total.aborted > 0 {
            "answered"
        } else {
            "made"
        };
        return ("DONE", format!("no request was {was}{unanswered}"));
    }
    let reason = format!(
        "none of {} requests failed{unanswered}; no objective was given (--slo)",
        total.requests
    );
    ("DONE", reason)
}

/// What had no answer when its user or the load ended, where it did not just come last.
fn unanswered(aborted: u64, oldest_ms: Option<f64>) -> String {
    let seconds = oldest_ms.unwrap_or_default() / 1e3;
    if seconds < UNANSWERED_S {
        return String::new();
    }
    format!("; {aborted} were given up without an answer, the oldest after {seconds:.1} s")
}

fn objectives(slos: &[SloSummary]) -> (&'static str, String) {
    let worst = |outcome| slos.iter().find(|slo| slo.outcome == outcome);
    let and_more = |outcome| match slos.iter().filter(|s| s.outcome == outcome).count() {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    for (outcome, verdict) in [
        (SloOutcome::Fail, "FAIL"),
        (SloOutcome::Invalid, "UNDECIDED"),
        (SloOutcome::Undecided, "UNDECIDED"),
    ] {
        if let Some(slo) = worst(outcome) {
            let reason = format!("{}: {}{}", title(slo), slo.reason, and_more(outcome));
            return (verdict, reason);
        }
    }
    let n = slos.len();
    let s = if n == 1 {
        "objective was"
    } else {
        "objectives were"
    };
    ("PASS", format!("{n} {s} kept"))
}

/// `p95 < 300ms in hold`.
pub fn title(slo: &SloSummary) -> String {
    match &slo.phase {
        Some(phase) if !slo.text.contains(" in ") => format!("{} in {phase}", slo.text),
        _ => slo.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_no_answer_for_long_is_said() {
        assert_eq!(
            unanswered(120, Some(15_620.0)),
            "; 120 were given up without an answer, the oldest after 15.6 s"
        );
        assert_eq!(unanswered(12, Some(900.0)), "", "they had come last");
        assert_eq!(unanswered(0, None), "");
    }
}
