//! `UPDATE_SCHEMA=1 cargo test -p katydid-report` rewrites the committed file.

use std::path::Path;

use katydid_report::{json, schema};
use serde_json::Value;

use crate::sample;

fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schema")
        .join(name);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated,
        "run again with UPDATE_SCHEMA=1 and commit {}",
        path.display()
    );
}

#[test]
fn the_committed_schemas_are_the_code_s() {
    check("summary.schema.json", &schema::summary_schema());
    check("findings.schema.json", &schema::findings_schema());
    check("comparison.schema.json", &schema::comparison_schema());
}

#[test]
fn summaries_obey_it() {
    let schema: Value = serde_json::from_str(&schema::summary_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for summary in [sample::valid(), sample::invalid(), sample::empty()] {
        let text = json::summary_json(&summary);
        let value: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({ "version": 1 })));
}
