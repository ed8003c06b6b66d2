//! A recorded run, read back and judged again: the same fold and the same analysis as at the end of the run itself.

use std::path::{Path, PathBuf};

use katydid_analyze::{Ending, summarize};
use katydid_record::writer::MANIFEST_FILE;
use katydid_record::{Completeness, Manifest, ReadError, Run, Summary, Timeline};

/// A run with its numbers.
pub struct Recorded {
    /// What was run.
    pub manifest: Manifest,
    /// The fold of its frames.
    pub timeline: Timeline,
    /// Finished numbers.
    pub summary: Summary,
    /// Why the record ends too early, if it does.
    pub cut_short: Option<String>,
}

/// Reads the run in `dir`.
pub fn open(dir: &Path) -> Result<Recorded, ReadError> {
    let run = Run::open(dir)?;
    let cut_short = match run.completeness {
        Completeness::Whole => None,
        Completeness::Truncated(why) => Some(why),
    };
    let note = |why: &String| format!("The record is cut short: {why}.");
    let ending = Ending {
        complete: cut_short.is_none(),
        notes: cut_short.iter().map(note).collect(),
    };
    Ok(Recorded {
        summary: summarize(&run.manifest, &run.timeline, &ending),
        manifest: run.manifest,
        timeline: run.timeline,
        cut_short,
    })
}

/// Every folder in `parent` that holds a run, by name: oldest first. None when `parent` does not exist.
pub fn folders(parent: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        let dir = entry?.path();
        if dir.join(MANIFEST_FILE).is_file() {
            found.push(dir);
        }
    }
    found.sort();
    Ok(found)
}
