//! The help as it is read, at two widths.

use katydid::cli::{Status, help, option_rows};

#[test]
fn at_80_columns() {
    let text = help::run(Some(80));
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(text);
}

#[test]
fn at_120_columns() {
    insta::assert_snapshot!(help::run(Some(120)));
}

#[test]
fn lists_what_works_and_only_that() {
    let text = help::run(Some(120));
    let (listed, _) = text.split_once("Not built yet").unwrap();
    for row in option_rows() {
        let works = matches!(row.status, Status::Locust | Status::Own);
        for flag in &row.flags {
            let shown = listed.split([' ', ',', '\n']).any(|word| word == flag);
            assert_eq!(shown, works, "{flag}");
        }
    }
}
