//! Names and texts that try to break out.

use katydid_record::EventOutcome;
use katydid_record::locust_view::LocustView;
use katydid_record::summary::{EventSummary, SloOutcome, SloSummary};
use katydid_record::view::{Chart, ChartLine, SourceView, View};
use katydid_record::{Cause, Summary};
use katydid_report::text::{Style, text};
use katydid_report::{csv, github, html, json, junit, markdown};

use crate::html::{APP, embedded, run};
use crate::sample;

const NAMES: [&str; 12] = [
    "<script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "'; DROP TABLE orders; --",
    "line one\nline two\r\n\ttabbed",
    "\x1b[2J\x1b[31mred\x07",
    "日本語のエンドポイント/Zoë/👩‍👩‍👧/\u{202e}fdp.exe",
    "</title></style></svg><!-- ]]> &amp; {{7*7}}",
    "\u{0}\u{b}\u{fffe}\u{ffff}\u{85}",
    "a|b \\| `c` ``d| ``` </code> **e** ~~f~~ [g](http://h) ![i](j) $k$ @ada #1 _l_ https://m.example",
    "| --- |\n\n# head\n- item\n</details>",
    "\n::error::%0A::stop-commands::x ##[add-mask]y",
    "",
];

fn hostile() -> Summary {
    let mut summary = sample::valid();
    let long = "/very/long".repeat(500);
    for name in NAMES.into_iter().chain([long.as_str()]) {
        summary
            .endpoints
            .push(sample::endpoint(name, name, 10, 1, 1.0, 2.0));
        let mut failure = summary.failures[0].clone();
        (failure.method, failure.name, failure.text) = (name.into(), name.into(), name.into());
        failure.cause = Cause::Other;
        summary.failures.push(failure);
        let mut example = summary.exemplars[0].clone();
        (example.method, example.name) = (name.into(), name.into());
        (example.failure, example.shape) = (Some(name.into()), Some(name.into()));
        summary.exemplars.insert(0, example.clone());
        example.why = "slowest".into();
        example.from_due_ms = 99_999.0;
        summary.exemplars.insert(0, example);
        let mut exception = summary.exceptions[0].clone();
        (exception.message, exception.traceback) = (name.into(), name.into());
        summary.exceptions.push(exception);
        summary.notes.push(name.into());
        summary.generator.warnings.push(name.into());
        summary.generator.reasons.push(name.into());
        summary.events.push(EventSummary {
            name: name.into(),
            command: name.into(),
            late_ms: Some(1.0),
            outcome: EventOutcome::Failed,
            output: name.into(),
            reason: name.into(),
            ..EventSummary::default()
        });
        let mut mark = summary.marks[0].clone();
        mark.text = format!("phase {name}");
        summary.marks.push(mark);
        let mut phase = summary.phases[1].clone();
        (phase.name, phase.kind) = (name.into(), name.into());
        summary.phases.push(phase);
        for outcome in [SloOutcome::Pass, SloOutcome::Fail, SloOutcome::Undecided] {
            summary.slos.push(SloSummary {
                text: name.into(),
                phase: Some(name.into()),
                outcome,
                reason: name.into(),
                ..SloSummary::default()
            });
        }
    }
    let run = &mut summary.run;
    run.valid = false;
    for field in [
        &mut run.id,
        &mut run.name,
        &mut run.started,
        &mut run.ended,
        &mut run.command,
        &mut run.tool_version,
        &mut run.verdict,
        &mut run.reason,
    ] {
        *field = NAMES.concat();
    }
    run.host = Some(NAMES.concat());
    summary
}

#[test]
fn nothing_steers_the_terminal() {
    for width in [80, 120] {
        let style = Style {
            width,
            ..Style::default()
        };
        let text = text(&hostile(), &style);
        let steering = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(text.chars().find(steering), None);
        assert!(text.lines().next().unwrap().starts_with("INVALID"));
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{widest:?}");
    }
}

#[test]
fn nothing_becomes_markup() {
    let mut manifest = sample::manifest();
    manifest.argv = NAMES.map(String::from).to_vec();
    manifest.plan.tags = NAMES.map(String::from).to_vec();
    manifest.plan.options = NAMES.map(|name| (name.to_owned(), name.to_owned())).into();
    manifest.scenario[0].path = NAMES.concat();
    manifest.scenario[0].sha256 = "日本語".repeat(9);
    manifest.host.os = NAMES.concat();
    let page = html(&hostile(), &view(), &manifest);
    let json = embedded(&page);
    // Within a script element only these can end it or change how its end is found.
    assert!(!json.contains('<'));
    // Around it stands the viewer, and a title without markup.
    let without = page.replacen(json, "", 1);
    let (head, rest) = without.split_once("<title>").unwrap();
    let (title, rest) = rest.split_once("</title>").unwrap();
    assert!(!title.contains(['<', '>']), "{title}");
    assert_eq!(format!("{head}<title>katydid</title>{rest}"), APP);
    let steering = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(json.chars().chain(title.chars()).find(steering), None);
    let run = run(&page);
    let names = run["summary"]["endpoints"].as_array().unwrap();
    assert!(names.iter().any(|e| e["name"] == NAMES[0]));
    assert_eq!(run["view"]["target"][0]["charts"][0]["title"], NAMES[0]);
    // What would steer a reader's eye is written out.
    let fallen = names.iter().filter_map(|e| e["name"].as_str());
    assert!(fallen.clone().any(|name| name.contains("\\u{202e}")));
}

/// Charts whose texts try to break out.
fn view() -> View {
    let chart = |name: &str| Chart {
        id: name.into(),
        title: name.into(),
        unit: name.into(),
        lines: vec![ChartLine {
            name: name.into(),
            values: Vec::new(),
        }],
        ..Chart::default()
    };
    View {
        endpoints: Vec::new(),
        target: vec![SourceView {
            subject: NAMES.concat(),
            charts: NAMES.map(chart).to_vec(),
        }],
        ..View::default()
    }
}

#[test]
fn csv_and_json_read_back_what_was_written() {
    let view = LocustView {
        entries: NAMES
            .map(|name| sample::locust_entry(name, name, 5, 1))
            .to_vec(),
        ..sample::view()
    };
    let stats = csv::stats(&view);
    let mut reader = ::csv::Reader::from_reader(stats.as_bytes());
    let names: Vec<String> = reader
        .records()
        .map(|row| row.unwrap()[1].to_owned())
        .collect();
    assert_eq!(names[..NAMES.len()], NAMES);
    let list: serde_json::Value = serde_json::from_str(&json::locust_json(&view)).unwrap();
    for (entry, name) in list.as_array().unwrap().iter().zip(NAMES) {
        assert_eq!(entry["name"], name);
    }
    let summary = hostile();
    assert_eq!(
        serde_json::from_str::<Summary>(&json::summary_json(&summary)).unwrap(),
        summary
    );
}

#[test]
fn every_junit_is_well_formed() {
    let mut summary = hostile();
    for _ in 0..2 {
        let text = junit(&summary);
        let document = roxmltree::Document::parse(&text).unwrap();
        let steering = |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{fffe}".contains(*c);
        assert_eq!(text.chars().find(steering), None);
        let known = [
            "testsuites",
            "testsuite",
            "properties",
            "property",
            "testcase",
        ];
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let ends = ["failure", "error", "skipped"];
            assert!(known.contains(&name) || ends.contains(&name), "{name}");
        }
        let names = document
            .descendants()
            .filter(|node| node.has_tag_name("testcase"))
            .map(|node| node.attribute("name").unwrap());
        assert!(names.clone().any(|name| name.contains(NAMES[0])));
        // Then the endpoints.
        summary.slos.clear();
    }
}

/// No row gets more cells, no element and no link begins, nobody is mentioned.
#[test]
fn nothing_becomes_markdown() {
    let text = markdown(&hostile());
    let steering = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(text.chars().find(steering), None);
    let mut cells = 0;
    for line in text.lines() {
        if !line.starts_with('|') {
            assert!(!line.contains('|'), "{line}");
            cells = 0;
            continue;
        }
        let own = line.matches('|').count();
        assert!(cells == 0 || own == cells, "{line}");
        cells = own;
    }
    let bare = text
        .replace("<code>", "")
        .replace("</code>", "")
        .replace("<details><summary>", "")
        .replace("</summary>", "")
        .replace("</details>", "")
        .replace("**", "");
    for (i, _) in bare.match_indices('<') {
        assert!(bare[i + 1..].starts_with(' '), "{}", &bare[i..]);
    }
    for forbidden in ["`", "*", "[", "]", "@", "://", "_l_", "$", "::", "##"] {
        let at = bare.find(forbidden);
        assert_eq!(at, None, "{forbidden}: {}", &bare[at.unwrap_or(0)..]);
    }
    assert_eq!(text.matches("</details>").count(), 1);
    assert!(!text.contains("\n#") && !text.contains("&amp;amp;amp;"));
}

#[test]
fn a_huge_run_stays_a_short_markdown() {
    let mut summary = hostile();
    let name = "@\u{301}".repeat(20_000);
    summary.run.reason.clone_from(&name);
    summary.run.name.clone_from(&name);
    for e in &mut summary.endpoints {
        e.name.clone_from(&name);
    }
    for phase in &mut summary.phases {
        phase.name.clone_from(&name);
    }
    for f in &mut summary.failures {
        (f.name, f.text) = (name.clone(), name.clone());
    }
    for slo in &mut summary.slos {
        (slo.text, slo.reason) = (name.clone(), name.clone());
    }
    for _ in 0..6 {
        summary.endpoints.extend(summary.endpoints.clone());
        summary.phases.extend(summary.phases.clone());
        summary.failures.extend(summary.failures.clone());
        summary.slos.extend(summary.slos.clone());
    }
    let text = markdown(&summary);
    assert!(text.len() < 1 << 19, "{}", text.len());
    let hidden = summary.endpoints.len() - 60;
    assert!(text.contains(&format!("and {hidden} more endpoints")));
}

#[test]
fn nothing_becomes_a_command_to_the_runner() {
    let text = github::annotations(&hostile());
    assert_eq!(text.lines().count(), 10);
    for line in text.lines() {
        let data = line
            .strip_prefix("::error title=katydid::")
            .or_else(|| line.strip_prefix("::warning title=katydid::"));
        assert!(!data.unwrap().contains(['\r', '\n', '\x1b']), "{line}");
    }
    let said = github::inert(&terminal());
    for line in said.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
    assert!(!said.contains("##["));
    assert_eq!(
        github::inert("a\n  ::b::c\n::d ##[e]\n"),
        "a\n  : :b::c\n: :d ## [e]\n"
    );
}

fn terminal() -> String {
    text(&hostile(), &Style::default())
}
