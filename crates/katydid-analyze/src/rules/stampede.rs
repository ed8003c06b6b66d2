//! # Cache stampede
//!
//! **Symptom.** Every so often many requests are slow at once, as often as something expires.
//!
//! **Evidence.** A probe, which asks one by one, sees a statement that runs only now and then, for what is cached. Under load it runs three times as often
//! and more, though it asks for nobody's rows in particular, so that there is one value to compute; and it takes 20 ms and more. What the cache
//! counts is beside it.
//!
//! **Cause.** When a popular value expires, all who ask for it find nothing and compute it, side by side.
//!
//! **Fix.** Let one compute it: a lock beside the key (`SET key:lock … NX PX`), while others wait or get the old value. Spread the times to live by a tenth or two.
//!
//! **False alarms.** Values under many keys are computed once for each: where a statement asks for a tenant's or user's rows, nothing is said.

use katydid_record::finding::Evidence;
use katydid_record::probe::ProbedEver;
use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::cache_tenant::owner;
use super::case::{Case, Database, EndpointCase, Statement, grown};
use super::words::{evidence, figures, fix, statement};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "stampede",
    title: "Cache stampede",
    of_target: true,
    alone: false,
    needs: Some(Need::Probe),
    judge,
};

/// A statement behind a cache.
struct Behind<'c> {
    database: &'c Database<'c>,
    of: &'c Statement<'c>,
    endpoint: &'c EndpointCase,
    /// Runs per second under load.
    under_load: f64,
    /// Runs per second when asked one by one.
    one_by_one: f64,
}

fn judge(case: &Case<'_>) -> Judged {
    let mut all: Vec<Behind<'_>> = case
        .endpoints
        .iter()
        .flat_map(|endpoint| behind(case, endpoint))
        .collect();
    all.sort_by(|a, b| b.of.seconds.total_cmp(&a.of.seconds));
    let found: Vec<Finding> = all
        .iter()
        .filter(|of| of.under_load >= limits::STAMPEDE * of.one_by_one)
        .map(|of| finding(case, of))
        .collect();
    match (found.is_empty(), all.first()) {
        (false, _) => Judged::Found(found),
        (true, Some(first)) => Judged::Clear(format!(
            "what is cached is computed {} times per second, {} when asked one by one",
            figures(first.under_load),
            figures(first.one_by_one)
        )),
        (true, None) => Judged::Silent,
    }
}

/// Statements that an endpoint runs now and then, for what it keeps in a cache.
fn behind<'c>(case: &'c Case<'_>, endpoint: &'c EndpointCase) -> Vec<Behind<'c>> {
    let Some(probed) = endpoint.probed.as_ref().filter(|of| of.over_s > 0.0) else {
        return Vec::new();
    };
    let is_rare = |of: &&ProbedEver| of.calls <= limits::RARE * probed.requests as f64;
    let shared = probed
        .ever
        .iter()
        .filter(is_rare)
        .filter(|of| owner(&of.text).is_none());
    shared
        .filter_map(|ever| {
            let (database, of) = case.statement(&ever.text)?;
            let is_heavy = of.mean_ms() >= limits::SLOW_MS && of.calls >= limits::STATEMENT_CALLS;
            is_heavy.then(|| Behind {
                database,
                of,
                endpoint,
                under_load: of.calls / case.seconds(),
                one_by_one: ever.calls / probed.over_s,
            })
        })
        .collect()
}

/// What the caches counted: keys that expired, and keys looked for in vain.
fn of_caches(case: &Case<'_>) -> Vec<Evidence> {
    let counted = |cache: &Subject, name: &str, what: &str| {
        let (by, _) = grown(cache, name, &case.whole)?;
        Some(evidence(&cache.watched.title, what, by, "", None))
    };
    case.watched("redis")
        .flat_map(|cache| {
            [
                counted(cache, "keys.expired", "keys that expired"),
                counted(cache, "keyspace.misses", "keys looked for in vain"),
            ]
        })
        .flatten()
        .collect()
}

fn finding(case: &Case<'_>, behind: &Behind<'_>) -> Finding {
    let Behind {
        database,
        of,
        endpoint,
        under_load,
        one_by_one,
    } = behind;
    let share = 1.0 - one_by_one / under_load;
    let mut all = vec![
        evidence(
            "probe",
            "runs when asked one by one",
            *one_by_one,
            "/s",
            None,
        ),
        evidence(
            database.title,
            "runs under load",
            *under_load,
            "/s",
            Some(limits::STAMPEDE * one_by_one),
        ),
        evidence(
            database.title,
            "mean of it",
            of.mean_ms(),
            "ms",
            Some(limits::SLOW_MS),
        ),
    ];
    all.extend(of_caches(case));
    Finding {
        confidence: Confidence::Strong,
        basis: "probe + statements".into(),
        endpoints: vec![endpoint.title.clone()],
        about: of.text.to_owned(),
        what: format!(
            "what {} keeps in a cache is computed {} times per second under load, {} when asked one by one: all who find nothing compute it, side by \
             side, {} ms each, by {}",
            endpoint.title,
            figures(*under_load),
            figures(*one_by_one),
            figures(of.mean_ms()),
            statement(of.text)
        ),
        cost: Some(case.cost_in_all(
            endpoint,
            (of.seconds * share * 1e3 / endpoint.requests.max(1) as f64).min(endpoint.mean_ms),
            of.seconds * share,
        )),
        evidence: all,
        advice: "Let one compute the value while the others wait for it or get the old one, and spread the times to live.".into(),
        fixes: vec![
            fix("redis-py", "with client.lock(f\"{key}:lock\", timeout=10): look again, then compute"),
            fix("Redis", "SET key:lock 1 NX PX 10000; who does not get it waits, or takes the old value"),
        ],
        check: format!("the statement should run {} times per second, whatever the load is", figures(*one_by_one)),
        ..Finding::default()
    }
}
