//! `REPORT_DIR=/tmp/x cargo test -p katydid-report markdown` leaves samples there to be looked at.

use katydid_record::Summary;
use katydid_report::markdown;

use crate::sample;

fn shown(summary: &Summary, name: &str) -> String {
    let text = markdown(summary);
    if let Some(dir) = std::env::var_os("REPORT_DIR") {
        std::fs::write(std::path::Path::new(&dir).join(name), &text).unwrap();
    }
    text
}

#[test]
fn a_valid_run() {
    let text = shown(&sample::valid(), "valid.md");
    assert!(text.starts_with("**FAIL** — errors < 1% in spike: 2.1 % of 2000 requests were bad"));
    insta::assert_snapshot!(text);
}

#[test]
fn events_have_a_table() {
    let text = shown(&sample::with_events(), "events.md");
    assert!(text.starts_with("**INCOMPLETE** — the event deploy failed"));
    let (_, events) = text.split_once("Command").unwrap();
    let (events, _) = events.split_once("\n\n").unwrap();
    insta::assert_snapshot!(events);
}

#[test]
fn a_run_without_objectives() {
    let text = shown(&sample::without_objectives(), "without.md");
    assert!(text.starts_with("**FAILURES** — 254 of 33412 requests failed\n"));
    assert!(!text.contains("Objective"));
}

#[test]
fn an_invalid_run_says_all_reasons_first() {
    let text = shown(&sample::invalid(), "invalid.md");
    let mut lines = text.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("**INVALID** — Requests were taken up late: ")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("- The scenario's thread used 97 %")
    );
}

#[test]
fn a_run_of_which_nothing_was_kept() {
    insta::assert_snapshot!(shown(&sample::empty(), "empty.md"));
}

#[test]
fn more_rows_than_are_shown() {
    let mut summary = sample::valid();
    summary.endpoints = vec![summary.endpoints[0].clone(); 75];
    summary.failures = vec![summary.failures[0].clone(); 21];
    let text = shown(&summary, "more.md");
    assert!(text.contains("… and 15 more endpoints, see the report."));
    assert!(text.contains("… and 1 more failures, see the report."));
    assert!(text.contains("75 endpoints, 21 kinds of failure"));
}
