use katydid_record::summary::SloOutcome;
use katydid_report::github::annotations;

use crate::sample;

#[test]
fn a_line_for_each_objective_that_does_not_hold() {
    insta::assert_snapshot!(annotations(&sample::valid()));
}

#[test]
fn one_line_for_a_run_that_says_nothing() {
    insta::assert_snapshot!(annotations(&sample::invalid()));
}

#[test]
fn failures_without_objectives() {
    assert_eq!(
        annotations(&sample::without_objectives()),
        "::error title=katydid::FAILURES: 254 of 33412 requests failed\n"
    );
}

#[test]
fn nothing_when_all_is_well() {
    let mut summary = sample::valid();
    for slo in &mut summary.slos {
        slo.outcome = SloOutcome::Pass;
    }
    summary.run.verdict = "PASS".into();
    assert_eq!(annotations(&summary), "");
}

#[test]
fn escaped_as_github_reads_it() {
    let mut summary = sample::without_objectives();
    summary.run.reason = "100 %: a\r\nb, c\x1b".into();
    assert_eq!(
        annotations(&summary),
        "::error title=katydid::FAILURES: 100 %25: a%0D%0Ab, c\\u{1b}\n"
    );
}

#[test]
fn ten_at_most() {
    let mut summary = sample::valid();
    summary.slos = vec![summary.slos[1].clone(); 12];
    let text = annotations(&summary);
    assert_eq!(text.lines().count(), 10);
    assert!(text.ends_with("and 3 more objectives, see the report\n"));
}
