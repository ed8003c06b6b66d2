//! # Workers exhausted
//!
//! **Symptom.** From some load on each request gets slower, the quickest ones too, and no processor is busy.
//!
//! **Evidence.** Requests take longer for those who ask than the service's own first spans say, by 30 % and 20 ms, at half of the endpoints and more: they
//! wait before it begins with them. Meanwhile more than one is in it at a time (by Little's law: requests per second times the time of its spans), its
//! processes use less than 40 % of one processor, and the machine is not busy.
//!
//! **Cause.** The service answers as many requests at a time as it has workers or threads, and all of them wait: for a database, for another service, for a
//! lock. More requests than that stand in line before it.
//!
//! **Fix.** Take the wait out of the request first: what the workers wait for is a finding of its own, where it is known. Or more workers: as many as there are
//! requests in the service and before it, and twice the square root of that to spare. Threads or an event loop, where waiting is all that they do.
//!
//! **False alarms.** Time between client and service counts as well: a slow network, a proxy that holds requests back, a body that is sent after the span has ended.
//! Where the quickest requests of all take half of the mean wait and more, it is suspected only. One request at a time is a
//! [blocked event loop](event_loop.md), or a single worker.

use katydid_record::Finding;

use super::case::{Case, Late};
use super::words::{evidence, figures, fix, percent};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "workers",
    title: "Workers exhausted",
    of_target: false,
    alone: false,
    needs: None,
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    if !case.endpoints.iter().any(|of| of.before_ms.is_some()) {
        return Judged::Silent;
    }
    match case.late().filter(|late| late.inside >= limits::WORKERS) {
        Some(late) => Judged::Found(finding(case, &late).into_iter().collect()),
        None => Judged::Clear(
            "requests do not wait before the service begins with them, or something computes"
                .into(),
        ),
    }
}

fn finding(case: &Case<'_>, late: &Late<'_>) -> Option<Finding> {
    let mut holders = late.traced.clone();
    holders.sort_by(|a, b| b.held_ms().total_cmp(&a.held_ms()));
    let who = *holders.first()?;
    let count = figures(super::enough(late.inside, late.inside + late.waiting));
    let mut numbers = vec![
        evidence(
            "spans",
            "requests in the service at a time",
            late.inside,
            "",
            Some(limits::WORKERS),
        ),
        evidence(
            "spans + response times",
            "requests that wait before it",
            late.waiting,
            "",
            None,
        ),
        evidence(
            "processors",
            "used by its processes",
            late.cores,
            "",
            Some(limits::IDLE_CORE),
        ),
    ];
    numbers.extend(late.waits());
    let (confidence, basis) = late.sureness();
    Some(Finding {
        confidence,
        basis,
        endpoints: holders.iter().map(|of| of.title.clone()).collect(),
        about: "workers".into(),
        what: format!(
            "about {} requests are in the service at a time and {} wait for it, {} ms each, at {} of {} endpoints, while its processes use {} of a \
             processor; {} is in it for the longest",
            figures(late.inside),
            figures(late.waiting),
            figures(late.wait_ms()),
            late.at,
            late.traced.len(),
            percent(late.cores),
            who.title
        ),
        cost: Some(late.cost(case, who)),
        evidence: numbers,
        advice: format!(
            "See what its workers wait for in {}, and take that out of the request. Or run {count} workers: {} requests per second are {} ms in the service \
             each, which keeps {} busy (Little's law); this is for those that wait now, with twice its square root to spare.",
            who.title,
            figures(late.per_second),
            figures(late.inside / late.per_second * 1e3),
            figures(late.inside)
        ),
        fixes: [
            (
                "gunicorn",
                format!("gunicorn --worker-class gthread --threads {count}"),
            ),
            ("Puma", format!("threads {count}, {count}")),
            ("Tomcat", format!("server.tomcat.threads.max={count}")),
        ]
        .map(|(place, text)| fix(place, text))
        .into(),
        check: "the service should begin with a request as soon as it comes".into(),
        ..Finding::default()
    })
}
