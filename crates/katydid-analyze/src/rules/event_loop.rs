//! # Blocked event loop
//!
//! **Symptom.** Quick endpoints get slow as soon as a certain other one is asked, and no processor is busy.
//!
//! **Evidence.** A probe asks for an endpoint eight times at once, and for the quickest other one beside them: that takes five times as long as
//! alone and more, while the service's processes use less than 40 % of one processor. Under load: requests take longer for those who ask than
//! the service's own first spans say, by 30 % and 20 ms, and its processes are not busy either.
//!
//! **Cause.** A call that blocks inside of code that must not: `time.sleep`, `requests` or a database driver that waits in an `async def`; a
//! synchronous file or DNS call in Node. While it waits, nothing else in the process goes on. Where several requests are answered at a time
//! and others wait, its workers are [too few](workers.md).
//!
//! **Fix.** Use the asynchronous client (`httpx.AsyncClient`, `asyncpg`), or hand the call to threads (`run_in_threadpool`,
//! `asyncio.to_thread`), or write the handler as a plain `def`, which `FastAPI` runs in threads.
//!
//! **False alarms.** Distance between client and service looks alike under load: where the quickest requests of all take half of the mean wait and more, it is
//! suspected only. Where processors are busy, waiting for them looks alike: then nothing is said. The quickest endpoint may need what the other
//! one holds (a lock, the only connection): the rules for these come first. Requests of one session may be answered one by one (PHP and
//! ASP.NET lock a session): so another user asks for the quickest one. Where none can, and there are cookies, it is suspected only.

use katydid_record::Finding;
use katydid_record::finding::Fix;
use katydid_record::probe::{ProbedBeside, ProbedEndpoint};

use super::case::{Case, EndpointCase};
use super::words::{evidence, figures, fix, percent};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "event_loop",
    title: "Blocked event loop",
    of_target: true,
    alone: true,
    needs: None,
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let blocked = case.endpoints.iter().filter_map(|of| by_probe(case, of));
    let mut found: Vec<Finding> = blocked.collect();
    if found.is_empty() {
        found.extend(by_spans(case));
    }
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let delayed = case.endpoints.iter().filter_map(|of| {
        let probed = of.probed.as_ref()?;
        Some((of, probed, probed.beside.as_ref()?))
    });
    match delayed.max_by(|(.., a), (.., b)| delay(a).total_cmp(&delay(b))) {
        Some((of, probed, beside)) => Judged::Clear(not_blocked(of, probed, beside)),
        None => Judged::Silent,
    }
}

/// What a request took beside those for this endpoint, and what else may have made it wait.
fn not_blocked(of: &EndpointCase, probed: &ProbedEndpoint, beside: &ProbedBeside) -> String {
    let but = match probed.together_cpu {
        _ if !is_delayed(beside) => "",
        None => "; whether the processes compute meanwhile is not known",
        Some(cpu) if cpu > limits::IDLE_CORE => ", while the processes compute",
        Some(_) => ", and these are not answered one after the other",
    };
    format!(
        "{} takes {} ms alone and {} beside {} requests for {}{but}",
        beside.endpoint,
        figures(beside.alone_ms),
        figures(beside.beside_ms),
        probed.together,
        of.title
    )
}

/// By how much longer a request takes beside others, ms.
fn delay(beside: &ProbedBeside) -> f64 {
    beside.beside_ms - beside.alone_ms
}

fn is_delayed(beside: &ProbedBeside) -> bool {
    beside.beside_ms >= limits::BESIDE_TIMES * beside.alone_ms && delay(beside) >= limits::BESIDE_MS
}

fn by_probe(case: &Case<'_>, endpoint: &EndpointCase) -> Option<Finding> {
    let probed = endpoint.probed.as_ref()?;
    let (beside, cpu) = (probed.beside.as_ref()?, probed.together_cpu?);
    let (alone, slowest) = (probed.median_ms?, probed.slowest_together_ms?);
    let is_one_by_one = slowest >= limits::ONE_BY_ONE * f64::from(probed.together) * alone;
    if !is_delayed(beside) || cpu > limits::IDLE_CORE || !is_one_by_one {
        return None;
    }
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence("probe", what, value, unit, limit)
    };
    Some(Finding {
        confidence: super::strong_if(!beside.one_session),
        basis: "probe + processors".into(),
        endpoints: vec![endpoint.title.clone()],
        about: "event loop".into(),
        what: format!(
            "{} keeps the whole process waiting: {} requests at once are answered one after the other, the last after {} ms, {} takes {} ms \
             beside them instead of {}, and the processes use {} of a processor meanwhile",
            endpoint.title,
            probed.together,
            figures(slowest),
            beside.endpoint,
            figures(beside.beside_ms),
            figures(beside.alone_ms),
            percent(cpu)
        ),
        cost: Some(case.cost(endpoint, alone * (1.0 - cpu))),
        evidence: vec![
            evidence(
                &format!(
                    "{} beside {} requests for it",
                    beside.endpoint, probed.together
                ),
                beside.beside_ms,
                "ms",
                Some(limits::BESIDE_TIMES * beside.alone_ms),
            ),
            evidence(
                &format!("{} alone", beside.endpoint),
                beside.alone_ms,
                "ms",
                None,
            ),
            evidence("one request alone", alone, "ms", None),
            evidence("the slowest of those at once", slowest, "ms", None),
            evidence(
                "processors used meanwhile",
                cpu,
                "",
                Some(limits::IDLE_CORE),
            ),
        ],
        advice: ADVICE.into(),
        fixes: fixes(),
        check: format!(
            "{} should take as long beside them as alone",
            beside.endpoint
        ),
        ..Finding::default()
    })
}

const ADVICE: &str =
    "Take the call that waits out of the event loop: an asynchronous client, or a thread.";

fn fixes() -> Vec<Fix> {
    [
        (
            "FastAPI",
            "def handler(…) instead of async def, or await run_in_threadpool(call)",
        ),
        (
            "asyncio",
            "await asyncio.to_thread(call), or await client.get(…) of httpx.AsyncClient",
        ),
        ("Node", "await fs.promises…, await exec(…) instead of …Sync"),
    ]
    .map(|(place, text)| fix(place, text))
    .into()
}

/// Requests wait before the service begins with them, at all endpoints, while its processes have little to do.
fn by_spans(case: &Case<'_>) -> Option<Finding> {
    let late = case.late().filter(|late| late.inside < limits::WORKERS)?;
    // Whoever is in the service for the longest holds it up.
    let all = late.traced.iter();
    let who = all.max_by(|a, b| a.held_ms().total_cmp(&b.held_ms()))?;
    let (confidence, basis) = late.sureness();
    Some(Finding {
        confidence,
        basis,
        endpoints: vec![who.title.clone()],
        about: "event loop".into(),
        what: format!(
            "requests wait {} ms on average before the service begins with them, at {} of {} endpoints, while its processes use {} of a \
             processor: something in it waits and lets nothing else go on; {} is in it for the longest",
            figures(late.wait_ms()),
            late.at,
            late.traced.len(),
            percent(late.cores),
            who.title
        ),
        cost: Some(late.cost(case, who)),
        evidence: late.waits().collect(),
        advice: ADVICE.into(),
        fixes: fixes(),
        check: "the service should begin with a request as soon as it comes".into(),
        ..Finding::default()
    })
}
