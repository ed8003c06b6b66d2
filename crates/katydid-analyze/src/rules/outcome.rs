//! What experiments say of the findings that they were made for.

use std::fmt::Write as _;

use katydid_record::finding::{Evidence, RuledOut};
use katydid_record::probe::{ExperimentSummary, Measured, Tested};
use katydid_record::{Confidence, Finding};

use super::limits;
use super::words::{evidence, figures};
use crate::numbers::median;

/// What an experiment showed.
enum Outcome {
    Confirmed,
    Refuted,
    /// Neither; why.
    Unclear(&'static str),
}

/// Findings as experiments leave them, and those that they have ruled out.
pub fn judged(
    found: Vec<Finding>,
    experiments: &[ExperimentSummary],
) -> (Vec<Finding>, Vec<RuledOut>) {
    let mut ruled_out = Vec::new();
    let judge = |finding: Finding| {
        let made_for = |of: &&ExperimentSummary| Some(&of.change) == finding.change.as_ref();
        match experiments.iter().find(made_for) {
            Some(experiment) => by_experiment(finding, experiment)
                .map_err(|out| ruled_out.push(out))
                .ok(),
            None => Some(proposed(finding)),
        }
    };
    let left = found.into_iter().filter_map(judge).collect();
    (left, ruled_out)
}

/// Says that it could be tried.
fn proposed(mut finding: Finding) -> Finding {
    if let Some(change) = &finding.change {
        let how = format!(
            "; --experiment {} tries it, where the database may be changed",
            change.name
        );
        finding.check += &how;
    }
    finding
}

fn by_experiment(mut finding: Finding, made: &ExperimentSummary) -> Result<Finding, RuledOut> {
    if !made.undone {
        let left = "katydid's index katydid_experiment could not be dropped: it is still there";
        finding.consequences.push(left.to_owned());
    }
    let is_its = |of: &&Tested| finding.endpoints.contains(&of.endpoint);
    let tested: Vec<&Tested> = made.endpoints.iter().filter(is_its).collect();
    let Some(shown) = shown(&tested) else {
        let _ = write!(finding.basis, "; experiment not made: {}", made.problem);
        return Ok(finding);
    };
    let numbers = numbers(shown);
    match outcome(&tested, &made.problem) {
        Outcome::Confirmed => {
            finding.confidence = Confidence::Confirmed;
            finding.basis = format!("built and dropped again: {numbers}; {}", finding.basis);
        }
        Outcome::Refuted => {
            return Err(RuledOut {
                rule: finding.rule,
                title: finding.title,
                why: format!("{} was built and changed nothing: {numbers}", finding.about),
            });
        }
        Outcome::Unclear(why) => {
            let _ = write!(finding.basis, "; experiment unclear ({why}): {numbers}");
        }
    }
    let evidence = all_evidence(made, &tested);
    finding.evidence.extend(evidence);
    Ok(finding)
}

/// Of the endpoints that it was made for: others were only asked beside them.
fn outcome(of: &[&Tested], problem: &str) -> Outcome {
    let whole: Vec<&&Tested> = of.iter().filter(|of| is_whole(of)).collect();
    if whole.is_empty() {
        let is_over = problem.is_empty();
        return Outcome::Unclear(if is_over {
            "too few requests"
        } else {
            "it did not come to its end"
        });
    }
    if whole.iter().any(|of| takes_less(of) && reads_less(of)) {
        return Outcome::Confirmed;
    }
    let reads_much = |of: &&&&Tested| {
        of.without
            .iter()
            .all(|part| part.blocks >= limits::SCAN_BLOCKS)
    };
    let read: Vec<&&&Tested> = whole.iter().filter(reads_much).collect();
    if read.is_empty() {
        // A cache answers, or the parameters have changed.
        return Outcome::Unclear("its requests did not read as those of the probe did");
    }
    if read.iter().all(|of| !reads_less(of)) {
        return Outcome::Refuted;
    }
    Outcome::Unclear("fewer blocks, but not less time")
}

/// Each time with the change it took less than each time without: by chance this is so in one of 20 experiments of three and three parts.
fn takes_less(of: &Tested) -> bool {
    let most = |parts: &[Measured]| parts.iter().map(|of| of.ms).fold(0.0, f64::max);
    let least = |parts: &[Measured]| parts.iter().map(|of| of.ms).fold(f64::INFINITY, f64::min);
    let ms = |parts: &[Measured]| middle(parts, |of| of.ms);
    most(&of.with) < least(&of.without) && ms(&of.with) <= limits::LESS_TIME * ms(&of.without)
}

fn is_whole(of: &Tested) -> bool {
    [&of.with, &of.without].iter().all(|parts| {
        parts.len() >= limits::PARTS && parts.iter().all(|of| of.requests >= limits::PART_REQUESTS)
    })
}

fn reads_less(of: &Tested) -> bool {
    blocks(&of.without) - blocks(&of.with) >= limits::FEWER_BLOCKS
}

fn blocks(parts: &[Measured]) -> f64 {
    middle(parts, |of| of.blocks)
}

fn middle(parts: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    median(parts.iter().map(of).collect()).unwrap_or_default()
}

/// The endpoint that gained most, or lost least; none where nothing could be compared.
fn shown<'t>(tested: &[&'t Tested]) -> Option<&'t Tested> {
    let both = tested
        .iter()
        .copied()
        .filter(|of| !of.with.is_empty() && !of.without.is_empty());
    let left = |of: &Tested| middle(&of.with, |of| of.ms) / middle(&of.without, |of| of.ms);
    both.min_by(|a, b| left(a).total_cmp(&left(b)))
}

fn numbers(of: &Tested) -> String {
    format!(
        "{} alone {} → {} ms, {} → {} blocks",
        of.endpoint,
        figures(middle(&of.without, |of| of.ms)),
        figures(middle(&of.with, |of| of.ms)),
        figures(blocks(&of.without)),
        figures(blocks(&of.with)),
    )
}

fn all_evidence(made: &ExperimentSummary, tested: &[&Tested]) -> Vec<Evidence> {
    let mut all = Vec::new();
    for of in tested {
        for (parts, how) in [(&of.without, "without"), (&of.with, "with")] {
            let title = |what: &str| format!("{} alone, {how} the index: {what}", of.endpoint);
            let one =
                |what: &str, value, unit| evidence("experiment", title(what), value, unit, None);
            all.push(one("time", middle(parts, |of| of.ms), "ms"));
            all.push(one(
                "in the database",
                middle(parts, |of| of.database_ms),
                "ms",
            ));
            all.push(one("blocks", blocks(parts), ""));
        }
    }
    if let Some(bytes) = made.bytes {
        let mib = bytes / f64::from(1 << 20);
        all.push(evidence(
            "experiment",
            "size of the index",
            mib,
            "MiB",
            None,
        ));
    }
    if let Some(seconds) = made.took_s {
        all.push(evidence("experiment", "to build it", seconds, "s", None));
    }
    all
}
