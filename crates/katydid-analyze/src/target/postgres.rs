//! How a `PostgreSQL` server is shown: sessions by what they wait for, the database's time by statement, and what it reads and writes.

use katydid_record::RunTime;
use katydid_record::timeline::Series;
use katydid_record::view::{Chart, Table};
use serde_json::{Value, json};

use super::draw::{Labels, Look};
use super::statements;
use super::table::{columns, figure, grown, labelled, largest, seen};
use super::{Kind, Part, Pressing};

/// Its row in the list.
pub const KIND: Kind = Kind {
    name: "postgres",
    charts,
    tables,
    pressing,
};

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
        .chart(
            "transactions",
            "Transactions ended, the observer's own among them",
            "/s",
        )
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
        // The operating system may still have had the others.
        look.chart("cache", "Blocks found in shared buffers", "%")
            .share("database.blocks_hit", "database.blocks_read", "found")
            .times(100.0)
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
        let found = look.subject.of("sessions", ("class", class));
        let points = found.map_or_else(Vec::new, |series| look.level(series));
        if points
            .iter()
            .any(|(_, value)| value.is_some_and(|value| value > 0.0))
        {
            chart = chart.line(called, points);
        }
    }
    chart.done()
}

fn tables(look: Look<'_>, part: &Part) -> Vec<Table> {
    vec![
        statements::table(look, part),
        tables_table(look, part),
        blocking(look, part),
    ]
}

fn last_before(series: &Series, until: RunTime) -> Option<f64> {
    let count = series.points().partition_point(|(at, _)| *at <= until);
    series.points()[..count].last().map(|(_, value)| *value)
}

fn tables_table(look: Look<'_>, part: &Part) -> Table {
    let subject = look.subject;
    let seconds = seen(subject, "database.commits", part);
    let level = |name: &str, table: &str| {
        let found = subject.of(name, ("table", table));
        found
            .and_then(|series| last_before(series, part.until))
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
        let waiters = subject.of("blocking.waiters", ("pair", pair));
        let most = waiters.map_or(0.0, |series| within(series).into_iter().fold(0.0, f64::max));
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
        .map(|(count, most)| Pressing::counted("db connections", count, most));
    pressing.into_iter().collect()
}

#[cfg(test)]
mod tests;
