//! `katydid compare [BEFORE] AFTER`: what changed between two runs, between runs of two tags, or in the pairs of a validation.

use std::path::{Path, PathBuf};

use katydid_analyze::compare::{self, MARGIN, Measured, Primary, Question};
use katydid_analyze::exit_code;
use katydid_record::Comparison;
use katydid_record::comparison::{Design, Measure};
use katydid_record::writer::write_whole;
use katydid_report::{
    Curves, RunCurve, comparison_html, json, junit_comparison, markdown_comparison, text,
};

use super::pairs::{self, PairSet};
use super::{find, recorded, tags};
use crate::cli::CompareOptions;
use crate::error::{EXIT_USAGE, UsageError};
use crate::run_dir::RUNS;
use crate::session::outputs::{printed_or_written, style, write_file};

/// Prints what changed and gives the exit code: 99 if something got worse, 3 if nothing can be said because runs are invalid.
pub fn compare(options: &CompareOptions, cwd: &Path) -> anyhow::Result<i32> {
    let (set, dir) = match &options.after {
        None if pairs::is_set(&cwd.join(&options.before)) => {
            let dir = cwd.join(&options.before);
            (Some(PairSet::read(&dir)?), Some(dir))
        }
        _ => (None, None),
    };
    let wished = options.on.as_deref().map(on).transpose()?;
    let compared = match (set, &dir) {
        (Some(_), _) if options.baseline.is_some() => {
            return Err(
                UsageError::new("a validation has both sides in it: leave out --baseline").into(),
            );
        }
        (Some(mut set), Some(dir)) => {
            set.margin = options.margin.unwrap_or(set.margin);
            of_set(&set, dir, wished)?
        }
        _ => of_two(options, wished, cwd)?,
    };
    Ok(tell(&compared, &options.files, None, options.strict))
}

/// A comparison, and what it was made from, over time.
pub struct Compared {
    /// What changed.
    pub told: Comparison,
    curves: Curves,
    /// Fewer pairs were made than were to be.
    is_short: bool,
}

/// Files that a comparison is written to besides.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Write the page that shows both sides over each other
    #[arg(long, value_name = "FILE")]
    pub html: Option<String>,
    /// Write the comparison as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub summary: Option<String>,
    /// Write JUnit XML, for a pipeline's page of tests
    #[arg(long, value_name = "FILE")]
    pub junit: Option<String>,
    /// Write the verdict and its table as Markdown, for a pull request; - is standard output
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<String>,
}

/// Writes it everywhere; gives the exit code. In `dir`, the folder of a set, it is kept too.
pub fn tell(compared: &Compared, files: &Files, dir: Option<&Path>, strict: bool) -> i32 {
    let told = &compared.told;
    let mut problems: Vec<String> = Vec::new();
    let mut keep = |result: Result<(), String>| problems.extend(result.err());
    let whole = json::comparison_json(told);
    keep(printed_or_written(files.summary.as_deref(), || {
        whole.clone()
    }));
    keep(printed_or_written(files.markdown.as_deref(), || {
        markdown_comparison(told)
    }));
    if let Some(path) = &files.junit {
        keep(write_file(path, junit_comparison(told).as_bytes()));
    }
    if files.html.is_some() || dir.is_some() {
        let page = comparison_html(told, &compared.curves);
        if let Some(path) = &files.html {
            keep(write_file(path, page.as_bytes()));
        }
        if let Some(dir) = dir {
            for (name, content) in [("comparison.json", &whole), ("report.html", &page)] {
                let written = write_whole(&dir.join(name), content.as_bytes());
                keep(written.map_err(|error| error.to_string()));
            }
        }
    }
    let taken = [&files.summary, &files.markdown]
        .iter()
        .any(|file| file.as_deref() == Some("-"));
    let shown = text::comparison(told, &style(taken, dir));
    if taken {
        eprint!("{shown}");
    } else {
        super::say(&shown);
    }
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if !problems.is_empty() {
        return EXIT_USAGE;
    }
    match told.verdict.as_str() {
        "INCONCLUSIVE" | "SINGLE RUN" if strict => exit_code::INVALID,
        _ if compared.is_short && told.exit_code == 0 => exit_code::INVALID,
        _ => told.exit_code,
    }
}

/// The pairs of a set that are complete.
pub fn of_set(set: &PairSet, dir: &Path, wished: Option<Primary>) -> Result<Compared, UsageError> {
    let mut sides: [Vec<Measured>; 2] = [Vec::new(), Vec::new()];
    for pair in &set.pairs {
        for (side, name) in sides.iter_mut().zip(pair) {
            side.push(measured(&dir.join(name)).unwrap_or_else(|error| Measured {
                id: name.clone(),
                why_not: Some(format!("its record cannot be read: {error}")),
                ..Measured::default()
            }));
        }
    }
    if sides[0].is_empty() {
        return Err(UsageError::new(format!(
            "{} has no whole pair yet",
            dir.display()
        )));
    }
    let planned = set.on.as_deref().map(on).transpose()?;
    let asked = |primary| Question {
        design: Design::Pairs,
        labels: set.labels.clone(),
        primary,
        margin: set.margin,
    };
    let [before, after] = sides;
    let mut all = match (wished, planned) {
        (Some(wished), _) => told(&before, &after, &asked(Some(wished)))?,
        (None, planned) => told(&before, &after, &asked(planned)).or_else(|error| {
            // The runs are made: what they say is not lost because of what was hoped for.
            let mut all = told(&before, &after, &asked(None))?;
            all.told.notes.insert(0, format!("{error}."));
            Ok::<_, UsageError>(all)
        })?,
    };
    all.is_short = set.pairs.len() < set.planned;
    if all.is_short {
        let note = format!("{} of {} pairs were made.", set.pairs.len(), set.planned);
        all.told.notes.insert(0, note);
    }
    Ok(all)
}

fn of_two(
    options: &CompareOptions,
    primary: Option<Primary>,
    cwd: &Path,
) -> Result<Compared, UsageError> {
    let (before, after) = match &options.after {
        Some(after) => (options.before.as_str(), after.as_str()),
        None => (
            options.baseline.as_deref().unwrap_or(tags::BASELINE),
            options.before.as_str(),
        ),
    };
    let is_baseline = options.after.is_none();
    let sides = [side(before, cwd, is_baseline)?, side(after, cwd, false)?];
    // What is new is no part of what it is measured by.
    let [mut old, new] = sides;
    if old.len() > 1 {
        let whole = |dir: &PathBuf| dir.canonicalize().unwrap_or_else(|_| dir.clone());
        let new: Vec<PathBuf> = new.iter().map(whole).collect();
        old.retain(|dir| !new.contains(&whole(dir)));
    }
    if old.is_empty() {
        return Err(UsageError::new(format!(
            "there is nothing but '{after}' to compare it with"
        )));
    }
    let [old, new] = [old, new].map(|dirs| -> Result<Vec<Measured>, UsageError> {
        dirs.iter().map(|dir| measured(dir)).collect()
    });
    let (old, new) = (old?, new?);
    let asked = Question {
        design: if old.len().max(new.len()) > 1 {
            Design::Groups
        } else {
            Design::Single
        },
        labels: [before.to_owned(), after.to_owned()],
        primary,
        margin: options.margin.unwrap_or(MARGIN),
    };
    told(&old, &new, &asked)
}

fn told(before: &[Measured], after: &[Measured], asked: &Question) -> Result<Compared, UsageError> {
    let told = compare::compare(before, after, asked);
    let curve = |run: &Measured| RunCurve {
        id: run.id.clone(),
        t_s: run.curve.t_s.clone(),
        p95: run.curve.p95.clone(),
        rps: run.curve.rps.clone(),
    };
    Ok(Compared {
        told: told.map_err(|error| UsageError::new(error.to_string()))?,
        curves: Curves {
            before: before.iter().map(curve).collect(),
            after: after.iter().map(curve).collect(),
        },
        is_short: false,
    })
}

/// Refuses if no run is pinned as the baseline.
pub fn require_baseline() -> Result<(), UsageError> {
    side(tags::BASELINE, &super::cwd(), true).map(|_| ())
}

/// The folders of the runs that a word means: a run, or all with that tag.
fn side(word: &str, cwd: &Path, is_baseline: bool) -> Result<Vec<PathBuf>, UsageError> {
    let known = recorded::folders(&cwd.join(RUNS)).unwrap_or_default();
    let tagged: Vec<PathBuf> = known
        .into_iter()
        .filter(|dir| tags::of(dir).contains(word))
        .collect();
    match find::find(word, cwd) {
        _ if !tagged.is_empty() => Ok(tagged),
        Ok(dir) => Ok(vec![dir]),
        Err(_) if is_baseline => Err(UsageError::new(format!(
            "no run is tagged '{word}': pin one with katydid runs --pin RUN, or name two runs: katydid compare BEFORE AFTER"
        ))),
        Err(error) => Err(error),
    }
}

fn measured(dir: &Path) -> Result<Measured, UsageError> {
    let run = recorded::open(dir).map_err(|error| UsageError::new(error.to_string()))?;
    Ok(Measured::of(&run.manifest, &run.timeline, &run.summary))
}

/// `GET /dashboard`, `p99 of GET /dashboard in hold`, `GET /dashboard p99`, `p99`.
pub fn on(text: &str) -> Result<Primary, UsageError> {
    let (rest, phase) = match text.rsplit_once(" in ") {
        Some((rest, phase)) if !phase.contains('/') => (rest, Some(phase.to_owned())),
        _ => (text, None),
    };
    let measures = [
        ("p50", Measure::P50),
        ("p95", Measure::P95),
        ("p99", Measure::P99),
    ];
    let words: Vec<&str> = rest.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| measures.iter().any(|(name, _)| name == word));
    let measure = at.and_then(|at| measures.iter().find(|(name, _)| *name == words[at]));
    let endpoint: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(i, word)| Some(*i) != at && !(Some(*i) == at.map(|at| at + 1) && **word == "of"))
        .map(|(_, word)| *word)
        .collect();
    let endpoint = endpoint.join(" ");
    if endpoint.is_empty() && at.is_none() {
        return Err(UsageError::new(format!(
            "--on '{text}': write an endpoint, a percentile or both: 'GET /dashboard', 'p99', 'GET /dashboard p99 in hold'"
        )));
    }
    Ok(Primary {
        endpoint: (!endpoint.is_empty()).then_some(endpoint),
        measure: measure.map_or(Measure::P95, |(_, measure)| *measure),
        phase,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_have_changed() {
        let check = |text: &str, endpoint: Option<&str>, measure, phase: Option<&str>| {
            let expected = Primary {
                endpoint: endpoint.map(str::to_owned),
                measure,
                phase: phase.map(str::to_owned),
            };
            assert_eq!(on(text), Ok(expected), "{text}");
        };
        check("GET /dashboard", Some("GET /dashboard"), Measure::P95, None);
        check(
            "p99 of GET /a in hold",
            Some("GET /a"),
            Measure::P99,
            Some("hold"),
        );
        check("GET /a p50", Some("GET /a"), Measure::P50, None);
        check("p99", None, Measure::P99, None);
        check(
            "GET /a in hold 2",
            Some("GET /a"),
            Measure::P95,
            Some("hold 2"),
        );
        check("list of items", Some("list of items"), Measure::P95, None);
        assert!(on("").is_err());
    }
}
