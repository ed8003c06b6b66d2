//! Against the rules of the schema that Jenkins' xUnit plugin calls junit-10, written out by hand.

use katydid_record::Summary;
use katydid_record::summary::SloOutcome;
use katydid_report::junit;
use roxmltree::{Document, Node};

use crate::sample;

fn only(node: Node<'_, '_>, attributes: &[&str], children: &[&str]) {
    for attribute in node.attributes() {
        let name = attribute.name();
        assert!(attributes.contains(&name), "{node:?}: {name}");
    }
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        assert!(children.contains(&name), "{node:?}: {name}");
    }
}

/// What the schema asks for, and that the counts are right. Names of cases, each with what became of it.
#[track_caller]
fn check(summary: &Summary) -> Vec<(String, String)> {
    let text = junit(summary);
    let document = Document::parse(&text).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name("testsuites"));
    let counts = ["name", "tests", "failures", "errors", "time"];
    only(root, &counts, &["testsuite"]);
    let suites: Vec<Node> = root.children().filter(Node::is_element).collect();
    let [suite] = suites[..] else {
        panic!("{} suites", suites.len());
    };
    let more = [&counts[..], &["skipped", "timestamp"]].concat();
    only(suite, &more, &["properties", "testcase"]);
    let cases: Vec<Node> = suite
        .children()
        .filter(|node| node.has_tag_name("testcase"))
        .collect();
    let found = cases.iter().map(|case| {
        only(
            *case,
            &["name", "classname"],
            &["skipped", "error", "failure"],
        );
        let ends: Vec<Node> = case.children().filter(Node::is_element).collect();
        assert!(ends.len() <= 1 && !case.attribute("name").unwrap().is_empty());
        ends.first()
            .inspect(|end| only(**end, &["type", "message"], &[]));
        let end = ends.first().map_or("passed", |end| end.tag_name().name());
        (case.attribute("name").unwrap().to_owned(), end.to_owned())
    });
    let found: Vec<(String, String)> = found.collect();
    let number = |end: &str| found.iter().filter(|(_, of)| of == end).count().to_string();
    for node in [root, suite] {
        assert_eq!(node.attribute("tests"), Some(&*cases.len().to_string()));
        assert_eq!(node.attribute("failures"), Some(&*number("failure")));
        assert_eq!(node.attribute("errors"), Some(&*number("error")));
        let time = node.attribute("time").unwrap();
        assert!(time.bytes().all(|c| c.is_ascii_digit() || c == b'.'));
    }
    assert_eq!(suite.attribute("skipped"), Some(&*number("skipped")));
    found
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(a, b)| (&**a, &**b)).collect()
}

#[test]
fn objectives() {
    assert_eq!(
        pairs(&check(&sample::valid())),
        [
            ("validity", "passed"),
            ("p95 < 300ms in hold", "passed"),
            ("errors < 1% in spike", "failure"),
            ("GET /cart p99 < 1s", "skipped"),
            ("finding: N+1 queries — GET /reports/[id]", "skipped"),
        ]
    );
    insta::assert_snapshot!(junit(&sample::valid()));
}

#[test]
fn endpoints_where_there_are_none() {
    let found = check(&sample::without_objectives());
    let ends: Vec<&str> = found.iter().map(|(_, end)| &**end).collect();
    let (pass, fail) = ("passed", "failure");
    let found = "skipped";
    assert_eq!(
        ends,
        [pass, fail, pass, pass, pass, fail, pass, fail, fail, found]
    );
    insta::assert_snapshot!(junit(&sample::without_objectives()));
}

#[test]
fn an_invalid_run_is_an_error() {
    let mut summary = sample::invalid();
    summary.findings = None;
    for slo in &mut summary.slos {
        slo.outcome = SloOutcome::Invalid;
    }
    let found = check(&summary);
    assert!(found.iter().all(|(_, end)| end == "error"), "{found:?}");
    let text = junit(&summary);
    let document = Document::parse(&text).unwrap();
    let error = document
        .descendants()
        .find(|node| node.has_tag_name("error"));
    let said = error.unwrap().text().unwrap();
    assert!(said.contains("lag p99 is 48.2 ms") && said.contains("97 % of one core"));
}

#[test]
fn an_event_that_failed_is_an_error_of_validity() {
    let cases = check(&sample::with_events());
    assert_eq!(pairs(&cases)[0], ("validity", "error"));
}

#[test]
fn a_run_of_which_nothing_was_kept() {
    assert_eq!(
        pairs(&check(&sample::empty())),
        [("validity", "error"), ("scenario", "passed")]
    );
}

#[test]
fn what_failed_without_a_failed_request_is_the_scenarios() {
    let mut summary = sample::without_objectives();
    summary.failures.clear();
    summary.exceptions.clear();
    for e in &mut summary.endpoints {
        e.failures = 0;
    }
    summary.run.reason = "the scenario asked for exit code 7".into();
    let found = check(&summary);
    assert_eq!(
        pairs(&found)[..2],
        [("validity", "passed"), ("scenario", "failure")]
    );
}

/// A good one of the same name must not hide it.
#[test]
fn names_are_distinct() {
    let mut summary = sample::valid();
    summary.findings = None;
    summary.slos = vec![summary.slos[0].clone(); 3];
    summary.slos[1].outcome = SloOutcome::Fail;
    let name = "p95 < 300ms in hold";
    let (second, third) = (format!("{name} (2)"), format!("{name} (3)"));
    assert_eq!(
        pairs(&check(&summary))[1..],
        [(name, "passed"), (&*second, "failure"), (&*third, "passed")]
    );
}

#[test]
fn what_did_not_happen_did_not_go_well() {
    let mut summary = sample::without_objectives();
    summary.endpoints[0].requests = 0;
    assert_eq!(pairs(&check(&summary))[2], ("GET /", "skipped"));
}
