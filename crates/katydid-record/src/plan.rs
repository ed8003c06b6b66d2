//! The resolved configuration of a run as plain data: what was decided, not where it came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What katydid was asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Run a locustfile under load.
    #[default]
    Run,
    /// Load one URL, without a scenario.
    Attack,
    /// Run each task once.
    Check,
}

impl Command {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Command::Run => "run",
            Command::Attack => "attack",
            Command::Check => "check",
        }
    }
}

/// One class of users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserClass {
    /// Class name.
    pub name: String,
    /// Relative weight.
    pub weight: f64,
    /// Exact number of users; 0 when the weight decides.
    pub fixed_count: u64,
    /// Share of all users that weight and fixed count come to, 0..=1.
    pub share: f64,
}

/// The resolved configuration. Secrets are masked before it gets here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// What was asked for.
    pub command: Command,
    /// Where the load went: base URL.
    pub host: Option<String>,
    /// Peak number of users.
    pub users: Option<u64>,
    /// Users started per second.
    pub spawn_rate: Option<f64>,
    /// Length of the run, s.
    pub run_time_s: Option<f64>,
    /// Time given to users to finish at the end, s.
    pub stop_timeout_s: Option<f64>,
    /// Iterations after which the run ends.
    pub iterations: Option<u64>,
    /// The classes of users.
    pub user_classes: Vec<UserClass>,
    /// Only tasks with these tags.
    pub tags: Vec<String>,
    /// Not tasks with these tags.
    pub exclude_tags: Vec<String>,
    /// Class name of the load shape.
    pub shape: Option<String>,
    /// Arrivals per second (attack).
    pub rate: Option<f64>,
    /// Connections (attack).
    pub connections: Option<u64>,
    /// The rest, by option name.
    pub options: BTreeMap<String, serde_json::Value>,
}
