//! Charts of metrics that applications and exporters show to Prometheus, by the names of common libraries.

mod latency;
mod node;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Drawing, Labels, Look, Points, sum};
use super::{Kind, Pressing};

/// How it is shown.
pub const KIND: Kind = Kind {
    name: "prometheus",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

/// Pools: id, title, lines (series, name), and the series of the limit.
type Pool = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);
const POOLS: [Pool; 2] = [
    (
        "hikari",
        "Connections of the pool (HikariCP)",
        &[
            ("hikaricp_connections_active", "used"),
            ("hikaricp_connections_idle", "idle"),
            ("hikaricp_connections_pending", "waiting"),
        ],
        "hikaricp_connections_max",
    ),
    (
        "go_pool",
        "Connections of the pool (Go)",
        &[
            ("go_sql_in_use_connections", "used"),
            ("go_sql_idle_connections", "idle"),
        ],
        "go_sql_max_open_connections",
    ),
];

/// OpenTelemetry's names, new and old: connections by state, waiting, the most.
const OTEL: [(&str, &str, &str); 2] = [
    (
        "db_client_connection_count",
        "db_client_connection_pending_requests",
        "db_client_connection_max",
    ),
    (
        "db_client_connections_usage",
        "db_client_connections_pending_requests",
        "db_client_connections_max",
    ),
];
/// Labels that may be the pool's name, and its connections' state.
const POOL: [&str; 2] = ["db_client_connection_pool_name", "pool_name"];
const STATE: [&str; 2] = ["db_client_connection_state", "state"];

/// What is drawn as it is: id, title, unit, whether as a rate, factor, series.
type Plain = (
    &'static str,
    &'static str,
    &'static str,
    bool,
    f64,
    &'static [&'static str],
);
/// Has lines of what is no heap too.
const JVM_HEAP: &str = "jvm_memory_used_bytes";
const PLAIN: [Plain; 11] = [
    (
        "loop",
        "Event loop lag, p99",
        "ms",
        false,
        1e3,
        &["nodejs_eventloop_lag_p99_seconds"],
    ),
    (
        "gc",
        "Time in garbage collection",
        "%",
        true,
        100.0,
        &[
            "jvm_gc_pause_seconds_sum",
            "nodejs_gc_duration_seconds_sum",
            "go_gc_duration_seconds_sum",
        ],
    ),
    (
        "heap",
        "Heap",
        "bytes",
        false,
        1.0,
        &[
            JVM_HEAP,
            "nodejs_heap_size_used_bytes",
            "go_memstats_heap_inuse_bytes",
        ],
    ),
    (
        "resident",
        "Resident memory",
        "bytes",
        false,
        1.0,
        &["process_resident_memory_bytes"],
    ),
    (
        "process",
        "Processor time of the process",
        "%",
        true,
        100.0,
        &["process_cpu_seconds_total"],
    ),
    (
        "threads",
        "Threads",
        "threads",
        false,
        1.0,
        &[
            "jvm_threads_states_threads",
            "tomcat_threads_busy_threads",
            "go_goroutines",
        ],
    ),
    (
        "flight",
        "Requests and connections in flight",
        "",
        false,
        1.0,
        &[
            "http_server_active_requests",
            "nginx_connections_active",
            "nginx_connections_waiting",
        ],
    ),
    (
        "waiting",
        "Waiting work",
        "",
        false,
        1.0,
        &[
            "executor_queued_tasks",
            "dotnet_threadpool_queue_length",
            "kafka_consumergroup_lag",
            "rabbitmq_queue_messages_ready",
        ],
    ),
    (
        "containers",
        "Processor time of containers",
        "%",
        true,
        100.0,
        &["container_cpu_usage_seconds_total"],
    ),
    (
        "container_memory",
        "Memory of containers",
        "bytes",
        false,
        1.0,
        &["container_memory_working_set_bytes"],
    ),
    (
        "throttled",
        "Containers stopped by their quota",
        "%",
        true,
        100.0,
        &["container_cpu_cfs_throttled_seconds_total"],
    ),
];

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let pools = POOLS.into_iter().map(|(id, title, lines, limit)| {
        let mut chart = look.chart(id, title, "connections");
        for (series, name) in lines {
            chart = each(chart, series, Look::level, name);
        }
        // Of several pools the chart has no one limit.
        let limit = look.only(limit).filter(|limit| *limit > 0.0);
        chart.limit(limit).done()
    });
    let plain = PLAIN
        .into_iter()
        .map(|(id, title, unit, is_rate, factor, names)| {
            let mut chart = look.chart(id, title, unit);
            for name in names {
                let points = if is_rate { Look::rate } else { Look::level };
                chart = match *name {
                    JVM_HEAP => chart.each(name, points, |labels| {
                        let is_heap = labels.get("area").is_some_and(|area| area == "heap");
                        is_heap.then(|| labels.get("id").map_or("heap", String::as_str).to_owned())
                    }),
                    _ => each(chart, name, points, ""),
                };
            }
            chart.times(factor).done()
        });
    let mut charts = vec![latency::chart(look)];
    charts.extend(pools);
    charts.push(otel(look));
    charts.extend(plain);
    charts.extend(node::charts(look));
    charts
}

fn first<'a>(labels: &'a Labels, names: &[&str]) -> &'a str {
    let mut found = names.iter().filter_map(|name| labels.get(*name));
    found.next().map_or("", String::as_str)
}

/// The series of a name added up by what their labels are called by; what is called nothing is left out.
fn added<'a>(
    look: Look<'a>,
    series: &'a str,
    points: fn(Look<'a>, &'a Series) -> Points,
    called: impl Fn(&Labels) -> Option<String>,
) -> BTreeMap<String, Points> {
    let mut parts: BTreeMap<String, Vec<Points>> = BTreeMap::new();
    for (labels, found) in look.subject.named(series) {
        if let Some(name) = called(labels) {
            parts.entry(name).or_default().push(points(look, found));
        }
    }
    let sums = parts.into_iter().map(|(name, parts)| (name, sum(&parts)));
    sums.collect()
}

/// Pools by state and name, whatever other labels there are.
fn otel(look: Look<'_>) -> Option<Chart> {
    let mut chart = look.chart("pool", "Connections of the pool", "connections");
    let mut limits = Vec::new();
    for (count, waiting, most) in OTEL {
        let state = |labels: &Labels| {
            let text = format!("{} {}", first(labels, &STATE), first(labels, &POOL));
            Some(text.trim().to_owned())
        };
        let pool = |labels: &Labels| Some(format!("waiting {}", first(labels, &POOL)));
        let lines = added(look, count, Look::level, state);
        let lines = lines
            .into_iter()
            .chain(added(look, waiting, Look::level, pool));
        for (name, points) in lines {
            chart = chart.line(if name.is_empty() { "open" } else { name.trim() }, points);
        }
        limits.extend(newest(look, most, |_| true).into_values());
    }
    // Of several pools the chart has no one limit.
    let limit = limits.first().filter(|_| limits.len() == 1).copied();
    chart.limit(limit.filter(|limit| *limit > 0.0)).done()
}

/// Newest levels of a name added up by pool, of those whose labels are wanted.
fn newest(
    look: Look<'_>,
    series: &str,
    is_wanted: impl Fn(&Labels) -> bool,
) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (labels, found) in look.subject.named(series) {
        if let Some(value) = found.last().filter(|_| is_wanted(labels)) {
            *sums.entry(first(labels, &POOL).to_owned()).or_default() += value;
        }
    }
    sums
}

fn each<'a>(
    chart: Drawing<'a>,
    series: &'a str,
    points: fn(Look<'a>, &'a Series) -> Points,
    name: &str,
) -> Drawing<'a> {
    let called = |labels: &Labels| {
        let values: Vec<&str> = labels
            .values()
            .map(String::as_str)
            .filter(|v| !v.is_empty())
            .collect();
        let text = format!("{name} {}", values.join(" "));
        let text = text.trim();
        Some(if text.is_empty() {
            series.to_owned()
        } else {
            text.to_owned()
        })
    };
    chart.each(series, points, called)
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut pressing = Vec::new();
    for (used, limit) in [
        ("hikaricp_connections_active", "hikaricp_connections_max"),
        ("go_sql_in_use_connections", "go_sql_max_open_connections"),
    ] {
        for (labels, series) in look.subject.named(limit) {
            let used = look.subject.labelled(used, labels);
            let used = used.and_then(Series::last);
            if let Some((used, limit)) = used.zip(series.last().filter(|limit| *limit > 0.0)) {
                pressing.push(Pressing::counted("pool", used, limit));
            }
        }
    }
    for (count, _, most) in OTEL {
        let is_used = |labels: &Labels| first(labels, &STATE) == "used";
        let used = newest(look, count, is_used);
        for (pool, limit) in newest(look, most, |_| true) {
            if let Some(used) = used.get(&pool).filter(|_| limit > 0.0) {
                pressing.push(Pressing::counted("pool", *used, limit));
            }
        }
    }
    pressing.extend(node::pressing(look));
    pressing
}
