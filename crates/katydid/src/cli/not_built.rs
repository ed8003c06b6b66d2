//! Locust's options that katydid refuses: not built yet, or removed from Locust itself.
//!
//! They are rows of the table, so that their dests and defaults exist for locustfiles that read them and that none is
//! accepted and then ignored. The help text is the refusal, printed after the flag.

use clap::Args;
use serde::Serialize;

use super::values::{count, int, positive};

/// Heading of the options that later work brings.
pub const NOT_BUILT: &str = "Not built yet";
/// Heading of the options that Locust removed.
pub const REMOVED: &str = "Removed";

const WEB: &str = "belongs to the web UI, which is not built yet: remove it; with -u, -r and -t the test starts at once";
const DISTRIBUTED: &str = "belongs to runs over several machines, which are not built yet: remove it; --processes N uses more processors of this one";

/// The web UI, distributed runs.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_excessive_bools)] // they are Locust's switches
#[command(next_help_heading = NOT_BUILT)]
pub struct NotBuilt {
    #[arg(long, value_name = "IP", env = "LOCUST_WEB_HOST", default_value = "", help = WEB, hide = true)]
    web_host: String,
    #[arg(long, value_name = "URL", env = "LOCUST_WEB_HOST_DISPLAY_NAME", help = WEB, hide = true)]
    web_host_display_name: Option<String>,
    #[arg(
        short = 'P',
        long,
        value_name = "PORT",
        env = "LOCUST_WEB_PORT",
        default_value = "8089"
    )]
    #[arg(value_parser = count, help = WEB, hide = true)]
    web_port: u64,
    #[arg(long, env = "LOCUST_AUTOSTART", help = WEB, hide = true)]
    autostart: bool,
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOCUST_AUTOQUIT",
        default_value = "-1"
    )]
    #[arg(value_parser = int, allow_negative_numbers = true, help = WEB, hide = true)]
    autoquit: i64,
    #[arg(long, env = "LOCUST_HEADFUL", help = WEB, hide = true)]
    headful: bool,
    #[arg(long, env = "LOCUST_WEB_LOGIN", help = WEB, hide = true)]
    web_login: bool,
    #[arg(long, value_name = "FILE", env = "LOCUST_TLS_CERT", default_value = "", help = WEB, hide = true)]
    tls_cert: String,
    #[arg(long, value_name = "FILE", env = "LOCUST_TLS_KEY", default_value = "", help = WEB, hide = true)]
    tls_key: String,
    #[arg(long, env = "LOCUST_USERCLASS_PICKER", help = WEB, hide = true)]
    class_picker: bool,
    #[arg(long, value_name = "DIR", env = "LOCUST_BUILD_PATH", default_value = "", help = WEB, hide = true)]
    build_path: String,
    #[arg(long, value_name = "PATH", env = "LOCUST_WEB_BASE_PATH", default_value = "", help = WEB, hide = true)]
    web_base_path: String,
    #[arg(long, env = "LOCUST_MODE_MASTER", help = DISTRIBUTED, hide = true)]
    master: bool,
    #[arg(long, value_name = "IP", env = "LOCUST_MASTER_BIND_HOST", default_value = "*", help = DISTRIBUTED, hide = true)]
    master_bind_host: String,
    #[arg(
        long,
        value_name = "PORT",
        env = "LOCUST_MASTER_BIND_PORT",
        default_value = "5557"
    )]
    #[arg(value_parser = count, help = DISTRIBUTED, hide = true)]
    master_bind_port: u64,
    #[arg(
        long,
        value_name = "N",
        env = "LOCUST_EXPECT_WORKERS",
        default_value = "1"
    )]
    #[arg(value_parser = positive, help = DISTRIBUTED, hide = true)]
    expect_workers: u64,
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOCUST_EXPECT_WORKERS_MAX_WAIT",
        default_value = "0"
    )]
    #[arg(value_parser = count, help = DISTRIBUTED, hide = true)]
    expect_workers_max_wait: u64,
    #[arg(long, help = DISTRIBUTED, hide = true)]
    enable_rebalancing: bool,
    #[arg(long, env = "LOCUST_MODE_WORKER", help = DISTRIBUTED, hide = true)]
    worker: bool,
    #[arg(
        long,
        value_name = "HOST",
        env = "LOCUST_MASTER_NODE_HOST",
        default_value = "127.0.0.1"
    )]
    #[arg(help = DISTRIBUTED, hide = true)]
    master_host: String,
    #[arg(
        long,
        value_name = "PORT",
        env = "LOCUST_MASTER_NODE_PORT",
        default_value = "5557"
    )]
    #[arg(value_parser = count, help = DISTRIBUTED, hide = true)]
    master_port: u64,
}

/// What Locust itself no longer takes.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = REMOVED)]
pub struct Removed {
    #[arg(long, value_name = "AUTH", env = "LOCUST_WEB_AUTH", hide = true)]
    #[arg(
        help = "was removed from Locust in favour of --web-login, which is not built yet: remove it"
    )]
    web_auth: Option<String>,
    #[arg(long, env = "LOCUST_LEGACY_UI", hide = true)]
    #[arg(help = "was removed from Locust: remove it")]
    legacy_ui: bool,
    #[arg(long, hide = true)]
    #[arg(
        help = "was removed from Locust (now --worker), and runs over several machines are not built yet: remove it"
    )]
    slave: bool,
    #[arg(long, hide = true)]
    #[arg(
        help = "was removed from Locust (now --expect-workers), and runs over several machines are not built yet: remove it"
    )]
    expect_slaves: bool,
}
