//! Tables and indexes of users: how they are read and written, their sizes and dead rows. Versions 13–18.
//!
//! Since 15 sessions hand in their counts at most once a second, and idle ones up to 10 s later.

use tokio_postgres::{Client, Error, Row, Statement};

use super::spec::{Spec, chosen, column, columns, selected, values};
use super::tally::Tally;
use crate::batch::Batch;

/// Tables that are told apart; the rest are `other`.
const TABLES: usize = 60;
/// Indexes.
const INDEXES: usize = 60;
/// Most that are read, the busiest first.
const ROWS: usize = 2_000;

const TABLE: &[Spec] = &[
    column(&["seq_scan"], "table.scans"),
    column(&["seq_tup_read"], "table.rows_scanned"),
    column(&["idx_scan"], "table.index_scans"),
    column(&["idx_tup_fetch"], "table.index_rows"),
    column(&["n_tup_ins"], "table.rows_inserted"),
    column(&["n_tup_upd"], "table.rows_updated"),
    column(&["n_tup_del"], "table.rows_deleted"),
];

const INDEX: &[Spec] = &[
    column(&["idx_scan"], "index.scans"),
    column(&["idx_tup_read"], "index.rows"),
];

/// Totals of each row of a view, told when they change. The name of the row stands first, its totals from `first` on.
struct Counted {
    read: Statement,
    specs: Vec<Spec>,
    first: usize,
    tally: Tally<String>,
}

impl Counted {
    /// Reads them all and tells what has changed, and `also` of the same rows.
    async fn look(
        &mut self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
        also: impl Fn(&mut Batch, &[Row]),
    ) -> Result<Vec<Row>, Error> {
        let read = batch.begin_every(nth);
        let rows = client.query(&self.read, &[]).await;
        if let Ok(rows) = &rows {
            let all = rows
                .iter()
                .map(|row| (row.get(0), values(row, &self.specs, self.first)));
            let grown = self.tally.read(all.collect(), |_| false);
            self.tally.tell(batch, grown, Clone::clone);
            also(batch, rows);
        }
        let at = batch.end(read);
        self.tally.done(at);
        rows
    }
}

/// What reads them.
pub struct Tables {
    rows: Counted,
    indexes: Counted,
    sizes: Statement,
}

/// The schema is named where it is not `public`.
const NAME: &str = "CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || ";

impl Tables {
    /// Finds out which columns there are.
    pub async fn open(client: &Client) -> Result<Self, Error> {
        let table_specs = chosen(TABLE, &columns(client, "pg_stat_user_tables").await?);
        let index_specs = chosen(INDEX, &columns(client, "pg_stat_user_indexes").await?);
        let tables = format!(
            "SELECT /* katydid */ {NAME}relname, n_live_tup::float8, n_dead_tup::float8, {} FROM pg_stat_user_tables \
             ORDER BY coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del DESC \
             LIMIT {ROWS}",
            selected(&table_specs)
        );
        let indexes = format!(
            "SELECT /* katydid */ {NAME}relname || ' ' || indexrelname, {} FROM pg_stat_user_indexes \
             ORDER BY idx_scan DESC LIMIT {ROWS}",
            selected(&index_specs)
        );
        // It waits for whoever holds a table exclusively, so only of those that are named.
        let sizes = format!(
            "SELECT /* katydid */ {NAME}relname, coalesce(pg_table_size(relid), 0)::float8 FROM pg_stat_user_tables \
             WHERE {NAME}relname = ANY($1)"
        );
        let told = |specs: &[Spec]| specs.iter().map(|spec| (spec.series, spec.unit)).collect();
        Ok(Self {
            rows: Counted {
                read: client.prepare(&tables).await?,
                tally: Tally::new(told(&table_specs), "table", TABLES),
                specs: table_specs,
                first: 3,
            },
            indexes: Counted {
                read: client.prepare(&indexes).await?,
                tally: Tally::new(told(&index_specs), "index", INDEXES),
                specs: index_specs,
                first: 1,
            },
            sizes: client.prepare(&sizes).await?,
        })
    }

    /// Reads them all and tells what has changed.
    pub async fn look(
        &mut self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
    ) -> Result<(), Error> {
        let rows = self.rows.look(client, batch, nth, tell_rows).await?;
        let named: Vec<&str> = rows.iter().take(TABLES).map(|row| row.get(0)).collect();
        self.indexes.look(client, batch, nth, |_, _| ()).await?;
        self.look_at_sizes(client, batch, nth, &named).await
    }

    async fn look_at_sizes(
        &self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
        named: &[&str],
    ) -> Result<(), Error> {
        let read = batch.begin_every(nth);
        let rows = client.query(&self.sizes, &[&named]).await;
        for row in rows.iter().flatten() {
            batch.gauge("table.bytes", "bytes", &[("table", row.get(0))], row.get(1));
        }
        batch.end(read);
        rows.map(|_| ())
    }
}

fn tell_rows(batch: &mut Batch, rows: &[Row]) {
    for row in rows.iter().take(TABLES) {
        let table: &str = row.get(0);
        batch.gauge("table.rows", "", &[("table", table)], row.get(1));
        batch.gauge("table.dead_rows", "", &[("table", table)], row.get(2));
    }
}
