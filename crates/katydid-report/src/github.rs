//! What the log of GitHub Actions makes of a run: annotations, the lines that begin with `::`.
//!
//! Whether a run is there, and where the lines go, the application knows.

use katydid_record::summary::{SloOutcome, Summary};

use crate::phrase;
use crate::words::clean;

/// GitHub shows no more of a step.
const MOST: usize = 10;

/// A line for each objective that was broken or not decided, or one for what made the run useless or bad; none when all is well.
pub fn annotations(summary: &Summary) -> String {
    let run = &summary.run;
    let mut all = Vec::new();
    let about_the_run = match run.verdict.as_str() {
        "INVALID" | "FAILURES" => Some("error"),
        "INCOMPLETE" => Some("warning"),
        _ => None,
    };
    if let Some(level) = about_the_run {
        all.push((level, format!("{}: {}", run.verdict, run.reason)));
    }
    for (outcome, level) in [
        (SloOutcome::Fail, "error"),
        (SloOutcome::Undecided, "warning"),
        (SloOutcome::Invalid, "warning"),
    ] {
        // Of an invalid run that is said already, once.
        if outcome == SloOutcome::Invalid && run.verdict == "INVALID" {
            continue;
        }
        let slos = summary.slos.iter().filter(|slo| slo.outcome == outcome);
        all.extend(slos.map(|slo| {
            let word = phrase::outcome(outcome);
            let text = format!("{word}: {}: {}", phrase::objective(slo), slo.reason);
            (level, text)
        }));
    }
    let hidden = all.len().saturating_sub(MOST);
    if hidden > 0 {
        all.truncate(MOST - 1);
        all.push((
            "warning",
            format!("and {} more objectives, see the report", hidden + 1),
        ));
    }
    let line =
        |(level, text): &(&str, String)| format!("::{level} title=katydid::{}\n", escape(text));
    let lines: Vec<String> = all.iter().map(line).collect();
    lines.concat()
}

/// The text of a command, as the runner reads it back.
fn escape(text: &str) -> String {
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    clean(&text)
}

/// A text of which no line is a command to the runner, whatever the target or the script put into it.
pub fn inert(text: &str) -> String {
    let line = |line: &str| {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        match bare.strip_prefix("::") {
            Some(rest) => format!("{indent}: :{rest}"),
            None => line.to_owned(),
        }
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n").replace("##[", "## [")
}
