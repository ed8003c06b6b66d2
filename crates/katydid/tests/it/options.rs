//! Words of the command line. Expected values are what Locust 2.47.0 gave for the same words, unless a line says otherwise.

use serde_json::{Value, json};

use crate::support::World;

#[track_caller]
fn check(line: &str, expected: Value) {
    let argv: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(World::new().differs(&argv), expected, "{line}");
}

#[test]
fn values() {
    check("", json!({}));
    check(
        "-u 10 -r 2.5 -t 1h30m -s 1m5s",
        json!({"num_users": 10, "spawn_rate": 2.5, "run_time": 5400, "stop_timeout": 65}),
    );
    check("-t 90", json!({"run_time": 90}));
    check("-t 0", json!({"run_time": 0}));
    check("-r 1e2", json!({"spawn_rate": 100.0}));
    check("-u 0", json!({"num_users": 0}));
    check("-u 1_000", json!({"num_users": 1000}));
    check("-L debug", json!({"loglevel": "DEBUG"}));
    check("-L Info", json!({}));
    check("--exit-code-on-error -1", json!({"exit_code_on_error": -1}));
    check("-f -", json!({"locustfile": "-"}));
    check(
        "--csv x --html y --json --json-file z",
        json!({"csv_prefix": "x", "html_file": "y", "json": true, "json_file": "z"}),
    );
    check(
        "-l --skip-log-setup",
        json!({"list_commands": true, "skip_log_setup": true}),
    );
    check(
        "--config-users {\"a\":1} b.json",
        json!({"config_users": ["{\"a\":1}", "b.json"]}),
    ); // Locust parses the JSON here
    assert_eq!(World::new().differs(&["-u", " 5"]), json!({"num_users": 5}));
    assert_eq!(World::new().differs(&["-H", ""]), json!({"host": ""}));
}

#[test]
fn katydids_own() {
    check(
        "--run-dir d --summary - --name n -i 5",
        json!({"run_dir": "d", "summary": "-", "name": "n", "iterations": 5}),
    );
    check(
        "--junit j.xml --markdown - --summary s.json",
        json!({"junit": "j.xml", "markdown": "-", "summary": "s.json"}),
    );
    check(
        "--json --markdown -",
        json!(
            "error: --json and --markdown - ask for standard output, which holds one of them: name a file for the others, or leave them out"
        ),
    );
    let world = World::new()
        .env("KATYDID_JUNIT", "j.xml")
        .env("KATYDID_MARKDOWN", "m.md");
    assert_eq!(
        world.differs(&[]),
        json!({"junit": "j.xml", "markdown": "m.md"})
    );
}

#[test]
fn lists_and_positionals() {
    check(
        "-T a b -E c d Foo Bar",
        json!({"tags": ["a", "b"], "exclude_tags": ["c", "d", "Foo", "Bar"]}),
    );
    check("-T a -T b", json!({"tags": ["b"]}));
    check("-T", json!({"tags": []}));
    check("-u 5 Foo", json!({"num_users": 5, "user_classes": ["Foo"]}));
    check(
        "--tags=a Foo",
        json!({"tags": ["a"], "user_classes": ["Foo"]}),
    );
    // Locust refuses these two; what they mean is plain.
    check(
        "Foo -u 5 Bar",
        json!({"num_users": 5, "user_classes": ["Foo", "Bar"]}),
    );
    check(
        "Foo -T a -- Bar",
        json!({"tags": ["a"], "user_classes": ["Foo", "Bar"]}),
    );
    // A command's name is a user class when it is not the first word.
    check(
        "-f a.py report",
        json!({"locustfile": "a.py", "user_classes": ["report"]}),
    );
}

#[test]
fn spelling() {
    check("-u10 -r2", json!({"num_users": 10, "spawn_rate": 2.0}));
    check("-lu 5", json!({"list_commands": true, "num_users": 5}));
    check("--users=7", json!({"num_users": 7}));
    check("-f a.py,b.py -f c.py", json!({"locustfile": "c.py"}));
    check("--use 5", json!({"num_users": 5}));
    check("--run 5", json!({"run_time": 5})); // --run-dir does not make it ambiguous
    check("--run=5", json!({"run_time": 5}));
    check(
        "--csv-full --csv x",
        json!({"stats_history_enabled": true, "csv_prefix": "x"}),
    );
    check("--sum -", json!({"summary": "-"}));
}

#[test]
fn wrong_values() {
    for text in [
        "5x",
        "1m1h",
        "1.5m",
        "1H",
        "-1",
        "1h30",
        "h",
        "99999999999999999999",
    ] {
        let line = format!("-t {text}");
        let expected = "-t/--run-time: '{}' is not a time; write seconds (90) or hours, minutes, seconds (20s, 3m, 1h30m)";
        check(
            &line,
            json!(format!("error: {}", expected.replace("{}", text))),
        );
    }
    check(
        "-r 0",
        json!("error: -r/--spawn-rate: 0 is not a finite number above 0"),
    );
    check(
        "-r -1",
        json!("error: -r/--spawn-rate: -1 is not a finite number above 0"),
    );
    check(
        "-r inf",
        json!("error: -r/--spawn-rate: inf is not a finite number above 0"),
    );
    check(
        "-r nan",
        json!("error: -r/--spawn-rate: nan is not a finite number above 0"),
    );
    check("-r x", json!("error: -r/--spawn-rate: 'x' is not a number"));
    check(
        "-u 1.5",
        json!("error: -u/--users: '1.5' is not a whole number"),
    );
    check("-u -1", json!("error: -u/--users: -1 is below 0")); // Locust takes it, and starts nobody
    check("-u", json!("error: -u/--users needs a value"));
    check("-u --headless", json!("error: -u/--users needs a value"));
    check("--headless=yes", json!("error: --headless takes no value"));
    check(
        "-L nope",
        json!("error: -L/--loglevel: 'nope' is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    );
    check(
        "--csv-full-history",
        json!("error: --csv-full-history needs --csv PREFIX"),
    );
    assert_eq!(
        World::new()
            .differs(&["-t", ""])
            .as_str()
            .map(|text| &text[..22]),
        Some("error: -t/--run-time: ")
    );
    assert_eq!(
        World::new()
            .differs(&["-t", "1h 30m"])
            .as_str()
            .map(|text| &text[..22]),
        Some("error: -t/--run-time: ")
    );
}

#[test]
fn unknown_flags_name_the_nearest() {
    check("--bogus", json!("error: unrecognized arguments: --bogus"));
    check(
        "--user-count 5",
        json!("error: unrecognized arguments: --user-count (did you mean '--users'?)"),
    );
    check(
        "--spwan-rate=5",
        json!("error: unrecognized arguments: --spwan-rate=5 (did you mean '--spawn-rate'?)"),
    );
    check(
        "--spawn_rate 5",
        json!("error: unrecognized arguments: --spawn_rate (did you mean '--spawn-rate'?)"),
    );
    check(
        "--runtime 5 --x",
        json!("error: unrecognized arguments: --runtime --x (did you mean '--run-time'?)"),
    );
    check("-z", json!("error: unrecognized arguments: -z"));
    check(
        "--head",
        json!("error: --head is ambiguous: it could be --headless, --headful"),
    );
    check(
        "--log x",
        json!("error: --log is ambiguous: it could be --loglevel, --logfile"),
    );
}

#[test]
fn load_given() {
    for (line, given) in [
        ("-f x.py", false),
        ("-f x.py Foo -H http://x --html y", false),
        ("-u 1", true),
        ("-r 1", true),
        ("-t 1", true),
        ("-i 1", true),
        ("--headless", true),
    ] {
        let argv: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            World::new().resolve(&argv).unwrap().load_given,
            given,
            "{line}"
        );
    }
    assert!(
        World::new()
            .env("LOCUST_USERS", "5")
            .resolve(&[])
            .unwrap()
            .load_given
    );
    let plain = World::new().resolve(&["--headless"]).unwrap();
    assert_eq!((plain.users(), plain.spawn_rate()), (1, 1.0));
    assert_eq!(katydid::NO_LOAD.lines().count(), 3);
}

#[test]
fn run_names() {
    for (line, name) in [
        ("", "locustfile"),
        ("-f load/checkout.py", "checkout"),
        ("-f a.py,b.py", "a"),
        ("-f load/", "load"),
        ("-f -", "run"),
        ("-f https://x/y/shop.py?token=1", "shop"),
        ("-f a.py --name nightly", "nightly"),
    ] {
        let argv: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(World::new().resolve(&argv).unwrap().name(), name, "{line}");
    }
}

#[test]
fn check_takes_no_load() {
    let world = World::new().file("locust.conf", "users = 5\nhost = http://x\n");
    let resolved = world.resolve(&["check", "-f", "a.py", "Foo"]).unwrap();
    assert_eq!(resolved.options.scenario.host.as_deref(), Some("http://x"));
    let error = world
        .resolve(&["check", "-f", "a.py", "-u", "5"])
        .unwrap_err();
    assert_eq!(
        error.0,
        "-u/--users does not apply to check, which runs each task once: remove it"
    );
}

#[test]
fn plans_hold_no_secrets() {
    let argv = [
        "Foo",
        "-u",
        "5",
        "-t",
        "0",
        "-T",
        "a",
        "--html",
        "x.html",
        "-H",
        "http://me:pw@x",
    ];
    let world = World::new().env(
        "LOCUST_CONFIG_USERS",
        r#"{"user_class_name":"Foo","token":"abc"}"#,
    );
    let plan = world.resolve(&argv).unwrap().plan();
    assert_eq!(plan.host.as_deref(), Some("http://me:***@x"));
    assert_eq!(
        (plan.users, plan.spawn_rate, plan.run_time_s),
        (5, Some(1.0), None)
    );
    assert_eq!(
        (plan.tags[0].as_str(), plan.user_classes[0].name.as_str()),
        ("a", "Foo")
    );
    assert_eq!(plan.options["html_file"], "x.html");
    assert!(
        plan.options["config_users"].contains("***")
            && !plan.options["config_users"].contains("abc")
    );
    assert_eq!(plan.options.len(), 2, "{:?}", plan.options);
}
