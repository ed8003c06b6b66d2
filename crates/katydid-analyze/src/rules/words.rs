//! How rules write numbers and statements into sentences.

use katydid_record::finding::{Evidence, Fix};

pub use crate::numbers::figures;
use crate::target::{cut, shortened};

/// Characters of a statement in a sentence.
const STATEMENT: usize = 110;

/// So many rows.
pub fn rows(count: f64) -> String {
    match figures(count).as_str() {
        "1" => "1 row".to_owned(),
        many => format!("{many} rows"),
    }
}

/// Percent.
pub fn percent(share: f64) -> String {
    format!("{} %", figures(share * 100.0))
}

/// A statement for a sentence: without its columns, cut.
pub fn statement(text: &str) -> String {
    cut(shortened(text), STATEMENT)
}

/// A number that a finding rests on: who says it, what it is, how much, in which unit (empty for a count), and from where on the rule speaks.
pub fn evidence(
    source: &str,
    what: impl Into<String>,
    value: f64,
    unit: &str,
    limit: Option<f64>,
) -> Evidence {
    Evidence {
        source: source.to_owned(),
        what: what.into(),
        value,
        unit: unit.to_owned(),
        limit,
        phase: String::new(),
    }
}

/// A change: where, and what to write.
pub fn fix(place: &str, text: impl Into<String>) -> Fix {
    Fix {
        r#in: place.to_owned(),
        text: text.into(),
    }
}
