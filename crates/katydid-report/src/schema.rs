//! The published contract of `summary.json`: `docs/schema/summary.schema.json`.

use katydid_record::Summary;

/// The JSON Schema of [`Summary`], pretty, with a line end.
pub fn summary_schema() -> String {
    let mut text = format!("{:#}", schemars::schema_for!(Summary).to_value());
    text.push('\n');
    text
}
