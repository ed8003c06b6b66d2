//! The run in Locust's terms: asked → done, failures included, since the last reset; for its CSV, its JSON and
//! `environment.stats`. At katydid's precision where Locust rounds to two digits.

use katydid_record::frame::Kind;
use katydid_record::{Endpoint, EndpointKey, Histogram, Manifest, Timeline};

/// Percentiles of the CSV files.
pub const PERCENTILES: [f64; 11] = [
    0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0,
];
/// Whole seconds that "current" numbers look back.
const CURRENT_SECONDS: u64 = 10;

/// Everything Locust-shaped outputs need.
#[derive(Clone, Debug, PartialEq)]
pub struct LocustView {
    /// Rows sorted by name and method.
    pub entries: Vec<LocustEntry>,
    /// All together.
    pub total: LocustEntry,
    /// Failures.
    pub errors: Vec<LocustError>,
    /// When counting began, seconds since 1970.
    pub start_time: f64,
    /// When the view was taken, seconds since 1970.
    pub now: f64,
    /// Users alive at last count.
    pub users: u64,
}

/// One row. Times in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocustEntry {
    /// Method.
    pub method: String,
    /// Name.
    pub name: String,
    /// Requests, failures included.
    pub num_requests: u64,
    /// Of these, without a response time.
    pub num_none_requests: u64,
    /// Of these, failed.
    pub num_failures: u64,
    /// Sum of response times.
    pub total_response_time: f64,
    /// Smallest.
    pub min_response_time: Option<f64>,
    /// Largest.
    pub max_response_time: f64,
    /// Sum of decoded body bytes.
    pub total_content_length: u64,
    /// Last completion, seconds since 1970; `None` before the first.
    pub last_request_timestamp: Option<f64>,
    /// At [`PERCENTILES`].
    pub percentiles: [Option<f64>; 11],
    /// Requests per second over the counted time.
    pub total_rps: f64,
    /// Failures per second over the counted time.
    pub total_fail_per_sec: f64,
    /// Over the last ten whole seconds.
    pub current_rps: f64,
    /// Over the last ten whole seconds.
    pub current_fail_per_sec: f64,
    /// (ms, count): all response times at katydid's precision.
    pub response_times: Vec<(f64, u64)>,
}

/// One failure.
#[derive(Clone, Debug, PartialEq)]
pub struct LocustError {
    /// Method.
    pub method: String,
    /// Name.
    pub name: String,
    /// Text.
    pub error: String,
    /// How often.
    pub occurrences: u64,
    /// Seconds since 1970.
    pub first_seen: f64,
    /// Seconds since 1970.
    pub last_seen: f64,
}

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
    let mut entries: Vec<LocustEntry> = counted().map(|(key, e)| entry(key, e, &clock)).collect();
    entries.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
    let all = EndpointKey {
        kind: Kind::Request,
        method: String::new(),
        name: "Aggregated".into(),
    };
    let errors = counted()
        .flat_map(|(key, e)| {
            e.failures
                .iter()
                .map(move |((_, text), totals)| LocustError {
                    method: key.method.clone(),
                    name: key.name.clone(),
                    error: text.clone(),
                    occurrences: totals.count,
                    first_seen: at(totals.first),
                    last_seen: at(totals.last),
                })
        })
        .collect();
    LocustView {
        entries,
        total: entry(&all, &Timeline::total(endpoints), &clock),
        errors,
        start_time: at(since),
        now: at(timeline.end),
        users: timeline
            .seconds
            .intervals
            .values()
            .next_back()
            .map_or(0, |second| second.users),
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
    let (ended, failed, width) = current(e, clock);
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
        total_rps: over(e.ended(), seconds),
        total_fail_per_sec: over(e.failed, seconds),
        current_rps: over(ended, width),
        current_fail_per_sec: over(failed, width),
        response_times: e
            .from_asked
            .buckets()
            .map(|(index, n)| (ms(katydid_record::histogram::bucket_top(index)), n))
            .collect(),
    }
}

/// Ended and failed in the last whole seconds, and how many seconds that is: by the run's clock, so it falls to zero when
/// nothing completes.
fn current(e: &Endpoint, clock: &Clock) -> (u64, u64, f64) {
    let now = clock.now_us / 1_000_000;
    let from = now
        .saturating_sub(CURRENT_SECONDS)
        .max(clock.since_us / 1_000_000);
    let recent = e.recent.range(from..now.max(from));
    let (ended, failed) = recent.fold((0, 0), |(ended, failed), (_, r)| {
        (ended + r.ended, failed + r.failed)
    });
    (ended, failed, (now - from) as f64)
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
