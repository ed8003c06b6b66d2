//! The table of options as plain rows, read off the clap command.
//!
//! Python generates `LocustArgumentParser` from these rows; the passes over the command line and the config files look
//! flags up here. Nothing is declared here: see [`super::options`].

use std::any::TypeId;

use clap::{Arg, ArgAction, Command, CommandFactory};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::not_built::{NOT_BUILT, REMOVED};
use super::options::Options;
use super::values::{LOGLEVELS, Timespan, timespan};

/// What katydid does with an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Locust's, and it works (also what a locustfile's listener added).
    #[default]
    Locust,
    /// katydid's own: a locustfile's option of the same name goes before it.
    Own,
    /// Locust's, refused with one line.
    NotBuilt,
    /// Removed from Locust, refused with one line.
    Removed,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionRow {
    /// `["-u", "--users"]`; empty for a positional.
    pub flags: Vec<String>,
    /// Locust's dest: `num_users`.
    pub dest: String,
    /// Environment variable.
    pub env: Option<String>,
    /// Default, typed: null, a text, a number, false, or `[]` for the positional.
    pub default: Value,
    /// `store`, `store_true` or `append`.
    pub action: String,
    /// `*` when it takes any number of values.
    pub nargs: Option<String>,
    /// `str`, `int`, `float` or `timespan`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The values allowed.
    pub choices: Option<Vec<String>>,
    /// One line of help; for refused options, the refusal.
    pub help: String,
    /// Heading in the help.
    pub group: String,
    /// Works, or refused.
    #[serde(default)]
    pub status: Status,
}

impl OptionRow {
    /// Whether it takes no value.
    pub fn is_switch(&self) -> bool {
        self.action == "store_true"
    }

    /// Whether it takes any number of values.
    pub fn is_list(&self) -> bool {
        self.nargs.as_deref() == Some("*") || self.action == "append"
    }

    /// All flags, as in a message: `-u/--users`.
    pub fn title(&self) -> String {
        if self.flags.is_empty() {
            self.dest.clone()
        } else {
            self.flags.join("/")
        }
    }

    /// The flag to write in front of a value; the long one where there is one.
    pub(crate) fn flag(&self) -> &str {
        let long = self.flags.iter().find(|flag| flag.starts_with("--"));
        long.or(self.flags.first()).map_or("", String::as_str)
    }

    /// Whether `key` of a config file means this option: `users`, `--users` or `u`, as configargparse reads them.
    pub(crate) fn answers_to(&self, key: &str) -> bool {
        self.flags
            .iter()
            .any(|flag| flag == key || flag.trim_start_matches('-') == key)
    }

    /// The refusal, when katydid does not take this option; `by` names who asked for it.
    pub(crate) fn refusal(&self, by: &str) -> Option<String> {
        let refused = matches!(self.status, Status::NotBuilt | Status::Removed);
        refused.then(|| format!("{by} {}", self.help))
    }
}

/// Every option of a run, in the order of the help. `--help` and `--version` are not rows.
pub fn option_rows() -> Vec<OptionRow> {
    Options::command().get_arguments().map(row).collect()
}

/// The command that parses: the table without its environment variables, which are read apart.
pub(crate) fn parsing_command() -> Command {
    Options::command()
        .mut_args(|arg| arg.env(None::<&str>))
        .disable_version_flag(true)
        .args_override_self(true)
}

fn row(arg: &Arg) -> OptionRow {
    let heading = arg.get_help_heading().unwrap_or_default();
    let kind = kind(arg);
    OptionRow {
        flags: flags(arg),
        dest: arg.get_id().to_string(),
        env: arg
            .get_env()
            .map(|name| name.to_string_lossy().into_owned()),
        default: default(arg, kind),
        action: match arg.get_action() {
            ArgAction::SetTrue => "store_true",
            ArgAction::Append
                if !arg.is_positional()
                    && arg.get_num_args().is_none_or(|n| n.max_values() <= 1) =>
            {
                "append"
            }
            _ => "store",
        }
        .to_owned(),
        nargs: arg
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1)
            .then(|| "*".to_owned()),
        kind: kind.to_owned(),
        choices: (arg.get_id() == "loglevel")
            .then(|| LOGLEVELS.iter().map(ToString::to_string).collect()),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        group: heading.to_owned(),
        status: match heading {
            NOT_BUILT => Status::NotBuilt,
            REMOVED => Status::Removed,
            _ if heading.contains("katydid") => Status::Own,
            _ => Status::Locust,
        },
    }
}

pub(crate) fn flags(arg: &Arg) -> Vec<String> {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let long = arg.get_long().map(|word| format!("--{word}"));
    short.into_iter().chain(long).collect()
}

fn kind(arg: &Arg) -> &'static str {
    let id = arg.get_value_parser().type_id();
    if id == TypeId::of::<u64>() || id == TypeId::of::<i64>() {
        "int"
    } else if id == TypeId::of::<f64>() {
        "float"
    } else if id == TypeId::of::<Timespan>() {
        "timespan"
    } else {
        "str"
    }
}

fn default(arg: &Arg, kind: &str) -> Value {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Value::Bool(false);
    }
    if arg.is_positional() {
        return Value::Array(Vec::new());
    }
    let Some(text) = arg.get_default_values().first() else {
        return Value::Null;
    };
    let text = text.to_string_lossy();
    match kind {
        "int" => text.parse::<i64>().map_or(Value::Null, Value::from),
        "timespan" => timespan(&text).map_or(Value::Null, |span| Value::from(span.0)),
        _ => Value::from(text),
    }
}
