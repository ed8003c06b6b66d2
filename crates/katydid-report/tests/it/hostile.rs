//! Names and texts that try to break out.

use katydid_record::locust_view::LocustView;
use katydid_record::{Cause, Summary};
use katydid_report::text::{Style, text};
use katydid_report::{csv, html, json};

use crate::sample;

const NAMES: [&str; 8] = [
    "<script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "'; DROP TABLE orders; --",
    "line one\nline two\r\n\ttabbed",
    "\x1b[2J\x1b[31mred\x07",
    "日本語のエンドポイント/Zoë/👩‍👩‍👧/\u{202e}fdp.exe",
    "</title></style></svg><!-- ]]> &amp; {{7*7}}",
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
        let mut mark = summary.marks[0].clone();
        mark.text = format!("phase {name}");
        summary.marks.push(mark);
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
    let page = html(&hostile(), &manifest);
    for forbidden in [
        "<script",
        "\" onload=\"",
        "<!-- ]]>",
        "</style></svg>",
        "{{7*7}}</style",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    assert_eq!(
        page.matches("</title></head>").count() + page.matches("<style>").count(),
        1
    );
    let steering = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(page.chars().find(steering), None);
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
