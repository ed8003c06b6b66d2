//! Charts of metrics that applications and exporters show to Prometheus, by the names of common libraries.

use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Drawing, Labels, Look, Points};
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
const POOLS: [Pool; 3] = [
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
        "pool",
        "Connections of the pool",
        &[
            ("db_client_connection_count", "open"),
            ("db_client_connections_usage", "open"),
            ("db_client_connection_pending_requests", "waiting"),
        ],
        "db_client_connection_max",
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

/// What is drawn as it is: id, title, unit, whether as a rate, factor, series.
type Plain = (
    &'static str,
    &'static str,
    &'static str,
    bool,
    f64,
    &'static [&'static str],
);
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
            "jvm_memory_used_bytes",
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
        let mut pools = look.subject.named(limit);
        // Of several pools the chart has no one limit.
        let limit = pools.next().filter(|_| pools.next().is_none());
        chart
            .limit(
                limit
                    .and_then(|(_, series)| series.last())
                    .filter(|limit| *limit > 0.0),
            )
            .done()
    });
    let plain = PLAIN
        .into_iter()
        .map(|(id, title, unit, is_rate, factor, names)| {
            let mut chart = look.chart(id, title, unit);
            for name in names {
                let points = if is_rate { Look::rate } else { Look::level };
                chart = each(chart, name, points, "");
            }
            chart.times(factor).done()
        });
    pools.chain(plain).collect()
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
            let mut pools = look.subject.named(used);
            let used = pools
                .find(|(of, _)| *of == labels)
                .and_then(|(_, series)| series.last());
            if let Some((used, limit)) = used.zip(series.last().filter(|limit| *limit > 0.0)) {
                let text = format!("pool {used} of {limit}");
                pressing.push(Pressing {
                    text,
                    share: used / limit,
                });
            }
        }
    }
    pressing
}
