//! # Cache stampede
//!
//! **Symptom.** Every so often many requests are slow at once, as often as something expires.
//!
//! **Evidence.** A probe, which asks one by one, sees a statement that runs only now and then, for what is cached. Under load it runs three
//! times as often and more, though it asks for nobody's rows in particular, so that there is one value to compute; and it takes 20 ms and
//! more. What the cache counts is beside it. It is suspected only, unless the probe saw a GET look for keys in vain about as often as the
//! statement ran, and either nothing in its URL varies, or a request under load runs the statement half as often as one of the probe and
//! less.
//!
//! With `--experiment cold`, on a cache that is declared disposable, what the endpoint keeps there is deleted and 32 requests are made at once, three
//! times. *Confirmed* is it if half of them and more run the statement each time, which takes 20 ms and more alone and hardly ever runs while all is cached; ruled
//! out if one or two do.
//! This needs no load.
//!
//! **Cause.** When a popular value expires, all who ask for it find nothing and compute it, side by side.
//!
//! **Fix.** Let one compute it: a lock beside the key (`SET key:lock … NX PX`), while others wait or get the old value. Spread the times to live by a tenth or two.
//!
//! **False alarms.** A value that a job renews before it expires is never gone, whatever an experiment shows. Values under many keys are
//! computed once for each: where a statement asks for a tenant's or user's rows, nothing is said. A statement that only some requests need
//! (a search for some terms) runs more often under load, too, whatever a cache does: then it is suspected only.

use katydid_record::finding::Evidence;
use katydid_record::probe::{ProbedCold, ProbedEndpoint, ProbedEver, ProbedRuns};
use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::cache_tenant::{owner, varies};
use super::case::{Case, Database, EndpointCase, Statement, grown};
use super::words::{evidence, figures, fix, statement};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "stampede",
    title: "Cache stampede",
    of_target: true,
    alone: true,
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
    /// It is a cache that decides whether it runs.
    is_cached: bool,
}

/// What ran when nothing was cached.
struct Cold<'c> {
    endpoint: &'c EndpointCase,
    of: &'c ProbedCold,
    runs: &'c ProbedRuns,
}

fn judge(case: &Case<'_>) -> Judged {
    let cold = cold(case);
    let (all_compute, one_computes): (Vec<&Cold<'_>>, Vec<&Cold<'_>>) = cold
        .iter()
        .filter(|of| of.all_compute() || of.one_computes())
        .partition(|of| of.all_compute());
    let mut found = match under_load(case) {
        Judged::Found(found) => found,
        // What was tried says more.
        other if all_compute.is_empty() => {
            return match (one_computes.first(), problem(case)) {
                (Some(one), _) => Judged::Clear(one.numbers()),
                (None, Some(problem)) => Judged::Blind(super::not_observed(
                    format!("what many requests at once do where nothing is cached: {problem}"),
                    "",
                )),
                (None, None) => other,
            };
        }
        _ => Vec::new(),
    };
    for of in all_compute {
        let known = found.iter().position(|known| known.about == of.runs.text);
        let place = known.unwrap_or_else(|| {
            found.push(untimed(of));
            found.len() - 1
        });
        confirm(&mut found[place], of);
    }
    Judged::Found(found)
}

/// Why nothing could be deleted, where that was to be tried.
fn problem<'c>(case: &'c Case<'_>) -> Option<&'c str> {
    let probed = case.endpoints.iter().filter_map(|of| of.probed.as_ref());
    let mut tried = probed.filter_map(|of| of.cold.as_ref());
    tried
        .find(|of| !of.problem.is_empty())
        .map(|of| of.problem.as_str())
}

/// Statements that ran when nothing was cached, and are for nobody in particular.
fn cold<'c>(case: &'c Case<'_>) -> Vec<Cold<'c>> {
    let probed = case
        .endpoints
        .iter()
        .filter_map(|endpoint| Some((endpoint, endpoint.probed.as_ref()?.cold.as_ref()?)));
    let tried = probed.filter(|(_, of)| of.bursts >= limits::COLD_BURSTS && of.requests > 2);
    tried
        .flat_map(|(endpoint, of)| of.statements.iter().map(move |runs| (endpoint, of, runs)))
        .filter(|(.., runs)| runs.alone_ms >= limits::SLOW_MS && owner(&runs.text).is_none())
        // What runs with everything cached as well is not what is cached.
        .filter(|(endpoint, _, runs)| {
            let probed = endpoint.probed.iter();
            let mut ever = probed.flat_map(|of| of.ever.iter().map(move |ever| (of, ever)));
            ever.find(|(_, ever)| ever.text == runs.text)
                .is_none_or(|(of, ever)| is_rare(of, ever))
        })
        .map(|(endpoint, of, runs)| Cold { endpoint, of, runs })
        .collect()
}

impl Cold<'_> {
    fn all_compute(&self) -> bool {
        self.runs.least >= limits::COLD_ALL * f64::from(self.of.requests)
    }

    fn one_computes(&self) -> bool {
        self.runs.least >= 1.0 && self.runs.most <= limits::COLD_ONE
    }

    fn numbers(&self) -> String {
        format!(
            "with {} deleted, {} requests of {} at once ran {} {} times",
            self.of.keys.join(", "),
            self.of.requests,
            self.endpoint.title,
            statement(&self.runs.text),
            figures(self.runs.least)
        )
    }
}

/// A stampede that was seen by trying it alone: how often values expire under load is not known.
fn untimed(of: &Cold<'_>) -> Finding {
    Finding {
        endpoints: vec![of.endpoint.title.clone()],
        about: of.runs.text.clone(),
        what: format!(
            "where what {} keeps in a cache is gone, all who ask for it compute it, side by side: {} ms instead of {}, by {}",
            of.endpoint.title,
            figures(of.runs.ms),
            figures(of.runs.alone_ms),
            statement(&of.runs.text)
        ),
        check: "of many requests at once one should run the statement".into(),
        ..advised()
    }
}

fn confirm(finding: &mut Finding, of: &Cold<'_>) {
    finding.confidence = Confidence::Confirmed;
    let numbers = of.numbers();
    finding.basis = match finding.basis.as_str() {
        "" => numbers,
        known => format!("{numbers}; {known}"),
    };
    let one = |what: &str, value: f64, unit: &str, limit| {
        evidence("experiment", what, value, unit, limit)
    };
    let requests = f64::from(of.of.requests);
    finding.evidence.extend([
        one("requests at once, with nothing cached", requests, "", None),
        one(
            "runs of it, the fewest of a burst",
            of.runs.least,
            "",
            Some(limits::COLD_ALL * requests),
        ),
        one("runs of it, the most of a burst", of.runs.most, "", None),
        one("a run alone", of.runs.alone_ms, "ms", Some(limits::SLOW_MS)),
        one("a run among them", of.runs.ms, "ms", None),
        one(
            "the slowest request of a burst",
            of.of.slowest_ms,
            "ms",
            None,
        ),
    ]);
}

/// By what runs under load.
fn under_load(case: &Case<'_>) -> Judged {
    if case.is_probe() {
        return Judged::Silent;
    }
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

/// It runs now and then only.
fn is_rare(of: &ProbedEndpoint, ever: &ProbedEver) -> bool {
    ever.calls <= limits::RARE * of.requests as f64
}

/// Keys were looked for in vain as often as the statement ran, so it runs for want of them; and they are not another one for each request:
/// either the requests are all alike, or the more of them there are, the fewer of them run it. `under_load`: its runs there.
fn is_cached(
    endpoint: &EndpointCase,
    probed: &ProbedEndpoint,
    ever: &ProbedEver,
    under_load: f64,
) -> bool {
    let asked = probed.requests as f64;
    // Misses are told of all requests but the first.
    let misses = probed.misses.unwrap_or(0.0) * asked;
    let is_missed = misses > 0.0 && misses + 1.0 >= ever.calls;
    let per_request = under_load / endpoint.requests.max(1) as f64;
    let is_spared = per_request <= limits::STAMPEDE_SPARED * ever.calls / asked;
    let is_read = endpoint.title.starts_with("GET ");
    is_read && is_missed && (is_spared || !varies(&endpoint.title))
}

/// Statements that an endpoint runs now and then, for what it keeps in a cache.
fn behind<'c>(case: &'c Case<'_>, endpoint: &'c EndpointCase) -> Vec<Behind<'c>> {
    let Some(probed) = endpoint.probed.as_ref().filter(|of| of.over_s > 0.0) else {
        return Vec::new();
    };
    let shared = probed
        .ever
        .iter()
        .filter(|ever| is_rare(probed, ever))
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
                is_cached: is_cached(endpoint, probed, ever, of.calls),
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
        is_cached,
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
        confidence: super::strong_if(*is_cached),
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
        check: format!(
            "the statement should run {} times per second, whatever the load is",
            figures(*one_by_one)
        ),
        ..advised()
    }
}

fn advised() -> Finding {
    Finding {
        advice: "Let one compute the value while the others wait for it or get the old one, and spread the times to live.".into(),
        fixes: vec![
            fix("redis-py", "with client.lock(f\"{key}:lock\", timeout=10): look again, then compute"),
            fix("Redis", "SET key:lock 1 NX PX 10000; who does not get it waits, or takes the old value"),
        ],
        ..Finding::default()
    }
}
