//! What can be watched, one file for each: the list that an address is looked up in.

mod cgroup;
mod docker;
mod host;
pub mod http;
pub(crate) mod otlp;
mod pgbouncer;
mod postgres;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;
mod roots;
mod sql;
mod ssh;

use crate::address::Address;
use crate::observer::Source;

/// A word before the first colon, and what it stands for.
pub struct Scheme {
    /// Lower case; the first is the usual one.
    pub names: &'static [&'static str],
    /// For messages; empty where it should not be suggested.
    pub example: &'static str,
    /// Reads the address, without connecting. The error says what is wrong with it.
    pub make: fn(&Address) -> Result<Box<dyn Source>, String>,
}

/// All of them.
pub const SCHEMES: &[Scheme] = &[
    Scheme {
        names: &["postgres", "postgresql"],
        example: "env:DATABASE_URL",
        make: postgres::make,
    },
    Scheme {
        names: &["pgbouncer"],
        example: "pgbouncer://stats@127.0.0.1:6432",
        make: pgbouncer::make,
    },
    Scheme {
        names: &["sql"],
        example: "'sql:env:DATABASE_URL ready jobs=SELECT count(*) FROM job'",
        make: sql::make,
    },
    Scheme {
        names: &["host"],
        example: "host",
        make: host::make,
    },
    Scheme {
        names: &["port"],
        example: "port:8000",
        make: process::make,
    },
    Scheme {
        names: &["pid"],
        example: "",
        make: process::make,
    },
    Scheme {
        names: &["cgroup"],
        example: "",
        make: cgroup::make,
    },
    Scheme {
        names: &["docker"],
        example: "docker:web",
        make: docker::make,
    },
    Scheme {
        names: &["ssh"],
        example: "ssh://user@host/?port=8000",
        make: ssh::make,
    },
    Scheme {
        names: &["prometheus"],
        example: "prometheus:http://127.0.0.1:8000/metrics",
        make: prometheus::make,
    },
    Scheme {
        names: &["redis", "rediss", "valkey", "valkeys", "unix"],
        example: "redis://127.0.0.1:6379",
        make: redis::make,
    },
    Scheme {
        names: &["rabbitmq"],
        example: "rabbitmq:http://user:password@127.0.0.1:15672",
        make: rabbitmq::make,
    },
    Scheme {
        names: &["otlp"],
        example: "",
        make: otlp::make,
    },
    Scheme {
        names: &["amqp", "amqps"],
        example: "",
        make: rabbitmq::amqp,
    },
    Scheme {
        names: &["mysql", "mariadb"],
        example: "",
        make: |_| Err(not_built("MySQL and MariaDB")),
    },
    Scheme {
        names: &["kafka"],
        example: "",
        make: |_| Err(not_built("Kafka")),
    },
];

fn not_built(what: &str) -> String {
    format!("{what} cannot be watched: that is not built yet")
}
