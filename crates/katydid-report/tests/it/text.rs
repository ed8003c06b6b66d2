use katydid_record::Summary;
use katydid_report::text::{Style, text};

use crate::sample;

fn at(summary: &Summary, width: usize) -> String {
    let style = Style {
        width,
        color: false,
        run_dir: Some("runs/20261123-101530-checkout".into()),
    };
    text(summary, &style)
}

#[test]
fn a_valid_run_at_120_columns() {
    insta::assert_snapshot!(at(&sample::valid(), 120));
}

#[test]
fn a_valid_run_at_80_columns() {
    insta::assert_snapshot!(at(&sample::valid(), 80));
}

#[test]
fn events_at_80_columns() {
    let text = at(&sample::with_events(), 80);
    assert!(text.starts_with("The event deploy failed with exit status 1 after 3.10 s: what came"));
    let (_, events) = text.split_once("\nEvents\n").unwrap();
    let (events, _) = events.split_once("\n\n").unwrap();
    insta::assert_snapshot!(events);
}

#[test]
fn an_invalid_run_at_120_columns() {
    insta::assert_snapshot!(at(&sample::invalid(), 120));
}

#[test]
fn an_invalid_run_at_80_columns() {
    insta::assert_snapshot!(at(&sample::invalid(), 80));
}

#[test]
fn a_run_of_which_nothing_was_kept() {
    insta::assert_snapshot!(at(&sample::empty(), 80));
}

#[test]
fn an_invalid_run_says_so_first() {
    assert!(at(&sample::invalid(), 80).starts_with("INVALID: Requests were taken up late"));
    let mut unexplained = sample::invalid();
    unexplained.generator.reasons.clear();
    assert!(at(&unexplained, 120).starts_with("INVALID: "));
}

#[test]
fn colours_come_only_when_asked_for_and_change_no_word() {
    let plain = at(&sample::invalid(), 120);
    assert!(!plain.contains('\x1b'));
    let style = Style {
        width: 120,
        color: true,
        run_dir: Some("runs/20261123-101530-checkout".into()),
    };
    let colored = text(&sample::invalid(), &style);
    assert!(colored.contains('\x1b'));
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some(at) = rest.find('\x1b') {
        stripped.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[rest.find('m').unwrap() + 1..];
    }
    stripped.push_str(rest);
    let trimmed = |text: &str| {
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(trimmed(&stripped), trimmed(&plain));
}

#[test]
fn no_line_is_wider_than_asked() {
    for summary in [sample::valid(), sample::invalid(), sample::empty()] {
        for width in 80..=160 {
            let text = at(&summary, width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{width}: {widest:?}\n{text}");
        }
    }
}
