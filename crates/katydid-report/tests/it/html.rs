//! What the page holds: the viewer as it was built, and the run as JSON. How it looks is tested in a browser: `tests/viewer`.
//!
//! `REPORT_DIR=/tmp/x cargo test -p katydid-report html` leaves sample pages there to be looked at.

use katydid_record::Summary;
use katydid_record::view::{Chart, ChartLine, EndpointView, SourceView, View};
use katydid_report::html;
use serde_json::Value;

use crate::sample;

/// The viewer, which stands around the run.
pub const APP: &str = include_str!("../../../../viewer/dist/index.html");
const BEGIN: &str = "<script type=\"application/json\" id=\"run\">";

fn page(summary: &Summary, name: &str) -> String {
    let page = html(summary, &View::default(), &sample::manifest());
    if let Some(dir) = std::env::var_os("REPORT_DIR") {
        std::fs::write(std::path::Path::new(&dir).join(name), &page).unwrap();
    }
    page
}

/// The text of the element that holds the run. An HTML parser ends it at the first `</script`.
pub fn embedded(page: &str) -> &str {
    assert_eq!(page.matches(BEGIN).count(), 1);
    let (_, rest) = page.split_once(BEGIN).unwrap();
    rest.split_once("</script").unwrap().0
}

pub fn run(page: &str) -> Value {
    serde_json::from_str(embedded(page)).unwrap()
}

fn texts(summary: &Summary, name: &str) -> String {
    let run = run(&page(summary, name));
    serde_json::to_string_pretty(&run["texts"]).unwrap()
}

#[test]
fn texts_of_a_valid_run() {
    insta::assert_snapshot!(texts(&sample::valid(), "valid.html"));
}

#[test]
fn texts_of_a_run_of_which_nothing_was_kept() {
    insta::assert_snapshot!(texts(&sample::empty(), "empty.html"));
}

#[test]
fn the_summary_is_in_it_as_it_is() {
    let samples = vec![
        (sample::valid(), "valid.html"),
        (sample::invalid(), "invalid.html"),
        (sample::with_events(), "events.html"),
        (sample::without_objectives(), "plain.html"),
        (sample::empty(), "empty.html"),
    ];
    for (summary, name) in samples {
        let found: Summary =
            serde_json::from_value(run(&page(&summary, name))["summary"].clone()).unwrap();
        assert_eq!(found, summary, "{name}");
    }
}

#[test]
fn only_title_and_run_differ_from_the_viewer() {
    let page = page(&sample::valid(), "valid.html");
    let without = page.replacen(embedded(&page), "", 1);
    let title = "<title>checkout · katydid</title>";
    assert!(without.contains(title));
    assert_eq!(without.replacen(title, "<title>katydid</title>", 1), APP);
}

#[test]
fn events_have_their_texts() {
    let run = run(&page(&sample::with_events(), "events.html"));
    let events = run["texts"]["events"].as_array().unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["text"], "not run: the load ended before its time");
    assert_eq!(events[1]["tone"], "bad");
    assert_eq!(run["texts"]["banners"][0]["word"], "EVENT FAILED");
}

#[test]
fn an_invalid_run_says_so_first() {
    let page = page(&sample::invalid(), "invalid.html");
    assert!(page.contains("<title>INVALID: "));
    let banner = &run(&page)["texts"]["banners"][0];
    assert_eq!(banner["word"], "INVALID");
    assert!(
        banner["lines"][0]
            .as_str()
            .unwrap()
            .contains("lag p99 is 48.2 ms")
    );
}

#[test]
fn charts_keep_gaps_and_lose_only_digits_that_cannot_be_seen() {
    let line = |values: &[Option<f64>]| ChartLine {
        name: "a".into(),
        values: values.to_vec(),
    };
    let view = View {
        endpoints: vec![EndpointView {
            t_s: vec![0.0, 1.000_217],
            p95: vec![None, Some(12.345_678)],
            ..EndpointView::default()
        }],
        target: vec![SourceView {
            subject: "host".into(),
            charts: vec![Chart {
                limit: Some(2.0),
                t_s: vec![0.000_217],
                lines: vec![line(&[None]), line(&[Some(f64::NAN)]), line(&[Some(0.0)])],
                ..Chart::default()
            }],
        }],
        ..View::default()
    };
    let found = &run(&html(&sample::valid(), &view, &sample::manifest()))["view"];
    let endpoint = &found["endpoints"][0];
    assert_eq!(endpoint["t_s"], serde_json::json!([0.0, 1.0]));
    assert_eq!(endpoint["p95"], serde_json::json!([null, 12.346]));
    let chart = &found["target"][0]["charts"][0];
    assert_eq!(chart["limit"], 2.0);
    let values = |i: usize| &chart["lines"][i]["values"][0];
    assert_eq!((values(0), values(1)), (&Value::Null, &Value::Null));
    assert_eq!(*values(2), 0.0);
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(
        page(&sample::valid(), "valid.html"),
        page(&sample::valid(), "valid.html")
    );
}

/// The viewer, which is the same in every page, apart.
#[test]
fn a_long_run_stays_small() {
    let mut summary = sample::valid();
    let series = &mut summary.series;
    let n = 3_600;
    series.t_s = (0..n).map(f64::from).collect();
    series.users = vec![300; n as usize];
    series.in_flight = vec![15; n as usize];
    series.rps = (0..n).map(|i| 300.0 + f64::from(i % 97)).collect();
    series.failures_per_s = vec![0.0; n as usize];
    series.p50 = (0..n).map(|i| Some(10.0 + f64::from(i % 13))).collect();
    series.p95 = (0..n).map(|i| Some(40.0 + f64::from(i % 29))).collect();
    series.p99 = (0..n)
        .map(|i| (i % 50 > 0).then(|| 90.0 + f64::from(i % 61)))
        .collect();
    let page = page(&summary, "long.html");
    let run = embedded(&page).len();
    assert!(
        run < 200_000 && page.len() < 400_000,
        "{run} of {}",
        page.len()
    );
}
