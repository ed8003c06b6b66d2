//! Locust's CSV files while a run goes on: the history grows each second, the others are rewritten.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use katydid_analyze::locust;
use katydid_record::{Manifest, Timeline};
use katydid_report::csv;

use crate::error::UsageError;

/// The files behind one prefix.
pub struct CsvFiles {
    prefix: String,
    full: bool,
    manifest: Arc<Manifest>,
    history: File,
    last_s: u64,
}

impl CsvFiles {
    /// Makes folders and the history file.
    pub fn create(prefix: &str, full: bool, manifest: Arc<Manifest>) -> Result<Self, UsageError> {
        let path = format!("{prefix}_stats_history.csv");
        let unwritable =
            |error: io::Error| UsageError::new(format!("--csv: cannot write {path}: {error}"));
        if let Some(parent) = std::path::Path::new(&path).parent() {
            std::fs::create_dir_all(parent).map_err(unwritable)?;
        }
        let mut history = File::create(&path).map_err(unwritable)?;
        history
            .write_all(csv::history_header().as_bytes())
            .map_err(unwritable)?;
        Ok(Self {
            prefix: prefix.to_owned(),
            full,
            manifest,
            history,
            last_s: 0,
        })
    }

    /// Once per second of the run: a history row, and the totals so far.
    pub fn append(&mut self, timeline: &Timeline) -> io::Result<()> {
        let second = timeline.end / 1_000_000;
        if second == self.last_s {
            return Ok(());
        }
        self.last_s = second;
        let view = locust::view(&self.manifest, timeline);
        self.history
            .write_all(csv::history_rows(&view, self.full).as_bytes())?;
        std::fs::write(format!("{}_stats.csv", self.prefix), csv::stats(&view))?;
        std::fs::write(
            format!("{}_failures.csv", self.prefix),
            csv::failures(&view),
        )
    }
}
