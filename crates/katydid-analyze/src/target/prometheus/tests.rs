use katydid_record::SeriesKind::{Counter, Gauge};
use katydid_record::Timeline;

use super::super::most_pressing;
use super::super::tried::{Row, chart, check};

fn timeline(rows: &[Row<'_>]) -> Timeline {
    super::super::tried::timeline("prometheus", rows)
}

#[test]
fn a_pool_of_hikari_and_its_limit() {
    let timeline = timeline(&[
        ("hikaricp_connections_active", "pool=main", Gauge, &[7.0]),
        ("hikaricp_connections_pending", "pool=main", Gauge, &[3.0]),
        ("hikaricp_connections_max", "pool=main", Gauge, &[10.0]),
    ]);
    let chart = chart(&timeline, "hikari");
    check(&chart, &[("used main", 7.0), ("waiting main", 3.0)]);
    assert_eq!(chart.limit, Some(10.0));
    assert_eq!(most_pressing(&timeline).unwrap().text, "pool 7 of 10");
}

#[test]
fn pools_of_opentelemetry_by_state_whatever_other_labels_they_have() {
    let count = "db_client_connection_count";
    let label = |state: &str, server: &str| {
        format!(
            "db_client_connection_pool_name=main,db_client_connection_state={state},server={server}"
        )
    };
    let timeline = timeline(&[
        (count, &label("used", "a"), Gauge, &[3.0]),
        (count, &label("used", "b"), Gauge, &[4.0]),
        (count, &label("idle", "a"), Gauge, &[1.0]),
        (
            "db_client_connection_max",
            "db_client_connection_pool_name=main",
            Gauge,
            &[8.0],
        ),
    ]);
    let chart = chart(&timeline, "pool");
    check(&chart, &[("idle main", 1.0), ("used main", 7.0)]);
    assert_eq!(chart.limit, Some(8.0));
    assert_eq!(most_pressing(&timeline).unwrap().text, "pool 7 of 8");
}

#[test]
fn the_heap_of_a_jvm_without_what_is_no_heap() {
    let timeline = timeline(&[
        (
            "jvm_memory_used_bytes",
            "area=heap,id=G1 Eden Space",
            Gauge,
            &[12.0],
        ),
        (
            "jvm_memory_used_bytes",
            "area=nonheap,id=Metaspace",
            Gauge,
            &[99.0],
        ),
    ]);
    check(&chart(&timeline, "heap"), &[("G1 Eden Space", 12.0)]);
}

#[test]
fn quantiles_of_all_requests_together() {
    let name = "http_request_duration_seconds_bucket";
    let timeline = timeline(&[
        (name, "le=0.1,path=/a", Counter, &[0.0, 50.0]),
        (name, "le=0.5,path=/a", Counter, &[0.0, 50.0]),
        (name, "le=+Inf,path=/a", Counter, &[0.0, 50.0]),
        (name, "le=0.1,path=/b", Counter, &[900.0, 900.0]),
        (name, "le=0.5,path=/b", Counter, &[900.0, 950.0]),
        (name, "le=+Inf,path=/b", Counter, &[900.0, 950.0]),
    ]);
    let expected = [("p50", 100.0), ("p95", 460.0), ("p99", 492.0)];
    check(&chart(&timeline, "latency"), &expected);
}

#[test]
fn processors_and_memory_of_node_exporter() {
    let cpu = "node_cpu_seconds_total";
    let timeline = timeline(&[
        (cpu, "cpu=0,mode=idle", Counter, &[100.0, 102.0]),
        (cpu, "cpu=0,mode=user", Counter, &[50.0, 53.0]),
        (cpu, "cpu=1,mode=idle", Counter, &[100.0, 101.0]),
        (cpu, "cpu=1,mode=user", Counter, &[70.0, 74.0]),
        ("node_memory_MemTotal_bytes", "", Gauge, &[1000.0, 1000.0]),
        ("node_memory_MemAvailable_bytes", "", Gauge, &[400.0, 400.0]),
    ]);
    check(&chart(&timeline, "node_cpu"), &[("user", 70.0)]);
    check(&chart(&timeline, "node_memory"), &[("used", 600.0)]);
    assert_eq!(most_pressing(&timeline).unwrap().text, "node cpu 70 %");
}
