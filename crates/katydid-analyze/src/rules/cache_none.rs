//! # Nothing is cached
//!
//! **Symptom.** A summary (a dashboard, a report, a total) takes a large part of the database's time, though it hardly changes.
//!
//! **Evidence.** A probe makes the same GET eight times at once, several times: the responses are the same, and each of them ran its queries again.
//! These are sums, counts or groups; they take 2 ms and more of a request, a tenth of its time, and two fifths of the database's.
//!
//! **Cause.** What many ask for is computed for each of them.
//!
//! **Fix.** Keep the result for as long as it may be old, under a key that has everything in it that the result depends on: the tenant or user, and all
//! parameters. Let one compute it while others wait or get the old one.
//!
//! **False alarms.** A total that must be right to the last row at every moment. Single rows and lists are never meant.

use katydid_record::probe::{ProbedEndpoint, ProbedStatement};
use katydid_record::{Confidence, Finding};

use super::case::{Case, EndpointCase};
use super::words::{evidence, figures, fix, percent, statement};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "cache_none",
    title: "Computed anew for each request",
    of_target: true,
    alone: true,
    needs: Some(Need::Probe),
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let found: Vec<Finding> = case
        .endpoints
        .iter()
        .filter_map(|of| of_endpoint(case, of))
        .collect();
    if found.is_empty() {
        Judged::Clear("no sum that many ask for takes much of the database's time".into())
    } else {
        Judged::Found(found)
    }
}

/// A sum, a count or a group over rows.
fn is_a_sum(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("select")
        && [" group by ", "sum(", "count(", "avg("]
            .iter()
            .any(|part| text.contains(part))
}

/// The sums that each of many equal requests has run.
fn sums(of: &ProbedEndpoint) -> Vec<&ProbedStatement> {
    let is_rerun = |statement: &&ProbedStatement| {
        let together = statement.together.unwrap_or(0.0);
        statement.per_request >= 1.0 && together >= limits::RERUN * statement.per_request
    };
    of.statements
        .iter()
        .filter(|of| is_a_sum(&of.text))
        .filter(is_rerun)
        .collect()
}

fn of_endpoint(case: &Case<'_>, endpoint: &EndpointCase) -> Option<Finding> {
    let probed = endpoint.probed.as_ref()?;
    let sums = sums(probed);
    let alone_ms: f64 = sums.iter().map(|of| of.per_request * of.ms).sum();
    let alone = probed.median_ms?;
    let (mut taken, mut all) = (0.0, 0.0);
    for database in &case.databases {
        all += database.seconds();
        let mine = sums.iter().filter_map(|of| database.statement(&of.text));
        taken += mine.map(|of| of.seconds).sum::<f64>();
    }
    // Under load other tenants' rows are more or fewer than those of the probe's user.
    let ms = alone_ms.max(taken * 1e3 / endpoint.requests.max(1) as f64);
    let share = if all > 0.0 { taken / all } else { 1.0 };
    let is_same = probed.method.eq_ignore_ascii_case("GET") && probed.together_same == Some(true);
    let is_much = ms >= limits::SUM_MS
        && ms >= limits::SHARE_OF_ENDPOINT * endpoint.mean_ms
        && share >= limits::SUM_OF_DATABASE;
    if !is_same || !is_much {
        return None;
    }
    let longest = sums
        .iter()
        .max_by(|a, b| (a.per_request * a.ms).total_cmp(&(b.per_request * b.ms)))?;
    let queries: f64 = sums.iter().map(|of| of.per_request).sum();
    let of_database = evidence(
        "statements",
        "share of the database's time",
        share * 100.0,
        "%",
        Some(limits::SUM_OF_DATABASE * 100.0),
    );
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence("probe", what, value, unit, limit)
    };
    Some(Finding {
        confidence: Confidence::Strong,
        basis: "probe + statements".into(),
        endpoints: vec![endpoint.title.clone()],
        about: longest.text.clone(),
        what: format!(
            "{} equal requests at once get the same response, and each computes it again: {} queries, {} ms of the database, most of it for {}",
            probed.together,
            figures(queries),
            figures(ms),
            statement(&longest.text)
        ),
        cost: Some(case.cost(endpoint, ms)),
        evidence: vec![
            evidence("sums of a request", queries, "", None),
            evidence("time of these", ms, "ms", Some(limits::SUM_MS)),
            evidence("one request alone", alone, "ms", None),
            of_database,
        ],
        advice: "Keep the result for as long as it may be old, under a key with the tenant or user and all parameters in it.".into(),
        fixes: vec![fix("Redis", "SET dashboard:{tenant}:{parameters} … EX 30, computed by one (SET lock NX PX), read by all")],
        check: format!(
            "{} should run no such query when it is asked again; it took {} of the database's time",
            endpoint.title,
            percent(share)
        ),
        ..Finding::default()
    })
}
