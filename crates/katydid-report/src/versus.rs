//! What several faces say of a comparison: its rows, by endpoint and phase, as cells that are already text.

use katydid_record::Comparison;
use katydid_record::comparison::{Change, ChangeOutcome, CountChange, Design, Measure};

use crate::number::{NONE, bytes, change, percent, rate, short, short_or_dash};
use crate::phrase::plural;

/// Endpoints that are listed.
const MOST_ROWS: usize = 60;

/// One endpoint in one phase.
pub struct Row<'a> {
    pub endpoint: &'a str,
    pub p95: &'a Change,
    pub p50: Option<&'a Change>,
    pub p99: Option<&'a Change>,
    pub bad: Option<&'a Change>,
}

/// The rows of one phase, as they are sorted, and how many more there are. The phase is `None` where there is but one.
pub struct Table<'a> {
    pub phase: Option<&'a str>,
    pub rows: Vec<Row<'a>>,
    pub more: usize,
}

/// One table for each phase.
pub fn tables(told: &Comparison) -> Vec<Table<'_>> {
    let mut phases: Vec<Option<&str>> = Vec::new();
    for change in &told.changes {
        if !phases.contains(&change.phase.as_deref()) {
            phases.push(change.phase.as_deref());
        }
    }
    let several = phases.len() > 1;
    let table = |phase: Option<&'_ str>| {
        let in_phase = |change: &&Change| change.phase.as_deref() == phase;
        let find = |endpoint: &Option<String>, measure| {
            let mut all = told.changes.iter().filter(in_phase);
            all.find(|change| change.endpoint == *endpoint && change.measure == measure)
        };
        let p95 = told
            .changes
            .iter()
            .filter(in_phase)
            .filter(|change| change.measure == Measure::P95);
        let all: Vec<&Change> = p95.collect();
        let rows = all.iter().take(MOST_ROWS).map(|p95| Row {
            endpoint: p95.endpoint.as_deref().unwrap_or("all requests"),
            p95,
            p50: find(&p95.endpoint, Measure::P50),
            p99: find(&p95.endpoint, Measure::P99),
            bad: find(&p95.endpoint, Measure::Bad),
        });
        (
            rows.collect::<Vec<_>>(),
            all.len().saturating_sub(MOST_ROWS),
        )
    };
    let tables = phases.into_iter().map(|phase| {
        let (rows, more) = table(phase);
        Table {
            phase: phase.filter(|_| several),
            rows,
            more,
        }
    });
    tables.filter(|table| !table.rows.is_empty()).collect()
}

/// Its ends: `−71 … −61 %`.
pub fn interval(of: &Change) -> String {
    match (of.low, of.high) {
        (Some(low), Some(high)) => {
            format!("{} … {}", change(low).trim_end_matches(" %"), change(high))
        }
        _ => NONE.to_owned(),
    }
}

/// By how much it changed.
pub fn by(of: Option<&Change>) -> String {
    of.and_then(|of| of.change)
        .map_or_else(|| NONE.to_owned(), change)
}

/// `0 → 1.2 %`, or what it is where it did not change.
pub fn bad(of: Option<&Change>) -> String {
    match of.and_then(|of| of.before.zip(of.after)) {
        Some((before, after)) if before <= 0.0 && after <= 0.0 => "0".to_owned(),
        Some((before, after)) => format!(
            "{} → {}",
            percent(before).trim_end_matches(" %"),
            percent(after)
        ),
        None => NONE.to_owned(),
    }
}

/// In a word; empty where there is nothing to say.
pub fn outcome(of: &Change) -> &'static str {
    match of.outcome {
        ChangeOutcome::Better => "better",
        ChangeOutcome::Worse => "WORSE",
        ChangeOutcome::Same => "same",
        ChangeOutcome::Unclear => "unclear",
        ChangeOutcome::Indicative | ChangeOutcome::NotCompared => "",
    }
}

/// A value of both sides: `412`.
pub fn value(of: Option<f64>) -> String {
    short_or_dash(of)
}

/// What the tables do not say: other measures of all requests that were judged, and what is judged first if it is no p95.
pub fn besides(told: &Comparison) -> Vec<(String, &Change)> {
    let is_decided =
        |of: &Change| matches!(of.outcome, ChangeOutcome::Better | ChangeOutcome::Worse);
    let is_said = |of: &&Change| match of.measure {
        Measure::P95 => false,
        Measure::P50 | Measure::P99 | Measure::Bad => of.primary || is_decided(of),
        _ => true,
    };
    let said = told.changes.iter().filter(is_said);
    said.map(|of| (sentence(of), of)).collect()
}

/// `Memory of the target: 500 MiB → 390 MiB, −22 % (−25 … −19 %), better`.
fn sentence(of: &Change) -> String {
    let amount = |value: Option<f64>| match (of.measure, value) {
        (_, None) => NONE.to_owned(),
        (Measure::TargetMemory, Some(value)) => bytes(value as u64),
        (Measure::Goodput | Measure::Capacity, Some(value)) => format!("{}/s", rate(value)),
        (Measure::Bad, Some(value)) => percent(value),
        (_, Some(value)) => format!("{} ms", short(value)),
    };
    let word = match outcome(of) {
        "" => String::new(),
        word => format!(", {word}"),
    };
    let points = |text: String| match of.measure {
        Measure::Bad => text.replace(" %", " points"),
        _ => text,
    };
    format!(
        "{}: {} → {}, {} ({}){word}",
        name(of),
        amount(of.before),
        amount(of.after),
        points(by(Some(of))),
        points(interval(of))
    )
}

/// What is measured, of what.
fn name(of: &Change) -> String {
    let endpoint = of.endpoint.as_deref().unwrap_or("all requests");
    match of.measure {
        Measure::P50 => format!("p50 of {endpoint}"),
        Measure::P95 => format!("p95 of {endpoint}"),
        Measure::P99 => format!("p99 of {endpoint}"),
        Measure::Bad => format!("Failures of {endpoint}"),
        Measure::TargetCpu => "Processor time of the target per request".to_owned(),
        Measure::TargetMemory => "Memory of the target".to_owned(),
        Measure::Goodput => "Answered requests".to_owned(),
        Measure::Capacity => "The greatest load that keeps the objectives".to_owned(),
    }
}

/// What is judged: its name, a sentence, and what became of it. p95 of each endpoint, and what else the verdict may rest on.
pub fn sentences(told: &Comparison) -> Vec<(String, String, ChangeOutcome)> {
    let several = told
        .changes
        .iter()
        .any(|of| of.phase != told.changes[0].phase);
    let is_listed =
        |of: &&Change| of.measure == Measure::P95 && of.outcome != ChangeOutcome::NotCompared;
    let p95 = told.changes.iter().filter(is_listed).take(MOST_ROWS);
    let all = p95.chain(besides(told).into_iter().map(|(_, of)| of));
    let case = |of: &Change| {
        let phase = of.phase.as_ref().filter(|_| several);
        let phase = phase
            .map(|phase| format!(" in {phase}"))
            .unwrap_or_default();
        (format!("{}{phase}", name(of)), sentence(of), of.outcome)
    };
    all.map(case).collect()
}

/// What is counted: `GET /dashboard: 51 → 2 queries per request (exact)`.
pub fn counted(of: &CountChange) -> String {
    let endpoint = of.endpoint.as_deref().unwrap_or("All requests");
    let how = if of.exact { "exact" } else { "mean under load" };
    format!(
        "{endpoint}: {} → {} {} per request ({how})",
        short(of.before),
        short(of.after),
        of.what
    )
}

/// Pair by pair, by how much the primary measure changed.
pub fn pairs(told: &Comparison) -> Option<String> {
    let first = told
        .changes
        .first()
        .filter(|first| !first.pairs.is_empty())?;
    let each = first.pairs.iter().map(|[before, after]| {
        change(if first.measure == Measure::Bad {
            after - before
        } else {
            after / before - 1.0
        })
    });
    Some(each.collect::<Vec<_>>().join(", "))
}

/// How it was made: `5 interleaved pairs`.
pub fn design(told: &Comparison) -> String {
    match told.design {
        Design::Pairs => format!("{}, interleaved", plural(told.counted, "pair")),
        Design::Groups => "several runs, not interleaved".to_owned(),
        Design::Single => "one run each".to_owned(),
    }
}

/// What the intervals are.
pub fn about_intervals(told: &Comparison) -> String {
    let most = told
        .changes
        .iter()
        .filter_map(|of| of.confidence)
        .fold(0.0, f64::max);
    match told.design {
        Design::Single => "The intervals assume that runs of the same differ by 5 %, which one run of each side cannot show.".to_owned(),
        _ => format!(
            "Intervals are of 95 %; of endpoints and of what is looked at beside they are wider (up to {}), so that a false word about any of them is rare. Unclear: chance would do the same, or it is too small to matter ({}).",
            percent(most),
            percent(told.noise),
        ),
    }
}

/// What the diagnosis said: a label and what it names.
pub fn findings(told: &Comparison) -> Vec<(&'static str, &[String])> {
    let of = &told.findings;
    let all = [
        ("resolved", of.resolved.as_slice()),
        ("remaining", &of.remaining),
        ("new", &of.new),
        (
            "not to be told, as the other side does not say it clearly",
            &of.unknown,
        ),
    ];
    all.into_iter()
        .filter(|(_, names)| !names.is_empty())
        .collect()
}
