//! How rules write numbers and statements into sentences.

use katydid_record::finding::{Evidence, Fix};

use crate::target::{cut, shortened};

/// Characters of a statement in a sentence.
const STATEMENT: usize = 110;

/// Three figures, without an exponent: `0.4`, `51`, `2,130`.
pub fn figures(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    if text == "-0" {
        return "0".to_owned();
    }
    grouped(&text)
}

fn grouped(text: &str) -> String {
    let (sign, rest) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    let (whole, part) = rest
        .split_once('.')
        .map_or((rest, ""), |(whole, part)| (whole, part));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let dot = if part.is_empty() { "" } else { "." };
    format!("{sign}{out}{dot}{part}")
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures() {
        let check = |value: f64, expected: &str| assert_eq!(figures(value), expected);
        check(0.0, "0");
        check(0.123_4, "0.123");
        check(1.0, "1");
        check(51.04, "51");
        check(38.26, "38.3");
        check(2_130.4, "2,130");
        check(-1_234_567.0, "-1,234,567");
    }
}
