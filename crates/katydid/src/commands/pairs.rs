//! A set of pairs on disk: a folder with a run for each side of each pair, and `validation.json`, which says what belongs together.

use std::path::Path;

use katydid_record::writer::write_whole;
use serde::{Deserialize, Serialize};

use crate::error::UsageError;

const FILE: &str = "validation.json";
const VERSION: u32 = 1;

/// `validation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairSet {
    /// Version of this file.
    pub version: u32,
    /// What tells the sides apart.
    pub labels: [String; 2],
    /// What should have changed, where that was said.
    pub on: Option<String>,
    /// Within this share the sides are called equivalent.
    pub margin: f64,
    /// Pairs that were to be made.
    pub planned: usize,
    /// The folders of each pair that was begun, before and after, whichever was made first.
    pub pairs: Vec<[String; 2]>,
}

impl PairSet {
    /// A set without pairs.
    pub fn new(labels: [String; 2], on: Option<String>, margin: f64, planned: usize) -> Self {
        Self {
            version: VERSION,
            labels,
            on,
            margin,
            planned,
            pairs: Vec::new(),
        }
    }

    /// Reads the set in `dir`.
    pub fn read(dir: &Path) -> Result<Self, UsageError> {
        let file = dir.join(FILE);
        let damaged = |why: &dyn std::fmt::Display| {
            UsageError::new(format!("{} cannot be read: {why}", file.display()))
        };
        let text = std::fs::read_to_string(&file).map_err(|error| damaged(&error))?;
        let set: Self = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        if set.version != VERSION {
            return Err(damaged(&format!(
                "it is of version {}, this katydid knows {VERSION}",
                set.version
            )));
        }
        let is_inside = |name: &String| !name.contains(['/', '\\']) && name != "..";
        if !set.pairs.iter().flatten().all(is_inside) {
            return Err(damaged(&"it names folders elsewhere"));
        }
        Ok(set)
    }

    /// Writes it to `dir`.
    pub fn write(&self, dir: &Path) -> Result<(), UsageError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_whole(&dir.join(FILE), text.as_bytes()).map_err(|error| {
            UsageError::new(format!(
                "cannot write {}: {error}",
                dir.join(FILE).display()
            ))
        })
    }
}

/// Whether a folder holds a set.
pub fn is_set(dir: &Path) -> bool {
    dir.join(FILE).is_file()
}
