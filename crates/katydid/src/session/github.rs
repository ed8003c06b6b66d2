//! What a run that ends under GitHub Actions does there: its Markdown into the step's summary, annotations into the log.
//!
//! What they say is the report's. Failing here is no failure of the run: nobody asked for it but the environment.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use katydid_record::Summary;
use katydid_report::{github, markdown};

use crate::config::Surroundings;

/// Which parts of GitHub Actions are there. By default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHub {
    /// The output is read by its runner, which takes lines that begin with `::` for commands.
    pub reads_the_log: bool,
    /// The summary of this step, to which Markdown is appended.
    pub step_summary: Option<PathBuf>,
}

impl GitHub {
    /// As `GITHUB_ACTIONS` and `GITHUB_STEP_SUMMARY` say.
    pub fn around(around: &Surroundings) -> GitHub {
        let env = |name: &str| around.env.get(name).filter(|value| !value.is_empty());
        GitHub {
            reads_the_log: env("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            step_summary: env("GITHUB_STEP_SUMMARY").map(PathBuf::from),
        }
    }

    /// Appends to the step's summary.
    pub(super) fn keep(&self, summary: &Summary) {
        let Some(path) = &self.step_summary else {
            return;
        };
        let append = || -> io::Result<()> {
            let mut file = File::options().create(true).append(true).open(path)?;
            // What stands there may not end with a line end.
            let gap = if fs::metadata(path)?.len() > 0 {
                "\n\n"
            } else {
                ""
            };
            file.write_all(format!("{gap}{}", markdown(summary)).as_bytes())
        };
        if let Err(error) = append() {
            let _ = writeln!(
                io::stderr(),
                "warning: cannot append to GITHUB_STEP_SUMMARY ({}): {error}",
                path.display()
            );
        }
    }

    /// The annotations for the log, if somebody reads them.
    pub(super) fn annotations(&self, summary: &Summary) -> String {
        if self.reads_the_log {
            github::annotations(summary)
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there() {
        let check = |env: &[(&str, &str)], reads_the_log: bool, step_summary: Option<&str>| {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let around = Surroundings {
                env: env.iter().map(own).collect(),
                ..Surroundings::default()
            };
            let expected = GitHub {
                reads_the_log,
                step_summary: step_summary.map(PathBuf::from),
            };
            assert_eq!(GitHub::around(&around), expected, "{env:?}");
        };
        check(&[], false, None);
        check(&[("GITHUB_ACTIONS", "true")], true, None);
        check(&[("GITHUB_ACTIONS", "false")], false, None);
        check(&[("GITHUB_STEP_SUMMARY", "")], false, None);
        check(&[("GITHUB_STEP_SUMMARY", "/tmp/s")], false, Some("/tmp/s"));
    }
}
