//! The options of a run, each declared once: flag, dest (the field's name), environment variable, default, help.
//!
//! Names, defaults and dests are Locust's; katydid's own stand in [`Goals`] and [`Own`]. What Locust has and katydid has not yet is
//! in [`super::not_built`]. Nothing here reads the environment or a file: clap only holds the table.

use clap::{Args, Parser};
use serde::Serialize;

use super::not_built::{NotBuilt, Removed};
use super::values::{
    LOGLEVELS, Timespan, above_zero, count, int, loglevel, positive, processes, share, timespan,
};
use crate::experiments::NAMES;

/// Every option of a run, with the dests that `environment.parsed_options` shows to a locustfile.
#[derive(Clone, Debug, Parser, PartialEq, Serialize)]
#[command(name = "katydid", no_binary_name = true, disable_help_flag = true)]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    /// What runs.
    pub scenario: Scenario,
    #[command(flatten)]
    #[serde(flatten)]
    /// How much load, for how long.
    pub load: Load,
    #[command(flatten)]
    #[serde(flatten)]
    /// What is written.
    pub output: Output,
    #[command(flatten)]
    #[serde(flatten)]
    /// What must hold.
    pub goals: Goals,
    #[command(flatten)]
    #[serde(flatten)]
    /// How far a search goes.
    pub search: Search,
    #[command(flatten)]
    #[serde(flatten)]
    /// What is watched meanwhile.
    pub watching: Watching,
    #[command(flatten)]
    #[serde(flatten)]
    /// katydid's own options.
    pub own: Own,
    #[command(flatten)]
    #[serde(flatten)]
    /// Logs.
    pub logging: Logging,
    #[command(flatten)]
    #[serde(flatten)]
    /// Locust's options that are refused for now; always at their defaults.
    pub not_built: NotBuilt,
    #[command(flatten)]
    #[serde(flatten)]
    /// Options that Locust itself removed; always at their defaults.
    pub removed: Removed,
}

/// What runs: files, user classes, tags.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_excessive_bools)] // they are Locust's switches
#[command(next_help_heading = "Scenario")]
pub struct Scenario {
    /// Locustfile; several with commas; or a folder
    #[arg(short = 'f', long, value_name = "FILE", env = "LOCUST_LOCUSTFILE")]
    #[arg(default_value = "locustfile.py")]
    pub locustfile: String,
    /// Read more settings from this file (.conf or .toml)
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Base URL of the target [the user class's]
    #[arg(short = 'H', long, value_name = "URL", env = "LOCUST_HOST")]
    pub host: Option<String>,
    /// A header of every request that users make, for example a feature flag; may be repeated
    #[arg(help_heading = "Requests (katydid's own)")]
    #[arg(long, value_name = "'Name: value'", env = "KATYDID_HEADER", action = clap::ArgAction::Append, value_parser = super::commands::header_text)]
    pub header: Option<Vec<String>>,
    /// Only tasks with one of these tags
    #[arg(short = 'T', long, value_name = "TAG", env = "LOCUST_TAGS", num_args = 0..)]
    pub tags: Option<Vec<String>>,
    /// No tasks with one of these tags
    #[arg(short = 'E', long, value_name = "TAG", env = "LOCUST_EXCLUDE_TAGS", num_args = 0..)]
    pub exclude_tags: Option<Vec<String>>,
    /// Settings per user class: JSON, or files holding it
    #[arg(long, value_name = "JSON", env = "LOCUST_CONFIG_USERS", num_args = 0..)]
    pub config_users: Option<Vec<String>>,
    /// Give every user class and task the same weight
    #[arg(long)]
    pub equal_weights: bool,
    /// List the user classes and exit
    #[arg(short = 'l', long = "list")]
    pub list_commands: bool,
    /// Print how tasks share the load, and exit
    #[arg(long)]
    pub show_task_ratio: bool,
    /// The same as JSON
    #[arg(long)]
    pub show_task_ratio_json: bool,
    /// User classes to run [all of the locustfile]
    #[arg(value_name = "UserClass", env = "LOCUST_USER_CLASSES", num_args = 0..)]
    pub user_classes: Vec<String>,
}

/// How much load, for how long.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Load")]
pub struct Load {
    /// How much load when, in words: 'ramp to 50 users over 1m, hold 5m'; in place of -u, -r and -t
    #[arg(long, value_name = "WORDS", env = "KATYDID_LOAD", hide_env = true)]
    pub load: Option<String>,
    /// With arrivals: the most users at work at once; arrivals beyond are blocked [10 s of them at the peak, at least 100; find: 5,000]
    #[arg(long, value_name = "N", env = "KATYDID_MAX_USERS", hide_env = true)]
    #[arg(value_parser = positive)]
    pub max_users: Option<u64>,
    /// Never more than so many requests per second, whatever the plan says
    #[arg(long, value_name = "N", env = "KATYDID_MAX_RATE", hide_env = true)]
    #[arg(value_parser = above_zero, allow_negative_numbers = true)]
    pub max_rate: Option<f64>,
    /// Run the users in so many processes of this machine, -1: one per processor [1]
    #[arg(long, value_name = "N", env = "LOCUST_PROCESSES")]
    #[arg(value_parser = processes, allow_negative_numbers = true)]
    pub processes: Option<i64>,
    /// Draw task choices and pauses from a generator of each user's own, which follows from this number
    #[arg(long, value_name = "N", env = "KATYDID_SEED", hide_env = true)]
    #[arg(value_parser = int, allow_negative_numbers = true)]
    pub seed: Option<i64>,
    /// Number of users at the peak [1]
    #[arg(short = 'u', long = "users", value_name = "N", env = "LOCUST_USERS")]
    #[arg(value_parser = count, allow_negative_numbers = true)]
    pub num_users: Option<u64>,
    /// Users started per second [1]
    #[arg(short = 'r', long, value_name = "N", env = "LOCUST_SPAWN_RATE")]
    #[arg(value_parser = above_zero, allow_negative_numbers = true)]
    pub spawn_rate: Option<f64>,
    /// Stop after this time: 90, 20s, 3m, 1h30m [never]
    #[arg(short = 't', long, value_name = "TIME", env = "LOCUST_RUN_TIME")]
    #[arg(value_parser = timespan, allow_negative_numbers = true)]
    pub run_time: Option<Timespan>,
    /// Stop after so many task runs, of all users
    #[arg(
        short = 'i',
        long,
        value_name = "N",
        env = "LOCUST_ITERATIONS",
        default_value = "0"
    )]
    #[arg(value_parser = count, allow_negative_numbers = true, hide_default_value = true)]
    pub iterations: u64,
    /// Time for users to finish their task [0; with arrivals 30 s]
    #[arg(
        short = 's',
        long,
        value_name = "TIME",
        env = "LOCUST_STOP_TIMEOUT",
        default_value = "0"
    )]
    #[arg(value_parser = timespan, allow_negative_numbers = true, hide_default_value = true)]
    pub stop_timeout: Timespan,
    /// Start at once; so does any load: --load, -u, -r, -t or -i
    #[arg(long, env = "LOCUST_HEADLESS")]
    pub headless: bool,
}

/// What is written, and the exit code.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_excessive_bools)] // they are Locust's switches
#[command(next_help_heading = "Results")]
pub struct Output {
    /// HTML report; {u} {r} {t} stand for the load
    #[arg(long = "html", value_name = "FILE", env = "LOCUST_HTML")]
    pub html_file: Option<String>,
    /// Locust's CSV files, their names begin with PREFIX
    #[arg(long = "csv", value_name = "PREFIX", env = "LOCUST_CSV")]
    pub csv_prefix: Option<String>,
    /// With --csv: one row per endpoint and second
    #[arg(long = "csv-full-history", env = "LOCUST_CSV_FULL_HISTORY")]
    pub stats_history_enabled: bool,
    /// Print Locust's final statistics as JSON
    #[arg(long)]
    pub json: bool,
    /// Write them to NAME.json, with no table at the end
    #[arg(long, value_name = "NAME")]
    pub json_file: Option<String>,
    /// Print the table while the test runs
    #[arg(long, env = "LOCUST_PRINT_STATS")]
    pub print_stats: bool,
    /// Print tables only at the end
    #[arg(long, env = "LOCUST_ONLY_SUMMARY")]
    pub only_summary: bool,
    /// Start the numbers again once all users are running
    #[arg(long, env = "LOCUST_RESET_STATS")]
    pub reset_stats: bool,
    /// Push metrics to where the environment says.
    #[arg(long, env = "LOCUST_ENABLE_OPENTELEMETRY", help = OTEL)]
    pub otel: bool,
    /// Exit code when a request failed [1]
    #[arg(
        long,
        value_name = "N",
        env = "LOCUST_EXIT_CODE_ON_ERROR",
        default_value = "1"
    )]
    #[arg(value_parser = int, allow_negative_numbers = true, hide_default_value = true)]
    pub exit_code_on_error: i64,
    /// A label for the run, shown in reports
    #[arg(long, value_name = "LABEL")]
    pub profile: Option<String>,
}

/// What must hold, and what follows if it does not.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Objectives (katydid's own)")]
pub struct Goals {
    /// What must hold: 'p95 < 300ms', 'GET /cart p99 < 1s in spike', 'errors < 1%'; may be repeated
    #[arg(long, value_name = "OBJECTIVE", env = "KATYDID_SLO", action = clap::ArgAction::Append)]
    pub slo: Option<Vec<String>>,
    /// End the load when this holds for ten seconds: 'errors > 10%', 'p95 > 2s', 'cpu > 90%'; may be repeated
    #[arg(long, value_name = "CONDITION", env = "KATYDID_ABORT_ON", action = clap::ArgAction::Append)]
    pub abort_on: Option<Vec<String>>,
    /// An endpoint that is a read, whatever its method: 'POST /search'; may be repeated
    #[arg(long, value_name = "ENDPOINT", env = "KATYDID_READS", action = clap::ArgAction::Append)]
    pub reads: Option<Vec<String>>,
    /// An endpoint that is a write, whatever its method; may be repeated
    #[arg(long, value_name = "ENDPOINT", env = "KATYDID_WRITES", action = clap::ArgAction::Append)]
    pub writes: Option<Vec<String>>,
    /// At the end compare with the pinned baseline (runs --pin); exit code 99 when something got worse
    #[arg(long, env = "KATYDID_BASELINE")]
    pub baseline: bool,
    /// Exit code 3, not 0, when it cannot be told whether an objective holds
    #[arg(long, env = "KATYDID_STRICT")]
    pub strict: bool,
}

/// How far a search goes.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Search: katydid find (katydid's own)")]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct Search {
    /// End the search after this time, with what is known by then [when the number is precise: 15 to 40 min]
    #[arg(
        long,
        value_name = "TIME",
        env = "KATYDID_TIME_BUDGET",
        hide_env = true
    )]
    #[arg(value_parser = timespan)]
    pub time_budget: Option<Timespan>,
    /// No step with more arrivals per second than this [what katydid can do on this machine], or with more users [5,000]
    #[arg(long, value_name = "N", env = "KATYDID_UP_TO", hide_env = true)]
    #[arg(value_parser = above_zero, allow_negative_numbers = true)]
    pub up_to: Option<f64>,
    /// Search by users who wait for their answers (the closed model), not by arrivals
    #[arg(long, env = "KATYDID_CLOSED", hide_env = true)]
    pub closed: bool,
    /// Only between which two loads it breaks, roughly: in two to four minutes
    #[arg(long, env = "KATYDID_FAST", hide_env = true)]
    pub fast: bool,
    /// When the limit is found and confirmed, go beyond it: overloads on purpose, to 1.5 times and twice the limit, and a spike
    #[arg(long, env = "KATYDID_BEYOND", hide_env = true)]
    pub beyond: bool,
    /// When the limit is found and confirmed, try loads on the way up over it and again on the way down: what does an overload leave behind?
    #[arg(long, env = "KATYDID_HYSTERESIS", hide_env = true)]
    pub hysteresis: bool,
}

/// Help of `--otel`.
const OTEL: &str = "Push metrics to where OTEL_EXPORTER_OTLP_ENDPOINT says [http://localhost:4318]";
/// Help of `--otlp`.
pub(super) const OTLP: &str =
    "Push metrics over OTLP/HTTP to this base URL every five seconds: http://127.0.0.1:4318";
/// How many requests are traced unless it is said.
pub(super) const TRACE_SHARE: &str = "0.1";
/// Help of `--watch`.
pub(super) const WATCH: &str = "Watch this too: env:DATABASE_URL, redis://127.0.0.1:6379, port:8000, ssh://app1; may be repeated. Of a \
                                target on this machine, host and processes are watched without it";

/// What is watched meanwhile.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Watching (katydid's own)")]
pub struct Watching {
    /// Addresses of what is watched.
    #[arg(long, value_name = "ADDRESS", env = "KATYDID_WATCH", help = WATCH, action = clap::ArgAction::Append)]
    pub watch: Option<Vec<String>>,
    /// First ask each endpoint alone, as `katydid probe` does, so that findings know what each asks of the database
    #[arg(long, env = "KATYDID_PROBE", conflicts_with = "probed")]
    pub probe: bool,
    /// In place of --probe: use the folder of an earlier probe or run
    #[arg(long, value_name = "DIR", env = "KATYDID_PROBED")]
    pub probed: Option<String>,
    /// Probe as --probe does, then change what is declared disposable, and ask again: 'index' builds an index that is missing, and drops it; 'cold' moves a cached value aside, makes the same request 32 times at once, and moves it back
    #[arg(long, value_name = "NAME", env = "KATYDID_EXPERIMENT", conflicts_with = "probed", action = clap::ArgAction::Append, value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    pub experiment: Option<Vec<String>>,
    /// A database or cache that --experiment may change: HOST:PORT/DATABASE. Refused here: only a configuration file may say it
    #[arg(long, value_name = "DATABASE", action = clap::ArgAction::Append)]
    pub disposable: Option<Vec<String>>,
    /// Watch nothing but what --watch names
    #[arg(long, env = "KATYDID_NO_DISCOVERY")]
    pub no_discovery: bool,
    /// Have requests traced (header traceparent), and receive the target's spans at 127.0.0.1:4318, or at --watch otlp:ADDRESS
    #[arg(long, env = "KATYDID_TRACE")]
    pub trace: bool,
    /// Share of the requests that are traced: 5%, 0.05 [10%]
    #[arg(long, value_name = "SHARE", env = "KATYDID_TRACE_SHARE", default_value = TRACE_SHARE, value_parser = share, hide_default_value = true)]
    pub trace_share: f64,
}

/// katydid's own options.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Record (katydid's own)")]
pub struct Own {
    /// Keep the run here [runs/<UTC time>-<name>]
    #[arg(long, value_name = "DIR", env = "KATYDID_RUN_DIR")]
    pub run_dir: Option<String>,
    /// Write the summary as JSON; - is standard output
    #[arg(long, value_name = "FILE", env = "KATYDID_SUMMARY")]
    pub summary: Option<String>,
    /// Write JUnit XML, for a pipeline's page of tests
    #[arg(long, value_name = "FILE", env = "KATYDID_JUNIT")]
    pub junit: Option<String>,
    /// Write the verdict and its tables as Markdown, for a pull request; - is standard output
    #[arg(long, value_name = "FILE", env = "KATYDID_MARKDOWN")]
    pub markdown: Option<String>,
    /// Whom to push metrics to.
    #[arg(long, value_name = "URL", help = OTLP, env = "KATYDID_OTLP")]
    pub otlp: Option<String>,
    /// Show metrics for Prometheus at this address while the run lasts: 127.0.0.1:9646
    #[arg(long, value_name = "ADDRESS", env = "KATYDID_PROMETHEUS")]
    pub prometheus: Option<String>,
    /// Name of the run [the locustfile's]
    #[arg(long, value_name = "NAME", env = "KATYDID_NAME")]
    pub name: Option<String>,
}

/// Logs.
#[derive(Args, Clone, Debug, PartialEq, Serialize)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL [INFO]
    #[arg(short = 'L', long, value_name = "LEVEL", env = "LOCUST_LOGLEVEL", default_value = LOGLEVELS[1])]
    #[arg(value_parser = loglevel, hide_default_value = true)]
    pub loglevel: String,
    /// Log to this file instead of standard error
    #[arg(long, value_name = "FILE", env = "LOCUST_LOGFILE")]
    pub logfile: Option<String>,
    /// Leave logging to the locustfile
    #[arg(long, env = "LOCUST_SKIP_LOG_SETUP")]
    pub skip_log_setup: bool,
}
