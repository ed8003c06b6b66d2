//! `PgBouncer`, through its admin console: pools, what waits for them, and the time that transactions hold a connection.
//!
//! `pgbouncer://USER:PASSWORD@HOST:6432`; the user has to be in `stats_users` or `admin_users`. The console knows only simple queries.

use std::collections::HashMap;
use std::time::Duration;

use katydid_record::{Sight, Watched};
use tokio_postgres::SimpleQueryMessage;

use super::postgres::connect::{self, Session, lost, refused};
use super::postgres::place::Place;
use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Source, Trouble};

const EVERY: Duration = Duration::from_secs(1);
/// Pools that are told apart.
const POOLS: usize = 100;
/// The console's own name; its pool is not one.
const CONSOLE: &str = "pgbouncer";

/// Columns of SHOW POOLS, and their series.
const POOL: &[(&str, &str)] = &[
    ("cl_active", "pool.clients_active"),
    ("cl_waiting", "pool.clients_waiting"),
    ("sv_active", "pool.servers_active"),
    ("sv_idle", "pool.servers_idle"),
    ("sv_used", "pool.servers_used"),
    ("sv_tested", "pool.servers_tested"),
    ("sv_login", "pool.servers_login"),
];

/// Columns of SHOW STATS, their series, unit and factor. 1.23 and later count assignments of servers.
const STATS: &[(&str, &str, &str, f64)] = &[
    ("total_xact_count", "stats.transactions", "", 1.0),
    ("total_query_count", "stats.queries", "", 1.0),
    (
        "total_server_assignment_count",
        "stats.assignments",
        "",
        1.0,
    ),
    ("total_wait_time", "stats.wait_time", "s", 1e-6),
    ("total_xact_time", "stats.transaction_time", "s", 1e-6),
    ("total_query_time", "stats.query_time", "s", 1e-6),
    ("total_received", "stats.received", "bytes", 1.0),
    ("total_sent", "stats.sent", "bytes", 1.0),
];

const SETTINGS: &[&str] = &[
    "pool_mode",
    "default_pool_size",
    "min_pool_size",
    "reserve_pool_size",
    "max_client_conn",
    "max_db_connections",
    "query_wait_timeout",
    "server_idle_timeout",
    "max_prepared_statements",
];

/// A row by the names of its columns.
type Row = HashMap<String, String>;

struct PgBouncer {
    place: Place,
}

/// Reads an address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let mut place = Place::read(address, 6432, Some(CONSOLE))?;
    place.config.dbname(CONSOLE);
    let end = place.shown.rfind('/').unwrap_or(place.shown.len());
    place.shown.truncate(end);
    Ok(Box::new(PgBouncer { place }))
}

impl Source for PgBouncer {
    fn subject(&self) -> String {
        format!("pgbouncer {}", self.place.shown)
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let session = connect::connect(&self.place)
                .await
                .map_err(|trouble| self.told(trouble))?;
            let version = rows(&session, "SHOW VERSION").await.map_err(|_| {
                refused(
                    format!(
                        "{} is not PgBouncer: it has no SHOW VERSION",
                        self.place.shown
                    ),
                    "",
                )
            })?;
            let version = version
                .into_iter()
                .flat_map(HashMap::into_values)
                .next()
                .unwrap_or_default();
            let settings = rows(&session, "SHOW CONFIG").await.unwrap_or_default();
            let user = self.place.user().to_owned();
            rows(&session, "SHOW POOLS").await.map_err(|_| {
                refused(
                    format!("{user} may not see pools"),
                    format!("stats_users = {user}"),
                )
            })?;
            let watched = Watched {
                subject: self.subject(),
                kind: "pgbouncer".into(),
                title: version,
                every_ms: EVERY.as_millis() as u64,
                sights: vec![Sight::seen("pools"), Sight::seen("statistics")],
            };
            let settings = settings
                .into_iter()
                .filter_map(|mut row| Some((row.remove("key")?, row.remove("value")?)));
            let settings = settings
                .filter(|(key, _)| SETTINGS.contains(&key.as_str()))
                .collect();
            Ok(Box::new(Pools {
                session,
                watched,
                settings,
            }) as Box<dyn Observer>)
        })
    }
}

impl PgBouncer {
    /// What opens a `PostgreSQL` does not open this.
    fn told(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Refused { why, .. } => {
                let user = self.place.user();
                let remedy = format!(
                    "stats_users = {user} in pgbouncer.ini, and {user} with its password in auth_file"
                );
                let is_login = why.contains("refused") || why.contains("password");
                refused(why, if is_login { remedy } else { String::new() })
            }
            lost @ Trouble::Lost(_) => lost,
        }
    }
}

struct Pools {
    session: Session,
    watched: Watched,
    settings: Vec<(String, String)>,
}

async fn rows(session: &Session, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    let messages = session.client.simple_query(sql).await?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let names = row.columns().iter().enumerate();
            let cell = |(place, column): (usize, &tokio_postgres::SimpleColumn)| {
                Some((column.name().to_owned(), row.get(place)?.to_owned()))
            };
            Some(names.filter_map(cell).collect())
        }
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column)?.parse().ok()
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map_or("", String::as_str)
}

impl Pools {
    async fn read(&mut self, batch: &mut Batch) -> Result<(), tokio_postgres::Error> {
        let pools = rows(&self.session, "SHOW POOLS").await?;
        let databases = rows(&self.session, "SHOW DATABASES").await?;
        let stats = rows(&self.session, "SHOW STATS").await?;
        let named = |row: &&Row| text(row, "database") != CONSOLE;
        for row in pools.iter().filter(named).take(POOLS) {
            let labels: &[_] = &[
                ("database", text(row, "database")),
                ("user", text(row, "user")),
            ];
            for (column, series) in POOL {
                if let Some(value) = number(row, column) {
                    batch.gauge(series, "", labels, value);
                }
            }
            let waits = number(row, "maxwait").unwrap_or(0.0)
                + number(row, "maxwait_us").unwrap_or(0.0) / 1e6;
            batch.gauge("pool.longest_wait", "s", labels, waits);
        }
        for row in databases
            .iter()
            .filter(|row| text(row, "name") != CONSOLE)
            .take(POOLS)
        {
            let labels: &[_] = &[("database", text(row, "name"))];
            for (column, series) in [
                ("pool_size", "database.pool_size"),
                ("current_connections", "database.connections"),
            ] {
                if let Some(value) = number(row, column) {
                    batch.gauge(series, "", labels, value);
                }
            }
        }
        for row in stats.iter().filter(named).take(POOLS) {
            let labels: &[_] = &[("database", text(row, "database"))];
            for (column, series, unit, factor) in STATS {
                if let Some(value) = number(row, column) {
                    batch.counter(series, unit, labels, value * factor);
                }
            }
        }
        Ok(())
    }
}

impl Observer for Pools {
    fn watched(&self) -> Watched {
        self.watched.clone()
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            for (name, value) in std::mem::take(&mut self.settings) {
                batch.fact("setting", &name, &value);
            }
            let read = batch.begin();
            let result = self.read(batch).await;
            batch.end(read);
            result.map_err(|error| lost(&error))
        })
    }
}
