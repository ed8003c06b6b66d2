use katydid_report::csv;

use crate::sample;

/// Line ends become visible.
fn shown(text: &str) -> String {
    text.replace('\r', "␍")
}

#[test]
fn stats() {
    insta::assert_snapshot!(shown(&csv::stats(&sample::view())));
}

#[test]
fn failures() {
    insta::assert_snapshot!(shown(&csv::failures(&sample::view())));
}

#[test]
fn exceptions() {
    insta::assert_snapshot!(shown(&csv::exceptions(&sample::valid())));
}

#[test]
fn history() {
    insta::assert_snapshot!(shown(&format!(
        "{}{}",
        csv::history_header(),
        csv::history_rows(&sample::view(), false)
    )));
}

#[test]
fn full_history() {
    insta::assert_snapshot!(shown(&csv::history_rows(&sample::view(), true)));
}
