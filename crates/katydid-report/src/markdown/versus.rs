//! A comparison in GitHub's Markdown: the verdict, then what changed by endpoint.

use std::fmt::Write;

use katydid_record::Comparison;
use katydid_record::comparison::{ChangeOutcome, SideSummary};

use super::markup::{code, head, more, prose, row};
use super::{MOST_REASONS, NAME, SENTENCE};
use crate::versus;

/// Counts that are listed.
const MOST_COUNTS: usize = 20;

/// The text, with a line end. The first line is the verdict and why.
pub fn markdown_comparison(told: &Comparison) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "**{}** — {}\n\nBefore: {} · after: {} · {}",
        prose(&told.verdict, NAME),
        prose(&told.reason, SENTENCE),
        side(&told.before),
        side(&told.after),
        prose(&versus::design(told), NAME)
    );
    for table in versus::tables(told) {
        out.push('\n');
        let unit = match table.phase {
            Some(phase) => format!("p95 ms in {}", prose(phase, NAME)),
            None => "p95 ms".to_owned(),
        };
        let heads = [
            unit.as_str(),
            ">Before",
            ">After",
            ">Change",
            ">Interval",
            "",
            ">p50",
            ">p99",
            ">Failed",
        ];
        head(&mut out, &heads);
        for of in &table.rows {
            let word = match of.p95.outcome {
                ChangeOutcome::Better | ChangeOutcome::Worse => {
                    format!("**{}**", versus::outcome(of.p95))
                }
                _ => versus::outcome(of.p95).to_owned(),
            };
            let cells = [
                code(of.endpoint, NAME),
                versus::value(of.p95.before),
                versus::value(of.p95.after),
                versus::by(Some(of.p95)),
                versus::interval(of.p95),
                word,
                versus::by(of.p50),
                versus::by(of.p99),
                versus::bad(of.bad),
            ];
            row(&mut out, cells);
        }
        more(
            &mut out,
            table.rows.len() + table.more,
            table.rows.len(),
            "endpoints",
        );
    }
    out.push('\n');
    let mut items: Vec<String> = Vec::new();
    if !told.changes.is_empty() {
        items.push(versus::about_intervals(told));
    }
    items.extend(
        versus::pairs(told).map(|pairs| format!("Pair by pair, {}: {pairs}", told.primary)),
    );
    items.extend(
        versus::besides(told)
            .into_iter()
            .map(|(sentence, _)| sentence),
    );
    items.extend(told.counts.iter().take(MOST_COUNTS).map(versus::counted));
    let findings = versus::findings(told).into_iter();
    items.extend(findings.map(|(word, names)| format!("Findings {word}: {}", names.join("; "))));
    items.extend(
        told.dropped
            .iter()
            .map(|why| format!("Does not count: {why}"))
            .take(MOST_REASONS),
    );
    items.extend(told.notes.iter().take(MOST_REASONS).cloned());
    for item in items {
        let _ = writeln!(out, "- {}", prose(&item, SENTENCE));
    }
    out
}

fn side(side: &SideSummary) -> String {
    code(&side.label, NAME)
}
