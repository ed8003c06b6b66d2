//! Why it is slow: rules over the timeline, and the order of what they find.
//!
//! A rule has a file of its own and a row in [`RULES`]. It is a pure function from a [`Case`] to findings, and knows no other rule; what
//! explains what is said in one place, [`order`]. All thresholds are in [`limits`].

mod cache_misses;
mod cache_no_ttl;
mod cache_none;
mod cache_tenant;
mod case;
mod connection_held;
mod cpu;
mod event_loop;
mod inline_work;
mod limits;
mod memory_leak;
mod missing_index;
mod n_plus_one;
mod order;
mod outcome;
mod pool;
mod queue_backlog;
mod rate_limit;
mod row_lock;
mod slow_downstream;
mod slow_statement;
mod split;
mod stampede;
#[cfg(test)]
mod tests;
mod words;
mod workers;

use katydid_record::finding::{FINDINGS_VERSION, NotObserved, RuledOut};
use katydid_record::probe::ProbeSummary;
use katydid_record::summary::{LittleSummary, SplitSummary};
use katydid_record::{Confidence, Finding, Findings, Timeline};

use case::{Case, EndpointCase};

/// A kind of cause.
pub struct Rule {
    /// Of its page, and in `findings.json`.
    pub name: &'static str,
    /// For a reader.
    pub title: &'static str,
    /// It rests on what the target counts of itself, which is right whether or not the generator kept up.
    of_target: bool,
    /// It can be seen while one request is made at a time.
    alone: bool,
    /// Without it nothing is told.
    needs: Option<Need>,
    judge: fn(&Case<'_>) -> Judged,
}

/// What a rule draws on.
#[derive(Clone, Copy)]
enum Need {
    /// Which calls an endpoint makes.
    Calls,
    /// What only a probe can say.
    Probe,
    /// How long they took, one by one.
    Spans,
    Database,
    Statements,
}

/// What a rule says of a run.
enum Judged {
    /// The causes that it sees.
    Found(Vec<Finding>),
    /// It is not so; why.
    Clear(String),
    /// It could not be told: what was missing, and what opens it.
    Blind(NotObserved),
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
    event_loop::RULE,
    inline_work::RULE,
    workers::RULE,
    pool::RULE,
    cache_none::RULE,
    cache_misses::RULE,
    cache_no_ttl::RULE,
    cache_tenant::RULE,
    stampede::RULE,
    rate_limit::RULE,
    queue_backlog::RULE,
    memory_leak::RULE,
    cpu::RULE,
];

/// What the rules say of a run, and the numbers that stand beside them.
pub struct Diagnosis {
    /// Causes.
    pub findings: Findings,
    /// Where the time of each endpoint goes.
    pub splits: Vec<SplitSummary>,
    /// Whether what was counted fits together.
    pub little: Vec<LittleSummary>,
}

/// Looks at a run, of which a probe has said this; `valid`: the generator was not its limit.
pub fn diagnose<'a>(
    timeline: &'a Timeline,
    probe: Option<&'a ProbeSummary>,
    valid: bool,
) -> Diagnosis {
    let case = Case::new(timeline, probe);
    Diagnosis {
        findings: findings(&case, valid),
        splits: split::splits(&case),
        little: split::little(&case),
    }
}

fn findings(case: &Case<'_>, valid: bool) -> Findings {
    let mut all = Findings {
        version: FINDINGS_VERSION,
        ..Findings::default()
    };
    let mut found = Vec::new();
    let is_probe = case.is_probe();
    for rule in RULES.iter().filter(|rule| rule.alone || !is_probe) {
        let missing = rule.needs.and_then(|need| need.missing(case));
        let judged = missing.map_or_else(|| (rule.judge)(case), Judged::Blind);
        match judged {
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
            Judged::Blind(blind) => {
                if !all.not_observed.contains(&blind) {
                    all.not_observed.push(blind);
                }
            }
            Judged::Silent => {}
        }
    }
    let (found, refuted) = outcome::judged(found, case.experiments);
    all.ruled_out.extend(refuted);
    let found = order::ordered(found);
    let (suspected, strong): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|finding| finding.confidence == Confidence::Suspected);
    (all.findings, all.suspected) = (strong, suspected);
    all
}

impl Need {
    /// What is missing, and what opens it.
    fn missing(self, case: &Case<'_>) -> Option<NotObserved> {
        // A probe has no spans: what it lacks is the database.
        let need = match self {
            Self::Calls if case.is_probe() => Self::Statements,
            other => other,
        };
        let (is_there, what, remedy) = match need {
            Self::Calls => (
                case.endpoints.iter().any(EndpointCase::has_calls),
                "calls per request: there was no probe, and no spans of the target came",
                "run with --probe, or with --trace and have the target send spans (docs/watching.md)",
            ),
            Self::Probe => (
                case.endpoints.iter().any(|of| of.probed.is_some()),
                "what equal requests of one and of several users get: there was no probe",
                "run with --probe (docs/probe.md)",
            ),
            Self::Spans => (
                case.endpoints.iter().any(EndpointCase::is_traced),
                "how long each call took: no spans of the target came",
                "run with --trace, and have the target send spans (docs/watching.md)",
            ),
            Self::Statements if !case.databases.is_empty() => (
                case.databases
                    .iter()
                    .any(|database| !database.statements.is_empty()),
                "statements of the database",
                "katydid doctor says what is missing",
            ),
            Self::Database | Self::Statements => (
                !case.databases.is_empty(),
                "the database: none was watched",
                "--watch env:DATABASE_URL",
            ),
        };
        (!is_there).then(|| not_observed(what, remedy))
    }
}

fn not_observed(what: impl Into<String>, remedy: &str) -> NotObserved {
    NotObserved {
        what: what.into(),
        remedy: remedy.to_owned(),
    }
}

/// Connections, workers or what else a request has one of, that are enough: what is under way would need one each; how much of it there is when nothing
/// waits is not known, so no more than four times what is busy is counted. Twice the square root of it is to spare, as arrivals come in bunches.
fn enough(busy: f64, under_way: f64) -> f64 {
    let needed = under_way.min(4.0 * busy).max(busy);
    (needed + 2.0 * needed.sqrt()).ceil()
}

/// Strong where a second source says it too; and the names of the sources.
fn sure(is_agreed: bool, both: &str, one: &str) -> (Confidence, String) {
    let basis = if is_agreed { both } else { one };
    (strong_if(is_agreed), basis.to_owned())
}

fn strong_if(is_sure: bool) -> Confidence {
    if is_sure {
        Confidence::Strong
    } else {
        Confidence::Suspected
    }
}
