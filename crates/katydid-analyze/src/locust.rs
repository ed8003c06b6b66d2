//! The run in Locust's terms: asked → done, failures included, since the last reset; for its CSV, its JSON and
//! `environment.stats`. At katydid's precision where Locust rounds to two digits. The types are the record's, so that faces
//! can read them.

use std::collections::BTreeMap;

use katydid_record::frame::Kind;
pub use katydid_record::locust_view::{
    LocustEntry, LocustError, LocustSecond, LocustView, PERCENTILES,
};
use katydid_record::{Endpoint, EndpointKey, Histogram, Manifest, Timeline};

/// Whole seconds that "current" numbers look back.
const CURRENT_SECONDS: u64 = 10;

/// The view of a timeline.
pub fn view(manifest: &Manifest, timeline: &Timeline) -> LocustView {
    let (since, endpoints) = timeline.locust_endpoints();
    let epoch = manifest.started_epoch_us as f64 / 1e6;
    let at = |us: u64| epoch + us as f64 / 1e6;
    let clock = Clock {
        epoch,
        since_us: since,
        now_us: timeline.end,
    };
    let counted = || {
        endpoints
            .iter()
            .filter(|(key, _)| matches!(key.kind, Kind::Request | Kind::Custom))
    };
    let mut rows: BTreeMap<(&str, &str), Vec<(&EndpointKey, &Endpoint)>> = BTreeMap::new();
    for (key, e) in counted() {
        let row = rows.entry((&key.name, &key.method)).or_default();
        row.push((key, e));
    }
    // Locust has one row for a name and a method, whoever reported it.
    let entries = rows.into_values().map(|row| match row[..] {
        [(key, one)] => entry(key, one, &clock),
        _ => entry(row[0].0, &Timeline::total(row.iter().copied()), &clock),
    });
    let entries: Vec<LocustEntry> = entries.collect();
    let all = EndpointKey {
        kind: Kind::Request,
        method: String::new(),
        name: "Aggregated".into(),
        tagged: None,
    };
    let mut errors: BTreeMap<(&str, &str, &str), LocustError> = BTreeMap::new();
    for (key, e) in counted() {
        for ((_, text), totals) in &e.failures {
            let (first, last) = (at(totals.first), at(totals.last));
            let error = errors
                .entry((&key.method, &key.name, text))
                .or_insert_with(|| LocustError {
                    method: key.method.clone(),
                    name: key.name.clone(),
                    error: text.clone(),
                    occurrences: 0,
                    first_seen: first,
                    last_seen: last,
                });
            error.occurrences += totals.count;
            error.first_seen = error.first_seen.min(first);
            error.last_seen = error.last_seen.max(last);
        }
    }
    let errors = errors.into_values().collect();
    LocustView {
        entries,
        total: entry(&all, &Timeline::total(endpoints), &clock),
        errors,
        start_time: at(since),
        now: at(timeline.end),
        users: timeline
            .seconds
            .newest
            .values()
            .next_back()
            .map_or(0, katydid_record::timeline::Second::users),
    }
}

struct Clock {
    epoch: f64,
    since_us: u64,
    now_us: u64,
}

fn entry(key: &EndpointKey, e: &Endpoint, clock: &Clock) -> LocustEntry {
    let seconds = clock.now_us.saturating_sub(clock.since_us) as f64 / 1e6;
    let over = |n: u64, s: f64| if s > 0.0 { n as f64 / s } else { 0.0 };
    let now = current(e, clock);
    let ms = |us: u64| us as f64 / 1e3;
    LocustEntry {
        method: key.method.clone(),
        name: key.name.clone(),
        num_requests: e.ended(),
        num_none_requests: e.untimed,
        num_failures: e.failed,
        total_response_time: ms(e.from_asked.sum_us()),
        min_response_time: e.from_asked.min_us().map(ms),
        max_response_time: e.from_asked.max_us().map_or(0.0, ms),
        total_content_length: e.content_bytes,
        last_request_timestamp: (e.last > 0).then(|| clock.epoch + e.last as f64 / 1e6),
        percentiles: PERCENTILES.map(|q| e.from_asked.quantile_us(q).map(ms)),
        current_percentiles: PERCENTILES.map(|q| now.asked.quantile_us(q).map(ms)),
        total_rps: over(e.ended(), seconds),
        total_fail_per_sec: over(e.failed, seconds),
        current_rps: over(now.ended, now.width_s),
        current_fail_per_sec: over(now.failed, now.width_s),
        response_times: e
            .from_asked
            .buckets()
            .map(|(index, n)| (ms(katydid_record::histogram::bucket_top(index)), n))
            .collect(),
        per_second: e
            .recent
            .iter()
            .map(|(second, recent)| LocustSecond {
                epoch_s: clock.epoch as u64 + second,
                ended: recent.ended,
                failed: recent.failed,
            })
            .collect(),
    }
}

/// What ended in the last whole seconds.
struct Current {
    ended: u64,
    failed: u64,
    asked: Histogram,
    width_s: f64,
}

/// By the run's clock, so that it falls to zero when nothing completes.
fn current(e: &Endpoint, clock: &Clock) -> Current {
    let now = clock.now_us / 1_000_000;
    let from = now
        .saturating_sub(CURRENT_SECONDS)
        .max(clock.since_us / 1_000_000);
    let mut current = Current {
        ended: 0,
        failed: 0,
        asked: Histogram::default(),
        width_s: (now.max(from) - from) as f64,
    };
    for (_, recent) in e.recent.range(from..now.max(from)) {
        current.ended += recent.ended;
        current.failed += recent.failed;
        current.asked.add(&recent.asked);
    }
    current
}

/// Quantile of one entry (or of all) over the last `window_s` seconds or the whole counted time, ms.
pub fn percentile(
    timeline: &Timeline,
    row: Option<(&str, &str)>,
    q: f64,
    window_s: Option<f64>,
) -> Option<f64> {
    let (_, endpoints) = timeline.locust_endpoints();
    let mut all = Histogram::default();
    let now = timeline.end / 1_000_000;
    for (key, e) in endpoints {
        let wanted = match row {
            Some((method, name)) => key.method == method && key.name == name,
            None => matches!(key.kind, Kind::Request | Kind::Custom),
        };
        if !wanted {
            continue;
        }
        match window_s {
            None => all.merge(&e.from_asked),
            Some(window) => {
                for (_, recent) in e.recent.range(now.saturating_sub(window as u64)..) {
                    all.add(&recent.asked);
                }
            }
        }
    }
    all.quantile_us(q).map(|us| us as f64 / 1e3)
}
