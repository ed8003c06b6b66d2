//! What tables are made of: growths in a part of the run, figures, and the largest rows.

use katydid_record::timeline::Subject;
use katydid_record::view::Column;
use serde_json::{Value, json};

use super::Part;

/// Rows that a table has.
const ROWS: usize = 20;

/// Seconds of a part that were seen.
pub(super) fn seen(subject: &Subject, reference: &str, part: &Part) -> f64 {
    let series = subject.plain(reference);
    series.map_or(0.0, |series| subject.grown(series, part.from, part.until).1)
}

/// Growth of the series of a name whose label has this value, in a part.
pub(crate) fn grown(
    subject: &Subject,
    name: &str,
    (label, value): (&str, &str),
    part: &Part,
) -> f64 {
    let series = subject.of(name, (label, value));
    series.map_or(0.0, |series| subject.grown(series, part.from, part.until).0)
}

/// Values of a label in the series of a name.
pub(crate) fn labelled<'a>(subject: &'a Subject, name: &'a str, label: &str) -> Vec<&'a str> {
    let labels = subject
        .named(name)
        .filter_map(|(labels, _)| labels.get(label));
    labels.map(String::as_str).collect()
}

pub(super) fn columns(all: &[(&str, &str)]) -> Vec<Column> {
    let column = |(name, unit): &(&str, &str)| Column {
        name: (*name).to_owned(),
        unit: (*unit).to_owned(),
    };
    all.iter().map(column).collect()
}

/// Rounded for a table: three figures.
pub(super) fn figure(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    let digits = if value == 0.0 {
        0
    } else {
        2 - value.abs().log10().floor() as i32
    };
    let factor = 10_f64.powi(digits.clamp(0, 6));
    json!((value * factor).round() / factor)
}

/// The largest rows, and what to say of the rest.
pub(super) fn largest(mut rows: Vec<(f64, Vec<Value>)>, what: &str) -> (Vec<Vec<Value>>, String) {
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let left_out = rows.len().saturating_sub(ROWS);
    let note = if left_out > 0 {
        format!("{left_out} more {what} are left out.")
    } else {
        String::new()
    };
    (
        rows.into_iter().take(ROWS).map(|(_, row)| row).collect(),
        note,
    )
}
