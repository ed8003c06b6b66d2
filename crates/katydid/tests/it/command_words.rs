//! The first word: which command it names, and each command's own options.

use katydid::cli::{Command, command};

use crate::support::words;

fn parse(line: &str) -> Result<Command, String> {
    let argv: Vec<&str> = line.split_whitespace().collect();
    command(&words(&argv)).map_err(|error| error.0)
}

#[track_caller]
fn fails(line: &str, text: &str) {
    assert_eq!(parse(line).unwrap_err(), text, "{line}");
}

#[test]
fn whose_command_it_is() {
    for line in [
        "",
        "-f x.py report",
        "Foo attack",
        "--headless runs",
        "-u 5",
    ] {
        assert_eq!(parse(line), Ok(Command::Run), "{line}");
    }
    assert_eq!(parse("check -f x.py"), Ok(Command::Check));
    assert_eq!(parse("demo"), Ok(Command::Demo));
    assert_eq!(parse("demo -t 10"), Ok(Command::Demo));
    let exec = Command::Exec {
        script: "a.py".to_owned(),
        args: words(&["--help", "-x"]),
    };
    assert_eq!(parse("exec a.py --help -x"), Ok(exec));
    for line in [
        "--help",
        "-f x.py -h",
        "-V",
        "check --help",
        "exec -h",
        "attack --help",
        "help",
    ] {
        assert!(matches!(parse(line), Ok(Command::Print(_))), "{line}");
    }
    fails(
        "exec",
        "exec: SCRIPT is missing: katydid exec SCRIPT [ARGS…]",
    );
    fails("load.py", "to run a locustfile: katydid -f load.py");
    fails(
        "http://x",
        "to put a URL under load: katydid attack http://x",
    );
}

#[test]
fn attack() {
    let Ok(Command::Attack(attack)) =
        parse("attack https://me:pw@x.org:81/a?b -c 4 -t 1m --rate 9.5 -H a:b -H c:d -d {}")
    else {
        panic!("not an attack");
    };
    assert_eq!(attack.url, "https://me:pw@x.org:81/a?b");
    assert_eq!(
        (attack.connections, attack.time.0, attack.rate),
        (Some(4), 60, Some(9.5))
    );
    assert_eq!(
        attack.headers,
        [
            ("a".to_owned(), "b".to_owned()),
            ("c".to_owned(), "d".to_owned())
        ]
    );
    assert_eq!(
        (attack.method(), attack.body().unwrap().as_slice()),
        ("POST", b"{}".as_slice())
    );
    assert_eq!(attack.host(), "x.org");

    fails("attack", "attack: <URL> is missing");
    fails(
        "attack x.com",
        "attack: <URL>: 'x.com' lacks its scheme; did you mean http://x.com?",
    );
    fails(
        "attack ftp://x",
        "attack: <URL>: 'ftp://x' is not an http:// or https:// URL with a host",
    );
    fails(
        "attack http://x -c 0",
        "attack: -c/--connections: 0 is too few, the least is 1",
    );
    fails(
        "attack http://x -H foo",
        "attack: -H/--header: 'foo' is not a header; write 'Name: value'",
    );
    fails(
        "attack http://x -t soon",
        "attack: -t/--time: 'soon' is not a time; write seconds (90) or hours, minutes, seconds (20s, 3m, 1h30m)",
    );
    fails(
        "attack http://x --conections 4",
        "attack: unrecognized arguments: --conections (did you mean '--connections'?)",
    );
    let Ok(Command::Attack(attack)) = parse("attack http://[::1]:8000 -d @/nowhere") else {
        panic!("not an attack");
    };
    assert_eq!(attack.host(), "::1");
    assert!(
        attack
            .body()
            .unwrap_err()
            .0
            .starts_with("-d/--data: cannot read /nowhere: ")
    );
}

#[test]
fn report() {
    fails("report", "report: <RUN> is missing");
    let Ok(Command::Report(report)) = parse("report last --html a.html --json") else {
        panic!("not a report");
    };
    assert_eq!(
        (report.run.as_str(), report.html.as_deref(), report.json),
        ("last", Some("a.html"), true)
    );
    let Ok(Command::Report(report)) = parse("report last --junit j.xml --markdown") else {
        panic!("not a report");
    };
    assert_eq!(
        (report.junit.as_deref(), report.markdown.as_deref()),
        (Some("j.xml"), Some("-"))
    );
}

#[test]
fn standard_output_holds_one_thing() {
    let said = "ask for standard output, which holds one of them: name a file for the others, or leave them out";
    fails(
        "report last --json --markdown",
        &format!("report: --json and --markdown - {said}"),
    );
    fails(
        "attack http://x --markdown - --summary -",
        &format!("attack: --summary - and --markdown - {said}"),
    );
    assert!(parse("report last --summary s.json --markdown -").is_ok());
}
