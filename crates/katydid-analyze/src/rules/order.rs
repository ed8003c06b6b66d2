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
    ("row_lock", "inline_work"),
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

/// Causes that are statements: where the database does nothing, they explain nothing.
const OF_STATEMENTS: [&str; 4] = ["missing_index", "n_plus_one", "slow_statement", "stampede"];

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
    // What explains a cause is listed itself, with all that follows.
    let root = |of: usize| {
        let mut at = of;
        for _ in 0..found.len() {
            at = explained[at].unwrap_or(at);
        }
        (at != of).then_some(at)
    };
    let consequences: Vec<(usize, String)> = (0..found.len())
        .filter_map(|of| Some((root(of)?, said(&found[of]))))
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
        let is_apart = one.is_not_of_statements && OF_STATEMENTS.contains(&cause.rule.as_str());
        let is_other_work = one.rule == "inline_work" && !cause.is_held_meanwhile;
        // What is less sure explains nothing that is surer.
        explains && shares && !is_apart && !is_other_work && cause.confidence >= one.confidence
    };
    (0..found.len()).find(|other| *other != of && is_cause(&found[*other]))
}

fn said(finding: &Finding) -> String {
    format!("{}: {}", finding.title, finding.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: &str) -> Finding {
        Finding {
            rule: rule.into(),
            title: rule.into(),
            confidence: Confidence::Strong,
            ..Finding::default()
        }
    }

    #[test]
    fn what_follows_from_a_consequence_is_listed_under_the_cause() {
        let all = ordered(vec![of("pool"), of("slow_statement"), of("cache_none")]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].rule, "cache_none");
        assert_eq!(all[0].consequences, ["pool: ", "slow_statement: "]);
    }

    #[test]
    fn heavy_work_is_told_with_the_lock_that_is_held_meanwhile() {
        let at = |rule: &str, endpoint: &str, is_held_meanwhile| Finding {
            about: format!("{rule} at {endpoint}"),
            endpoints: vec![endpoint.into()],
            is_held_meanwhile,
            ..of(rule)
        };
        let rules = |lock: Finding, endpoint: &str| -> Vec<String> {
            let all = ordered(vec![lock, at("inline_work", endpoint, false)]);
            all.into_iter().map(|of| of.rule).collect()
        };
        let held = || at("row_lock", "POST /orders", true);
        assert_eq!(rules(held(), "POST /orders"), ["row_lock"]);
        assert_eq!(rules(held(), "POST /pdf"), ["inline_work", "row_lock"]);
        let of_statements = at("row_lock", "POST /orders", false);
        assert_eq!(
            rules(of_statements, "POST /orders"),
            ["inline_work", "row_lock"]
        );
    }

    #[test]
    fn where_no_statement_runs_none_explains() {
        let pool = Finding {
            is_not_of_statements: true,
            ..of("pool")
        };
        let all = ordered(vec![pool, of("slow_statement"), of("cache_none")]);
        let rules: Vec<&str> = all.iter().map(|of| of.rule.as_str()).collect();
        assert_eq!(rules, ["cache_none", "pool"]);
    }
}
