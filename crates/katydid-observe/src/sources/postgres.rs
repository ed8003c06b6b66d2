//! `PostgreSQL` 13 to 18: sessions, statements, locks, tables, checkpoints.
//!
//! `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, as libpq and `SQLAlchemy` write it. One session of its own, which may not
//! write and waits for nothing long; each query is its own transaction. It resets nothing and stores nobody's values.

mod activity;
pub(super) mod connect;
mod index;
pub(super) mod place;
mod plans;
mod probe;
mod running;
pub(super) mod scrub;
mod server;
mod spec;
mod statements;
mod tables;
mod tally;
mod tls;

use std::time::Duration;

use katydid_record::{Mark, Sight, Watched};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use self::activity::Activity;
use self::connect::{Session, lost};
use self::index::Builder;
use self::place::Place;
use self::probe::Probe;
use self::running::Running;
use self::server::Server;
use self::statements::Statements;
use self::tables::Tables;
use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Indexes, Observer, Source, Trouble};

/// Distance of looks at sessions and the database.
const EVERY: Duration = Duration::from_secs(1);
/// Statements, checkpoints, WAL: every so many looks, and at edges of phases.
const STATEMENTS: u32 = 5;
/// Tables and indexes.
const TABLES: u32 = 15;

/// A server that may be watched.
struct Postgres {
    place: Place,
    /// When it began, as it was last known.
    started: Option<String>,
}

/// Reads an address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    Ok(Box::new(Postgres {
        place: Place::read(address, 5432, None)?,
        started: None,
    }))
}

impl Source for Postgres {
    fn subject(&self) -> String {
        format!("postgres {}", self.place.shown)
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let session = connect::server(&self.place).await?;
            let probe = Probe::ask(&session.client).await?;
            let before = self.started.replace(probe.started.clone());
            let is_new = before.is_some_and(|before| before != probe.started);
            let looking = Looking::open(session, probe, &self.place, is_new).await;
            let looking = looking.map_err(|error| lost(&error))?;
            Ok(Box::new(looking) as Box<dyn Observer>)
        })
    }

    fn indexes(&self) -> Option<Box<dyn Indexes>> {
        // What is declared by its name has to be what is changed.
        let is_one = self.place.is_one_server();
        is_one.then(|| Box::new(Builder(self.place.clone())) as Box<dyn Indexes>)
    }
}

/// A server that is being watched.
struct Looking {
    session: Session,
    watched: Watched,
    probe: Probe,
    is_new: bool,
    is_first: bool,
    has_warned: bool,
    activity: Activity,
    running: Running,
    server: Option<Server>,
    statements: Option<Statements>,
    tables: Tables,
}

impl Looking {
    async fn open(
        session: Session,
        probe: Probe,
        place: &Place,
        is_new: bool,
    ) -> Result<Self, Error> {
        let client = &session.client;
        let statements = Statements::open(client, &probe, place.database()).await?;
        let mut sights = probe.sights();
        let at = 1;
        let (statements, told): (_, Vec<Sight>) = match statements {
            Ok(statements) => (Some(statements), probe.statements()),
            Err(sight) => (None, vec![sight]),
        };
        sights.splice(at..at, told);
        let at = sights.len().saturating_sub(1);
        sights.insert(at, plans::sight(client, &probe.role, probe.number).await?);
        sights.extend(plans::trial(client).await?);
        Ok(Self {
            activity: Activity::open(client, probe.most_connections).await?,
            running: Running::open(client).await?,
            server: Server::open(client).await?,
            tables: Tables::open(client).await?,
            statements,
            watched: Watched {
                subject: format!("postgres {}", place.shown),
                kind: "postgres".into(),
                title: format!(
                    "PostgreSQL {}, database {}",
                    probe.version,
                    place.database()
                ),
                every_ms: EVERY.as_millis() as u64,
                sights,
            },
            session,
            probe,
            is_new,
            is_first: true,
            has_warned: false,
        })
    }

    fn tell_first(&mut self, batch: &mut Batch) {
        if self.is_new {
            batch.restarted("PostgreSQL was restarted");
        }
        for (name, value) in self.probe.settings() {
            batch.fact("setting", name, value);
        }
    }

    async fn read(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let client = &self.session.client;
        let activity = self.activity.look(client, batch).await;
        let mut failed: Vec<Error> = activity.err().into_iter().collect();
        failed.extend(self.running.look(client, batch).await.err());
        if let Some(server) = &mut self.server {
            failed.extend(server.look(client, batch).await.err());
            if batch.is_due(u64::from(STATEMENTS)) {
                failed.extend(server.look_seldom(client, batch, STATEMENTS).await.err());
            }
        }
        if batch.is_due(u64::from(STATEMENTS))
            && let Some(statements) = &mut self.statements
        {
            failed.extend(statements.look(client, batch, STATEMENTS).await.err());
        }
        if batch.is_due(u64::from(TABLES)) {
            failed.extend(self.tables.look(client, batch, TABLES).await.err());
        }
        for error in &failed {
            self.bear(batch, error)?;
        }
        Ok(())
    }

    /// One query that fails (a lock, a right taken away) leaves out what it would have told. A session that is over is a loss.
    fn bear(&mut self, batch: &mut Batch, error: &Error) -> Result<(), Trouble> {
        let is_over = |code: &SqlState| {
            [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
            ]
            .contains(code)
        };
        if self.session.client.is_closed() || error.code().is_none_or(is_over) {
            return Err(lost(error));
        }
        if !std::mem::replace(&mut self.has_warned, true) {
            let text = format!(
                "{}: a look was left out in part: {}",
                self.watched.subject,
                lost(error)
            );
            batch.mark(Mark::Warning { text });
        }
        Ok(())
    }
}

impl Observer for Looking {
    fn watched(&self) -> Watched {
        self.watched.clone()
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            if std::mem::take(&mut self.is_first) {
                self.tell_first(batch);
            }
            self.read(batch).await
        })
    }

    fn count<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let Some(statements) = &mut self.statements else {
                return Ok(());
            };
            let told = statements.look(&self.session.client, batch, 1).await;
            told.or_else(|error| self.bear(batch, &error))
        })
    }

    fn survey<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let client = &self.session.client;
            let Some(statements) = &self.statements else {
                return Ok(());
            };
            let ran = statements.ran(client, plans::PLANS).await;
            let told = match ran {
                Ok(ran) => plans::tell(client, self.probe.number, &ran, &self.running, batch).await,
                Err(error) => Err(error),
            };
            told.or_else(|error| self.bear(batch, &error))
        })
    }
}
