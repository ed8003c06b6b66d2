//! The binary as a user meets it: what it prints where, and its exit code.

use assert_cmd::Command;

use crate::support::World;

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
fn prints_help_and_version() {
    let world = World::new();
    let (out, err) = katydid(&world, &["--help"], 0);
    assert!(out.contains("--spawn-rate") && err.is_empty());
    let (out, _) = katydid(&world, &["--version"], 0);
    assert_eq!(out, concat!("katydid ", env!("CARGO_PKG_VERSION"), "\n"));
    let (out, _) = katydid(&world, &["attack", "-h"], 0);
    assert!(
        out.contains("Usage: katydid attack [OPTIONS] <URL>"),
        "{out}"
    );
}

#[test]
fn says_once_what_is_wrong() {
    let world = World::new();
    for argv in [
        &["attack"][..],
        &["attack", "http://x", "--bogus"],
        &["report"],
        &["exec"],
        &["x.py"],
    ] {
        let (out, err) = katydid(&world, argv, 2);
        assert!(
            out.is_empty() && err.starts_with("error: ") && err.lines().count() == 1,
            "{argv:?}: {err}"
        );
    }
}

#[test]
fn a_locustfile_needs_python() {
    let (_, err) = katydid(&World::new(), &["-f", "x.py", "-u", "1"], 2);
    assert!(err.contains("install katydid's wheel"), "{err}");
}
