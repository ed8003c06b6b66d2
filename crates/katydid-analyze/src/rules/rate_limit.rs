//! # Rate limited
//!
//! **Symptom.** From some rate on requests are refused, quickly, and the rate of those that go well stays the same.
//!
//! **Evidence.** One in a hundred requests of an endpoint or more failed with status 429.
//!
//! **Cause.** A limiter (a gateway, a proxy, a middleware) refuses what comes beyond its rate: often per address, and all load comes from one.
//!
//! **Fix.** Raise the limit for the address of the test, or have the limiter count by user; or accept it as the limit that it is. Numbers beyond it are of the
//! limiter, not of the service.
//!
//! **False alarms.** None: the service says so itself.

use katydid_record::{Confidence, Finding, Kind};

use super::case::Case;
use super::words::{evidence, percent};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "rate_limit",
    title: "Rate limited",
    of_target: true,
    alone: true,
    needs: None,
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let mut limited: Vec<(String, u64, u64)> = case
        .timeline
        .endpoints
        .iter()
        .filter(|(key, _)| key.kind == Kind::Request)
        .map(|(key, of)| {
            let refused = of.failures.iter().filter(|((_, text), _)| is_refusal(text));
            let refused = refused.map(|(_, totals)| totals.count).sum();
            (format!("{} {}", key.method, key.name), refused, of.ended())
        })
        .filter(|(_, refused, ended)| {
            *refused as f64 >= limits::REFUSED * *ended as f64 && *refused > 0
        })
        .collect();
    limited.sort_by_key(|(_, refused, _)| std::cmp::Reverse(*refused));
    let Some((first, refused, ended)) = limited.first() else {
        return Judged::Silent;
    };
    let share = *refused as f64 / *ended as f64;
    Judged::Found(vec![Finding {
        confidence: Confidence::Strong,
        basis: "status 429".into(),
        endpoints: limited.iter().map(|(title, ..)| title.clone()).collect(),
        about: "429".into(),
        what: format!("{first} refused {} of its requests with status 429", percent(share)),
        evidence: vec![evidence(
            "responses",
            format!("status 429, {first}"),
            share * 100.0,
            "%",
            Some(limits::REFUSED * 100.0),
        )],
        advice: "Raise the limit for the address of the test, or have the limiter count by user. Beyond it the numbers are the limiter's.".into(),
        check: "no response should have status 429".into(),
        ..Finding::default()
    }])
}

fn is_refusal(text: &str) -> bool {
    text.contains("429")
        && (text.contains("Too Many") || text.contains("429 ") || text.ends_with("429"))
}
