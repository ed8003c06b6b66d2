//! Connects, and says in one sentence why not.

use std::error::Error as _;
use std::time::Duration;

use katydid_record::sql_name::quoted;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::place::Place;
use super::tls::{self, Mode};
use crate::observer::Trouble;

/// Less than the time in which a source has to open: so that it can say what is wrong.
const WITHIN: Duration = Duration::from_secs(4);
/// What a session of ours may not do: wait for long, write, or compile.
const SETTINGS: &str = "-c statement_timeout=2000 -c lock_timeout=200 -c jit=off \
                        -c default_transaction_read_only=on";

/// A session. Dropped, it ends.
pub struct Session {
    /// To ask with.
    pub client: Client,
    task: AbortHandle,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects to a server, with settings under which nothing we ask can do harm.
pub async fn server(place: &Place) -> Result<Session, Trouble> {
    let session = connect(&place.with(SETTINGS)).await?;
    let is_set = holds(&session).await.map_err(|error| lost(&error))?;
    if !is_set {
        // Setting it now would set it for whoever gets the server's session next.
        let why = format!(
            "{} does not take session settings: a pooler (PgBouncer?) is between; give the address of PostgreSQL itself",
            place.shown
        );
        return Err(refused(why, ""));
    }
    Ok(session)
}

/// Whether the settings have come through. Asked so that nothing stays behind in a pooler's session.
async fn holds(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT /* katydid */ current_setting('statement_timeout') = '2s' \
               AND current_setting('default_transaction_read_only') = 'on'";
    let messages = session.client.simple_query(sql).await?;
    Ok(messages
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}

/// Connects as it is.
pub async fn connect(place: &Place) -> Result<Session, Trouble> {
    let attempt = async {
        match (once(place, &place.config).await, place.mode) {
            // libpq tries the other way if the server does not want this one.
            (Err(error), Mode::Allow) if is_unwanted(&error) => {
                let mut config = place.config.clone();
                config.ssl_mode(SslMode::Require);
                once(place, &config).await
            }
            (Err(error), Mode::Prefer) if is_unwanted(&error) => {
                let mut config = place.config.clone();
                config.ssl_mode(SslMode::Disable);
                once(place, &config).await.map_err(|_| error)
            }
            (other, _) => other,
        }
    };
    match timeout(WITHIN, attempt).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(Failure::Tls(why))) => Err(refused(why, "")),
        Ok(Err(Failure::Server(error))) => Err(trouble(place, &error)),
        Err(_) => Err(Trouble::Lost(format!(
            "{}: no answer within {} s; is it PostgreSQL that listens there?",
            place.shown,
            WITHIN.as_secs()
        ))),
    }
}

enum Failure {
    Tls(String),
    Server(Error),
}

fn is_unwanted(failure: &Failure) -> bool {
    let Failure::Server(error) = failure else {
        return false;
    };
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

async fn once(place: &Place, config: &Config) -> Result<Session, Failure> {
    let tls = tls::config(place.mode, place.authorities.as_deref()).map_err(Failure::Tls)?;
    let (client, connection) = config
        .connect(MakeRustlsConnect::new(tls))
        .await
        .map_err(Failure::Server)?;
    // Its end is seen by whoever asks next.
    let task = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(Session {
        client,
        task: task.abort_handle(),
    })
}

/// Of a query that failed: what went wrong, in the server's words.
pub fn lost(error: &Error) -> Trouble {
    match error.as_db_error() {
        Some(said) => Trouble::Lost(said.message().to_owned()),
        None if error.is_closed() => Trouble::lost("the connection was closed"),
        None => Trouble::Lost(plain(error)),
    }
}

/// Refused, and what would help.
pub fn refused(why: impl Into<String>, remedy: impl Into<String>) -> Trouble {
    Trouble::Refused {
        why: why.into(),
        remedy: remedy.into(),
    }
}

fn plain(error: &Error) -> String {
    let cause = error.source().map_or_else(String::new, |cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .map_or_else(|| cause.to_string(), io_text)
    });
    if cause.is_empty() {
        error.to_string()
    } else {
        cause
    }
}

fn io_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".into(),
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
            "the connection was closed".into()
        }
        _ => error.to_string(),
    }
}

fn trouble(place: &Place, error: &Error) -> Trouble {
    let (shown, user) = (&place.shown, place.user());
    let Some(said) = error.as_db_error() else {
        let text = error.to_string();
        if text.contains("parsing") || text.contains("unexpected message") {
            let why = format!("{shown}: what answers there is not PostgreSQL");
            return refused(why, "");
        }
        if text.contains("TLS") {
            return refused(format!("{shown}: TLS failed: {}", plain(error)), "");
        }
        if text.contains("password missing") || text.contains("authentication") {
            return refused(
                format!("{shown} asks for a password of {user}"),
                login(user),
            );
        }
        let why = plain(error);
        let hint = if why.contains("was closed") {
            " before it answered; is it PostgreSQL that listens there?"
        } else {
            ""
        };
        return Trouble::Lost(format!("{shown}: {why}{hint}"));
    };
    let message = said.message();
    let told = format!("{shown} refused {user}: {message}");
    match said.code() {
        code if *code == SqlState::TOO_MANY_CONNECTIONS
            || *code == SqlState::CANNOT_CONNECT_NOW =>
        {
            Trouble::Lost(format!("{shown}: {message}"))
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => refused(told, ""),
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => refused(
            told,
            format!(
                "GRANT CONNECT ON DATABASE {} TO {};",
                quoted(place.database()),
                quoted(user)
            ),
        ),
        code if *code == SqlState::INVALID_PASSWORD => refused(told, login(user)),
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            let remedy = if message.contains("pg_hba") {
                String::new()
            } else {
                login(user)
            };
            refused(told, remedy)
        }
        _ if message.contains("unsupported startup parameter") => refused(
            format!("{shown} is PgBouncer: give the address of PostgreSQL itself"),
            "",
        ),
        _ if message.contains("no more connections") => {
            Trouble::Lost(format!("{shown}: {message}"))
        }
        _ => refused(told, ""),
    }
}

fn login(user: &str) -> String {
    let role = if user == "postgres" {
        "katydid_observer".to_owned()
    } else {
        quoted(user)
    };
    format!("CREATE ROLE {role} LOGIN PASSWORD '…'; GRANT pg_monitor TO {role};")
}
