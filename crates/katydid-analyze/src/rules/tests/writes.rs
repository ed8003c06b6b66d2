//! Rows that are written one by one.

use katydid_record::probe::{ProbedEndpoint, ProbedStatement};

use super::probed::probed;
use super::*;

#[test]
fn a_batch_is_counted_like_single_writes() {
    let found = |request_ms: Option<f64>| {
        let insert = ProbedStatement {
            text: "INSERT INTO lines VALUES ($1, $2)".into(),
            per_request: 20.0,
            ms: 0.1,
            rows: 1.0,
            request_ms,
            ..ProbedStatement::default()
        };
        let run = Run::new(100, 40).probed(ProbedEndpoint {
            queries: Some(20.0),
            statements: vec![insert],
            ..probed()
        });
        let all = run.findings(true);
        let mut both = all.findings.iter().chain(&all.suspected);
        both.find(|of| of.rule == "n_plus_one")
            .map(|of| of.confidence)
    };
    assert_eq!(found(Some(0.5)), Some(Confidence::Strong));
    assert_eq!(found(None), Some(Confidence::Suspected));
}
