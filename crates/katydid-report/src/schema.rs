//! The published contracts: `docs/schema/summary.schema.json`, `findings.schema.json` and `comparison.schema.json`.

use katydid_record::{Comparison, Findings, Summary};

/// The JSON Schema of [`Summary`], pretty, with a line end.
pub fn summary_schema() -> String {
    let mut text = format!("{:#}", schemars::schema_for!(Summary).to_value());
    text.push('\n');
    text
}

/// The JSON Schema of [`Findings`], pretty, with a line end.
pub fn findings_schema() -> String {
    let mut text = format!("{:#}", schemars::schema_for!(Findings).to_value());
    text.push('\n');
    text
}

/// The JSON Schema of [`Comparison`], pretty, with a line end.
pub fn comparison_schema() -> String {
    let mut text = format!("{:#}", schemars::schema_for!(Comparison).to_value());
    text.push('\n');
    text
}
