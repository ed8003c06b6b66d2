//! # One key for all tenants
//!
//! **Symptom.** Somebody sees somebody else's data; mostly nobody notices.
//!
//! **Evidence.** A probe has other users make the same GET as the first one, a moment after it: they get the very same response, and no
//! query is run for them, though the queries behind it are about one tenant or user (`tenant_id = $1`), and other endpoints give these
//! users different responses. It is suspected only, unless one of these asks by that column and by no other of its kind; nothing in the URL
//! varies, so that only the user can decide; and the query is not one that most endpoints run.
//!
//! **Cause.** The key under which the response is cached, in the service or in a proxy before it, has nothing of the tenant in it.
//!
//! **Fix.** Put the tenant, or the user, and all parameters into the key; `Vary` or `Cache-Control: private` where a proxy caches. Then drop what is there.
//!
//! **False alarms.** What is the same for all (a catalogue): its queries ask for no tenant, and nothing is said. Users of one tenant get
//! the same, and so do all who ask for the same shop by its id in the URL. A query that says who is asking runs for any endpoint now and
//! then, where sessions are cached.

use katydid_record::Finding;
use katydid_record::probe::ProbedEver;

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

/// From so many characters on, with a digit in it, a part of a path is an id.
const ID: usize = 16;

fn judge(case: &Case<'_>) -> Judged {
    let others = || case.endpoints.iter().filter(|of| other(of).is_some());
    // Users who get the same everywhere may be of one tenant.
    let differ = others().any(|of| other(of).is_some_and(|(same, tries, _)| same < tries));
    let found: Vec<Finding> = others()
        .filter(|_| differ)
        .filter_map(|of| of_endpoint(case, of))
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
    owners(text).first().copied()
}

/// All such columns of it.
fn owners(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase();
    let is_asked = |owner: &&str| {
        text.contains(&format!("{owner}_id = $")) || text.contains(&format!("{owner}_id\" = $"))
    };
    OWNERS.into_iter().filter(is_asked).collect()
}

/// Requests of this title are not all alike: it has a placeholder, parameters or an id.
pub fn varies(title: &str) -> bool {
    let is_id = |part: &str| {
        let has_digits = part.chars().any(|c| c.is_ascii_digit());
        has_digits && (part.len() >= ID || part.chars().all(|c| c.is_ascii_digit()))
    };
    title.contains(['[', '{', '<', '*', '?'])
        || title
            .split('/')
            .any(|part| part.starts_with(':') || is_id(part))
}

fn ever(of: &EndpointCase) -> impl Iterator<Item = &ProbedEver> {
    of.probed.iter().flat_map(|of| &of.ever)
}

/// Endpoints of which a probe knows what they ask, but this one.
fn beside<'c>(
    case: &'c Case<'_>,
    endpoint: &'c EndpointCase,
) -> impl Iterator<Item = &'c EndpointCase> {
    let known = case.endpoints.iter().filter(|of| of.probed.is_some());
    known.filter(move |of| of.title != endpoint.title)
}

/// Most of the other endpoints run it too: it may be what says who is asking.
fn is_everywhere(case: &Case<'_>, endpoint: &EndpointCase, text: &str) -> bool {
    let runs = |of: &&EndpointCase| ever(of).any(|ever| ever.text == text);
    let those = beside(case, endpoint).filter(runs).count();
    2 * those > beside(case, endpoint).count()
}

/// These users are different ones of that kind: where an endpoint asks by this column alone they get different responses.
fn are_apart(case: &Case<'_>, endpoint: &EndpointCase, whose: &str) -> bool {
    beside(case, endpoint).any(|of| {
        let differs = other(of).is_some_and(|(same, tries, _)| same < tries);
        let mut asked = ever(of).flat_map(|ever| owners(&ever.text)).peekable();
        differs && asked.peek().is_some() && asked.all(|owner| owner == whose)
    })
}

fn of_endpoint(case: &Case<'_>, endpoint: &EndpointCase) -> Option<Finding> {
    let (same, tries, queries) = other(endpoint)?;
    let asking = || ever(endpoint).filter_map(|of| Some((&of.text, owner(&of.text)?)));
    let own = asking().find(|(text, _)| !is_everywhere(case, endpoint, text));
    let (text, whose) = own.or_else(|| asking().next())?;
    if same < tries || tries < 2 || queries > 0.0 {
        return None;
    }
    let is_sure = own.is_some() && !varies(&endpoint.title) && are_apart(case, endpoint, whose);
    let first = if is_sure {
        String::new()
    } else {
        format!(
            "See first that these users are of different {whose}s, and that it is for each to get another response. If so: "
        )
    };
    let evidence = |what: String, value: f64| evidence("probe", what, value, "", None);
    Some(Finding {
        confidence: super::strong_if(is_sure),
        basis: "probe: responses + statements".into(),
        endpoints: vec![endpoint.title.clone()],
        about: endpoint.title.clone(),
        what: format!(
            "{same} of {tries} other users got the first user's response, without a query of their own, though it is made for one {whose} ({})",
            statement(text)
        ),
        evidence: vec![
            evidence("other users who got the same response".into(), same as f64),
            evidence("queries that were run for them".into(), queries),
            evidence(format!("of how many users: {tries}"), tries as f64),
        ],
        advice: format!(
            "{first}Put the {whose} into the key, then drop what is cached: it is other people's data."
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_known_by_its_name() {
        for title in ["GET /a/[id]", "GET /a?page=[n]", "GET /a/7", "GET /a/:id/b"] {
            assert!(varies(title), "{title}");
        }
        for title in ["GET /dashboard", "GET /api/v1/me"] {
            assert!(!varies(title), "{title}");
        }
    }
}
