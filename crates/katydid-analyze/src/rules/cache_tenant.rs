//! # One key for all tenants
//!
//! **Symptom.** Somebody sees somebody else's data; mostly nobody notices.
//!
//! **Evidence.** A probe has other users make the same GET as the first one, a moment after it: they get the very same response, and no query is run for
//! them, though the queries behind it are about one tenant or user (`tenant_id = $1`), and other endpoints give these users different responses.
//!
//! **Cause.** The key under which the response is cached, in the service or in a proxy before it, has nothing of the tenant in it.
//!
//! **Fix.** Put the tenant, or the user, and all parameters into the key; `Vary` or `Cache-Control: private` where a proxy caches. Then drop what is there.
//!
//! **False alarms.** What is the same for all (a catalogue): its queries ask for no tenant, and nothing is said.

use katydid_record::probe::ProbedEver;
use katydid_record::{Confidence, Finding};

use super::case::{Case, EndpointCase};
use super::words::{evidence, figures, fix, statement};
use super::{Judged, Need, Rule};

/// Its row.
pub const RULE: Rule = Rule {
    name: "cache_tenant",
    title: "Cached for all tenants under one key",
    of_target: true,
    alone: true,
    needs: Some(Need::Probe),
    judge,
};

/// Columns that say whose a row is, without `_id`.
const OWNERS: [&str; 14] = [
    "tenant",
    "account",
    "organization",
    "organisation",
    "org",
    "company",
    "workspace",
    "customer",
    "user",
    "owner",
    "team",
    "shop",
    "store",
    "project",
];

fn judge(case: &Case<'_>) -> Judged {
    let others = || case.endpoints.iter().filter(|of| other(of).is_some());
    // Users who get the same everywhere may be of one tenant.
    let differ = others().any(|of| other(of).is_some_and(|(same, tries, _)| same < tries));
    let found: Vec<Finding> = others()
        .filter(|_| differ)
        .filter_map(of_endpoint)
        .collect();
    match (found.is_empty(), others().count()) {
        (false, _) => Judged::Found(found),
        (true, 0) => Judged::Silent,
        (true, several) => {
            Judged::Clear(format!("other users get their own at {several} endpoints"))
        }
    }
}

/// How often another user got the same, of how many, and the queries that were run for it.
fn other(of: &EndpointCase) -> Option<(u64, u64, f64)> {
    let other = of.probed.as_ref()?.other.as_ref()?;
    Some((other.same, other.tries, other.queries?))
}

/// The column by which a statement asks for one owner's rows.
pub fn owner(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let is_asked = |owner: &&&str| {
        text.contains(&format!("{owner}_id = $")) || text.contains(&format!("{owner}_id\" = $"))
    };
    OWNERS.iter().find(is_asked).copied()
}

fn of_endpoint(endpoint: &EndpointCase) -> Option<Finding> {
    let probed = endpoint.probed.as_ref()?;
    let (same, tries, queries) = other(endpoint)?;
    let asks_for_one = |of: &ProbedEver| Some((of.text.clone(), owner(&of.text)?));
    let (text, whose) = probed.ever.iter().find_map(asks_for_one)?;
    if same < tries || tries < 2 || queries > 0.0 {
        return None;
    }
    let evidence = |what: String, value: f64| evidence("probe", what, value, "", None);
    Some(Finding {
        confidence: Confidence::Strong,
        basis: "probe: responses + statements".into(),
        endpoints: vec![endpoint.title.clone()],
        about: endpoint.title.clone(),
        what: format!(
            "{same} of {tries} other users got the first user's response, without a query of their own, though it is made for one {whose} ({})",
            statement(&text)
        ),
        evidence: vec![
            evidence("other users who got the same response".into(), same as f64),
            evidence("queries that were run for them".into(), queries),
            evidence(format!("of how many users: {tries}"), tries as f64),
        ],
        advice: format!(
            "Put the {whose} into the key, then drop what is cached: it is other people's data."
        ),
        fixes: vec![fix(
            "key",
            format!(
                "f\"{}:{{{whose}_id}}\"",
                endpoint
                    .title
                    .rsplit('/')
                    .next()
                    .unwrap_or("page")
                    .trim_matches(|c: char| !c.is_alphanumeric())
            ),
        )],
        check: format!(
            "users of different {whose}s should get different responses of {}: now {} of {tries} get the same",
            endpoint.title,
            figures(same as f64)
        ),
        ..Finding::default()
    })
}
