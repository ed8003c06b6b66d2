//! Locust-shaped totals as a script gets them.

use katydid_analyze::locust;
use serde_json::{Value, json};

/// Counts by whole ms, the keys that scripts know from Locust.
fn whole_ms(times: &[(f64, u64)]) -> std::collections::BTreeMap<u64, u64> {
    let mut counts = std::collections::BTreeMap::new();
    for (ms, count) in times {
        *counts.entry(ms.round() as u64).or_insert(0) += count;
    }
    counts
}

/// `environment.stats`, as JSON.
pub fn stats_json(view: &locust::LocustView) -> Value {
    let entry = |e: &locust::LocustEntry| {
        json!({
            "method": e.method, "name": e.name, "num_requests": e.num_requests,
            "num_none_requests": e.num_none_requests, "num_failures": e.num_failures,
            "total_response_time": e.total_response_time, "min_response_time": e.min_response_time,
            "max_response_time": e.max_response_time, "total_content_length": e.total_content_length,
            "start_time": view.start_time, "last_request_timestamp": e.last_request_timestamp,
            "response_times": whole_ms(&e.response_times), "current_rps": e.current_rps,
            "current_fail_per_sec": e.current_fail_per_sec, "total_rps": e.total_rps,
            "total_fail_per_sec": e.total_fail_per_sec,
        })
    };
    let errors = view.errors.iter().map(|e| {
        json!({
            "method": e.method, "name": e.name, "error": e.error, "occurrences": e.occurrences,
            "first_seen": e.first_seen, "last_seen": e.last_seen,
        })
    });
    json!({
        "entries": view.entries.iter().map(entry).collect::<Vec<_>>(),
        "total": entry(&view.total),
        "errors": errors.collect::<Vec<_>>(),
        "start_time": view.start_time,
    })
}
