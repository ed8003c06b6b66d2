//! Reads a connection URL, as libpq and `SQLAlchemy` write them.

use std::path::Path;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::Mode;
use crate::address::Address;

/// Where a server is, and how to connect to it.
#[derive(Clone)]
pub struct Place {
    /// With the password: never shown.
    pub config: Config,
    /// `sslmode`.
    pub mode: Mode,
    /// `sslrootcert`.
    pub authorities: Option<String>,
    /// `HOST:PORT/DB`, without user and password.
    pub shown: String,
}

/// Query parameters that the connection itself understands; what else drivers put there is not needed.
const KNOWN: &[&str] = &[
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "channel_binding",
    "target_session_attrs",
    "sslnegotiation",
];

impl Place {
    /// Reads `postgres://user:password@host:port/db?sslmode=…`. What is not there comes from PGPASSWORD, PGUSER, PGHOST, PGPORT,
    /// PGDATABASE, PGSSLMODE and then from where libpq would look. `port` and `database` are used where none is given.
    pub fn read(address: &Address, port: u16, database: Option<&str>) -> Result<Self, String> {
        let rest = address.rest.trim_start_matches('/');
        let (main, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut mode, mut authorities) = (std::env::var("PGSSLMODE").ok(), None);
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "sslmode" => mode = Some(value.to_owned()),
                "sslrootcert" => authorities = Some(decoded(value)),
                "sslcert" | "sslkey" => {
                    return Err(format!("{key}: client certificates are not supported"));
                }
                _ if KNOWN.contains(&key) => kept.push(pair),
                _ => {}
            }
        }
        let mut mode = mode.as_deref().map_or(Ok(Mode::default()), Mode::read)?;
        let url = format!("postgres://{main}?{}", kept.join("&"));
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
            format!("not a PostgreSQL URL: {cause}")
        })?;
        complete(&mut config, port, database)?;
        if matches!(config.get_hosts().first(), Some(Host::Unix(_))) {
            mode = Mode::Disable;
        }
        config.application_name("katydid");
        config.ssl_mode(match mode {
            Mode::Disable | Mode::Allow => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        Ok(Self {
            shown: shown(&config),
            config,
            mode,
            authorities,
        })
    }

    /// The same, with these settings for its sessions besides its own.
    pub fn with(&self, settings: &str) -> Self {
        let mut place = self.clone();
        let own = place.config.get_options().unwrap_or_default();
        let all = format!("{own} {settings}");
        place.config.options(all.trim());
        place
    }

    /// The role that is logged in as.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or("katydid")
    }

    /// Whether what is shown names the one server that it can be.
    pub fn is_one_server(&self) -> bool {
        let config = &self.config;
        config.get_hostaddrs().is_empty()
            && config.get_hosts().len() == 1
            && config.get_ports().len() == 1
    }

    /// The database.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }
}

fn complete(config: &mut Config, port: u16, database: Option<&str>) -> Result<(), String> {
    let from = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if config.get_user().is_none() {
        let user = from("PGUSER").or_else(|| from("USER"));
        config.user(user.ok_or("it names no user")?);
    }
    if config.get_password().is_none()
        && let Some(password) = from("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none() {
        let user = config.get_user().unwrap_or_default().to_owned();
        let name = database.map(str::to_owned).or_else(|| from("PGDATABASE"));
        config.dbname(name.unwrap_or(user));
    }
    if config.get_ports().is_empty() {
        let named = from("PGPORT").and_then(|port| port.parse().ok());
        config.port(named.unwrap_or(port));
    }
    if config.get_hosts().is_empty() {
        let port = config.get_ports()[0];
        let folders = ["/var/run/postgresql", "/tmp"];
        let socket = |folder: &&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
        let usual = folders.into_iter().find(socket).unwrap_or("localhost");
        config.host(from("PGHOST").unwrap_or_else(|| usual.to_owned()));
    }
    Ok(())
}

fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or_default();
    format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default())
}

fn decoded(value: &str) -> String {
    let pair = format!("v={value}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, shown: &str, mode: Mode) {
        let address = Address::read(url).expect("an address");
        let place = Place::read(&address, 5432, None).expect(url);
        assert_eq!((place.shown.as_str(), place.mode), (shown, mode), "{url}");
    }

    #[test]
    fn an_address_that_can_be_several_servers_is_none_to_change() {
        let is_one = |url: &str| {
            let address = Address::read(url).expect("an address");
            Place::read(&address, 5432, None)
                .expect(url)
                .is_one_server()
        };
        assert!(is_one("postgres://me@localhost/shop"));
        assert!(!is_one("postgres://me@localhost/shop?hostaddr=10.0.0.9"));
        assert!(!is_one("postgres://me@a,b/shop"));
    }

    #[test]
    fn urls_are_read_as_libpq_and_sqlalchemy_write_them() {
        check("postgres://me:pw@db/shop", "db:5432/shop", Mode::Prefer);
        check(
            "postgresql+psycopg://me:p%40w@10.0.0.1:6000/shop?sslmode=verify-full&prepare_threshold=0",
            "10.0.0.1:6000/shop",
            Mode::VerifyFull,
        );
        check(
            "postgresql://me@/shop?host=/var/run/postgresql&sslmode=require",
            "/var/run/postgresql:5432/shop",
            Mode::Disable,
        );
        check("postgres://me:pw@db", "db:5432/me", Mode::Prefer);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "postgres://me:hunter2@db/x?sslmode=maybe",
            "postgres://me:hunter2@db:nine/x",
        ] {
            let address = Address::read(url).expect("an address");
            let why = Place::read(&address, 5432, None).err().expect(url);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
