//! Statements of a database: its time by statement, and what each costs.
//!
//! A statement's counters are told only when they change; what they stood at before is told with it. So between its points it did not
//! run, and `observer.db_time`, which is told at each read, says when there were reads.

use std::collections::BTreeMap;

use katydid_record::RunTime;
use katydid_record::timeline::Series;
use katydid_record::view::{Chart, Table};
use serde_json::{Value, json};

use super::Part;
use super::draw::{Look, Points};
use super::table::{columns, figure, grown, labelled, largest, seen};

/// Told at each read of statements.
const READS: &str = "observer.db_time";
/// Characters of a statement in the name of a line. A face that has less room keeps what tells it from the others.
const NAME: usize = 160;

/// Time spent in statements per second: how many sessions they kept busy on average.
pub fn load(look: Look<'_>) -> Option<Chart> {
    let reads = look.subject.plain(READS)?;
    let names = names(look);
    look.chart("load", "Database time by statement", "sessions")
        .stacked()
        .each(
            "statement.time",
            |look, series| steady(look, reads, series),
            |labels| Some(name(look, &names, labels.get("statement")?)),
        )
        .done()
}

/// How fast a counter that is told only when it changes grew, at each read.
fn steady(look: Look<'_>, reads: &Series, series: &Series) -> Points {
    let rate = |from: RunTime, until: RunTime| {
        let by = stood(series, until)? - stood(series, from)?;
        (by >= 0.0).then(|| by / ((until - from) as f64 / 1e6))
    };
    let growths = look.subject.growths(reads);
    let point = |growth: katydid_record::timeline::Growth| {
        let rate = growth.by.and_then(|_| rate(growth.from, growth.until));
        (growth.until, rate)
    };
    growths.map(point).collect()
}

/// What it stood at; before it was first told, what it was first told as.
fn stood(series: &Series, at: RunTime) -> Option<f64> {
    let points = series.points();
    let count = points.partition_point(|(told, _)| *told <= at);
    points.get(count.saturating_sub(1)).map(|(_, value)| *value)
}

/// What lines are called, and how many statements would be called so: lines of one name are added up, these must not be.
fn names(look: Look<'_>) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for (labels, _) in look.subject.named("statement.time") {
        if let Some(id) = labels.get("statement") {
            *names.entry(shortened(&text(look, id))).or_default() += 1;
        }
    }
    names
}

fn name(look: Look<'_>, names: &BTreeMap<String, usize>, id: &str) -> String {
    let name = shortened(&text(look, id));
    if names.get(&name).is_none_or(|twins| *twins < 2) {
        return name;
    }
    let tail: String = id.chars().take(4).collect();
    format!("{name} #{tail}")
}

/// At most so many characters, and a mark where there were more.
pub(crate) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// For the name of a line.
pub(crate) fn shortened(statement: &str) -> String {
    cut(without_columns(statement), NAME)
}

/// Columns come first and tell little: `SELECT … FROM orders WHERE`.
fn without_columns(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match lower.find(" from ") {
        Some(from) if lower.starts_with("select ") => format!("{} …{}", &text[..6], &text[from..]),
        _ => text.to_owned(),
    }
}

fn text(look: Look<'_>, id: &str) -> String {
    match (look.subject.fact("statement", id), id) {
        (Some(text), _) => text.to_owned(),
        (None, "other") => "(all other statements)".to_owned(),
        (None, "hidden") => "(statements of users that katydid may not see)".to_owned(),
        (None, _) => format!("(statement {id}, its text is not known)"),
    }
}

/// What each statement cost in a part of the run.
pub fn table(look: Look<'_>, part: &Part) -> Table {
    let subject = look.subject;
    let seconds = seen(subject, READS, part);
    let mut ids = labelled(subject, "statement.calls", "statement");
    ids.extend(labelled(subject, "statement.time", "statement"));
    ids.sort_unstable();
    ids.dedup();
    let of = |id: &str, name: &str| grown(subject, name, ("statement", id), part);
    let all: f64 = ids.iter().map(|id| of(id, "statement.time")).sum();
    let row = |id: &&str| {
        let (calls, time) = (of(id, "statement.calls"), of(id, "statement.time"));
        let each = |value: f64| {
            if calls > 0.0 {
                figure(value / calls)
            } else {
                Value::Null
            }
        };
        let row = vec![
            json!(text(look, id)),
            figure(calls / seconds),
            each(time * 1e3),
            figure(time),
            figure(if all > 0.0 { time / all * 100.0 } else { 0.0 }),
            each(of(id, "statement.rows")),
            each(of(id, "statement.blocks_hit") + of(id, "statement.blocks_read")),
            figure(of(id, "statement.temp_blocks")),
        ];
        (calls > 0.0).then_some((time, row))
    };
    let (rows, left_out) = largest(ids.iter().filter_map(row).collect(), "statements");
    Table {
        id: "statements".into(),
        title: "Statements".into(),
        phase: part.phase.clone(),
        columns: columns(&[
            ("Statement", "code"),
            ("Calls", "/s"),
            ("Mean", "ms"),
            ("Total", "s"),
            ("Share of the time", "%"),
            ("Rows per call", ""),
            ("Blocks per call", ""),
            ("Temporary blocks", ""),
        ]),
        rows: if seconds > 0.0 { rows } else { Vec::new() },
        note: format!("{left_out} {}", own(look, part, seconds))
            .trim()
            .to_owned(),
    }
}

/// What katydid's own statements cost.
fn own(look: Look<'_>, part: &Part, seconds: f64) -> String {
    let subject = look.subject;
    let own = subject
        .plain(READS)
        .map(|series| subject.grown(series, part.from, part.until).0);
    let own = own.unwrap_or(0.0) / seconds * 1e3;
    format!(
        "Only statements that have ended are counted. katydid's own, {own:.1} ms per second, are not among them."
    )
}
