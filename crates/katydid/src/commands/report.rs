//! `katydid report RUN`: the reports of a recorded run, made again from its record.

use std::path::Path;

use super::{find, recorded};
use crate::cli::ReportOptions;
use crate::error::EXIT_USAGE;
use crate::session::github::GitHub;
use crate::session::outputs::Outputs;

/// Writes the reports and gives the exit code: 0 when all were written, whatever the run's own was.
pub fn report(options: &ReportOptions, cwd: &Path) -> anyhow::Result<i32> {
    let dir = find::find(&options.run, cwd)?;
    let mut run = recorded::open(&dir)?;
    if let Some(why) = &run.cut_short {
        eprintln!("warning: the record is cut short: {why}; the report covers what is there");
    }
    let outputs = Outputs {
        html: options.html.clone(),
        csv: options.csv.clone(),
        summary: options.summary.clone(),
        junit: options.junit.clone(),
        markdown: options.markdown.clone(),
        json: options.json,
        ..Outputs::default()
    };
    // What a pipeline is told, it was told when the run ended.
    let github = GitHub::default();
    let problems = outputs.write(
        &run.manifest,
        &run.timeline,
        &mut run.summary,
        Some(&dir),
        &github,
    );
    Ok(if problems.is_empty() { 0 } else { EXIT_USAGE })
}
