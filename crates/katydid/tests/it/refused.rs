//! What is not built or was removed is refused in one line, wherever it is asked for: a loop over the table.

use katydid::cli::{Status, option_rows};
use katydid::{OptionRow, UsageError};

use crate::support::World;

fn refused() -> Vec<OptionRow> {
    let rows = option_rows();
    let refused = rows
        .into_iter()
        .filter(|row| matches!(row.status, Status::NotBuilt | Status::Removed));
    refused.collect()
}

fn value(row: &OptionRow) -> &'static str {
    match (row.is_switch(), row.kind.as_str()) {
        (true, _) => "true",
        (_, "int") => "1",
        _ => "x",
    }
}

#[track_caller]
fn assert_refused(error: UsageError, asked: &str) {
    let UsageError(text) = error;
    assert!(text.contains(asked), "{asked}: {text}");
    assert!(
        text.ends_with("remove it") || text.contains("remove it;"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn the_table_has_them_all() {
    let flags: Vec<String> = refused().into_iter().flat_map(|row| row.flags).collect();
    for flag in [
        "--web-host",
        "--web-host-display-name",
        "-P",
        "--web-port",
        "--web-base-path",
        "--autostart",
        "--autoquit",
        "--headful",
        "--web-login",
        "--tls-cert",
        "--tls-key",
        "--class-picker",
        "--build-path",
        "--master",
        "--master-bind-host",
        "--master-bind-port",
        "--expect-workers",
        "--expect-workers-max-wait",
        "--enable-rebalancing",
        "--worker",
        "--master-host",
        "--master-port",
        "--web-auth",
        "--legacy-ui",
        "--slave",
        "--expect-slaves",
    ] {
        assert!(flags.iter().any(|known| known == flag), "{flag}");
    }
    assert_eq!(flags.len(), 26);
}

#[test]
fn on_the_command_line_in_both_passes() {
    for row in refused() {
        for flag in &row.flags {
            let argv = if row.is_switch() {
                vec![flag.as_str()]
            } else {
                vec![flag.as_str(), value(&row)]
            };
            let asked = row.flags.last().unwrap();
            assert_refused(World::new().resolve(&argv).unwrap_err(), asked);
            assert_refused(World::new().locate(&argv).unwrap_err(), asked);
        }
    }
}

#[test]
fn in_the_environment() {
    for row in refused() {
        if let Some(variable) = &row.env {
            let world = World::new().env(variable, value(&row));
            assert_refused(world.resolve(&[]).unwrap_err(), variable);
        }
    }
}

#[test]
fn in_files() {
    for row in refused() {
        let key = row.flags.last().unwrap().trim_start_matches('-').to_owned();
        let world = World::new().file("locust.conf", &format!("{key} = {}\n", value(&row)));
        assert_refused(
            world.resolve(&[]).unwrap_err(),
            &format!("./locust.conf: '{key}'"),
        );
    }
}

#[test]
fn a_switch_that_is_off_asks_for_nothing() {
    let world = World::new()
        .env("LOCUST_MODE_MASTER", "false")
        .file("locust.conf", "worker = no\n");
    assert!(world.resolve(&[]).is_ok());
}

#[test]
fn defaults_stay_readable_for_locustfiles() {
    let map = World::new().resolve(&[]).unwrap().to_json();
    for (dest, value) in [
        ("web_port", "8089"),
        ("web_host", "\"\""),
        ("master", "false"),
        ("master_host", "\"127.0.0.1\""),
        ("expect_workers", "1"),
        ("autoquit", "-1"),
        ("master_bind_host", "\"*\""),
    ] {
        assert_eq!(map[dest].to_string(), value, "{dest}");
    }
}
