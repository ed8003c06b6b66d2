//! What a finished run is turned into: the text at the end, files in the run directory, files that were asked for. The same
//! for a run that has just ended and for one that is read back.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;

use katydid_analyze::locust;
use katydid_record::{Manifest, Summary, Timeline, writer::write_whole};
use katydid_report::github::inert;
use katydid_report::{csv, html, json, junit, markdown, text};
use serde::Deserialize;

use super::github::GitHub;

/// Which outputs are wanted besides those in the run directory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Outputs {
    /// HTML report.
    pub html: Option<String>,
    /// Prefix of Locust's CSV files.
    pub csv: Option<String>,
    /// `summary.json`; `-` for standard output.
    pub summary: Option<String>,
    /// JUnit XML.
    pub junit: Option<String>,
    /// Markdown; `-` for standard output.
    pub markdown: Option<String>,
    /// Locust's JSON on standard output.
    pub json: bool,
    /// Locust's JSON in this file.
    pub json_file: Option<String>,
    /// No text at the end.
    pub quiet: bool,
}

impl Outputs {
    /// Writes everything; answers what could not be written. Each problem is also said on standard error, once.
    pub fn write(
        &self,
        manifest: &Manifest,
        timeline: &Timeline,
        summary: &mut Summary,
        run_dir: Option<&Path>,
        github: &GitHub,
    ) -> Vec<String> {
        let mut problems = self.locust_shaped(manifest, timeline, summary);
        let mut keep = |result: Result<(), String>| problems.extend(result.err());
        let page = (run_dir.is_some() || self.html.is_some())
            .then(|| html(summary, &katydid_analyze::view(timeline), manifest));
        if let Some((path, page)) = self.html.as_ref().zip(page.as_ref()) {
            keep(write_file(path, page.as_bytes()));
        }
        if let Some(path) = &self.junit {
            keep(write_file(path, junit(summary).as_bytes()));
        }
        let file = self.summary.as_deref();
        keep(printed_or_written(file, || json::summary_json(summary)));
        let file = self.markdown.as_deref();
        keep(printed_or_written(file, || markdown(summary)));
        if let Some(dir) = run_dir {
            let write = |name: &str, content: String| {
                write_whole(&dir.join(name), content.as_bytes()).map_err(|error| error.to_string())
            };
            keep(write("summary.json", json::summary_json(summary)));
            if let Some(findings) = &summary.findings {
                keep(write("findings.json", json::findings_json(findings)));
            }
            keep(write("report.html", page.unwrap_or_default()));
        }
        self.tell(summary, run_dir, github);
        for problem in &problems {
            // Standard error may be closed too.
            let _ = writeln!(std::io::stderr(), "error: {problem}");
        }
        problems
    }

    fn locust_shaped(
        &self,
        manifest: &Manifest,
        timeline: &Timeline,
        summary: &Summary,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let mut keep = |result: Result<(), String>| problems.extend(result.err());
        let view = locust::view(manifest, timeline);
        if let Some(prefix) = &self.csv {
            let files = [
                ("stats", csv::stats(&view)),
                ("failures", csv::failures(&view)),
                ("exceptions", csv::exceptions(summary)),
                ("phases", csv::phases(summary)),
            ];
            for (name, content) in files {
                keep(write_file(
                    &format!("{prefix}_{name}.csv"),
                    content.as_bytes(),
                ));
            }
        }
        if let Some(path) = &self.json_file {
            keep(write_file(path, json::locust_json(&view).as_bytes()));
        }
        if self.json {
            keep(print(&json::locust_json(&view)));
        }
        problems
    }

    /// What GitHub is told, and then the text, whose last lines are the verdict and the reason. Both go to standard output unless
    /// that is taken.
    fn tell(&self, summary: &Summary, run_dir: Option<&Path>, github: &GitHub) {
        let asked = [&self.summary, &self.markdown];
        let taken = self.json || asked.iter().any(|file| file.as_deref() == Some("-"));
        github.keep(summary);
        let mut said = github.annotations(summary);
        if !self.quiet {
            let text = text::text(summary, &style(taken, run_dir));
            said.push_str(&if github.reads_the_log {
                inert(&text)
            } else {
                text
            });
        }
        // A closed pipe is the reader's decision.
        let _ = if taken {
            std::io::stderr().write_all(said.as_bytes())
        } else {
            std::io::stdout().write_all(said.as_bytes())
        };
    }
}

/// How the text is laid out on standard error, or on standard output.
pub fn style(on_stderr: bool, run_dir: Option<&Path>) -> text::Style {
    let terminal = if on_stderr {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    text::Style {
        width: terminal_size::terminal_size()
            .map_or(120, |(width, _)| usize::from(width.0))
            .clamp(80, 160),
        color: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        run_dir: run_dir.map(|dir| dir.display().to_string()),
    }
}

fn print(content: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let result = writeln!(out, "{}", content.trim_end()).and_then(|()| out.flush());
    match result {
        // A closed pipe is the reader's decision.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// To standard output where the file is `-`.
pub fn printed_or_written(
    file: Option<&str>,
    content: impl FnOnce() -> String,
) -> Result<(), String> {
    match file {
        Some("-") => print(&content()),
        Some(path) => write_file(path, content().as_bytes()),
        None => Ok(()),
    }
}

/// Writes a file, making its folders.
pub fn write_file(path: &str, content: &[u8]) -> Result<(), String> {
    if let Some(parent) = Path::new(path).parent() {
        // If it cannot be made, writing says why.
        let _ = fs::create_dir_all(parent);
    }
    fs::write(path, content).map_err(|error| format!("cannot write {path}: {error}"))
}
