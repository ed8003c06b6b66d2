//! `katydid runs`: the recorded runs as a table, newest last.

use std::path::{Path, PathBuf};

use katydid_record::Summary;

use super::{find, recorded, tags};
use crate::cli::RunsOptions;
use crate::error::UsageError;
use crate::run_dir::RUNS;

/// Prints the table and gives the exit code. A run that cannot be read is a warning, not an end.
pub fn runs(options: &RunsOptions, cwd: &Path) -> anyhow::Result<i32> {
    if !options.pin.is_empty() || !options.tag.is_empty() || !options.untag.is_empty() {
        return name(options, cwd);
    }
    let dir = cwd.join(&options.dir);
    if !dir.is_dir() && options.dir != RUNS {
        return Err(UsageError::new(format!("{} is not a folder", dir.display())).into());
    }
    let mut rows = Vec::new();
    for folder in recorded::folders(&dir)? {
        match recorded::open(&folder) {
            Ok(run) => {
                let tags = tags::of(&folder).into_iter().collect::<Vec<_>>().join(", ");
                rows.push((run.manifest.started_epoch_us, row(&run.summary, tags)));
            }
            Err(error) => eprintln!("warning: {error:#}"),
        }
    }
    rows.sort_by_key(|(started, _)| *started);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    if rows.is_empty() {
        super::say(&format!("no runs in {} yet\n", options.dir));
    } else {
        super::say(&table(&rows));
    }
    Ok(0)
}

/// Gives or takes tags.
fn name(options: &RunsOptions, cwd: &Path) -> anyhow::Result<i32> {
    let known = recorded::folders(&cwd.join(&options.dir))?;
    let whole = |dir: &PathBuf| dir.canonicalize().unwrap_or_else(|_| dir.clone());
    let listed_here: Vec<PathBuf> = known.iter().map(whole).collect();
    let folder = |word: &String| -> Result<PathBuf, UsageError> {
        let found = find::find(word, cwd)?;
        if listed_here.contains(&whole(&found)) {
            return Ok(found);
        }
        Err(UsageError::new(format!(
            "{} is not one of the runs in {}, where tags are looked for",
            found.display(),
            options.dir
        )))
    };
    let folders = |words: &[String]| -> Result<Vec<PathBuf>, UsageError> {
        words.iter().map(folder).collect()
    };
    if !options.pin.is_empty() {
        let pinned = folders(&options.pin)?;
        for folder in &known {
            tags::set(folder, tags::BASELINE, false)?;
        }
        for folder in &pinned {
            tags::set(folder, tags::BASELINE, true)?;
        }
        super::say(&format!("baseline: {}\n", listed(&pinned)));
        return Ok(0);
    }
    let there = !options.tag.is_empty();
    let words = if there { &options.tag } else { &options.untag };
    let (tag, runs) = words
        .split_first()
        .ok_or_else(|| UsageError::new("a tag needs a name and a run"))?;
    let runs = folders(runs)?;
    for folder in &runs {
        tags::set(folder, tag, there)?;
    }
    let sign = if there { "" } else { "no longer " };
    super::say(&format!("{sign}{tag}: {}\n", listed(&runs)));
    Ok(0)
}

fn listed(folders: &[PathBuf]) -> String {
    let names = folders.iter().map(|folder| folder.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// The cells of one run.
type Row = [String; 9];

const HEADS: [&str; 9] = [
    "ID",
    "STARTED (UTC)",
    "NAME",
    "USERS",
    "DURATION",
    "REQUESTS",
    "FAILED",
    "VALID",
    "TAGS",
];
/// Columns of numbers, aligned right.
const NUMBERS: std::ops::RangeInclusive<usize> = 3..=6;

fn row(summary: &Summary, tags: String) -> Row {
    let run = &summary.run;
    let valid = match (run.complete, run.valid) {
        (false, _) => "cut short",
        (true, true) => "yes",
        (true, false) => "INVALID",
    };
    let minute = |text: &str| text.get(..16).unwrap_or(text).replace('T', " ");
    [
        run.id.clone(),
        minute(&run.started),
        run.name.clone(),
        run.users.to_string(),
        duration(run.duration_s),
        summary.total.requests.to_string(),
        summary.total.failures.to_string(),
        valid.to_owned(),
        tags,
    ]
}

fn table(rows: &[Row]) -> String {
    let head = HEADS.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let width = |column: usize| {
        let widths = all().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| {
            if NUMBERS.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:width$}")
            }
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `45s`, `3m20s`, `1h02m`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}
