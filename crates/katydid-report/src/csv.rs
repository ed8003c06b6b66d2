//! Locust's four CSV files: its columns and definitions, katydid's precision.
//!
//! As Python's `csv` writes them: comma, CRLF, quotes only where needed, header always. Times in ms with up to three
//! decimals where Locust rounds to two digits.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use katydid_record::Summary;
use katydid_record::locust_view::{LocustEntry, LocustError, LocustView};
use katydid_record::summary::EndpointSummary;

use crate::number::plain;

const PERCENTILES: [&str; 11] = [
    "50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%",
];
const STATS: [&str; 11] = [
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
    "Requests/s",
    "Failures/s",
];
const FAILURES: [&str; 6] = [
    "Method",
    "Name",
    "Error",
    "Occurrences",
    "First Seen",
    "Last Seen",
];
const EXCEPTIONS: [&str; 4] = ["Count", "Message", "Traceback", "Nodes"];
const HISTORY: [&str; 6] = [
    "Timestamp",
    "User Count",
    "Type",
    "Name",
    "Requests/s",
    "Failures/s",
];
const HISTORY_TOTALS: [&str; 7] = [
    "Total Request Count",
    "Total Failure Count",
    "Total Median Response Time",
    "Total Average Response Time",
    "Total Min Response Time",
    "Total Max Response Time",
    "Total Average Content Size",
];

const PHASES: [&str; 20] = [
    "Phase",
    "Kind",
    "Began s",
    "Ended s",
    "Users",
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Aborted",
    "Blocked",
    "Missed",
    "Requests/s",
    "p50 ms",
    "p90 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
    "Valid",
];

/// `PREFIX_stats.csv`: a row per entry, then all together.
pub fn stats(view: &LocustView) -> String {
    let mut rows = vec![header(&[&STATS, &PERCENTILES])];
    for entry in view.entries.iter().chain([&view.total]) {
        let mut row = vec![entry.method.clone(), entry.name.clone()];
        row.extend([entry.num_requests, entry.num_failures].map(|n| n.to_string()));
        row.extend(averages(entry));
        row.extend([entry.total_rps, entry.total_fail_per_sec].map(plain));
        row.extend(percentiles(entry.num_requests, &entry.percentiles));
        rows.push(row);
    }
    write(&rows)
}

/// `PREFIX_failures.csv`.
pub fn failures(view: &LocustView) -> String {
    let mut rows = vec![header(&[&FAILURES])];
    let mut errors: Vec<&LocustError> = view.errors.iter().collect();
    errors.sort_by(|a, b| (&a.name, &a.method, &a.error).cmp(&(&b.name, &b.method, &b.error)));
    rows.extend(errors.into_iter().map(|error| {
        vec![
            error.method.clone(),
            error.name.clone(),
            error.error.clone(),
            error.occurrences.to_string(),
            utc(error.first_seen),
            utc(error.last_seen),
        ]
    }));
    write(&rows)
}

/// `PREFIX_phases.csv`: a row per phase and endpoint, and one for all of a phase. Locust has no such file: times are katydid's,
/// successes from due.
pub fn phases(summary: &Summary) -> String {
    let mut rows = vec![header(&[&PHASES])];
    for phase in &summary.phases {
        let all = phase.endpoints.iter().chain([&phase.total]);
        rows.extend(all.map(|e: &EndpointSummary| {
            let times = &e.from_due;
            let times = [
                times.p50, times.p90, times.p95, times.p99, times.p999, times.max,
            ];
            let mut row = vec![phase.name.clone(), phase.kind.clone()];
            row.extend([phase.began_s, phase.ended_s].map(plain));
            row.push(phase.users.to_string());
            row.extend([e.method.clone(), e.name.clone()]);
            let counts = [e.requests, e.failures, e.aborted, e.blocked, e.missed];
            row.extend(counts.map(|n| n.to_string()));
            row.push(plain(e.rps));
            row.extend(times.map(|ms| ms.map(plain).unwrap_or_default()));
            row.push(phase.valid.to_string());
            row
        }));
    }
    write(&rows)
}

/// `PREFIX_exceptions.csv`. All of them happened here: the column of nodes says `local`, as Locust without workers.
pub fn exceptions(summary: &Summary) -> String {
    let mut rows = vec![header(&[&EXCEPTIONS])];
    rows.extend(summary.exceptions.iter().map(|exception| {
        vec![
            exception.count.to_string(),
            exception.message.clone(),
            exception.traceback.clone(),
            "local".to_owned(),
        ]
    }));
    write(&rows)
}

/// The first line of `PREFIX_stats_history.csv`.
pub fn history_header() -> String {
    write(&[header(&[&HISTORY, &PERCENTILES, &HISTORY_TOTALS])])
}

/// The rows of one second: all together; with `full` (`--csv-full-history`) each entry before it. Rates are those of the
/// last ten seconds; percentiles are cumulative, but with `full` also those of the last ten seconds, as in Locust.
pub fn history_rows(view: &LocustView, full: bool) -> String {
    let entries: &[LocustEntry] = if full { &view.entries } else { &[] };
    let timestamp = (view.now.max(0.0) as u64).to_string();
    let mut rows = Vec::with_capacity(entries.len() + 1);
    for entry in entries.iter().chain([&view.total]) {
        let users = view.users.to_string();
        let mut row = vec![
            timestamp.clone(),
            users,
            entry.method.clone(),
            entry.name.clone(),
        ];
        row.extend(
            [entry.current_rps, entry.current_fail_per_sec].map(|rate| format!("{rate:.6}")),
        );
        let shown = if full {
            &entry.current_percentiles
        } else {
            &entry.percentiles
        };
        row.extend(percentiles(entry.num_requests, shown));
        row.extend([entry.num_requests, entry.num_failures].map(|n| n.to_string()));
        row.extend(averages(entry));
        rows.push(row);
    }
    write(&rows)
}

/// Median, average, min, max, average content size.
fn averages(entry: &LocustEntry) -> [String; 5] {
    [
        entry.median_response_time(),
        entry.avg_response_time(),
        entry.min_response_time.unwrap_or(0.0),
        entry.max_response_time,
        entry.avg_content_length(),
    ]
    .map(plain)
}

fn percentiles(requests: u64, values: &[Option<f64>; 11]) -> [String; 11] {
    values.map(|value| match value {
        Some(value) if requests > 0 => plain(value),
        _ => "N/A".to_owned(),
    })
}

fn header(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

/// `2026-11-23T08:12:00Z`.
fn utc(epoch_s: f64) -> String {
    jiff::Timestamp::from_second(epoch_s as i64)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn write(rows: &[Vec<String>]) -> String {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    for row in rows {
        // Into memory, rows of one length: it cannot fail, and a face must not bring a run down.
        if writer.write_record(row).is_err() {
            break;
        }
    }
    String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
}
