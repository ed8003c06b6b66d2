//! What the page of a comparison says in words: the sentences of the other faces. Computes nothing.

use katydid_record::Comparison;
use serde::Serialize;

use super::texts::Tone;
use crate::versus;

/// Findings that went the same way.
#[derive(Serialize)]
struct Went {
    word: &'static str,
    names: Vec<String>,
}

/// All of them.
#[derive(Serialize)]
pub struct Compared {
    pub title: String,
    /// Of the verdict.
    tone: Tone,
    design: String,
    intervals: String,
    /// One for each count of the comparison.
    counts: Vec<String>,
    findings: Vec<Went>,
}

impl Compared {
    pub fn new(told: &Comparison) -> Self {
        let findings = versus::findings(told).into_iter();
        Self {
            title: format!(
                "{}: {} → {} · katydid",
                told.verdict, told.before.label, told.after.label
            ),
            tone: match told.verdict.as_str() {
                "IMPROVED" => Tone::Good,
                "REGRESSED" | "INVALID" => Tone::Bad,
                "INCONCLUSIVE" => Tone::Warn,
                _ => Tone::Plain,
            },
            design: versus::design(told),
            intervals: versus::about_intervals(told),
            counts: told.counts.iter().map(versus::counted).collect(),
            findings: findings
                .map(|(word, names)| Went {
                    word,
                    names: names.to_vec(),
                })
                .collect(),
        }
    }
}
