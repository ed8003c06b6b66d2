//! Why it is slow: rules over the timeline, and the order of what they find.
//!
//! A rule has a file of its own and a row in [`RULES`]. It is a pure function from a [`Case`] to findings, and knows no other rule; what
//! explains what is said in one place, [`order`]. All thresholds are in [`limits`].

mod case;
mod connection_held;
mod cpu;
mod limits;
mod memory_leak;
mod missing_index;
mod n_plus_one;
mod order;
mod plan;
mod queue_backlog;
mod row_lock;
mod slow_downstream;
mod slow_statement;
#[cfg(test)]
mod tests;
mod words;

use katydid_record::finding::{FINDINGS_VERSION, NotObserved, RuledOut};
use katydid_record::{Confidence, Finding, Findings, Plan, Timeline};

use case::Case;

/// A kind of cause.
pub struct Rule {
    /// Of its page, and in `findings.json`.
    pub name: &'static str,
    /// For a reader.
    pub title: &'static str,
    /// It rests on what the target counts of itself, which is right whether or not the generator kept up.
    of_target: bool,
    judge: fn(&Case<'_>) -> Judged,
}

/// What a rule says of a run.
enum Judged {
    /// The causes that it sees.
    Found(Vec<Finding>),
    /// It is not so; why.
    Clear(String),
    /// It could not be told: what was missing, and what opens it.
    Blind(String, String),
    /// Nothing is to be said: the run gave no occasion.
    Silent,
}

/// All rules.
pub const RULES: &[Rule] = &[
    n_plus_one::RULE,
    missing_index::RULE,
    slow_statement::RULE,
    row_lock::RULE,
    connection_held::RULE,
    slow_downstream::RULE,
    queue_backlog::RULE,
    memory_leak::RULE,
    cpu::RULE,
];

/// What the rules say of a run.
pub fn findings(timeline: &Timeline, plan: &Plan, valid: bool) -> Findings {
    let mut all = Findings {
        version: FINDINGS_VERSION,
        ..Findings::default()
    };
    let case = Case::new(timeline, plan);
    let mut found = Vec::new();
    for rule in RULES {
        match (rule.judge)(&case) {
            Judged::Found(several) => found.extend(several.into_iter().map(|finding| Finding {
                rule: rule.name.to_owned(),
                // The generator was the limit: the times that it measured say little of the target.
                confidence: if valid || rule.of_target {
                    finding.confidence
                } else {
                    Confidence::Suspected
                },
                title: match finding.title {
                    title if title.is_empty() => rule.title.to_owned(),
                    title => title,
                },
                ..finding
            })),
            Judged::Clear(why) => all.ruled_out.push(RuledOut {
                rule: rule.name.to_owned(),
                title: rule.title.to_owned(),
                why,
            }),
            Judged::Blind(what, remedy) => {
                let blind = NotObserved { what, remedy };
                if !all.not_observed.contains(&blind) {
                    all.not_observed.push(blind);
                }
            }
            Judged::Silent => {}
        }
    }
    let found = order::ordered(found);
    let (suspected, strong): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|finding| finding.confidence == Confidence::Suspected);
    (all.findings, all.suspected) = (strong, suspected);
    all
}

fn no_spans() -> Judged {
    Judged::Blind(
        "calls per request: no spans of the target came".into(),
        "run with --trace, and have the target send spans (docs/watching.md)".into(),
    )
}

fn no_database() -> Judged {
    Judged::Blind(
        "the database: none was watched".into(),
        "--watch env:DATABASE_URL".into(),
    )
}

fn no_statements() -> Judged {
    Judged::Blind(
        "statements of the database".into(),
        "katydid doctor says what is missing".into(),
    )
}
