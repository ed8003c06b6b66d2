//! Redis and Valkey: what the server says of itself, its slow log, its keys by their form, and the lengths of queues in it.
//!
//! It never keeps a key, an argument or an entry, since they may be personal data; only names of queues. Lookups that it makes itself are
//! taken off the hits and misses that it reports.

mod cold;
mod flow;
mod info;
pub(super) mod keys;
mod look;
mod queues;
mod trouble;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::address::Address;
use crate::observer::{Boxed, Keys, Observer, Source, Trouble};

use cold::Taker;
use look::Server;

/// For each answer; above it the look's own limit.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// A server, before it is connected.
#[derive(Clone)]
struct Redis {
    to: ConnectionInfo,
    subject: String,
    /// Of the server that was seen last: another one is a restart.
    run: Option<String>,
}

/// Reads an address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let to = redis::parse_redis_url(&address.whole)
        .and_then(|url| url.into_connection_info().ok())
        .ok_or("it is not an address of Redis; write redis://user:password@host:6379/0")?;
    let place = match to.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}")
        }
        other => other.to_string(),
    };
    let subject = format!("redis {place}/{}", to.redis_settings().db());
    // The name of the library would be two more commands in the server's statistics.
    let settings = to.redis_settings().clone().set_skip_set_lib_name();
    Ok(Box::new(Redis {
        to: to.set_redis_settings(settings),
        subject,
        run: None,
    }))
}

impl Redis {
    fn client(&self) -> Result<Client, Trouble> {
        if matches!(self.to.addr(), ConnectionAddr::TcpTls { .. }) {
            // An error says that there is one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Client::open(self.to.clone()).map_err(|error| trouble::of(&error))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Trouble> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        self.client()?
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| trouble::of(&error))
    }
}

impl Source for Redis {
    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async {
            let connection = self.connect().await?;
            let server = Server::meet(connection, &self.subject, self.run.take()).await?;
            self.run = Some(server.run().to_owned());
            Ok(Box::new(server) as Box<dyn Observer>)
        })
    }

    fn keys(&self) -> Option<Box<dyn Keys>> {
        Some(Box::new(Taker::new(self.clone())))
    }
}
