//! JUnit XML, as the test pages of pipelines read it: a case per objective; where none was given, a case per endpoint.
//!
//! There is one suite, and its time is the run's. Cases have none of their own: objectives share the run, and readers add cases up.
//! The cases `validity` and, without objectives, `scenario` are always there, so that a page can say that they went well again.
//! Elements and attributes are those of the schema that Jenkins' xUnit plugin calls junit-10.

use std::collections::BTreeSet;
use std::fmt::Write;

use katydid_record::comparison::ChangeOutcome;
use katydid_record::search::SearchSummary;
use katydid_record::summary::{EndpointSummary, SloOutcome, SloSummary, Summary};
use katydid_record::{Comparison, Finding};

use crate::number::{count, plain};
use crate::phrase;
use crate::versus;
use crate::words::escape;

/// Failures and exceptions that a case tells.
const TOLD: usize = 10;

/// One case.
struct Case {
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Skipped(String),
    Failed(Complaint),
    Error(Complaint),
}

/// What a case has to say: what kind it is, in a sentence, and in lines.
struct Complaint {
    kind: &'static str,
    message: String,
    lines: Vec<String>,
}

/// The document, with a line end.
pub fn junit(summary: &Summary) -> String {
    let mut cases = vec![validity(summary)];
    let suite = if let Some(search) = &summary.search {
        cases.push(of_search(search));
        "search"
    } else if summary.slos.is_empty() {
        cases.push(scenario(summary));
        cases.extend(summary.endpoints.iter().map(|e| endpoint(summary, e)));
        "endpoints"
    } else {
        cases.extend(summary.slos.iter().map(objective));
        "objectives"
    };
    let found = summary.findings.iter().flat_map(|all| &all.findings);
    cases.extend(found.map(finding));
    distinct(&mut cases);
    let run = &summary.run;
    let head = Head {
        suite,
        class: if run.name.is_empty() {
            "katydid"
        } else {
            &run.name
        },
        time_s: run.duration_s,
        started: &run.started,
        properties: vec![
            ("run", run.id.clone()),
            ("verdict", run.verdict.clone()),
            ("reason", run.reason.clone()),
            ("exit code", run.exit_code.to_string()),
            ("katydid", run.tool_version.clone()),
        ],
    };
    write(&head, &cases)
}

/// A comparison: a case per endpoint, which fails where it got worse.
pub fn junit_comparison(told: &Comparison) -> String {
    let complaint = |kind, message: String| Complaint {
        kind,
        message,
        lines: told.dropped.clone(),
    };
    let validity = match told.verdict.as_str() {
        "INVALID" => Outcome::Error(complaint("INVALID", told.reason.clone())),
        _ => Outcome::Passed,
    };
    let verdict = match told.verdict.as_str() {
        "REGRESSED" => Outcome::Failed(complaint("REGRESSED", told.reason.clone())),
        "IMPROVED" | "EQUIVALENT" => Outcome::Passed,
        _ => Outcome::Skipped(told.reason.clone()),
    };
    let case = |name: &str, outcome| Case {
        name: name.to_owned(),
        outcome,
    };
    let mut cases = vec![case("validity", validity), case("verdict", verdict)];
    cases.extend(
        versus::sentences(told)
            .into_iter()
            .map(|(name, sentence, outcome)| Case {
                name,
                outcome: match outcome {
                    ChangeOutcome::Worse => Outcome::Failed(complaint("REGRESSED", sentence)),
                    ChangeOutcome::Better | ChangeOutcome::Same => Outcome::Passed,
                    _ => Outcome::Skipped(sentence),
                },
            }),
    );
    distinct(&mut cases);
    let first = told
        .before
        .runs
        .first()
        .map_or("", |run| run.started.as_str());
    let head = Head {
        suite: "comparison",
        class: "katydid",
        time_s: 0.0,
        started: first,
        properties: vec![
            ("verdict", told.verdict.clone()),
            ("reason", told.reason.clone()),
            ("exit code", told.exit_code.to_string()),
        ],
    };
    write(&head, &cases)
}

/// What stands above the cases.
struct Head<'a> {
    suite: &'a str,
    class: &'a str,
    time_s: f64,
    started: &'a str,
    properties: Vec<(&'a str, String)>,
}

/// Requests fail in it on purpose: only that there is no number is worth a word.
fn of_search(search: &SearchSummary) -> Case {
    let outcome = if search.is_answered() {
        Outcome::Passed
    } else {
        Outcome::Skipped(search.answer.clone())
    };
    Case {
        name: "search".to_owned(),
        outcome,
    }
}

/// Whether the numbers are the target's, and all there, and the test was what the plan says.
fn validity(summary: &Summary) -> Case {
    let outcome = match (phrase::invalid(summary), phrase::incomplete(summary)) {
        (Some(message), _) => Outcome::Error(Complaint {
            kind: "INVALID",
            message,
            lines: summary.generator.reasons.clone(),
        }),
        (None, Some(text)) => Outcome::Error(Complaint {
            kind: "INCOMPLETE",
            message: text.to_owned(),
            lines: Vec::new(),
        }),
        (None, None) => match phrase::another_test(summary) {
            Some(message) => Outcome::Error(Complaint {
                kind: "INCOMPLETE",
                message,
                lines: Vec::new(),
            }),
            None => Outcome::Passed,
        },
    };
    Case {
        name: "validity".to_owned(),
        outcome,
    }
}

/// What made the run fail besides requests.
fn scenario(summary: &Summary) -> Case {
    let exceptions = summary.exceptions.iter().take(TOLD);
    let lines: Vec<String> = exceptions
        .map(|e| format!("{} × {}", count(e.count), e.message))
        .collect();
    let blameless = summary.endpoints.iter().all(|e| e.failures == 0);
    let other = summary.run.verdict == "FAILURES" && blameless;
    let message = match lines.first() {
        Some(first) => first.clone(),
        None => summary.run.reason.clone(),
    };
    let outcome = if lines.is_empty() && !other {
        Outcome::Passed
    } else {
        Outcome::Failed(Complaint {
            kind: "scenario",
            message,
            lines,
        })
    };
    Case {
        name: "scenario".to_owned(),
        outcome,
    }
}

/// A cause fails no test: it stands there as a case that was skipped, with what it says.
fn finding(finding: &Finding) -> Case {
    Case {
        name: format!("finding: {}", phrase::finding_title(finding)),
        outcome: Outcome::Skipped(format!("{}. Fix: {}", finding.what, finding.advice)),
    }
}

fn objective(slo: &SloSummary) -> Case {
    let complaint = || Complaint {
        kind: phrase::outcome(slo.outcome),
        message: slo.reason.clone(),
        lines: vec![phrase::measured(slo)],
    };
    let outcome = match slo.outcome {
        SloOutcome::Pass => Outcome::Passed,
        SloOutcome::Fail => Outcome::Failed(complaint()),
        SloOutcome::Undecided => Outcome::Skipped(slo.reason.clone()),
        SloOutcome::Invalid => Outcome::Error(complaint()),
    };
    Case {
        name: phrase::objective(slo),
        outcome,
    }
}

fn endpoint(summary: &Summary, e: &EndpointSummary) -> Case {
    let method = phrase::method(e.kind, &e.method);
    let outcome = if e.failures > 0 {
        let own: Vec<_> = summary
            .failures
            .iter()
            .filter(|f| (f.kind, &f.method, &f.name) == (e.kind, &e.method, &e.name))
            .collect();
        let mut lines: Vec<String> = own
            .iter()
            .take(TOLD)
            .map(|f| {
                format!(
                    "{} × [{}] {}",
                    count(f.count),
                    phrase::cause(f.cause),
                    f.text
                )
            })
            .collect();
        if own.len() > TOLD {
            lines.push(format!("… and {} more failures", own.len() - TOLD));
        }
        Outcome::Failed(Complaint {
            kind: "failures",
            message: phrase::failed(e),
            lines,
        })
    } else if e.requests == 0 {
        Outcome::Skipped("no request ended".to_owned())
    } else {
        Outcome::Passed
    };
    let name = if method.is_empty() {
        e.name.clone()
    } else {
        format!("{method} {}", e.name)
    };
    Case { name, outcome }
}

/// Readers take cases of one name for one case, and a good one may hide a bad one: further ones get a number.
fn distinct(cases: &mut [Case]) {
    let mut taken = BTreeSet::new();
    for case in cases {
        let plain = case.name.clone();
        let mut number = 1;
        while !taken.insert(case.name.clone()) {
            number += 1;
            case.name = format!("{plain} ({number})");
        }
    }
}

fn write(head: &Head<'_>, cases: &[Case]) -> String {
    let number = |of: fn(&Outcome) -> bool| cases.iter().filter(|c| of(&c.outcome)).count();
    let failures = number(|o| matches!(o, Outcome::Failed(_)));
    let errors = number(|o| matches!(o, Outcome::Error(_)));
    let skipped = number(|o| matches!(o, Outcome::Skipped(_)));
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"",
        cases.len()
    );
    let time = plain(head.time_s);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"katydid\" {counts} time=\"{time}\">\n\
         <testsuite name=\"{}\" {counts} skipped=\"{skipped}\" time=\"{time}\" timestamp=\"{}\">\n<properties>",
        head.suite,
        escape(head.started)
    );
    for (name, value) in &head.properties {
        let value = escape(value);
        let _ = writeln!(out, "<property name=\"{name}\" value=\"{value}\"/>");
    }
    out.push_str("</properties>\n");
    for case in cases {
        write_case(&mut out, &escape(head.class), case);
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

fn write_case(out: &mut String, class: &str, case: &Case) {
    let name = escape(&case.name);
    let _ = write!(out, "<testcase classname=\"{class}\" name=\"{name}\"");
    let (element, complaint) = match &case.outcome {
        Outcome::Passed => {
            out.push_str("/>\n");
            return;
        }
        Outcome::Skipped(message) => {
            let message = escape(message);
            let _ = writeln!(out, "><skipped message=\"{message}\"/></testcase>");
            return;
        }
        Outcome::Failed(complaint) => ("failure", complaint),
        Outcome::Error(complaint) => ("error", complaint),
    };
    let message = escape(&complaint.message);
    let mut body: Vec<String> = complaint.lines.iter().map(|line| escape(line)).collect();
    // Some readers show the attribute, some the text: what matters is in both.
    if !body.first().is_some_and(|first| first.contains(&message)) {
        body.insert(0, message.clone());
    }
    let _ = writeln!(
        out,
        "><{element} type=\"{}\" message=\"{message}\">{}</{element}></testcase>",
        complaint.kind,
        body.join("\n")
    );
}
