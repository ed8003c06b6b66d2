//! # Heavy work within the request
//!
//! **Symptom.** A write takes long, always, even when nothing else is asked; under load it takes processors from all others.
//!
//! **Evidence.** Alone, a request that writes (POST, PUT, PATCH) takes 100 ms and more, of which databases and other services have less than a third; the
//! service's processes use a processor for most of it. Or, under load and by spans: even its fastest requests take that long, and not in calls.
//!
//! **Cause.** Something is made while the user waits that could be made after the answer: a document, a picture, a mail, an export.
//!
//! **Fix.** Put a job into a queue, answer 202 with its id, and let a worker make it.
//!
//! **False alarms.** What the answer itself needs: of searches, queries and predictions it is only suspected. Logins and the making of accounts are left
//! out: hashing a password is meant to take long.

use katydid_record::Finding;

use super::case::{Case, EndpointCase};
use super::words::{evidence, figures, fix, percent};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "inline_work",
    title: "Heavy work within the request",
    of_target: true,
    alone: true,
    needs: None,
    judge,
};

const WRITES: [&str; 3] = ["POST ", "PUT ", "PATCH "];
/// In the names of endpoints that hash passwords.
const LOGINS: [&str; 13] = [
    "login", "log_in", "log-in", "signin", "sign-in", "sign_in", "signup", "sign-up", "sign_up",
    "register", "auth", "token", "password",
];
/// What accounts are made by, and sessions: the last word of a path.
const ACCOUNTS: [&str; 3] = ["/users", "/accounts", "/sessions"];
/// Last words of paths that answer with what is made.
const ASKED_FOR: [&str; 5] = ["graphql", "search", "query", "predict", "render"];

fn judge(case: &Case<'_>) -> Judged {
    let writes = || case.endpoints.iter().filter(|of| is_write(of));
    let found: Vec<Finding> = writes().filter_map(|of| of_endpoint(case, of)).collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let own = writes().filter_map(|of| own(of).map(|own| (own.ms.max(0.0), of)));
    match own.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((ms, of)) => Judged::Clear(format!(
            "the service's own part is {} ms at most, {}",
            figures(ms),
            of.title
        )),
        None => Judged::Silent,
    }
}

fn is_write(of: &EndpointCase) -> bool {
    let name = of.title.to_ascii_lowercase();
    WRITES.iter().any(|verb| of.title.starts_with(verb))
        && !LOGINS.iter().any(|part| name.contains(part))
        && !ACCOUNTS.iter().any(|end| path(&name).ends_with(end))
}

/// What is made is the answer.
fn is_asked_for(of: &EndpointCase) -> bool {
    let name = of.title.to_ascii_lowercase();
    ASKED_FOR
        .iter()
        .any(|word| path(&name).rsplit('/').next() == Some(*word))
}

/// Without its query.
fn path(name: &str) -> &str {
    name.split('?')
        .next()
        .unwrap_or_default()
        .trim_end_matches('/')
}

/// What the service does itself.
struct Own {
    ms: f64,
    of_ms: f64,
    /// Processors used meanwhile, where that was seen.
    cpu: Option<f64>,
    source: String,
}

fn own(of: &EndpointCase) -> Option<Own> {
    let probed = of
        .probed
        .as_ref()
        .filter(|probed| probed.requests >= crate::probe::ENOUGH);
    if let Some(probed) = probed
        && let Some(alone) = probed.median_ms
    {
        return Some(Own {
            ms: alone - probed.database_ms.unwrap_or(0.0) - of.service_ms(),
            of_ms: alone,
            cpu: probed.alone_cpu,
            source: format!("probe of {} requests", probed.requests),
        });
    }
    of.is_traced().then(|| Own {
        // The fastest requests wait for nothing.
        ms: of.fast_ms - of.database_ms() - of.service_ms(),
        of_ms: of.fast_ms,
        cpu: None,
        source: of.source(),
    })
}

fn of_endpoint(case: &Case<'_>, endpoint: &EndpointCase) -> Option<Finding> {
    let own = own(endpoint)?;
    let is_heavy = own.ms >= limits::OWN_MS && own.ms >= limits::OWN_SHARE * own.of_ms;
    // Who waits for something that is not seen uses no processor.
    if !is_heavy || own.cpu.is_some_and(|cpu| cpu < limits::OWN_CPU) {
        return None;
    }
    let is_sure = own.cpu.is_some() && !is_asked_for(endpoint);
    let (confidence, basis) = super::sure(is_sure, "probe + processors", &own.source);
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence(&own.source, what, value, unit, limit)
    };
    let cpu = own
        .cpu
        .map(|cpu| evidence("processors used meanwhile", cpu, "", Some(limits::OWN_CPU)));
    Some(Finding {
        confidence,
        basis,
        endpoints: vec![endpoint.title.clone()],
        about: endpoint.title.clone(),
        what: format!(
            "{} takes {} ms alone, {} of it in the service itself{}",
            endpoint.title,
            figures(own.of_ms),
            percent(own.ms / own.of_ms),
            own.cpu.map_or(String::new(), |cpu| format!(", which uses {} of a processor meanwhile", percent(cpu)))
        ),
        cost: Some(case.cost(endpoint, own.ms)),
        evidence: [
            evidence("in the service itself", own.ms, "ms", Some(limits::OWN_MS)),
            evidence("one request", own.of_ms, "ms", None),
        ]
        .into_iter()
        .chain(cpu)
        .collect(),
        advice: "If the answer does not need what is made: put a job into a queue, answer 202 with its id, and let a worker make it.".into(),
        fixes: vec![
            fix("RQ, Celery", "job = queue.enqueue(make, order_id); return 202, {\"job_id\": job.id}"),
            fix("BullMQ", "const job = await queue.add(\"make\", { orderId }); reply.code(202).send({ jobId: job.id })"),
        ],
        check: format!("{} should take a few ms, and its job be done in the worker", endpoint.title),
        ..Finding::default()
    })
}
