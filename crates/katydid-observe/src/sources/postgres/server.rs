//! One database and its server as a whole: transactions, blocks, temporary files, checkpoints, WAL, I/O. Versions 13–18.

use tokio_postgres::{Client, Error, Statement};

use super::spec::{Spec, chosen, column, columns, made, selected, values};
use crate::batch::Batch;

const DATABASE: &[Spec] = &[
    column(&["xact_commit"], "database.commits"),
    column(&["xact_rollback"], "database.rollbacks"),
    column(&["blks_hit"], "database.blocks_hit"),
    column(&["blks_read"], "database.blocks_read"),
    column(&["tup_returned"], "database.rows_scanned"),
    column(&["tup_fetched"], "database.rows_fetched"),
    column(&["tup_inserted"], "database.rows_inserted"),
    column(&["tup_updated"], "database.rows_updated"),
    column(&["tup_deleted"], "database.rows_deleted"),
    column(&["temp_files"], "database.temp_files"),
    made(
        &["temp_bytes"],
        "temp_bytes",
        "database.temp_bytes",
        "bytes",
    ),
    column(&["deadlocks"], "database.deadlocks"),
    made(
        &["blk_read_time"],
        "blk_read_time / 1000",
        "database.read_time",
        "s",
    ),
    made(
        &["blk_write_time"],
        "blk_write_time / 1000",
        "database.write_time",
        "s",
    ),
    // 14 and later.
    made(
        &["active_time"],
        "active_time / 1000",
        "database.active_time",
        "s",
    ),
    made(
        &["idle_in_transaction_time"],
        "idle_in_transaction_time / 1000",
        "database.idle_in_transaction_time",
        "s",
    ),
    column(&["sessions"], "database.sessions"),
    column(&["sessions_abandoned"], "database.sessions_abandoned"),
    column(&["sessions_fatal"], "database.sessions_fatal"),
    column(&["sessions_killed"], "database.sessions_killed"),
];

/// Until 16, checkpoints are there.
const WRITER: &[Spec] = &[
    column(&["checkpoints_timed"], "checkpoint.timed"),
    column(&["checkpoints_req"], "checkpoint.requested"),
    made(
        &["checkpoint_write_time"],
        "checkpoint_write_time / 1000",
        "checkpoint.write_time",
        "s",
    ),
    made(
        &["checkpoint_sync_time"],
        "checkpoint_sync_time / 1000",
        "checkpoint.sync_time",
        "s",
    ),
    column(&["buffers_checkpoint"], "checkpoint.buffers"),
    column(&["buffers_backend"], "writer.buffers_backend"),
    column(&["buffers_clean"], "writer.buffers"),
    column(&["maxwritten_clean"], "writer.stopped"),
    column(&["buffers_alloc"], "writer.buffers_allocated"),
];

/// From 17.
const CHECKPOINTER: &[Spec] = &[
    column(&["num_timed"], "checkpoint.timed"),
    column(&["num_requested"], "checkpoint.requested"),
    made(
        &["write_time"],
        "write_time / 1000",
        "checkpoint.write_time",
        "s",
    ),
    made(
        &["sync_time"],
        "sync_time / 1000",
        "checkpoint.sync_time",
        "s",
    ),
    column(&["buffers_written"], "checkpoint.buffers"),
];

/// From 14.
const WAL: &[Spec] = &[
    made(&["wal_bytes"], "wal_bytes", "wal.bytes", "bytes"),
    column(&["wal_records"], "wal.records"),
    column(&["wal_fpi"], "wal.page_images"),
    column(&["wal_buffers_full"], "wal.buffers_full"),
];

/// From 16; in 18, of some rows the counts are null.
const IO: &[Spec] = &[
    made(&["reads"], "sum(reads)", "io.reads", ""),
    made(&["writes"], "sum(writes)", "io.writes", ""),
    made(&["extends"], "sum(extends)", "io.extends", ""),
    made(&["fsyncs"], "sum(fsyncs)", "io.fsyncs", ""),
    made(&["evictions"], "sum(evictions)", "io.evictions", ""),
];

struct Source {
    specs: Vec<Spec>,
    read: Statement,
    /// Name of the label, where there is a row for each.
    label: Option<&'static str>,
}

/// What reads them.
pub struct Server {
    database: Source,
    seldom: Vec<Source>,
    before: Option<Look>,
}

/// When the statistics were reset, as text, and what they stood at.
type Look = (String, Vec<f64>);

/// What never was reset.
const NEVER: &str = "never";

/// Until 14, a new server has no instant of a reset before the first session has handed in its counts: that it gets one is a reset only
/// where something fell.
fn began_anew((was_reset, before): &Look, (is_reset, now): &Look) -> bool {
    let fell = before.iter().zip(now).any(|(before, now)| now < before);
    was_reset != is_reset && (was_reset != NEVER || fell)
}

async fn source(
    client: &Client,
    view: &str,
    specs: &[Spec],
    (before, after): (&str, &str),
) -> Result<Option<Source>, Error> {
    let specs = chosen(specs, &columns(client, view).await?);
    if specs.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT /* katydid */ {before}, {} FROM {view} {after}",
        selected(&specs)
    );
    let read = client.prepare(&sql).await?;
    Ok(Some(Source {
        specs,
        read,
        label: None,
    }))
}

impl Server {
    /// Finds out which columns there are.
    pub async fn open(client: &Client) -> Result<Option<Self>, Error> {
        let own = (
            "coalesce(stats_reset::text, 'never')",
            "WHERE datname = current_database()",
        );
        let Some(database) = source(client, "pg_stat_database", DATABASE, own).await? else {
            return Ok(None);
        };
        let one = ("''", "");
        let by = ("backend_type::text", "GROUP BY backend_type");
        let mut seldom = vec![
            source(client, "pg_stat_bgwriter", WRITER, one).await?,
            source(client, "pg_stat_checkpointer", CHECKPOINTER, one).await?,
            source(client, "pg_stat_wal", WAL, one).await?,
        ];
        let io = source(client, "pg_stat_io", IO, by).await?;
        seldom.push(io.map(|io| Source {
            label: Some("backend"),
            ..io
        }));
        Ok(Some(Self {
            database,
            seldom: seldom.into_iter().flatten().collect(),
            before: None,
        }))
    }

    /// Reads what counts the database's work.
    pub async fn look(&mut self, client: &Client, batch: &mut Batch) -> Result<(), Error> {
        let read = batch.begin();
        let result = client.query_one(&self.database.read, &[]).await;
        if let Ok(row) = &result {
            let specs = &self.database.specs;
            let now: Look = (row.get(0), values(row, specs, 1));
            if let Some(before) = &self.before
                && began_anew(before, &now)
            {
                batch.restarted_before(&read, "the statistics of the database were reset");
            }
            for (spec, value) in specs.iter().zip(&now.1) {
                batch.counter(spec.series, spec.unit, &[], *value);
            }
            self.before = Some(now);
        }
        batch.end(read);
        result.map(|_| ())
    }

    /// Reads what counts the server's: checkpoints, WAL, I/O.
    pub async fn look_seldom(
        &mut self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
    ) -> Result<(), Error> {
        for source in &self.seldom {
            let read = batch.begin_every(nth);
            let rows = client.query(&source.read, &[]).await;
            for row in rows.iter().flatten() {
                let about: Option<&str> = row.get(0);
                let label = source.label.zip(about);
                let labels: Vec<(&str, &str)> = label.into_iter().collect();
                for (spec, value) in source.specs.iter().zip(values(row, &source.specs, 1)) {
                    // Most kinds of processes do little of most.
                    if value > 0.0 || labels.is_empty() {
                        batch.counter(spec.series, spec.unit, &labels, value);
                    }
                }
            }
            batch.end(read);
            rows?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_a_new_instant_and_the_first_one_only_where_something_fell() {
        let look = |reset: &str, commits: f64| (reset.to_owned(), vec![commits, 5.0]);
        let check = |before: (&str, f64), now: (&str, f64), expected: bool| {
            let anew = began_anew(&look(before.0, before.1), &look(now.0, now.1));
            assert_eq!(anew, expected, "{before:?} {now:?}");
        };
        check((NEVER, 0.0), ("12:00", 7.0), false);
        check((NEVER, 9.0), ("12:00", 7.0), true);
        check(("12:00", 9.0), ("12:01", 9.0), true);
        check(("12:00", 9.0), ("12:00", 7.0), false);
    }
}
