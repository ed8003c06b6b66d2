//! An index that is built for an experiment and dropped again.
//!
//! Not an observer: nothing else in this crate changes a server, and nobody but `--experiment index` comes here, with a database that is declared
//! disposable. It is built as plain `CREATE INDEX`: all or nothing, so that no half of one is ever left behind. Writes wait for it.

use std::time::{Duration, Instant};

use katydid_record::probe::Change;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::connect::{connect, lost, quoted, refused};
use super::place::Place;
use super::plans::on;
use super::statements::OWN;
use crate::observer::{Built, Indexes, Trouble};

/// Its name, by which a later experiment knows one that was left behind.
const NAME: &str = "katydid_experiment";
/// It may be a large table; who waits for a lock for long would keep others waiting.
const SETTINGS: &str = "-c statement_timeout=300000 -c lock_timeout=5000";

/// Builds indexes in the database of this address, as the role of that address.
pub struct Builder(pub Place);

impl Builder {
    fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
        change: &Change,
    ) -> Result<T, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Trouble::lost)?;
        runtime.block_on(async {
            let mut place = self.0.clone();
            let own = place.config.get_options().unwrap_or_default();
            let settings = format!("{own} {SETTINGS}");
            place.config.options(settings.trim());
            let session = connect(&place).await?;
            let done = work(&session.client).await;
            done.map_err(|error| self.trouble(&error, change))
        })
    }

    fn trouble(&self, error: &Error, change: &Change) -> Trouble {
        if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return lost(error);
        }
        let why = format!(
            "{} may not change {}: an experiment needs the role that owns it in the address of --watch",
            self.0.user(),
            change.table
        );
        refused(why, "")
    }
}

impl Indexes for Builder {
    fn build(&self, change: &Change) -> Result<Built, Trouble> {
        let work = async |client: &Client| {
            drop_all(client).await?;
            let began = Instant::now();
            let on = on(&change.schema, &change.table, &change.columns);
            client
                .batch_execute(&format!("CREATE INDEX {NAME} {OWN} ON {on}"))
                .await?;
            let took: Duration = began.elapsed();
            let sql = "SELECT /* katydid */ pg_relation_size(to_regclass($1))::float8";
            let name = format!("{}.{NAME}", quoted(&change.schema));
            let bytes: Option<f64> = client.query_one(sql, &[&name]).await?.get(0);
            Ok(Built {
                took,
                bytes: bytes.unwrap_or_default(),
            })
        };
        self.with(work, change)
    }

    fn remove(&self, change: &Change) -> Result<(), Trouble> {
        self.with(async |client: &Client| drop_all(client).await, change)
    }
}

/// Drops what has the name of an experiment's index, whatever it is on.
async fn drop_all(client: &Client) -> Result<(), Error> {
    let sql = "SELECT /* katydid */ format('%I.%I', n.nspname, c.relname) FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'i' AND c.relname = $1";
    for row in client.query(sql, &[&NAME]).await? {
        let index: String = row.get(0);
        client
            .batch_execute(&format!("DROP INDEX {OWN} IF EXISTS {index}"))
            .await?;
    }
    Ok(())
}
