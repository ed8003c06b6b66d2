//! An index that is built for an experiment and dropped again.
//!
//! Not an observer: nothing else in this crate changes a server, and nobody but `--experiment index` comes here, with a database that is declared
//! disposable. It is built as plain `CREATE INDEX`: all or nothing, so that no half of one is ever left behind. Writes wait for it.
//! To drop it takes a moment in which nobody reads the table, not even a session that is idle in a transaction: it is tried for a minute.

use std::time::{Duration, Instant};

use katydid_record::probe::Change;
use katydid_record::sql_name::quoted;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::connect::{connect, lost, refused};
use super::place::Place;
use super::plans::on;
use super::statements::OWN;
use crate::observer::{Built, Indexes, Trouble};

/// Its name, by which a later experiment knows one that was left behind.
const NAME: &str = "katydid_experiment";
/// It may be a large table; who waits for a lock for long would keep others waiting.
const SETTINGS: &str = "-c statement_timeout=300000 -c lock_timeout=5000";
/// How often it is tried to drop it, and how long between; each waits five seconds for its lock.
const ATTEMPTS: u32 = 10;
const BETWEEN: Duration = Duration::from_secs(1);

/// Builds indexes in the database of this address, as the role of that address.
pub struct Builder(pub Place);

impl Builder {
    fn with<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Trouble::lost)?;
        runtime.block_on(async {
            let session = connect(&self.0.with(SETTINGS)).await?;
            let done = work(&session.client).await;
            done.map_err(|error| self.trouble(&error))
        })
    }

    fn trouble(&self, error: &Error) -> Trouble {
        if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return lost(error);
        }
        let why = format!(
            "{} may not ({}): an experiment needs the role that owns the table in the address of --watch",
            self.0.user(),
            error.as_db_error().map_or("", |error| error.message())
        );
        refused(why, "")
    }
}

impl Indexes for Builder {
    fn build(&self, change: &Change) -> Result<Built, Trouble> {
        let work = async |client: &Client| {
            let began = Instant::now();
            let on = on(&change.schema, &change.table, &change.columns);
            client
                .execute(&format!("CREATE INDEX {NAME} {OWN} ON {on}"), &[])
                .await?;
            let took: Duration = began.elapsed();
            let sql = "SELECT /* katydid */ pg_relation_size(to_regclass($1))::float8";
            let name = format!("{}.{NAME}", quoted(&change.schema));
            // It is there, whether or not its size can be told.
            let size = client.query_one(sql, &[&name]).await;
            let bytes = size.ok().and_then(|row| row.get::<_, Option<f64>>(0));
            Ok(Built {
                took,
                bytes: bytes.unwrap_or_default(),
            })
        };
        self.with(work)
    }

    fn remove(&self) -> Result<(), Trouble> {
        self.with(async |client: &Client| {
            let mut attempt = 1;
            loop {
                match drop_all(client).await {
                    Err(error) if attempt < ATTEMPTS && is_locked(&error) => {
                        attempt += 1;
                        tokio::time::sleep(BETWEEN).await;
                    }
                    done => return done,
                }
            }
        })
    }
}

fn is_locked(error: &Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Drops what has the name of an experiment's index, whatever it is on, and ends what still builds one.
async fn drop_all(client: &Client) -> Result<(), Error> {
    let sql = "SELECT /* katydid */ pg_cancel_backend(pid) FROM pg_stat_activity \
               WHERE usename = current_user AND datname = current_database() AND state = 'active' AND query LIKE $1";
    client
        .query(sql, &[&format!("CREATE INDEX {NAME} %")])
        .await?;
    let sql = "SELECT /* katydid */ format('%I.%I', n.nspname, c.relname) FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'i' AND c.relname = $1";
    for row in client.query(sql, &[&NAME]).await? {
        let index: String = row.get(0);
        client
            .execute(&format!("DROP INDEX {OWN} IF EXISTS {index}"), &[])
            .await?;
    }
    Ok(())
}
