//! Numbers that a query gives: a job table as a queue.
//!
//! `sql:ADDRESS NAME=SELECT …`: where, what it is called, what is asked. The address is a `PostgreSQL` one, as it stands or as
//! `env:NAME` or `file:PATH`:
//!
//! ```text
//! sql:env:DATABASE_URL ready jobs=SELECT count(*) FROM job WHERE state = 'ready'
//! sql:env:DATABASE_URL jobs=SELECT state, count(*) FROM job GROUP BY state
//! ```
//!
//! The query gives one number, or rows of a label and a number, at most 20. It is asked every 5 s in a session that may not write and
//! waits at most 2 s.

use std::time::Duration;

use katydid_record::{Mark, Sight, Watched};
use tokio_postgres::Statement;

use super::postgres::connect::{self, Session, lost, refused};
use super::postgres::place::Place;
use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Source, Trouble};

const EVERY: Duration = Duration::from_secs(5);
/// Rows that are taken.
const ROWS: usize = 20;

#[derive(Clone)]
struct Query {
    place: Place,
    name: String,
    text: String,
}

/// Reads an address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    Ok(Box::new(read(address)?))
}

fn read(address: &Address) -> Result<Query, String> {
    let form = "write sql:ADDRESS NAME=SELECT …, for example sql:env:DATABASE_URL ready jobs=SELECT count(*) FROM job";
    let (place, rest) = address
        .rest
        .trim()
        .split_once(char::is_whitespace)
        .ok_or(form)?;
    let (name, text) = rest.split_once('=').ok_or(form)?;
    let (name, text) = (name.trim(), text.trim().trim_end_matches([';', ' ', '\n']));
    if name.is_empty() || text.is_empty() || place.is_empty() {
        return Err(form.to_owned());
    }
    let verb = text
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or_default();
    if !["select", "with", "table", "values"].contains(&verb.to_ascii_lowercase().as_str()) {
        return Err(format!("the query of '{name}' has to be one SELECT"));
    }
    let place = Address::read(place).map_err(|error| error.to_string())?;
    if !["postgres", "postgresql"].contains(&place.scheme.as_str()) {
        return Err(format!(
            "'{name}' needs the address of a PostgreSQL server, not '{}:'",
            place.scheme
        ));
    }
    Ok(Query {
        place: Place::read(&place, 5432, None)?,
        name: name.to_owned(),
        text: text.to_owned(),
    })
}

impl Source for Query {
    fn subject(&self) -> String {
        format!("gauge {}", self.name)
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let session = connect::server(&self.place).await?;
            let (statement, is_labelled) = self.prepare(&session).await?;
            let query = self.clone();
            Ok(Box::new(Asking {
                session,
                statement,
                is_labelled,
                query,
                has_warned: false,
            }) as Box<dyn Observer>)
        })
    }
}

impl Query {
    /// The server reads it as a part of a query, so that it can be nothing but one.
    async fn prepare(&self, session: &Session) -> Result<(Statement, bool), Trouble> {
        let told = |error: tokio_postgres::Error| match lost(&error) {
            Trouble::Lost(why) if error.as_db_error().is_some() => refused(
                format!("the query of '{}' cannot be used: {why}", self.name),
                "",
            ),
            other => other,
        };
        let text = &self.text;
        let sql = format!("SELECT /* katydid */ * FROM (\n{text}\n) AS katydid");
        let found = session.client.prepare(&sql);
        let columns = found.await.map_err(told)?.columns().len();
        let (names, values) = match columns {
            1 => ("number", "''::text, number::float8"),
            2 => ("label, number", "coalesce(label::text, ''), number::float8"),
            _ => {
                let why = format!(
                    "the query of '{}' gives {columns} columns: one number, or a label and a number, are needed",
                    self.name
                );
                return Err(refused(why, ""));
            }
        };
        let sql = format!(
            "SELECT /* katydid */ {values} FROM (\n{text}\n) AS katydid({names}) LIMIT {}",
            ROWS + 1
        );
        let statement = session.client.prepare(&sql).await.map_err(told)?;
        Ok((statement, columns == 2))
    }
}

struct Asking {
    session: Session,
    statement: Statement,
    is_labelled: bool,
    query: Query,
    has_warned: bool,
}

impl Observer for Asking {
    fn watched(&self) -> Watched {
        let Query { name, place, .. } = &self.query;
        Watched {
            subject: self.query.subject(),
            kind: "gauge".into(),
            title: format!("{name} (SQL, {})", place.shown),
            every_ms: EVERY.as_millis() as u64,
            sights: vec![Sight::seen("value")],
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let read = batch.begin();
            let rows = self.session.client.query(&self.statement, &[]).await;
            for row in rows.iter().flatten().take(ROWS) {
                let labels: &[(&str, &str)] = &[("label", row.get(0))];
                let labels = if self.is_labelled { labels } else { &[] };
                if let Some(value) = row.get::<_, Option<f64>>(1) {
                    batch.gauge("value", "", labels, value);
                }
            }
            batch.end(read);
            let rows = rows.map_err(|error| lost(&error))?;
            if rows.len() > ROWS {
                let text = format!(
                    "'{}' gives more than {ROWS} rows: the rest is left out",
                    self.query.name
                );
                if !std::mem::replace(&mut self.has_warned, true) {
                    batch.mark(Mark::Warning { text });
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Result<(&str, &str, &str), &str>) {
        let address = Address::read(word).expect("an address");
        match (read(&address), expected) {
            (Ok(query), Ok((place, name, text))) => {
                assert_eq!(
                    (
                        query.place.shown.as_str(),
                        query.name.as_str(),
                        query.text.as_str()
                    ),
                    (place, name, text)
                );
            }
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (read, _) => panic!("{word}: {:?}", read.map(|query| query.text)),
        }
    }

    #[test]
    fn words_are_read() {
        check(
            "sql:postgres://me:pw@db/shop?sslmode=disable ready jobs=SELECT count(*) FROM job WHERE state = 'ready';",
            Ok((
                "db:5432/shop",
                "ready jobs",
                "SELECT count(*) FROM job WHERE state = 'ready'",
            )),
        );
        check("sql:jobs", Err("write sql:ADDRESS NAME=SELECT"));
        check("sql:postgres://me@db/x jobs", Err("write sql:ADDRESS"));
        check(
            "sql:postgres://me@db/x jobs=DELETE FROM job",
            Err("one SELECT"),
        );
        check("sql:redis://db jobs=SELECT 1", Err("PostgreSQL"));
    }
}
