//! # Keys without end
//!
//! **Symptom.** The cache grows for as long as there is traffic, until its memory is full; then it evicts what is needed, or refuses writes.
//!
//! **Evidence.** Keys that never expire became more in each third of the load, by 30 and more; and a sample of the keys has a form of which
//! nearly all have no time to live. It is suspected only, unless a probe saw a GET that makes keys, or spans one that writes such: what a
//! read makes can be made anew.
//!
//! **Cause.** A `SET` without `EX`, under keys of which there are ever new ones: with an id, a page, a version, a time in them.
//!
//! **Fix.** Give each key a time to live. Where all that the server has is a cache, let it evict, in case (`maxmemory` with `allkeys-lru`).
//! A server that keeps data would lose it.
//!
//! **False alarms.** Data that is meant to stay (users, settings), which writes make. Lists, streams and the keys of job queues are never
//! meant.

use katydid_record::Finding;
use katydid_record::finding::Fix;
use katydid_record::timeline::{Series, Subject};
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

/// Commands that make a key without an end, by the type of what is in it.
const WRITES: [(&str, &[&str]); 3] = [
    ("string", &["SET", "SETNX", "MSET", "GETSET"]),
    ("hash", &["HSET", "HMSET", "HSETNX"]),
    ("ReJSON-RL", &["JSON.SET"]),
];

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
    let makers = makers(case, &of.r#type);
    let (confidence, basis) = super::sure(
        !makers.is_empty(),
        "keys + a sample of them + requests",
        "keys + a sample of them",
    );
    let advice = if makers.is_empty() {
        "If they are a cache, and not data that is kept here: give each key a time to live, as long as its value may be old."
    } else {
        "Give each key a time to live, as long as its value may be old."
    };
    Some(Finding {
        confidence,
        basis,
        endpoints: makers,
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
        advice: advice.into(),
        fixes: fixes(subject),
        check: "keys that never expire should stay as many as they are".into(),
        ..Finding::default()
    })
}

fn fixes(subject: &Subject) -> Vec<Fix> {
    let mut fixes = vec![
        fix("redis-py", "client.set(key, value, ex=300)"),
        fix("ioredis", "redis.set(key, value, \"EX\", 300)"),
    ];
    if !logs_all(subject) {
        fixes.push(fix(
            "server",
            "maxmemory … and maxmemory-policy allkeys-lru, only where all of it is a cache: the server may throw any key out",
        ));
    }
    fixes
}

/// It writes all that it is told to an append-only file: who has it do that wants to keep it.
fn logs_all(subject: &Subject) -> bool {
    let settings = subject.fact("settings", "").map(serde_json::from_str);
    let settings: Option<serde_json::Value> = settings.and_then(Result::ok);
    settings.is_some_and(|of| of["aof"].as_f64().is_some_and(|aof| aof > 0.0))
}

/// Endpoints of which a probe saw that they make keys, or spans that they write such of this type, those that make most first.
fn makers(case: &Case<'_>, kind: &str) -> Vec<String> {
    let makes = |of: &EndpointCase| {
        let probed = of.probed.as_ref().and_then(|probed| probed.new_keys);
        let writes = of
            .calls
            .iter()
            .filter(|call| is_write(kind, &call.key.text));
        let written: f64 = writes.map(|call| call.per_request).sum();
        let per_request = probed.unwrap_or(0.0).max(written);
        (per_request >= limits::NEW_KEYS && is_read(of)).then_some(per_request * of.requests as f64)
    };
    let mut all: Vec<(f64, &EndpointCase)> = case
        .endpoints
        .iter()
        .filter_map(|of| Some((makes(of)?, of)))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, of)| of.title.clone()).collect()
}

fn is_write(kind: &str, command: &str) -> bool {
    let of_kind = WRITES.iter().filter(|(of, _)| *of == kind);
    let mut commands = of_kind.flat_map(|(_, commands)| *commands);
    commands.any(|known| known.eq_ignore_ascii_case(command))
}

/// A write makes keys of its own right: sessions, jobs.
fn is_read(of: &EndpointCase) -> bool {
    of.title.starts_with("GET ")
}
