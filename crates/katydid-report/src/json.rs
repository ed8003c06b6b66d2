//! JSON: katydid's own `summary.json` and `findings.json`, and the list that Locust's `--json` prints.

use katydid_record::locust_view::{LocustEntry, LocustView};
use katydid_record::{Comparison, Findings, Summary};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::number::plain;

/// `summary.json`: pretty, with a line end.
pub fn summary_json(summary: &Summary) -> String {
    let mut text = write(summary, b"  ");
    text.push('\n');
    text
}

/// `findings.json`: pretty, with a line end.
pub fn findings_json(findings: &Findings) -> String {
    let mut text = write(findings, b"  ");
    text.push('\n');
    text
}

/// `comparison.json`: pretty, with a line end.
pub fn comparison_json(told: &Comparison) -> String {
    let mut text = write(told, b"  ");
    text.push('\n');
    text
}

/// Locust's list of entries as `json.dumps(…, indent=4)` lays it out, without a line end. Times in ms at katydid's
/// precision; the keys of `response_times` have it too.
pub fn locust_json(view: &LocustView) -> String {
    let entries: Vec<Entry> = view
        .entries
        .iter()
        .map(|entry| Entry::new(entry, view.start_time))
        .collect();
    write(&entries, b"    ")
}

fn write(value: &impl Serialize, indent: &[u8]) -> String {
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
    let mut out = Vec::new();
    // Plain data into memory: nothing in it can fail, but a face must not bring a run down.
    match value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out, formatter,
    )) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => serde_json::json!({ "error": error.to_string() }).to_string(),
    }
}

/// Fields in Locust's order.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    method: &'a str,
    last_request_timestamp: Option<f64>,
    start_time: f64,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time: f64,
    max_response_time: f64,
    min_response_time: Option<f64>,
    total_content_length: u64,
    response_times: Pairs,
    num_reqs_per_sec: Pairs,
    num_fail_per_sec: Pairs,
}

impl<'a> Entry<'a> {
    fn new(entry: &'a LocustEntry, start_time: f64) -> Self {
        let times = entry.response_times.iter().map(|(ms, n)| (plain(*ms), *n));
        let seconds = entry.per_second.iter();
        let ended = seconds.clone().map(|s| (s.epoch_s.to_string(), s.ended));
        let failed = seconds
            .filter(|s| s.failed > 0)
            .map(|s| (s.epoch_s.to_string(), s.failed));
        Entry {
            name: &entry.name,
            method: &entry.method,
            last_request_timestamp: entry.last_request_timestamp,
            start_time,
            num_requests: entry.num_requests,
            num_none_requests: entry.num_none_requests,
            num_failures: entry.num_failures,
            total_response_time: entry.total_response_time,
            max_response_time: entry.max_response_time,
            min_response_time: entry.min_response_time,
            total_content_length: entry.total_content_length,
            response_times: Pairs(times.collect()),
            num_reqs_per_sec: Pairs(ended.collect()),
            num_fail_per_sec: Pairs(failed.collect()),
        }
    }
}

/// An object whose keys keep their order.
struct Pairs(Vec<(String, u64)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
