//! Facts about the run itself: the generator's health, the plan, the machine. As names and values, both texts.

use katydid_record::Manifest;
use katydid_record::summary::GeneratorSummary;
use serde::Serialize;

use super::texts::Tone;
use crate::number::{bytes, count, duration, percent, plain, short};

/// A name and its value.
#[derive(Serialize)]
pub struct Fact {
    name: &'static str,
    value: String,
    tone: Tone,
}

/// Those that have a value.
fn facts<const N: usize>(rows: [(&'static str, String); N]) -> Vec<Fact> {
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let fact = |(name, value)| Fact {
        name,
        value,
        tone: Tone::Plain,
    };
    rows.map(fact).collect()
}

/// The generator's own health. What was not observed says so.
pub fn generator(g: &GeneratorSummary) -> Vec<Fact> {
    let unseen = || "not observed".to_owned();
    let time = |value: Option<f64>| value.map_or_else(unseen, |v| format!("{} ms", short(v)));
    let share =
        |value: Option<f64>, of| value.map_or_else(unseen, |v| format!("{} of {of}", percent(v)));
    let core = |value| share(value, "one core");
    let (verdict, tone) = if g.valid {
        ("kept up", Tone::Plain)
    } else {
        ("did not keep up", Tone::Bad)
    };
    let cpu = g
        .cpu_us_per_request
        .map_or_else(unseen, |us| format!("{} µs", short(us)));
    let no_wait = if g.no_wait { "yes" } else { "" };
    let mut facts = facts([
        ("Verdict", verdict.to_owned()),
        ("Lag, median", time(g.lag_p50_ms)),
        ("Lag, p99", time(g.lag_p99_ms)),
        ("Lag, largest", time(g.lag_max_ms)),
        ("Event loop late, p99", time(g.hub_lag_p99_ms)),
        ("I/O thread late, p99", time(g.io_lag_p99_ms)),
        ("Scenario’s thread (hub)", core(g.hub_busy_share)),
        ("I/O thread", core(g.io_busy_share)),
        ("Ready without a processor", core(g.run_queue_wait_share)),
        ("Machine in use", share(g.machine_busy_share, "all cores")),
        ("Taken by the hypervisor", share(g.steal_share, "all cores")),
        ("CPU per request", cpu),
        (
            "Memory, largest",
            g.rss_max_bytes.map_or_else(unseen, bytes),
        ),
        ("Connections opened", count(g.connections_opened)),
        ("Idle ones replaced", count(g.connections_replaced)),
        ("Users without a wait", no_wait.to_owned()),
    ]);
    facts[0].tone = tone;
    facts
}

/// What was asked for.
pub fn plan(manifest: &Manifest) -> Vec<Fact> {
    let plan = &manifest.plan;
    let per_second = |value: Option<f64>| {
        value
            .map(|v| format!("{} per second", plain(v)))
            .unwrap_or_default()
    };
    let time = |value: Option<f64>| value.map(duration).unwrap_or_default();
    let number = |n: u64| if n > 0 { count(n) } else { String::new() };
    // Then neither weight nor fixed_count counts.
    let has_lines = plan
        .schedule
        .as_ref()
        .is_some_and(|schedule| !schedule.lines.is_empty());
    let class = |class: &katydid_record::PlannedUser| match class.fixed_count {
        _ if has_lines => class.name.clone(),
        0 => format!("{} (weight {})", class.name, plain(class.weight)),
        n => format!("{} ({} fixed)", class.name, count(n)),
    };
    let classes: Vec<String> = plan.user_classes.iter().map(class).collect();
    let file = |file: &katydid_record::ScenarioFile| {
        let hash: String = file.sha256.chars().take(12).collect();
        format!("{} {hash}", file.path)
    };
    let scenario: Vec<String> = manifest.scenario.iter().map(file).collect();
    let options = plan.options.iter();
    let options: Vec<String> = options
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    facts([
        ("Target", plan.host.clone().unwrap_or_default()),
        ("Users", number(plan.users)),
        ("Spawn rate", per_second(plan.spawn_rate)),
        ("Arrivals", per_second(plan.rate)),
        ("Run time", time(plan.run_time_s)),
        ("Stop timeout", time(plan.stop_timeout_s)),
        ("Iterations", plan.iterations.map(count).unwrap_or_default()),
        ("Load shape", plan.shape.clone().unwrap_or_default()),
        ("User classes", classes.join(", ")),
        ("Only tags", plan.tags.join(", ")),
        ("Without tags", plan.exclude_tags.join(", ")),
        ("Scenario", scenario.join("\n")),
        ("Other options", options.join("\n")),
    ])
}

/// The machine that made the load.
pub fn machine(manifest: &Manifest) -> Vec<Fact> {
    let host = &manifest.host;
    let cpu = match host.processors {
        0 => host.cpu.clone(),
        n => format!("{} × {}", count(u64::from(n)), host.cpu),
    };
    let memory = if host.memory_bytes > 0 {
        bytes(host.memory_bytes)
    } else {
        String::new()
    };
    facts([
        ("System", host.os.clone()),
        ("Processors", cpu),
        ("Memory", memory),
    ])
}
