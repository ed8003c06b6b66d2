//! The rows that Python generates its parser from, against Locust 2.47.0's own: flags, dest, variable, default, kind.

use katydid::cli::{Status, option_rows};

/// Locust's public names, as its parser had them: `flags dest variable default kind` (`*` any number, `!` a switch).
const LOCUST: &str = include_str!("locust-2.47.0.txt");

#[test]
fn rows_are_locusts() {
    let rows = option_rows();
    let mut seen = 0;
    for line in LOCUST.lines().filter(|line| !line.starts_with('#')) {
        let row = rows.iter().filter(|row| {
            matches!(
                row.status,
                Status::Locust | Status::NotBuilt | Status::Removed
            )
        });
        let ours = row.map(|row| {
            let kind = match (row.is_switch(), row.is_list()) {
                (true, _) => "!".to_owned(),
                (_, true) => "*".to_owned(),
                _ => row.kind.clone(),
            };
            let mut flags = row.flags.clone();
            flags.sort();
            format!(
                "{} {} {} {} {kind}",
                if flags.is_empty() {
                    "-".to_owned()
                } else {
                    flags.join(",")
                },
                row.dest,
                row.env.as_deref().unwrap_or("-"),
                row.default
            )
        });
        assert!(
            ours.into_iter().any(|ours| ours == line),
            "no row is: {line}"
        );
        seen += 1;
    }
    assert_eq!(seen, 56);
}

#[test]
fn every_row_is_complete() {
    for row in option_rows() {
        assert!(!row.help.is_empty() && !row.group.is_empty(), "{row:?}");
        assert!(
            row.flags.iter().all(|flag| flag.starts_with('-')),
            "{row:?}"
        );
    }
}
