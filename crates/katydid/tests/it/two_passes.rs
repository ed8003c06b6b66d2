//! The lenient first pass, and what it leaves to the second.

use crate::support::World;

#[track_caller]
fn check(argv: &[&str], files: &[&str]) {
    let located = World::new().locate(argv).unwrap();
    assert_eq!(located.locustfiles, files, "{argv:?}");
}

#[test]
fn finds_the_locustfile_among_unknown_words() {
    check(&[], &["locustfile.py"]);
    check(&["-f", "a.py"], &["a.py"]);
    check(&["-fa.py"], &["a.py"]);
    check(
        &["--locustfile=a.py, b.py,", "--shop", "5"],
        &["a.py", "b.py"],
    );
    check(
        &["--shop", "5", "--bogus=-f", "-f", "load/", "Foo"],
        &["load/"],
    );
    check(&["--locust", "a.py"], &["a.py"]);
    check(&["-f", "-"], &["-"]);
    check(&["check", "-f", "a.py"], &["a.py"]);
    check(&["-f", "a.py", "--", "-f", "b.py"], &["a.py"]);
    check(&["-u", "not-a-number", "-f", "a.py"], &["a.py"]); // the second pass says it
}

#[test]
fn reads_environment_and_files() {
    let world = World::new().env("LOCUST_LOGLEVEL", "debug").file(
        "locust.conf",
        "locustfile = b.py\nshop = 5\nlogfile = x.log\n",
    );
    let located = world.locate(&["--skip-log-setup"]).unwrap();
    assert_eq!(located.locustfiles, ["b.py"]);
    assert_eq!(located.loglevel, "DEBUG");
    assert_eq!(located.logfile.as_deref(), Some("x.log"));
    assert!(located.skip_log_setup);
    let world = world.file("x.conf", "locustfile = c.py\n");
    assert_eq!(
        world.locate(&["--config", "x.conf"]).unwrap().locustfiles,
        ["c.py"]
    );
}

#[test]
fn says_what_it_must() {
    let text = |argv: &[&str]| World::new().locate(argv).unwrap_err().0;
    assert_eq!(text(&["-f"]), "-f/--locustfile needs a value");
    assert_eq!(
        text(&["-L", "loud"]),
        "-L/--loglevel: 'loud' is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
    );
    assert!(text(&["-f", "a.py", "--master"]).starts_with("--master belongs to"));
}

#[test]
fn an_option_of_the_locustfile_may_look_like_an_abbreviation() {
    check(&["--work", "5", "-f", "a.py"], &["a.py"]);
}

#[test]
fn python_gets_every_dest() {
    let map = World::new()
        .resolve(&["-t", "1m", "-T", "a"])
        .unwrap()
        .to_json();
    for row in katydid::option_rows() {
        assert!(map.contains_key(&row.dest), "{}", row.dest);
    }
    assert_eq!(map["run_time"], 60);
    assert_eq!(map["load_given"], true);
    assert_eq!(map["run_name"], "locustfile");
    assert_eq!(map["sources"]["tags"], "command line");
}
