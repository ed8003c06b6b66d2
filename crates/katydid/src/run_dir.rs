//! The folder of a run: where it is, what it is called, that nothing is in the way before load is sent.
//!
//! Knows folders and names, not what is written into them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::UsageError;

/// Folder of runs in the current one.
pub const RUNS: &str = "runs";

/// A run's folder, made and writable, and the run's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    /// The folder; it holds no run yet.
    pub path: PathBuf,
    /// `<UTC time>-<name>`, with a number behind it when that was taken.
    pub id: String,
}

/// Makes the folder: `given`, or a new one under `runs/` of `cwd`, named after `at` and `name`.
pub fn create(
    given: Option<&Path>,
    cwd: &Path,
    name: &str,
    at: Timestamp,
) -> Result<RunDir, UsageError> {
    let id = id(name, at);
    if let Some(path) = given {
        let path = cwd.join(path);
        std::fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        vacant(&path)?;
        return Ok(RunDir { path, id });
    }
    let runs = cwd.join(RUNS);
    std::fs::create_dir_all(&runs).map_err(|error| unwritable(&runs, &error))?;
    fresh(&runs, &id)
}

/// The id of a run: `20260822-101530-checkout`.
pub fn id(name: &str, at: Timestamp) -> String {
    let time = at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S");
    format!("{time}-{}", file_name(name))
}

/// Letters, digits, `.`, `_` and `-` stay; runs of anything else become one `-`. Never empty, at most 60 letters.
pub fn file_name(name: &str) -> String {
    let mut clean = String::new();
    for letter in name.chars().take(60) {
        if letter.is_ascii_alphanumeric() || "._".contains(letter) {
            clean.push(letter);
        } else if !clean.ends_with('-') {
            clean.push('-');
        }
    }
    let clean = clean.trim_matches(['-', '.']);
    if clean.is_empty() { "run" } else { clean }.to_owned()
}

/// Takes the first free name; making a folder is atomic, so two processes never share one.
fn fresh(runs: &Path, id: &str) -> Result<RunDir, UsageError> {
    for attempt in 1..=1000 {
        let id = if attempt == 1 {
            id.to_owned()
        } else {
            format!("{id}-{attempt}")
        };
        let path = runs.join(&id);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(RunDir { path, id }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    Err(UsageError::new(format!(
        "{}: too many runs are named {id}; give --run-dir DIR",
        runs.display()
    )))
}

/// A folder that was named must hold no run and take a file.
fn vacant(path: &Path) -> Result<(), UsageError> {
    for name in ["manifest.json", "frames.jsonl.zst"] {
        if path.join(name).exists() {
            return Err(UsageError::new(format!(
                "{} already holds a run; give another --run-dir, or none for a new folder under {RUNS}/",
                path.display()
            )));
        }
    }
    let probe = path.join(format!(".katydid-{:x}", fastrand::u64(..)));
    std::fs::write(&probe, b"")
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> UsageError {
    UsageError::new(format!(
        "cannot keep the run in {}: {error}; give a writable folder with --run-dir DIR",
        path.display()
    ))
}
