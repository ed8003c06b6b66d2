//! Environment and files: their grammar, their priority. Expected values are Locust 2.47.0's unless a line says otherwise.

use serde_json::{Value, json};

use crate::support::{World, custom};

#[track_caller]
fn conf(text: &str, expected: Value) {
    let world = World::new().file("locust.conf", text);
    assert_eq!(world.differs(&[]), expected, "{text}");
}

#[track_caller]
fn toml(text: &str, expected: Value) {
    let world = World::new().file("pyproject.toml", text);
    assert_eq!(world.differs(&[]), expected, "{text}");
}

#[track_caller]
fn env(name: &str, value: &str, expected: Value) {
    let world = World::new().env(name, value);
    assert_eq!(world.differs(&[]), expected, "{name}={value}");
}

#[test]
fn conf_grammar() {
    conf(
        "users = 5\nspawn-rate: 2\nrun-time 1m\nheadless\n",
        json!({"num_users": 5, "spawn_rate": 2.0, "run_time": 60, "headless": true}),
    );
    conf("# c\n; d\n[sec]\n--users=7\n", json!({"num_users": 7}));
    conf("users = 5 # c\n", json!({"num_users": 5}));
    conf("  users = 4  \n\n", json!({"num_users": 4}));
    conf("users = 1\nusers = 2\n", json!({"num_users": 2}));
    conf("u = 3\n", json!({"num_users": 3}));
    conf("host = http://x/#a\n", json!({"host": "http://x/#a"}));
    conf("host = \"http://x\"\n", json!({"host": "http://x"}));
    conf("host = 'a'\n", json!({"host": "a"}));
    conf("host http://a b\n", json!({"host": "http://a b"}));
    conf("html=a b.html\n", json!({"html_file": "a b.html"}));
    conf(
        "headless = true\nonly-summary = false\n",
        json!({"headless": true}),
    );
    conf("headless: True\n", json!({"headless": true}));
    conf("headless True\n", json!({"headless": true}));
    conf("tags = [a, b]\n", json!({"tags": ["a", "b"]}));
    conf("tags = [\"a\", \"b\"]\n", json!({"tags": ["a", "b"]}));
    conf("tags = [\"a\", b]\n", json!({"tags": ["a", "b"]})); // Locust keeps the quotes of this mixture
    conf("tags = a b\n", json!({"tags": ["a b"]}));
    conf("host = \"a # b\" # c\n", json!({"host": "a # b"}));
    conf("host = don't # c\n", json!({"host": "don't"}));
    conf("tags = []\n", json!({"tags": []}));
    conf(
        "locustfile = a.py,b.py\n",
        json!({"locustfile": "a.py,b.py"}),
    );
}

#[test]
fn conf_errors() {
    conf(
        "bogus = 3\n",
        json!("error: ./locust.conf: unknown key 'bogus'"),
    );
    conf(
        "spawn_rate = 3\n",
        json!("error: ./locust.conf: unknown key 'spawn_rate' (did you mean 'spawn-rate'?)"),
    );
    conf(
        "num_users = 3\n",
        json!("error: ./locust.conf: unknown key 'num_users' (did you mean 'users'?)"),
    );
    conf(
        "Users = 1\n",
        json!("error: ./locust.conf: unknown key 'Users' (did you mean 'users'?)"),
    );
    conf(
        "user_classes = A\n",
        json!("error: ./locust.conf: unknown key 'user_classes' (did you mean 'users'?)"),
    );
    conf(
        "headless = maybe\n",
        json!("error: ./locust.conf: 'headless': 'maybe' is neither true nor false"),
    );
    conf(
        "headless=\n",
        json!("error: ./locust.conf: 'headless': '' is neither true nor false"),
    );
    conf(
        "users\n",
        json!("error: ./locust.conf: 'users': 'true' is not a whole number"),
    );
    conf(
        "users=\n",
        json!("error: ./locust.conf: 'users': '' is not a whole number"),
    );
    conf(
        "locustfile = [a.py, b.py]\n",
        json!("error: ./locust.conf: 'locustfile': takes one value, not a list"),
    );
    conf(
        "\n= 5\n",
        json!("error: ./locust.conf: line 2: '= 5' is not 'key = value'"),
    );
    conf(
        "config = other.conf\n",
        json!("error: ./locust.conf: 'config' works only on the command line"),
    ); // Locust ignores it
}

#[test]
fn pyproject() {
    toml(
        "[tool.locust]\nusers = 5\nheadless = true\ntags=[\"a\",\"b\"]\nrun-time=\"1m\"\nonly-summary=false\n",
        json!({"num_users": 5, "headless": true, "tags": ["a", "b"], "run_time": 60}),
    );
    toml(
        "[tool.locust]\nspawn-rate = 1.5\n",
        json!({"spawn_rate": 1.5}),
    );
    toml("[tool.other]\nusers = 5\n", json!({}));
    toml(
        "[tool.locust]\nbogus=1\n",
        json!("error: ./pyproject.toml: unknown key 'bogus'"),
    );
    toml(
        "[tool.locust.x]\nusers = 5\n",
        json!(
            "error: ./pyproject.toml: 'x' in [tool.locust] is neither a plain value nor a list of them"
        ),
    );
    let broken = World::new()
        .file("pyproject.toml", "[tool.locust\nusers=5\n")
        .differs(&[]);
    assert!(
        broken
            .as_str()
            .unwrap()
            .starts_with("error: ./pyproject.toml: line 1: not valid TOML: "),
        "{broken}"
    );
}

#[test]
fn environment() {
    for on in ["true", "True", "yes", "on", "1"] {
        env("LOCUST_HEADLESS", on, json!({"headless": true}));
    }
    for off in ["false", "no", "off", "0"] {
        env("LOCUST_HEADLESS", off, json!({}));
    }
    env("LOCUST_HOST", "", json!({"host": ""}));
    env("LOCUST_HOST", "\"x\"", json!({"host": "\"x\""}));
    env("LOCUST_TAGS", "a", json!({"tags": ["a"]}));
    env("LOCUST_TAGS", "[a, b]", json!({"tags": ["a", "b"]}));
    env("LOCUST_TAGS", "[]", json!({"tags": []}));
    env("LOCUST_TAGS", "a b", json!({"tags": ["a b"]}));
    env("LOCUST_TAGS", "a,b", json!({"tags": ["a,b"]}));
    env(
        "LOCUST_USER_CLASSES",
        "A B",
        json!({"user_classes": ["A", "B"]}),
    );
    env("LOCUST_LOGLEVEL", "debug", json!({"loglevel": "DEBUG"}));
    env(
        "LOCUST_CONFIG_USERS",
        "{\"user_class_name\":\"A\"}",
        json!({"config_users": ["{\"user_class_name\":\"A\"}"]}),
    );
    env(
        "LOCUST_CONFIG_USERS",
        "[{\"a\":1}, {\"b\":2}]",
        json!({"config_users": ["[{\"a\":1}, {\"b\":2}]"]}),
    ); // Locust fails
    env("KATYDID_RUN_DIR", "d", json!({"run_dir": "d"}));
    env("LOCUST_BOGUS", "x", json!({}));
    env(
        "LOCUST_HEADLESS",
        "maybe",
        json!("error: LOCUST_HEADLESS (environment): 'maybe' is neither true nor false"),
    );
    env(
        "LOCUST_USERS",
        "",
        json!("error: LOCUST_USERS (environment): '' is not a whole number"),
    );
    env(
        "LOCUST_RUN_TIME",
        "5x",
        json!(
            "error: LOCUST_RUN_TIME (environment): '5x' is not a time; write seconds (90) or hours, minutes, seconds (20s, 3m, 1h30m)"
        ),
    );
}

#[test]
fn priority() {
    let world = || {
        World::new()
            .file("home/.locust.conf", "users = 1\nspawn-rate = 1\nstop-timeout = 1\nexit-code-on-error = 11\nhtml = 1\nhost = 1\n")
            .file("locust.conf", "spawn-rate = 2\nstop-timeout = 2\nexit-code-on-error = 12\nhtml = 2\nhost = 2\n")
            .file("pyproject.toml", "[tool.locust]\nstop-timeout = 3\nexit-code-on-error = 13\nhtml = \"3\"\nhost = \"3\"\n")
            .file("x.conf", "exit-code-on-error = 14\nhtml = 4\nhost = 4\n")
            .env("LOCUST_HTML", "5")
            .env("LOCUST_HOST", "5")
    };
    let argv = ["--config", "x.conf", "-H", "6"];
    let expected = json!({"config": "x.conf", "num_users": 1, "spawn_rate": 2.0, "stop_timeout": 3, "exit_code_on_error": 14, "html_file": "5", "host": "6"});
    assert_eq!(world().differs(&argv), expected);

    let sources = world().resolve(&argv).unwrap().sources;
    let source = |dest: &str| sources[dest].to_string();
    assert_eq!(source("num_users"), "~/.locust.conf: users");
    assert_eq!(source("spawn_rate"), "./locust.conf: spawn-rate");
    assert_eq!(source("stop_timeout"), "./pyproject.toml: stop-timeout");
    assert_eq!(source("exit_code_on_error"), "x.conf: exit-code-on-error");
    assert_eq!(source("html_file"), "environment variable LOCUST_HTML");
    assert_eq!(source("host"), "command line");
    assert_eq!(source("loglevel"), "default");
}

#[test]
fn lists_of_different_sources_do_not_mix() {
    let world = World::new()
        .env("LOCUST_TAGS", "z")
        .file("locust.conf", "tags = [y]\n");
    assert_eq!(world.differs(&["-T", "a"]), json!({"tags": ["a"]}));
    assert_eq!(world.differs(&[]), json!({"tags": ["z"]}));
}

#[test]
fn the_named_file() {
    let world = World::new()
        .file("x.toml", "[tool.locust]\nusers = 5\n")
        .file("flat.toml", "users = 5\n")
        .file("home/my.conf", "users = 6\n");
    assert_eq!(
        world.differs(&["--config", "x.toml"]),
        json!({"config": "x.toml", "num_users": 5})
    );
    assert_eq!(
        world.differs(&["--config", "~/my.conf"]),
        json!({"config": "~/my.conf", "num_users": 6})
    );
    // Locust takes the next two: the first without reading anything from it.
    assert_eq!(
        world.differs(&["--config", "flat.toml"]),
        json!("error: flat.toml: has no table [tool.locust], so nothing in it would be used")
    );
    let missing = world.differs(&["--config", "none.conf"]);
    assert!(
        missing
            .as_str()
            .unwrap()
            .starts_with("error: cannot read the config file none.conf: "),
        "{missing}"
    );
}

#[test]
fn options_of_the_locustfile() {
    let options = [custom("--shop-id", Some("SHOP_ID")), custom("--name", None)];
    let world = World::new().env("SHOP_ID", "from-env").file(
        "locust.conf",
        "shop-id = from-file\nname = [a, b]\nusers = 2\n",
    );
    let resolved = world.resolve_with(&[], &options).unwrap();
    assert_eq!(resolved.custom_from_files["shop_id"], "from-env");
    assert_eq!(resolved.custom_from_files["name"], "[a, b]");
    assert_eq!(resolved.options.load.num_users, Some(2));
    assert_eq!(
        resolved.options.own.name, None,
        "the locustfile's --name goes before katydid's"
    );
    assert_eq!(
        resolved.to_json()["custom_from_files"]["shop_id"],
        "from-env"
    );
}

#[test]
fn katydid_toml() {
    let given = |text: &str| World::new().file("katydid.toml", text);
    let text = r#"
"$schema" = "docs/schema/katydid.schema.json"

[load]
plan = "ramp to 20 users over 10s, hold 1m"
stop-timeout = 5

[slo]
objectives = ["p95 < 300ms", "errors < 1%"]
strict = true

[run]
host = "http://127.0.0.1:8000"
tags = ["a", "b"]
"#;
    assert_eq!(
        given(text).differs(&[]),
        json!({
            "load": "ramp to 20 users over 10s, hold 1m", "stop_timeout": 5,
            "slo": ["p95 < 300ms", "errors < 1%"], "strict": true,
            "host": "http://127.0.0.1:8000", "tags": ["a", "b"],
        })
    );
    // Between --config and Locust's own files; below environment and command line.
    let world = given(text).file("locust.conf", "host = http://conf\n");
    assert_eq!(world.differs(&[])["host"], "http://127.0.0.1:8000");
    let world = given(text).file("own.conf", "host = http://own\n");
    assert_eq!(
        world.differs(&["--config", "own.conf"])["host"],
        "http://own"
    );
    let world = given(text).env("LOCUST_HOST", "http://env");
    assert_eq!(world.differs(&[])["host"], "http://env");
    // What the command line says of the load takes the place of all that the file says of it.
    let asked = given(text).differs(&["-u", "3"]);
    assert_eq!(
        (&asked["num_users"], &asked["load"]),
        (&json!(3), &Value::Null)
    );
    let world = World::new().file("locust.conf", "users = 5\n");
    let asked = world.differs(&["--load", "hold 2 users for 5s"]);
    assert_eq!(
        (&asked["num_users"], &asked["load"]),
        (&Value::Null, &json!("hold 2 users for 5s"))
    );
}

#[test]
fn the_stronger_file_says_the_load() {
    let world = World::new()
        .file(
            "katydid.toml",
            "[load]\nplan = 'arrive at 5/s for 1m'\nmax-users = 50\n",
        )
        .file("locust.conf", "users = 100\n")
        .file("own.conf", "users = 7\n");
    let asked = world.differs(&[]);
    assert_eq!(
        asked,
        json!({"load": "arrive at 5/s for 1m", "max_users": 50, "stop_timeout": 30})
    );
    let asked = world.differs(&["--config", "own.conf"]);
    assert_eq!(
        (&asked["num_users"], &asked["load"]),
        (&json!(7), &Value::Null)
    );
    let asked = world.differs(&["--load", "smoke of 10 users"]);
    assert_eq!(asked, json!({"load": "smoke of 10 users"}));
}

#[test]
fn katydid_toml_lies_beside_the_locustfile() {
    let world = World::new()
        .file("shop/katydid.toml", "[run]\nhost = 'http://shop'\n")
        .file("shop/locustfile.py", "");
    assert_eq!(
        world.differs(&["-f", "shop/locustfile.py"])["host"],
        "http://shop"
    );
    assert_eq!(world.differs(&["-f", "shop"])["host"], "http://shop");
    assert_eq!(world.differs(&[]), json!({}));
    let world = world.env("LOCUST_LOCUSTFILE", "shop/locustfile.py");
    assert_eq!(world.differs(&[])["host"], "http://shop");
}

#[test]
fn what_katydid_toml_does_not_take() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let world = World::new().file("katydid.toml", text);
        assert_eq!(
            world.differs(&[]),
            json!(format!("error: katydid.toml: {expected}"))
        );
    }
    check(
        "[laod]\nplan = 'x'\n",
        "'laod' is not known; there are [load], [slo], [watch], [run]",
    );
    check("load = 'x'\n", "'load' is not a table: write [load]");
    check(
        "[load]\nplam = 'x'\n",
        "'plam' in [load] is not known; did you mean 'plan'?",
    );
    check(
        "[load]\nload = 'x'\n",
        "'load' in [load] is written 'plan' in this file",
    );
    check(
        "[load]\nhost = 'x'\n",
        "'host' belongs to [run], not to [load]",
    );
    check(
        "[run]\nlocustfile = 'x'\n",
        "'locustfile' in [run] is not known",
    );
    check(
        "[load]\nplan = {a = 1}\n",
        "'plan' in [load] is neither a plain value nor a list of them",
    );
    check(
        "[load\n",
        "line 1: not valid TOML: unclosed table, expected `]`",
    );
}

/// `UPDATE_SCHEMA=1 cargo test -p katydid` rewrites the committed file.
#[test]
fn the_committed_schema_is_true() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schema/katydid.schema.json");
    let schema = katydid::config::file_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).expect("the folder is there");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "run again with UPDATE_SCHEMA=1 and commit {}",
        path.display()
    );
}
