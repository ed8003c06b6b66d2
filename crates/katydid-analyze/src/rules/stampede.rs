//! # Cache stampede
//!
//! **Symptom.** Every so often many requests are slow at once, as often as something expires.
//!
//! **Evidence.** The cache counts what is written, what expired and what was looked for in vain: of the values that were written again, for each key that
//! had expired, there are three and more; and a statement of the database of 20 ms or more ran as often.
//!
//! **Cause.** When a popular value expires, all who ask for it find nothing and compute it, side by side.
//!
//! **Fix.** Let one compute it: a lock beside the key (`SET key:lock … NX PX`), while others wait or get the old value. Spread the times to live by a tenth or two.
//!
//! **False alarms.** Code that writes values over ones that are still there has no misses: nothing is said.

use katydid_record::finding::{Evidence, Fix};
use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::case::{Case, Statement};
use super::words::{figures, statement};
use super::{Judged, Need, Rule, limits};
use crate::target::{Part, table};

/// Its row.
pub const RULE: Rule = Rule {
    name: "stampede",
    title: "Cache stampede",
    of_target: true,
    alone: false,
    needs: Some(Need::Statements),
    judge,
};

const WRITES: [&str; 4] = ["set", "setex", "psetex", "getset"];

/// What a cache counted in a part of the run.
struct Counted {
    /// Keys that expired.
    expired: f64,
    /// Values written for a key that somebody else had written since it expired.
    again: f64,
    /// Keys looked for in vain.
    misses: f64,
}

fn judge(case: &Case<'_>) -> Judged {
    let subjects = case.timeline.target.subjects.values();
    let caches: Vec<&Subject> = subjects.filter(|of| of.watched.kind == "redis").collect();
    let found: Vec<Finding> = caches.iter().filter_map(|of| of_cache(case, of)).collect();
    match (found.is_empty(), caches.first()) {
        (false, _) => Judged::Found(found),
        (true, None) => Judged::Silent,
        (true, Some(_)) => {
            let all = caches.iter().map(|of| counted(of, &case.whole));
            let again = all
                .map(|of| of.again.max(0.0) / of.expired.max(1.0))
                .fold(0.0, f64::max);
            Judged::Clear(format!(
                "{} values written twice for each key that expired",
                figures(again)
            ))
        }
    }
}

fn counted(cache: &Subject, part: &Part) -> Counted {
    let plain = |name: &str| {
        let series = cache.plain(name);
        series.map_or(0.0, |series| cache.grown(series, part.from, part.until).0)
    };
    let writes = WRITES
        .iter()
        .map(|command| table::grown(cache, "command.calls", ("command", command), part));
    let rise = |points: &[(u64, f64)]| {
        let mut within = points
            .iter()
            .filter(|(at, _)| (part.from..=part.until).contains(at));
        let first = within.next().map(|(_, value)| *value);
        first
            .zip(within.next_back().map(|(_, value)| *value))
            .map_or(0.0, |(first, last)| last - first)
    };
    let new: f64 = cache
        .named("keys")
        .map(|(_, series)| rise(series.points()))
        .sum();
    let expired = plain("keys.expired");
    Counted {
        expired,
        again: writes.sum::<f64>() - expired - new.max(0.0),
        misses: plain("keyspace.misses"),
    }
}

fn of_cache(case: &Case<'_>, cache: &Subject) -> Option<Finding> {
    // Of the last phase of some length: before it what is cached is cold.
    let part = case
        .phases
        .iter()
        .rev()
        .find(|part| part.until - part.from >= 5_000_000)?;
    let Counted {
        expired,
        again,
        misses,
    } = counted(cache, part);
    let is_many = expired >= limits::EXPIRED && again >= limits::AGAIN * expired && misses >= again;
    if !is_many {
        return None;
    }
    let (database, of) = case.databases.iter().find_map(|database| {
        let is_it =
            |of: &&Statement<'_>| of.mean_ms() >= limits::SLOW_MS && of.calls >= again * 0.5;
        Some((database, database.statements.iter().find(is_it)?))
    })?;
    let callers = case.callers(of.text);
    let ever = case.endpoints.iter().filter(|endpoint| {
        let mut all = endpoint.probed.iter().flat_map(|probed| &probed.ever);
        all.any(|text| text == of.text)
    });
    let mut endpoints: Vec<String> = callers
        .iter()
        .map(|(endpoint, _)| endpoint.title.clone())
        .collect();
    for endpoint in ever {
        if !endpoints.contains(&endpoint.title) {
            endpoints.push(endpoint.title.clone());
        }
    }
    let named = case
        .endpoints
        .iter()
        .find(|endpoint| endpoints.first() == Some(&endpoint.title));
    let evidence = |source: &str, what: &str, value: f64, limit: Option<f64>| Evidence {
        source: source.to_owned(),
        what: what.to_owned(),
        value,
        limit,
        phase: part.phase.clone(),
        ..Evidence::default()
    };
    let title = cache.watched.title.as_str();
    Some(Finding {
        confidence: Confidence::Strong,
        basis: "cache + statements".into(),
        endpoints,
        about: of.text.to_owned(),
        what: format!(
            "for each key that expired its value was computed {} times: {} by {} of {} ms",
            figures((again + expired) / expired),
            figures(of.calls),
            statement(of.text),
            figures(of.mean_ms())
        ),
        cost: named.map(|endpoint| {
            let share = again / (again + expired);
            case.cost_in_all(endpoint, of.seconds * share / endpoint.requests.max(1) as f64 * 1e3, of.seconds * share)
        }),
        evidence: vec![
            evidence(title, "keys that expired", expired, Some(limits::EXPIRED)),
            evidence(title, "values written for a key that another had just written", again, Some(limits::AGAIN * expired)),
            evidence(title, "keys looked for in vain", misses, None),
            evidence(database.title, "calls of the statement", of.calls, None),
            evidence(database.title, "mean of it, ms", of.mean_ms(), Some(limits::SLOW_MS)),
        ],
        advice: "Let one compute the value while the others wait for it or get the old one, and spread the times to live.".into(),
        fixes: vec![
            Fix { r#in: "redis-py".into(), text: "with client.lock(f\"{key}:lock\", timeout=10): look again, then compute".into() },
            Fix { r#in: "Redis".into(), text: "SET key:lock 1 NX PX 10000; who does not get it waits, or takes the old value".into() },
        ],
        check: "the statement should run once for each key that expires".into(),
        ..Finding::default()
    })
}
