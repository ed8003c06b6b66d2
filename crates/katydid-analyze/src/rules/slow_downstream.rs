//! # Slow downstream service
//!
//! **Symptom.** An endpoint is slow at any load, and the service itself has little to do.
//!
//! **Evidence.** Spans show calls of another service, 50 ms and more per request and three tenths of the endpoint's time. The endpoint's fastest
//! requests take nearly as long as these calls: it has a floor that no load explains.
//!
//! **Cause.** Another service is asked on the request path, and its answer is waited for.
//!
//! **Fix.** A timeout and a circuit breaker, so that its bad day is not yours. Ask it only when needed, keep its answer for a while, ask several at
//! once, or move the call behind the response into a background job and answer 202.
//!
//! **False alarms.** A proxy or a gateway, whose work is such calls. Of calls that outlast the request, which go on behind the response,
//! nothing is said.

use katydid_record::Finding;

use super::case::{Call, Case, EndpointCase};
use super::words::{evidence, figures};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "slow_downstream",
    title: "Slow downstream service",
    of_target: true,
    alone: false,
    needs: Some(Need::Spans),
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let calls = |of: &EndpointCase| of.calls.iter().any(Call::is_of_a_service);
    if !case.endpoints.iter().any(calls) {
        // Spans of HTTP clients are an instrumentation of their own, which may be missing.
        return Judged::Blind(super::not_observed(
            "calls of other services: no span of one came",
            "instrument the service's HTTP client (opentelemetry-instrumentation-httpx, -requests, -urllib3…), if it calls any",
        ));
    }
    let found: Vec<Finding> = case
        .endpoints
        .iter()
        .filter_map(|of| of_endpoint(case, of))
        .collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let most = case
        .endpoints
        .iter()
        .flat_map(|of| {
            of.calls
                .iter()
                .filter(move |call| call.is_of_a_service() && is_waited_for(call, of))
        })
        .map(Call::ms)
        .fold(0.0, f64::max);
    Judged::Clear(format!("at most {} ms per request", figures(most)))
}

/// A request takes longer than what it waits for. Of calls side by side each counts alone.
fn is_waited_for(call: &Call, endpoint: &EndpointCase) -> bool {
    let (_, most) = limits::AGREE;
    call.per_request.min(1.0) * call.each_ms <= most * endpoint.mean_ms
}

fn of_endpoint(case: &Case<'_>, endpoint: &EndpointCase) -> Option<Finding> {
    let calls = endpoint.calls.iter();
    let calls = calls.filter(|call| call.is_of_a_service() && is_waited_for(call, endpoint));
    let slowest = calls.max_by(|a, b| a.ms().total_cmp(&b.ms()))?;
    let ms = slowest.ms();
    let is_much = endpoint.is_traced()
        && ms >= limits::DOWNSTREAM_MS
        && ms >= limits::DOWNSTREAM_SHARE * endpoint.mean_ms;
    if !is_much {
        return None;
    }
    let has_floor = endpoint.fast_ms >= limits::FLOOR * ms;
    let spans = endpoint.source();
    let evidence = |source: &str, what: &str, value: f64, limit: Option<f64>| {
        evidence(source, what, value, "ms", limit)
    };
    let (confidence, basis) = super::sure(has_floor, "spans + response times", "spans");
    Some(Finding {
        confidence,
        basis,
        endpoints: vec![endpoint.title.clone()],
        about: slowest.key.text.clone(),
        what: format!(
            "{} takes {} ms of each request; one in twenty requests is done within {} ms",
            slowest.key.text,
            figures(ms),
            figures(endpoint.fast_ms)
        ),
        cost: Some(case.cost(endpoint, ms)),
        evidence: vec![
            evidence(&spans, "calls of it, per request", ms, Some(limits::DOWNSTREAM_MS)),
            evidence(&spans, "each", slowest.each_ms, None),
            evidence("response times", "p5 from send", endpoint.fast_ms, Some(limits::FLOOR * ms)),
        ],
        advice: "Give the call a timeout and a circuit breaker; keep its answer for a while, or move it behind the response into a background job.".into(),
        check: format!("{} without the call should take {} ms less", endpoint.title, figures(ms)),
        ..Finding::default()
    })
}
