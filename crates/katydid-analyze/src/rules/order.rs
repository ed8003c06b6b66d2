//! In which order findings are told, and which of them explain others.

use katydid_record::{Confidence, Finding};

/// What of one rule explains what another says of the same statement or endpoint: the first is the cause.
const EXPLAINS: &[(&str, &str)] = &[
    ("missing_index", "slow_statement"),
    ("n_plus_one", "slow_statement"),
    ("row_lock", "slow_statement"),
    ("connection_held", "row_lock"),
    ("connection_held", "slow_statement"),
    ("event_loop", "workers"),
    ("slow_downstream", "workers"),
    ("row_lock", "workers"),
    ("connection_held", "workers"),
    ("pool", "workers"),
    ("missing_index", "workers"),
    ("n_plus_one", "workers"),
    ("slow_statement", "workers"),
    ("inline_work", "workers"),
    ("missing_index", "pool"),
    ("n_plus_one", "pool"),
    ("slow_statement", "pool"),
    ("row_lock", "pool"),
    ("connection_held", "pool"),
    ("missing_index", "cache_none"),
    ("cache_none", "slow_statement"),
    ("stampede", "slow_statement"),
    ("stampede", "pool"),
    ("stampede", "cpu"),
    ("cache_none", "cpu"),
    ("inline_work", "cpu"),
    ("slow_statement", "cpu"),
    ("missing_index", "cpu"),
    ("n_plus_one", "cpu"),
];

/// Causes first, what costs most before what costs less; consequences under their cause.
pub fn ordered(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| {
        let share = |finding: &Finding| finding.cost.map_or(0.0, |cost| cost.share);
        let is_sure = |finding: &Finding| finding.confidence > Confidence::Suspected;
        (is_sure(b), share(b))
            .partial_cmp(&(is_sure(a), share(a)))
            .unwrap_or(std::cmp::Ordering::Equal)
            .then_with(|| (&a.rule, &a.about).cmp(&(&b.rule, &b.about)))
    });
    let explained: Vec<Option<usize>> = (0..found.len()).map(|of| cause_of(&found, of)).collect();
    let consequences: Vec<(usize, String)> = explained
        .iter()
        .enumerate()
        .filter_map(|(of, cause)| Some(((*cause)?, said(&found[of]))))
        .collect();
    for (cause, text) in consequences {
        found[cause].consequences.push(text);
    }
    let mut causes = explained.into_iter().map(|cause| cause.is_none());
    found.retain(|_| causes.next().unwrap_or(true));
    found
}

/// The finding that explains another one: of the same statement, or of an endpoint that it names; where it names none, of any.
fn cause_of(found: &[Finding], of: usize) -> Option<usize> {
    let one = &found[of];
    let is_cause = |cause: &Finding| {
        let explains = EXPLAINS.contains(&(cause.rule.as_str(), one.rule.as_str()));
        let shares = cause.about == one.about
            || one.endpoints.is_empty()
            || cause.endpoints.is_empty()
            || one
                .endpoints
                .iter()
                .any(|name| cause.endpoints.contains(name));
        // What is less sure explains nothing that is surer.
        explains && shares && cause.confidence >= one.confidence
    };
    (0..found.len()).find(|other| *other != of && is_cause(&found[*other]))
}

fn said(finding: &Finding) -> String {
    format!("{}: {}", finding.title, finding.what)
}
