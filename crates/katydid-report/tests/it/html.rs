//! `REPORT_DIR=/tmp/x cargo test -p katydid-report html` leaves sample pages there to be looked at.

use katydid_record::Summary;
use katydid_report::html;

use crate::sample;

/// The page without its style and with the charts' bodies cut down to what kinds of elements they hold.
fn structure(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let mut out = format!("{head}<style>…</style>");
    let mut in_chart = false;
    for line in body.lines() {
        if line.starts_with("<svg") {
            in_chart = true;
            out.push_str(line);
            out.push_str(" … ");
        } else if line.starts_with("</svg") {
            in_chart = false;
            out.push_str(line);
            out.push('\n');
        } else if !in_chart {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn page(summary: &Summary, name: &str) -> String {
    let page = html(summary, &katydid_record::view::View::default(), &sample::manifest());
    if let Some(dir) = std::env::var_os("REPORT_DIR") {
        std::fs::write(std::path::Path::new(&dir).join(name), &page).unwrap();
    }
    page
}

#[test]
fn a_valid_run() {
    insta::assert_snapshot!(structure(&page(&sample::valid(), "valid.html")));
}

#[test]
fn events_are_in_the_charts_and_have_a_table() {
    let page = page(&sample::with_events(), "events.html");
    // In each of the three charts; the one that never came has no place in them.
    assert_eq!(page.matches("<path class=\"event\"").count(), 6);
    assert_eq!(page.matches("▲ deploy</text>").count(), 3);
    for said in [
        "<h2>EVENT FAILED</h2>",
        "<code>./deploy.sh shop</code>",
        "no such host &#39;registry&#39;",
        "not run: the load ended before its time",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn an_invalid_run_says_so_before_any_number() {
    let page = page(&sample::invalid(), "invalid.html");
    let body = &page[page.find("<body").unwrap()..];
    assert!(body.find("INVALID").unwrap() < body.find("<dl").unwrap());
    assert!(page.contains("<title>INVALID: "));
    assert!(body.contains("lag p99 is 48.2 ms"));
}

#[test]
fn a_run_of_which_nothing_was_kept() {
    let page = page(&sample::empty(), "empty.html");
    assert!(page.contains("INCOMPLETE"));
    let body = &page[page.find("<body").unwrap()..];
    assert!(!body.contains("NaN") && !body.contains("inf"));
    insta::assert_snapshot!(structure(&page));
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let page = page(&sample::valid(), "valid.html");
    for forbidden in [
        "<script",
        "<link",
        "src=",
        "url(",
        "@import",
        "javascript:",
        "<iframe",
        "href=",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn every_element_is_closed() {
    for summary in [sample::valid(), sample::invalid(), sample::empty()] {
        let page = page(&summary, "closed.html");
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1) {
            let name = tag
                .split(|c: char| c.is_whitespace() || c == '>')
                .next()
                .unwrap();
            let alone = tag.split('>').next().unwrap().ends_with('/');
            if let Some(closing) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closing), "<{tag}");
            } else if !alone && !matches!(name, "!doctype" | "meta" | "br" | "wbr") {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(
        page(&sample::valid(), "valid.html"),
        page(&sample::valid(), "valid.html")
    );
}

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
    assert!(page.len() < 700_000, "{}", page.len());
}
