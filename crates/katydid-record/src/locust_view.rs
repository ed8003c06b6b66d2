//! A run in Locust's terms as plain data: for its CSV, its JSON and `environment.stats`.
//!
//! asked → done, failures included, since the last reset. Computed by the analysis; rendered by faces. Of a computation
//! only the three quotients are here that Locust itself offers as properties.

/// Percentiles of the CSV files.
pub const PERCENTILES: [f64; 11] = [
    0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0,
];

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
    /// At [`PERCENTILES`], over the counted time.
    pub percentiles: [Option<f64>; 11],
    /// At [`PERCENTILES`], over the last ten whole seconds; `None` where nothing ended.
    pub current_percentiles: [Option<f64>; 11],
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
    /// Completions per second, ascending: the seconds that the record still keeps apart.
    pub per_second: Vec<LocustSecond>,
}

impl LocustEntry {
    /// Locust's `median_response_time`, ms; 0 without a response time.
    pub fn median_response_time(&self) -> f64 {
        self.percentiles[0].unwrap_or(0.0)
    }

    /// Locust's `avg_response_time`: over the requests that have a response time, ms; 0 without any.
    pub fn avg_response_time(&self) -> f64 {
        let timed = self.num_requests.saturating_sub(self.num_none_requests);
        if timed == 0 {
            return 0.0;
        }
        self.total_response_time / timed as f64
    }

    /// Locust's `avg_content_length`: bytes per request; 0 without any.
    pub fn avg_content_length(&self) -> f64 {
        if self.num_requests == 0 {
            return 0.0;
        }
        self.total_content_length as f64 / self.num_requests as f64
    }
}

/// One second of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocustSecond {
    /// Seconds since 1970, of completion.
    pub epoch_s: u64,
    /// Requests that ended, failures included.
    pub ended: u64,
    /// Of these, failed.
    pub failed: u64,
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
