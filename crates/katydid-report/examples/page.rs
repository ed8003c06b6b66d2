//! Reads `{"summary", "view", "manifest"}` as JSON from standard input and prints the report's page. For tests of the viewer.

use std::io::Write;

use katydid_record::view::View;
use katydid_record::{Manifest, Summary};
use serde::Deserialize;

#[derive(Deserialize)]
struct Run {
    summary: Summary,
    view: View,
    manifest: Manifest,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run: Run = serde_json::from_reader(std::io::stdin().lock())?;
    let page = katydid_report::html(&run.summary, &run.view, &run.manifest);
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(())
}
