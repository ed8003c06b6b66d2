//! The folder of a run.

use jiff::Timestamp;
use katydid::run_dir::{create, file_name, id};

use crate::support::World;

fn noon() -> Timestamp {
    "2026-08-22T10:15:30Z".parse().unwrap()
}

#[test]
fn names() {
    for (name, expected) in [
        ("checkout", "checkout"),
        ("shop.example.org", "shop.example.org"),
        ("../../etc", "etc"),
        ("Über lauf!", "ber-lauf"),
        ("::1", "1"),
        ("", "run"),
        ("--", "run"),
    ] {
        assert_eq!(file_name(name), expected, "{name}");
    }
    assert_eq!(id("shop", noon()), "20260822-101530-shop");
}

#[test]
fn new_folders_never_collide() {
    let world = World::new();
    let first = create(None, world.path(), "shop", noon()).unwrap();
    let second = create(None, world.path(), "shop", noon()).unwrap();
    assert_eq!(first.path, world.path().join("runs/20260822-101530-shop"));
    assert_eq!(second.id, "20260822-101530-shop-2");
    assert!(second.path.is_dir());
}

#[test]
fn a_named_folder_must_be_vacant_and_writable() {
    let world = World::new().file("taken", "");
    let given = world.path().join("a/b");
    let dir = create(Some(&given), world.path(), "shop", noon()).unwrap();
    assert_eq!(
        (dir.path.as_path(), dir.id.as_str()),
        (given.as_path(), "20260822-101530-shop")
    );
    assert!(std::fs::read_dir(&given).unwrap().next().is_none());

    std::fs::write(given.join("manifest.json"), "{}").unwrap();
    let error = create(Some(&given), world.path(), "shop", noon())
        .unwrap_err()
        .0;
    assert!(error.contains("already holds a run"), "{error}");

    let error = create(
        Some(&world.path().join("taken")),
        world.path(),
        "shop",
        noon(),
    )
    .unwrap_err()
    .0;
    assert!(
        error.starts_with("cannot keep the run in ")
            && error.ends_with("give a writable folder with --run-dir DIR"),
        "{error}"
    );
}

#[test]
fn host_facts_are_read() {
    let facts = katydid::host::facts();
    assert!(
        facts.processors >= 1 && facts.memory_bytes > 1 << 20,
        "{facts:?}"
    );
    assert!(!facts.os.is_empty() && !facts.cpu.is_empty(), "{facts:?}");
    let details = katydid::host::details();
    assert!(
        details.iter().any(|fact| fact.subject == "open_files"),
        "{details:?}"
    );
}
