//! How a `PostgreSQL` server is shown: sessions by what they wait for, the database's time by statement, and what it reads and writes.

use katydid_record::RunTime;
use katydid_record::timeline::{Series, Subject};
use katydid_record::view::{Chart, Column, Table};
use serde_json::{Value, json};

use super::draw::{Labels, Look, Points};
use super::statements;
use super::{Kind, Part, Pressing};

/// Its row in the list.
pub const KIND: Kind = Kind {
    name: "postgres",
    charts,
    tables,
    pressing,
};

/// Rows that a table has.
pub(super) const ROWS: usize = 20;

/// Classes of sessions, from working to doing nothing, and how a reader calls them.
const CLASSES: &[(&str, &str)] = &[
    ("running", "running"),
    ("lock", "waits for a lock"),
    ("lwlock", "waits for an internal lock"),
    ("io", "waits for I/O"),
    ("ipc", "waits for another process"),
    ("client", "waits for the client"),
    ("other wait", "waits otherwise"),
    ("idle in transaction", "idle in transaction"),
    ("hidden", "not visible"),
    ("idle", "idle"),
];

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let connections = look
        .chart("connections", "Connections", "")
        .level("connections", "connections")
        .limit(look.last("connections.most"));
    let transactions = look
        .chart("transactions", "Transactions ended", "/s")
        .rate("database.commits", "committed")
        .rate("database.rollbacks", "rolled back");
    let scans = look
        .chart("rows-read", "Rows read", "/s")
        .rate("database.rows_scanned", "looked at by scans")
        .rate("database.rows_fetched", "fetched by index");
    let written = look
        .chart("rows-written", "Rows written", "/s")
        .rate("database.rows_inserted", "inserted")
        .rate("database.rows_updated", "updated")
        .rate("database.rows_deleted", "deleted");
    let locks = look
        .chart("locks", "Sessions that wait for a lock", "")
        .level("lock.waiters", "waiting")
        .level(
            "lock.idle_blockers",
            "idle in transaction, holding others up",
        );
    let longest = look
        .chart("longest", "Longest at the moment", "s")
        .level("longest.transaction", "transaction")
        .level("longest.query", "query")
        .level("longest.idle_in_transaction", "idle in transaction")
        .level("lock.longest", "wait for a lock");
    let checkpoints = look
        .chart("checkpoints", "Checkpoints", "/min")
        .rate("checkpoint.timed", "by time")
        .rate("checkpoint.requested", "requested")
        .times(60.0);
    vec![
        sessions(look),
        connections.done(),
        statements::load(look),
        look.chart("statements", "Statements ended", "/s")
            .rate("statements.calls", "statements")
            .done(),
        transactions.done(),
        locks.done(),
        longest.done(),
        look.chart("cache", "Blocks found in shared buffers", "%")
            .line("found", hits(look))
            .done(),
        scans.done(),
        written.done(),
        look.chart("io-time", "Time in reads and writes", "s/s")
            .rate("database.read_time", "reading")
            .rate("database.write_time", "writing")
            .done(),
        look.chart("temp", "Temporary files", "bytes/s")
            .rate("database.temp_bytes", "written")
            .done(),
        look.chart("wal", "WAL", "bytes/s")
            .rate("wal.bytes", "written")
            .done(),
        checkpoints.done(),
    ]
}

fn sessions(look: Look<'_>) -> Option<Chart> {
    let mut chart = look
        .chart("sessions", "Sessions by what they do", "")
        .stacked();
    for (class, called) in CLASSES {
        let found = look
            .subject
            .named("sessions")
            .find(|(labels, _)| is(labels, "class", class));
        let points = found.map_or_else(Vec::new, |(_, series)| look.level(series));
        if points
            .iter()
            .any(|(_, value)| value.is_some_and(|value| value > 0.0))
        {
            chart = chart.line(called, points);
        }
    }
    chart.done()
}

fn is(labels: &Labels, name: &str, value: &str) -> bool {
    labels.get(name).is_some_and(|label| label == value)
}

/// Of all blocks asked for, those that need not be read, %. The operating system may still have had the others.
fn hits(look: Look<'_>) -> Points {
    let subject = look.subject;
    let both = subject
        .plain("database.blocks_hit")
        .zip(subject.plain("database.blocks_read"));
    let Some((hit, read)) = both else {
        return Vec::new();
    };
    let pairs = subject.growths(hit).zip(subject.growths(read));
    let share = |(hit, read): (Option<f64>, Option<f64>)| {
        let (hit, read) = (hit?, read?);
        (hit + read > 0.0).then(|| hit / (hit + read) * 100.0)
    };
    pairs
        .map(|(hit, read)| (hit.until, share((hit.by, read.by))))
        .collect()
}

fn tables(look: Look<'_>, part: &Part) -> Vec<Table> {
    vec![
        statements::table(look, part),
        tables_table(look, part),
        blocking(look, part),
    ]
}

/// Seconds of a part that were seen.
pub(super) fn seen(subject: &Subject, reference: &str, part: &Part) -> f64 {
    let series = subject.plain(reference);
    series.map_or(0.0, |series| subject.grown(series, part.from, part.until).1)
}

/// Growth of the series of a name whose label has this value, in a part.
pub(super) fn grown(
    subject: &Subject,
    name: &str,
    (label, value): (&str, &str),
    part: &Part,
) -> f64 {
    let mut found = subject
        .named(name)
        .filter(|(labels, _)| is(labels, label, value));
    let series = found.next().map(|(_, series)| series);
    series.map_or(0.0, |series| subject.grown(series, part.from, part.until).0)
}

/// Values of a label in the series of a name.
pub(super) fn labelled<'a>(subject: &'a Subject, name: &'a str, label: &str) -> Vec<&'a str> {
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

fn last_before(series: &Series, until: RunTime) -> Option<f64> {
    let count = series.points().partition_point(|(at, _)| *at <= until);
    series.points()[..count].last().map(|(_, value)| *value)
}

fn tables_table(look: Look<'_>, part: &Part) -> Table {
    let subject = look.subject;
    let seconds = seen(subject, "database.commits", part);
    let level = |name: &str, table: &str| {
        let mut found = subject
            .named(name)
            .filter(|(labels, _)| is(labels, "table", table));
        found
            .next()
            .and_then(|(_, series)| last_before(series, part.until))
            .map_or(Value::Null, figure)
    };
    let mut names: Vec<&str> = Vec::new();
    for series in [
        "table.scans",
        "table.index_scans",
        "table.rows_inserted",
        "table.rows_updated",
        "table.rows_deleted",
    ] {
        names.extend(labelled(subject, series, "table"));
    }
    names.sort_unstable();
    names.dedup();
    let row = |table: &&str| {
        let grown = |name| grown(subject, name, ("table", table), part);
        let scanned = grown("table.rows_scanned");
        let written = grown("table.rows_inserted")
            + grown("table.rows_updated")
            + grown("table.rows_deleted");
        let indexed = grown("table.index_rows");
        let scans = grown("table.scans");
        let activity = scanned + written + indexed + scans + grown("table.index_scans");
        let row = vec![
            json!(table),
            figure(scans),
            figure(scanned / seconds),
            figure(if scans > 0.0 { scanned / scans } else { 0.0 }),
            figure(grown("table.index_scans")),
            figure(written / seconds),
            level("table.dead_rows", table),
            level("table.rows", table),
            level("table.bytes", table),
        ];
        (activity > 0.0).then_some((activity, row))
    };
    let (rows, note) = largest(names.iter().filter_map(row).collect(), "tables");
    let lag = "Sessions hand these counts in up to 10 s late.";
    Table {
        id: "tables".into(),
        title: "Tables".into(),
        phase: part.phase.clone(),
        columns: columns(&[
            ("Table", "text"),
            ("Sequential scans", ""),
            ("Rows scanned", "/s"),
            ("Rows per scan", ""),
            ("Index scans", ""),
            ("Rows written", "/s"),
            ("Dead rows", ""),
            ("Live rows", ""),
            ("Size", "bytes"),
        ]),
        rows: if seconds > 0.0 { rows } else { Vec::new() },
        note: format!("{note} {lag}").trim().to_owned(),
    }
}

fn blocking(look: Look<'_>, part: &Part) -> Table {
    let subject = look.subject;
    let within = |series: &Series| -> Vec<f64> {
        let points = series.points().iter();
        let within = points.filter(|(at, _)| (part.from..=part.until).contains(at));
        within.map(|(_, value)| *value).collect()
    };
    let row = |(labels, series): (&Labels, &Series)| {
        let pair = labels.get("pair")?;
        let waits = within(series);
        let waiters = subject
            .named("blocking.waiters")
            .find(|(labels, _)| is(labels, "pair", pair));
        let most = waiters.map_or(0.0, |(_, series)| {
            within(series).into_iter().fold(0.0, f64::max)
        });
        let longest = waits.iter().copied().fold(0.0, f64::max);
        let fact = |topic| json!(subject.fact(topic, pair).unwrap_or_default());
        let row = vec![
            fact("blocking.waiter"),
            fact("blocking.holder"),
            fact("blocking.state"),
            json!(waits.len()),
            figure(most),
            figure(longest),
        ];
        (!waits.is_empty()).then_some((longest, row))
    };
    let (rows, note) = largest(
        subject.named("blocking.wait").filter_map(row).collect(),
        "pairs",
    );
    Table {
        id: "blocking".into(),
        title: "Who waited for whose lock".into(),
        phase: part.phase.clone(),
        columns: columns(&[
            ("Waits", "code"),
            ("Holds the lock, last seen with", "code"),
            ("That session is", "text"),
            ("Looks that saw it", ""),
            ("Most that waited", ""),
            ("Longest wait", "s"),
        ]),
        rows,
        note,
    }
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let both = look.last("connections").zip(look.last("connections.most"));
    let pressing = both
        .filter(|(_, most)| *most > 0.0)
        .map(|(count, most)| Pressing {
            text: format!("db connections {count:.0} of {most:.0}"),
            share: count / most,
        });
    pressing.into_iter().collect()
}

#[cfg(test)]
mod tests;
