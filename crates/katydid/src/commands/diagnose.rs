//! `katydid diagnose RUN`: the rules again, over a recorded run. `findings.json` in its folder is written anew.

use std::path::Path;

use katydid_record::writer::write_whole;
use katydid_report::{json, text};

use super::{find, recorded, say};
use crate::cli::DiagnoseOptions;
use crate::error::EXIT_USAGE;
use crate::session::outputs;

/// Prints what the rules find and gives the exit code: 0 when they were asked, whatever they found.
pub fn diagnose(options: &DiagnoseOptions, cwd: &Path) -> anyhow::Result<i32> {
    let dir = find::find(&options.run, cwd)?;
    let run = recorded::open(&dir)?;
    if let Some(why) = &run.cut_short {
        eprintln!("warning: the record is cut short: {why}; the findings are of what is there");
    }
    let findings = run.summary.findings.clone().unwrap_or_default();
    let told = json::findings_json(&findings);
    let written = write_whole(&dir.join("findings.json"), told.as_bytes());
    if options.json {
        say(&told);
    } else {
        say(&text::diagnosis(
            &run.summary,
            &outputs::style(false, Some(&dir)),
        ));
    }
    if let Err(error) = written {
        eprintln!("error: {error}");
        return Ok(EXIT_USAGE);
    }
    Ok(0)
}
