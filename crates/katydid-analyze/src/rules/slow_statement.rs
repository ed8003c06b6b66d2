//! # Slow statement
//!
//! **Symptom.** The database is busy, and most of it with one thing.
//!
//! **Evidence.** One statement takes 40 % of the time of all statements, with a mean of 20 ms or more, and a tenth of the time of an endpoint.
//!
//! **Cause.** It reads or sorts much, computes much, or waits. If an index would spare most of it, the rule *missing index* says so instead.
//!
//! **Fix.** Look at its plan (`EXPLAIN (ANALYZE, BUFFERS)`); ask for less (fewer rows, fewer columns, a shorter period); compute it ahead (a summary
//! table, a materialised view); keep its answer in the cache.
//!
//! **False alarms.** A report that is meant to take its time, and that nobody waits for.

use katydid_record::Finding;
use katydid_record::finding::Evidence;

use super::case::{Case, Database, Statement};
use super::words::{evidence, figures, percent, statement};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "slow_statement",
    title: "Slow statement",
    of_target: true,
    alone: true,
    needs: Some(Need::Statements),
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let found: Vec<Finding> = case
        .databases
        .iter()
        .filter_map(|database| of_database(case, database))
        .collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let top = case.databases.iter().filter_map(|database| {
        let first = database.statements.first()?;
        Some((first.mean_ms(), first.seconds / database.seconds()))
    });
    let top = top.max_by(|a, b| a.1.total_cmp(&b.1));
    top.map_or(Judged::Silent, |(ms, share)| {
        Judged::Clear(format!(
            "the largest takes {} of the database's time, {} ms each",
            percent(share),
            figures(ms)
        ))
    })
}

fn of_database(case: &Case<'_>, database: &Database<'_>) -> Option<Finding> {
    let first = database.statements.first()?;
    let share = first.seconds / database.seconds();
    let is_slow = first.calls >= limits::STATEMENT_CALLS
        && share >= limits::SLOW_SHARE
        && first.mean_ms() >= limits::SLOW_MS
        && first.text.contains(' ');
    if !is_slow {
        return None;
    }
    let callers = case.callers(first.text);
    let cost = callers.first().map(|(endpoint, calls)| {
        case.cost_in_all(endpoint, calls * first.mean_ms(), first.seconds)
    });
    let is_felt = cost.is_some_and(|cost| cost.ms >= limits::SHARE_OF_ENDPOINT * cost.of_ms);
    // How often it seems to be called is too little to be sure, but says where to look.
    let named = if callers.is_empty() {
        case.perhaps(first.text)
    } else {
        callers
    };
    let both = named.first().map_or("statements".into(), |(endpoint, _)| {
        format!("statements + {}", endpoint.basis())
    });
    let (confidence, basis) = super::sure(is_felt, &both, &both);
    Some(Finding {
        confidence,
        basis,
        endpoints: named.iter().map(|(endpoint, _)| endpoint.title.clone()).collect(),
        about: first.text.to_owned(),
        what: format!(
            "{} takes {} of the database's time, {} ms each",
            statement(first.text),
            percent(share),
            figures(first.mean_ms())
        ),
        cost,
        evidence: numbers(database, first, share),
        advice: "Look at its plan with EXPLAIN (ANALYZE, BUFFERS); ask for less, compute it ahead, or keep its answer in the cache.".into(),
        check: "its share of the database's time should fall".into(),
        ..Finding::default()
    })
}

fn numbers(database: &Database<'_>, of: &Statement<'_>, share: f64) -> Vec<Evidence> {
    let one = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence(database.title, what, value, unit, limit)
    };
    vec![
        one(
            "share of the time of its statements",
            share * 100.0,
            "%",
            Some(limits::SLOW_SHARE * 100.0),
        ),
        one("mean", of.mean_ms(), "ms", Some(limits::SLOW_MS)),
        one("calls", of.calls, "", Some(limits::STATEMENT_CALLS)),
        one("rows per call", of.rows_per_call(), "", None),
        one("blocks per call", of.blocks_per_call(), "", None),
    ]
}
