//! Statements, from `pg_stat_statements` (1.8 and later: `PostgreSQL` 13–18).
//!
//! A statement is what has the same text once literals, comments and the length of lists are taken out; it may have several entries
//! there. Entries of katydid's own are known by a comment in their text and told apart: they are what it costs the database.

use std::collections::{BTreeMap, HashMap, HashSet};

use katydid_record::sql_name::quoted;
use katydid_record::{Mark, Sight};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::probe::Probe;
use super::scrub::{scrub, short};
use super::spec::{Spec, chosen, column, columns, made, selected, values};
use super::tally::{Grown, Tally};
use crate::batch::{Batch, Read};

/// Statements that are told apart; the rest are `other`.
const MOST: usize = 150;
/// Names kept by query id; more are asked for again.
const KEPT: usize = 20_000;
/// In the text of whatever is katydid's own.
pub const OWN: &str = "/* katydid */";
/// Entries of users that we may not see have no query id.
const HIDDEN: &str = "hidden";

const SPECS: &[Spec] = &[
    column(&["calls"], "statement.calls"),
    made(
        &["total_exec_time"],
        "total_exec_time / 1000",
        "statement.time",
        "s",
    ),
    // Of an extension that was not updated after an upgrade of the server.
    made(&["total_time"], "total_time / 1000", "statement.time", "s"),
    column(&["rows"], "statement.rows"),
    column(&["shared_blks_hit"], "statement.blocks_hit"),
    column(&["shared_blks_read"], "statement.blocks_read"),
    column(&["shared_blks_dirtied"], "statement.blocks_dirtied"),
    made(
        &["temp_blks_read", "temp_blks_written"],
        "temp_blks_read + temp_blks_written",
        "statement.temp_blocks",
        "",
    ),
    made(&["wal_bytes"], "wal_bytes", "statement.wal_bytes", "bytes"),
    // 17 and later.
    made(
        &["shared_blk_read_time", "shared_blk_write_time"],
        "(shared_blk_read_time + shared_blk_write_time) / 1000",
        "statement.io_time",
        "s",
    ),
    made(
        &["blk_read_time", "blk_write_time"],
        "(blk_read_time + blk_write_time) / 1000",
        "statement.io_time",
        "s",
    ),
];

/// userid, queryid, toplevel; of what is hidden, the user only.
type Key = (u32, Option<i64>, bool);

/// queryid, toplevel: a statement has the same id where EXPLAIN has it inside, and another text.
type Entry = (i64, bool);

/// A statement: a short name of its text, and the text. Both are empty for katydid's own.
#[derive(Clone, Default)]
struct Named {
    id: String,
    text: String,
}

/// A statement that ran.
pub struct Ran {
    /// Its short name.
    pub id: String,
    /// As the server keeps it, with `$1`… for its values.
    pub query: String,
}

/// What reads them.
pub struct Statements {
    specs: Vec<Spec>,
    read: Statement,
    info: Option<Statement>,
    texts: Statement,
    names: HashMap<Entry, Named>,
    told: HashSet<String>,
    tally: Tally<Key>,
    own: f64,
    /// Time by query id, s; of more than are kept those that came first.
    took: HashMap<Entry, f64>,
    all: [f64; 2],
    reset: Option<String>,
    evicted: Option<f64>,
}

impl Statements {
    /// Finds out whether they can be read; why not, otherwise.
    pub async fn open(
        client: &Client,
        probe: &Probe,
        database: &str,
    ) -> Result<Result<Self, Sight>, Error> {
        let Some(schema) = probe.schema.as_deref().map(quoted) else {
            return Ok(Err(probe.no_statements(database, None)));
        };
        match Self::prepare(client, &schema).await {
            Ok(statements) => Ok(Ok(statements)),
            Err(error) => match error.as_db_error() {
                Some(said) => Ok(Err(probe.no_statements(database, Some(said.message())))),
                None => Err(error),
            },
        }
    }

    async fn prepare(client: &Client, schema: &str) -> Result<Self, Error> {
        let there = columns(client, &format!("{schema}.pg_stat_statements")).await?;
        let specs = chosen(SPECS, &there);
        // 14 and later.
        let toplevel = if there.contains("toplevel") {
            "toplevel"
        } else {
            "true"
        };
        let of = format!(
            "FROM {schema}.pg_stat_statements(%) \
             WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        let read = format!(
            "SELECT {OWN} userid, queryid, {toplevel}, {} {}",
            selected(&specs),
            of.replace('%', "false")
        );
        let texts = format!(
            "SELECT {OWN} queryid, {toplevel}, query {} AND queryid = ANY($1)",
            of.replace('%', "true")
        );
        let info = columns(client, &format!("{schema}.pg_stat_statements_info")).await?;
        let info = if info.contains("stats_reset") {
            let sql = format!(
                "SELECT {OWN} dealloc::float8, coalesce(stats_reset::text, 'never') FROM {schema}.pg_stat_statements_info"
            );
            Some(client.prepare(&sql).await?)
        } else {
            None
        };
        let told: Vec<_> = specs.iter().map(|spec| (spec.series, spec.unit)).collect();
        let statements = Self {
            tally: Tally::new(told, "statement", MOST),
            specs,
            read: client.prepare(&read).await?,
            info,
            texts: client.prepare(&texts).await?,
            names: HashMap::new(),
            told: HashSet::new(),
            own: 0.0,
            took: HashMap::new(),
            all: [0.0; 2],
            reset: None,
            evicted: None,
        };
        // Whether the library is loaded shows only when it is read.
        client
            .query(&statements.texts, &[&Vec::<i64>::new()])
            .await?;
        Ok(statements)
    }

    /// Reads them all and tells what has changed.
    pub async fn look(
        &mut self,
        client: &Client,
        batch: &mut Batch,
        nth: u32,
    ) -> Result<(), Error> {
        let read = batch.begin_every(nth);
        let result = self.read(client, batch, &read).await;
        let at = batch.end(read);
        self.tally.done(at);
        result
    }

    async fn read(&mut self, client: &Client, batch: &mut Batch, read: &Read) -> Result<(), Error> {
        let was_reset = self.has_reset(client, batch).await?;
        let rows = client.query(&self.read, &[]).await?;
        let rows = self.rows(&rows);
        // Version 13 does not say when it forgot everything.
        let forgotten = self.tally.forgotten(&rows);
        if was_reset
            || (self.info.is_none() && self.tally.len() > 0 && forgotten * 2 > self.tally.len())
        {
            batch.restarted_before(read, "pg_stat_statements was reset");
            self.tally.restart();
        }
        let grown = self.tally.read(rows, |key| key.1.is_none());
        self.learn(client, &grown).await?;
        let (own, grown): (Grown<Key>, Grown<Key>) = grown
            .into_iter()
            .partition(|(key, _)| name(&self.names, key).is_empty());
        self.own += own.iter().map(|(_, by)| by[1]).sum::<f64>();
        for (key, by) in &grown {
            if let Some(entry) = entry(key)
                && (self.took.len() < KEPT || self.took.contains_key(&entry))
            {
                *self.took.entry(entry).or_default() += by[1];
            }
            self.all[0] += by[0];
            self.all[1] += by[1];
        }
        batch.counter("observer.db_time", "s", &[], self.own);
        batch.counter("statements.calls", "", &[], self.all[0]);
        batch.counter("statements.time", "s", &[], self.all[1]);
        let names = &self.names;
        self.tally
            .tell(batch, grown, |key| name(names, key).to_owned());
        self.tell_texts(batch);
        Ok(())
    }

    /// Those that took most time since the first look, of each name one.
    pub async fn ran(&self, client: &Client, most: usize) -> Result<Vec<Ran>, Error> {
        let mut took: Vec<(Entry, f64)> = self.took.iter().map(|(id, took)| (*id, *took)).collect();
        took.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut told = HashSet::new();
        let named = took
            .iter()
            .filter_map(|(id, _)| Some((*id, self.names.get(id)?)));
        let chosen: Vec<(Entry, &Named)> = named
            .filter(|(_, named)| !named.id.is_empty() && told.insert(named.id.as_str()))
            .take(most)
            .collect();
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = chosen.iter().map(|((id, _), _)| *id).collect();
        let rows = client
            .query(&self.texts, &[&ids as &(dyn ToSql + Sync)])
            .await?;
        let texts: HashMap<Entry, String> = rows.iter().filter_map(text_of).collect();
        let ran = chosen.into_iter().filter_map(|(id, named)| {
            Some(Ran {
                id: named.id.clone(),
                query: texts.get(&id)?.clone(),
            })
        });
        Ok(ran.collect())
    }

    fn rows(&self, rows: &[Row]) -> HashMap<Key, Vec<f64>> {
        let mut all: HashMap<Key, Vec<f64>> = HashMap::with_capacity(rows.len());
        for row in rows {
            let queryid: Option<i64> = row.get(1);
            let key = (
                row.get(0),
                queryid,
                row.get::<_, Option<bool>>(2).unwrap_or(true),
            );
            let values = values(row, &self.specs, 3);
            match all.get_mut(&key) {
                Some(sums) => sums
                    .iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += value),
                None => {
                    all.insert(key, values);
                }
            }
        }
        all
    }

    /// Whether the statistics began anew; entries that were thrown out for want of room are told once.
    async fn has_reset(&mut self, client: &Client, batch: &mut Batch) -> Result<bool, Error> {
        let Some(info) = &self.info else {
            return Ok(false);
        };
        let row = client.query_one(info, &[]).await?;
        let (evicted, reset): (f64, String) = (row.get(0), row.get(1));
        let before = self.reset.replace(reset.clone());
        let was_reset = before.is_some_and(|before| before != reset);
        let before = self.evicted.replace(evicted);
        if !was_reset && before.is_some_and(|before| evicted > before) {
            let text = "pg_stat_statements had no room for all statements and threw some out (pg_stat_statements.max): \
                        what is told of statements is not all";
            if self.told.insert(text.to_owned()) {
                batch.mark(Mark::Warning {
                    text: text.to_owned(),
                });
            }
        }
        batch.counter("statements.evictions", "", &[], evicted);
        Ok(was_reset)
    }

    /// Asks for the texts of what has changed and has no name yet.
    async fn learn(&mut self, client: &Client, grown: &Grown<Key>) -> Result<(), Error> {
        let unknown = grown.iter().filter_map(|(key, _)| entry(key));
        let mut unknown: Vec<Entry> = unknown
            .filter(|entry| !self.names.contains_key(entry))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        if self.names.len() + unknown.len() > KEPT {
            self.names.clear();
        }
        let ids: Vec<i64> = unknown.iter().map(|(id, _)| *id).collect();
        let rows = client
            .query(&self.texts, &[&ids as &(dyn ToSql + Sync)])
            .await?;
        for (entry, text) in rows.iter().filter_map(text_of) {
            let named = if text.contains(OWN) {
                Named::default()
            } else {
                let text = scrub(&text);
                Named {
                    id: short(&text),
                    text,
                }
            };
            self.names.insert(entry, named);
        }
        // Its text may have been thrown out in between.
        for entry in unknown {
            let text = String::new();
            self.names.entry(entry).or_insert_with(|| Named {
                id: format!("{:016x}", entry.0),
                text,
            });
        }
        Ok(())
    }

    /// The text of each statement that is told apart, once.
    fn tell_texts(&mut self, batch: &mut Batch) {
        let is_fresh = |named: &&Named| {
            !named.text.is_empty() && !self.told.contains(&named.id) && self.tally.tells(&named.id)
        };
        let fresh: BTreeMap<_, _> = self
            .names
            .values()
            .filter(is_fresh)
            .map(|named| (named.id.clone(), named.text.clone()))
            .collect();
        for (id, text) in fresh {
            batch.fact("statement", &id, &text);
            self.told.insert(id);
        }
    }
}

fn entry(key: &Key) -> Option<Entry> {
    Some((key.1?, key.2))
}

/// A row of texts.
fn text_of(row: &Row) -> Option<(Entry, String)> {
    let entry = (
        row.get::<_, Option<i64>>(0)?,
        row.get::<_, Option<bool>>(1)?,
    );
    Some((entry, row.get::<_, Option<String>>(2)?))
}

fn name<'a>(names: &'a HashMap<Entry, Named>, key: &Key) -> &'a str {
    let found = entry(key).and_then(|entry| names.get(&entry));
    found.map_or(HIDDEN, |named| named.id.as_str())
}
