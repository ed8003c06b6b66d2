//! What a target can be told, declared once for the command line and for the library.
//! Knows nothing of what the options do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::routes;

/// An HTTP/1.1 server with known truth, for tests and benchmarks of load generators.
#[derive(Clone, Debug, Parser)]
#[command(name = "katydid-target", version, after_long_help = routes::usage())]
pub struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub bind: SocketAddr,

    /// Reactor threads, each with its own listener on the same port
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// Speak TLS with a self-signed certificate made at start
    #[arg(long)]
    pub tls: bool,

    /// Write the certificate as PEM, for clients to trust
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub tls_cert_out: Option<PathBuf>,

    /// Seed of every random draw; each URL has its own stream from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Stop the world this long after the start, as in `3s` (with --freeze-for)
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "freeze_for")]
    pub freeze_at: Option<Duration>,

    /// How long that freeze lasts
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "freeze_at")]
    pub freeze_for: Option<Duration>,

    /// Keep the instants of every request for `/_truth/requests`
    #[arg(long)]
    pub log_requests: bool,

    /// Requests kept at most; more are counted as dropped
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub log_cap: usize,

    /// Bytes of a request body accepted at most; more is answered 413
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024)]
    pub max_body: usize,

    /// Write the truth here at the end (SIGTERM or SIGINT)
    #[arg(long, value_name = "FILE")]
    pub truth_out: Option<PathBuf>,
}

impl Default for Options {
    /// The command line's defaults.
    fn default() -> Self {
        Self::parse_from(["katydid-target"])
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| format!("`{text}` is not a time; write it as 500ms, 3s or 1m"))?;
    Duration::try_from(signed).map_err(|_| format!("`{text}` is negative"))
}
