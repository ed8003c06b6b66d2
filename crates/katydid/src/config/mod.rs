//! Where option values come from: command line, environment, config files, defaults, in this order.
//!
//! Files are `--config FILE`, then `katydid.toml` beside the locustfile, then `pyproject.toml` (`[tool.locust]`), then `locust.conf`, then `~/.locust.conf`. Each value
//! keeps its [`Source`]. This module does not know what an option means; it reads what the table allows.

mod conf;
pub(crate) mod katydid_toml;
mod layer;
mod pyproject;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use layer::{Layer, environment, file};

use crate::cli::table::OptionRow;
use crate::error::UsageError;

/// The JSON Schema of `katydid.toml`.
pub fn file_schema() -> String {
    katydid_toml::schema(&crate::option_rows())
}

/// What surrounds a command: its environment and its folders. Tests make their own.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Home folder, for `~/.locust.conf`.
    pub home: Option<PathBuf>,
    /// Current folder, for `locust.conf` and `pyproject.toml`.
    pub cwd: PathBuf,
}

impl Surroundings {
    /// Those of this process. Variables that are not valid text are left out.
    pub fn of_process() -> Surroundings {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let env: BTreeMap<String, String> = texts.collect();
        Surroundings {
            home: env
                .get("HOME")
                .filter(|home| !home.is_empty())
                .map(PathBuf::from),
            cwd: PathBuf::new(),
            env,
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Given as a flag or positional.
    CommandLine,
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A key of a config file.
    File {
        /// The file, as it was found.
        path: String,
        /// The key, as it was written.
        key: String,
    },
    /// Not given.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CommandLine => write!(f, "command line"),
            Source::Environment { variable } => write!(f, "environment variable {variable}"),
            Source::File { path, key } => write!(f, "{path}: {key}"),
            Source::Default => write!(f, "default"),
        }
    }
}

/// One value of a config file, before it is known what the key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Text(String),
    List(Vec<String>),
}

impl Entry {
    /// As one text: a list is written `[a, b]`.
    pub(crate) fn text(&self) -> String {
        match self {
            Entry::Text(text) => text.clone(),
            Entry::List(items) => format!("[{}]", items.join(", ")),
        }
    }
}

/// A config file's keys and values, in the file's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    pub path: String,
    pub entries: Vec<(String, Entry)>,
}

/// The config files that exist, the strongest first. The one that `--config` names must exist.
pub(crate) fn files(
    around: &Surroundings,
    named: Option<&str>,
) -> Result<Vec<ConfigFile>, UsageError> {
    let mut files = Vec::new();
    if let Some(name) = named {
        files.push(named_file(around, name)?);
    }
    let cwd = |name: &str| (around.cwd.join(name), format!("./{name}"));
    let home = around
        .home
        .as_ref()
        .map(|home| (home.join(".locust.conf"), "~/.locust.conf".to_owned()));
    for (path, shown) in [Some(cwd("pyproject.toml")), Some(cwd("locust.conf")), home]
        .into_iter()
        .flatten()
    {
        if !path.is_file() {
            continue;
        }
        let text = read(&path, &shown)?;
        let entries = if is_toml(&path) {
            pyproject::entries(&text)
                .map_err(|error| UsageError::new(format!("{shown}: {error}")))?
        } else {
            Some(
                conf::entries(&text)
                    .map_err(|error| UsageError::new(format!("{shown}: {error}")))?,
            )
        };
        files.extend(entries.map(|entries| ConfigFile {
            path: shown,
            entries,
        }));
    }
    Ok(files)
}

/// `katydid.toml` in the folder of the first of the locustfiles, if there is one.
pub(crate) fn beside(
    around: &Surroundings,
    locustfiles: &str,
    rows: &[OptionRow],
) -> Result<Option<ConfigFile>, UsageError> {
    let first = locustfiles.split(',').next().unwrap_or_default().trim();
    let first = around.cwd.join(first);
    let folder = if first.is_dir() {
        Some(first.as_path())
    } else {
        first.parent()
    };
    let path = folder.map_or_else(
        || around.cwd.join(katydid_toml::NAME),
        |f| f.join(katydid_toml::NAME),
    );
    if !path.is_file() {
        return Ok(None);
    }
    let inside = path.strip_prefix(&around.cwd).unwrap_or(&path);
    let shown = inside.display().to_string();
    let entries = katydid_toml::entries(&read(&path, &shown)?, rows)
        .map_err(|error| UsageError::new(format!("{shown}: {error}")))?;
    Ok(Some(ConfigFile {
        path: shown,
        entries,
    }))
}

fn named_file(around: &Surroundings, name: &str) -> Result<ConfigFile, UsageError> {
    let path = match (name.strip_prefix("~/"), &around.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => around.cwd.join(name),
    };
    let text = read(&path, name)?;
    let wrong = |error: String| UsageError::new(format!("{name}: {error}"));
    let entries = if is_toml(&path) {
        pyproject::entries(&text).map_err(wrong)?.ok_or_else(|| {
            wrong("has no table [tool.locust], so nothing in it would be used".to_owned())
        })?
    } else {
        conf::entries(&text).map_err(wrong)?
    };
    Ok(ConfigFile {
        path: name.to_owned(),
        entries,
    })
}

fn read(path: &Path, shown: &str) -> Result<String, UsageError> {
    std::fs::read_to_string(path)
        .map_err(|error| UsageError::new(format!("cannot read the config file {shown}: {error}")))
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}
