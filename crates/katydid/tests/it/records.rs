//! Commands on recorded runs: listed, found, reported, also when something is wrong with them.

use std::path::Path;

use assert_cmd::Command;
use katydid_record::{
    Body, Cause, EndpointWindow, FORMAT, Frame, Histogram, Kind, Manifest, Mark, Name, Plan,
    RunWriter,
};

use crate::support::World;

/// A run of three seconds with 300 answers and 3 failures; without its end mark when `cut`.
fn record(dir: &Path, id: &str, minute: u64, cut: bool) {
    let manifest = Manifest {
        format: FORMAT,
        tool_version: "0.1.0".to_owned(),
        id: id.to_owned(),
        name: "shop".to_owned(),
        started: format!("2026-08-22T10:{minute:02}:30Z"),
        started_epoch_us: 1_787_000_000_000_000 + minute * 60_000_000,
        argv: vec!["-f".to_owned(), "shop.py".to_owned()],
        plan: Plan {
            command: "run".to_owned(),
            users: 5,
            ..Plan::default()
        },
        host: katydid::host::facts(),
        scenario: Vec::new(),
    };
    let mut writer = RunWriter::create(dir, &manifest).unwrap();
    let frame = |second: u64, body: Body| Frame {
        at: second * 1_000_000,
        span: 1_000_000,
        source: 1,
        phase: 0,
        body,
    };
    let endpoint = Name::Endpoint {
        id: 0,
        kind: Kind::Request,
        method: "GET".to_owned(),
        name: "/cart".to_owned(),
        tagged: None,
    };
    let failure = Name::Failure {
        id: 0,
        cause: Cause::Status,
        text: "503".to_owned(),
    };
    writer
        .append(&[frame(0, Body::Names(vec![endpoint, failure]))])
        .unwrap();
    for second in 0..3 {
        let mut times = Histogram::default();
        (1..=100).for_each(|n| times.record(n * 1000));
        let mut failed = Histogram::default();
        failed.record(2000);
        let window = EndpointWindow {
            endpoint: 0,
            ok: 100,
            failed: 1,
            from_due: times.to_sparse(),
            from_send: times.to_sparse(),
            failed_from_due: failed.to_sparse(),
            failures: vec![(0, 1)],
            ..EndpointWindow::default()
        };
        writer
            .append(&[frame(second, Body::Requests(vec![window]))])
            .unwrap();
        writer.flush().unwrap();
    }
    if !cut {
        let end = Mark::End {
            reason: "run-time".to_owned(),
            exit_code: 1,
        };
        writer
            .append(&[Frame {
                at: 3_000_000,
                span: 0,
                source: 0,
                phase: 0,
                body: Body::Mark(end),
            }])
            .unwrap();
    }
    writer.finish().unwrap();
}

fn world() -> World {
    let world = World::new();
    record(
        &world.path().join("runs/20260822-101530-shop"),
        "20260822-101530-shop",
        15,
        false,
    );
    record(
        &world.path().join("runs/20260822-101630-shop"),
        "20260822-101630-shop",
        16,
        true,
    );
    world
}

#[track_caller]
fn katydid(world: &World, argv: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("katydid").unwrap();
    let output = command
        .args(argv)
        .current_dir(world.path())
        .env_clear()
        .assert()
        .code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        text(&output.get_output().stdout),
        text(&output.get_output().stderr),
    )
}

#[test]
fn runs_are_listed() {
    let (out, err) = katydid(&world(), &["runs"], 0);
    insta::assert_snapshot!(out);
    assert!(err.is_empty(), "{err}");
}

#[test]
fn runs_says_what_it_cannot_read() {
    let world = world();
    let newer = world.path().join("runs/20270101-000000-new");
    std::fs::create_dir(&newer).unwrap();
    std::fs::write(
        newer.join("manifest.json"),
        r#"{"format":{"major":99,"minor":0},"tool_version":"9.0"}"#,
    )
    .unwrap();
    std::fs::create_dir(world.path().join("runs/notes")).unwrap();
    let (out, err) = katydid(&world, &["runs"], 0);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(
        err.starts_with("warning: ") && err.contains("format 99"),
        "{err}"
    );
}

#[test]
fn no_runs_yet() {
    assert_eq!(
        katydid(&World::new(), &["runs"], 0).0,
        "no runs in runs yet\n"
    );
    let (_, err) = katydid(&World::new(), &["runs", "elsewhere"], 2);
    assert!(err.contains("elsewhere is not a folder"), "{err}");
}

#[test]
fn a_report_is_made_again() {
    let world = world();
    let dir = world.path().join("runs/20260822-101530-shop");
    let argv = [
        "report",
        "20260822-1015",
        "--html",
        "out/a.html",
        "--summary",
        "s.json",
        "--csv",
        "out/x",
    ];
    let (out, err) = katydid(&world, &argv, 0);
    assert!(err.is_empty() && out.contains("/cart"), "{out}{err}");
    for made in [
        "out/a.html",
        "out/x_stats.csv",
        "out/x_failures.csv",
        "out/x_exceptions.csv",
    ] {
        assert!(world.path().join(made).is_file(), "{made}");
    }
    let summary = std::fs::read(world.path().join("s.json")).unwrap();
    assert_eq!(summary, std::fs::read(dir.join("summary.json")).unwrap());
    assert!(dir.join("report.html").is_file());
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(
        (&summary["total"]["requests"], &summary["total"]["failures"]),
        (&303.into(), &3.into())
    );
    let (out, _) = katydid(&world, &["report", "last", "--summary", "-"], 0);
    let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["run"]["id"], "20260822-101630-shop");
    assert_eq!(summary["run"]["complete"], false);
}

#[test]
fn a_report_for_pipelines_tells_no_pipeline() {
    let world = world();
    let step = world.path().join("step.md");
    let output = Command::cargo_bin("katydid")
        .unwrap()
        .args(["report", "20260822-1015", "--junit", "out/j.xml"])
        .arg("--markdown")
        .current_dir(world.path())
        .env_clear()
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &step)
        .assert()
        .code(0);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let out = text(&output.get_output().stdout);
    let err = text(&output.get_output().stderr);
    assert!(
        out.starts_with("**FAILURES** — 3 of 303 requests failed\n"),
        "{out}"
    );
    assert!(err.contains("Verdict          FAILURES"), "{err}");
    assert!(!out.contains("::error") && !err.contains("::error"));
    assert!(!step.exists());
    let junit = std::fs::read_to_string(world.path().join("out/j.xml")).unwrap();
    assert!(junit.contains("name=\"GET /cart\"><failure"), "{junit}");
}

#[test]
fn a_cut_record_is_said() {
    let (_, err) = katydid(&world(), &["report", "last"], 0);
    assert!(
        err.starts_with("warning: the record is cut short: "),
        "{err}"
    );
}

#[test]
fn a_report_needs_one_run_that_can_be_read() {
    let world = world();
    let check = |word: &str, text: &str| {
        let (out, err) = katydid(&world, &["report", word], 2);
        assert!(
            out.is_empty() && err.lines().count() == 1,
            "{word}: {out}{err}"
        );
        assert!(
            err.starts_with("error: ") && err.contains(text),
            "{word}: {err}"
        );
    };
    check("nightly", "no run is called 'nightly'");
    check(
        "20260822",
        "'20260822' begins 2 ids (20260822-101530-shop, 20260822-101630-shop)",
    );
    check("runs", "is not a run");
    let newer = world.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    std::fs::write(
        newer.join("manifest.json"),
        r#"{"format":{"major":99,"minor":0},"tool_version":"9.0"}"#,
    )
    .unwrap();
    check("newer", "format 99");
    let (_, err) = katydid(&World::new(), &["report", "last"], 2);
    assert!(err.contains("there is no run in runs/ yet"), "{err}");
}
