//! Tables and indexes of users: how they are read and written, their sizes and dead rows. Versions 13–18.
//!
//! Since 15 sessions hand in their counts at most once a second, and idle ones up to 10 s later.

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Statement};

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

/// What reads them.
pub struct Tables {
    read: Statement,
    table_specs: Vec<Spec>,
    table_tally: Tally<String>,
    indexes: Statement,
    index_specs: Vec<Spec>,
    index_tally: Tally<String>,
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
            read: client.prepare(&tables).await?,
            table_tally: Tally::new(told(&table_specs), "table", TABLES),
            table_specs,
            indexes: client.prepare(&indexes).await?,
            index_tally: Tally::new(told(&index_specs), "index", INDEXES),
            index_specs,
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
        let read = batch.begin_every(nth);
        let rows = client.query(&self.read, &[]).await;
        if let Ok(rows) = &rows {
            let all = rows
                .iter()
                .map(|row| (row.get(0), values(row, &self.table_specs, 3)));
            let grown = self.table_tally.read(all.collect(), |_| false);
            self.table_tally.tell(batch, grown, Clone::clone);
            for row in rows.iter().take(TABLES) {
                let table: &str = row.get(0);
                batch.gauge("table.rows", "", &[("table", table)], row.get(1));
                batch.gauge("table.dead_rows", "", &[("table", table)], row.get(2));
            }
        }
        let at = batch.end(read);
        self.table_tally.done(at);
        let rows = rows?;
        let named: Vec<&str> = rows.iter().take(TABLES).map(|row| row.get(0)).collect();
        self.look_at_indexes(client, batch, nth).await?;
        self.look_at_sizes(client, batch, nth, &named).await
    }

    async fn look_at_indexes(
        &mut self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
    ) -> Result<(), Error> {
        let read = batch.begin_every(nth);
        let rows = client.query(&self.indexes, &[]).await;
        if let Ok(rows) = &rows {
            let all: HashMap<String, Vec<f64>> = rows
                .iter()
                .map(|row| (row.get(0), values(row, &self.index_specs, 1)))
                .collect();
            let grown = self.index_tally.read(all, |_| false);
            self.index_tally.tell(batch, grown, Clone::clone);
        }
        let at = batch.end(read);
        self.index_tally.done(at);
        rows.map(|_| ())
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
