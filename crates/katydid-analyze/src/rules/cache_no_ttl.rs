//! # Keys without end
//!
//! **Symptom.** The cache grows for as long as there is traffic, until its memory is full; then it evicts what is needed, or refuses writes.
//!
//! **Evidence.** Keys that never expire became more in each third of the load, by 30 and more; and a sample of the keys has a form of which nearly
//! all have no time to live.
//!
//! **Cause.** A `SET` without `EX`, under keys of which there are ever new ones: with an id, a page, a version, a time in them.
//!
//! **Fix.** Give each key a time to live. Let the server evict, in case (`maxmemory` with `allkeys-lru`).
//!
//! **False alarms.** Data that is meant to stay (users, settings). Lists, streams and the keys of job queues are never meant.

use katydid_record::timeline::{Series, Subject};
use katydid_record::{Confidence, Finding};
use serde::Deserialize;

use super::case::{Case, EndpointCase, mean};
use super::words::{evidence, figures, fix, percent};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "cache_no_ttl",
    title: "Keys without end",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// Keys of one form, of a sample.
#[derive(Deserialize)]
struct Form {
    count: f64,
    forever: f64,
    bytes: f64,
    r#type: String,
    of: f64,
}

/// In the first part of keys that belong to job queues.
const QUEUES: [&str; 7] = ["rq", "bull", "celery", "sidekiq", "resque", "arq", "_kombu"];

fn judge(case: &Case<'_>) -> Judged {
    let caches: Vec<&Subject> = case.watched("redis").collect();
    if caches.is_empty() {
        return Judged::Silent;
    }
    let found: Vec<Finding> = caches.iter().filter_map(|of| of_cache(case, of)).collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let most = caches.iter().filter_map(|of| forever(case, of));
    let most = most.map(|levels| levels[2] - levels[0]).fold(0.0, f64::max);
    Judged::Clear(format!(
        "{} more keys that never expire",
        figures(most.max(0.0))
    ))
}

/// Keys that never expire, at the end of each third of the load.
fn forever(case: &Case<'_>, subject: &Subject) -> Option<[f64; 3]> {
    let at = |series: &Series| case.at_thirds(series, mean);
    let mut sums = [0.0; 3];
    let mut is_seen = false;
    for (labels, series) in subject.named("keys") {
        let all = at(series)?;
        let expiring = subject
            .labelled("keys.expiring", labels)
            .and_then(at)
            .unwrap_or([0.0; 3]);
        for (sum, (all, expiring)) in sums.iter_mut().zip(all.iter().zip(expiring)) {
            *sum += all - expiring;
        }
        is_seen = true;
    }
    is_seen.then_some(sums)
}

fn of_cache(case: &Case<'_>, subject: &Subject) -> Option<Finding> {
    let levels = forever(case, subject)?;
    let grown = levels[2] - levels[0];
    let goes_on = levels[0] < levels[1] && levels[1] < levels[2];
    if !goes_on || grown < limits::KEYS {
        return None;
    }
    let facts = subject
        .facts
        .iter()
        .filter(|((topic, _), _)| topic == "keys");
    let forms = facts.filter_map(|((_, form), (_, text))| {
        Some((form, serde_json::from_str::<Form>(text).ok()?))
    });
    let is_of_a_queue = |form: &str| QUEUES.iter().any(|queue| form.starts_with(queue));
    let (form, of) = forms
        .filter(|(form, of)| {
            !is_of_a_queue(form) && ["string", "hash", "ReJSON-RL"].contains(&of.r#type.as_str())
        })
        .filter(|(_, of)| {
            of.forever >= limits::KEYS && of.forever >= limits::KEYS_FOREVER * of.count
        })
        .max_by(|a, b| a.1.forever.total_cmp(&b.1.forever))?;
    let seconds = case.seconds() * 2.0 / 3.0;
    let per_second = grown / seconds;
    let bytes = of.bytes / of.count.max(1.0);
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence(&subject.watched.title, what, value, unit, limit)
    };
    Some(Finding {
        confidence: Confidence::Strong,
        basis: "keys + a sample of them".into(),
        endpoints: makers(case),
        about: form.clone(),
        what: format!(
            "{} keys per second are made that never expire: {} of the form {form} ({} of them without a time to live), {} bytes each",
            figures(per_second),
            figures(of.forever),
            percent(of.forever / of.count),
            figures(bytes)
        ),
        evidence: vec![
            evidence(
                "keys that never expire, at the end of the first third",
                levels[0],
                "",
                None,
            ),
            evidence("of the second", levels[1], "", Some(levels[0])),
            evidence("of the last", levels[2], "", Some(levels[0] + limits::KEYS)),
            evidence(
                &format!(
                    "keys {form} without a time to live, of a sample of {}",
                    figures(of.of)
                ),
                of.forever,
                "",
                Some(limits::KEYS),
            ),
            evidence(
                "memory by which they grow",
                per_second * bytes * 3600.0 / 1_048_576.0,
                "MiB per hour",
                None,
            ),
        ],
        advice: "Give each key a time to live, as long as its value may be old.".into(),
        fixes: vec![
            fix("redis-py", "client.set(key, value, ex=300)"),
            fix("ioredis", "redis.set(key, value, \"EX\", 300)"),
            fix(
                "server",
                "maxmemory … and maxmemory-policy allkeys-lru, in case",
            ),
        ],
        check: "keys that never expire should stay as many as they are".into(),
        ..Finding::default()
    })
}

/// Endpoints of which a probe saw that they make keys, those that make most first.
fn makers(case: &Case<'_>) -> Vec<String> {
    let makes = |of: &EndpointCase| {
        let probed = of.probed.as_ref()?;
        Some(probed.new_keys? * of.requests as f64)
            .filter(|_| probed.new_keys >= Some(limits::NEW_KEYS) && is_read(of))
    };
    let mut all: Vec<(f64, &EndpointCase)> = case
        .endpoints
        .iter()
        .filter_map(|of| Some((makes(of)?, of)))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, of)| of.title.clone()).collect()
}

/// A write makes keys of its own right: sessions, jobs.
fn is_read(of: &EndpointCase) -> bool {
    of.title.starts_with("GET ")
}
