//! The machine as `node_exporter` tells it.

use katydid_record::view::Chart;

use super::super::Pressing;
use super::super::draw::{Labels, Look, Points, sum};
use super::added;

const CPU: &str = "node_cpu_seconds_total";
const MEMORY: &str = "node_memory_MemTotal_bytes";
const AVAILABLE: &str = "node_memory_MemAvailable_bytes";

/// Processors and memory.
pub fn charts(look: Look<'_>) -> [Option<Chart>; 2] {
    let mut cpu = look.chart("node_cpu", "Processors of the machine (node_exporter)", "%");
    let count = processors(look).max(1) as f64;
    for (mode, points) in added(look, CPU, Look::rate, mode) {
        cpu = cpu.line(&mode, points);
    }
    let memory = look
        .chart(
            "node_memory",
            "Memory of the machine (node_exporter)",
            "bytes",
        )
        .line("used", used_memory(look))
        .limit(look.last(MEMORY));
    [
        cpu.times(100.0 / count).stacked().limit(Some(100.0)).done(),
        memory.done(),
    ]
}

/// What a processor does; waiting is not work.
fn mode(labels: &Labels) -> Option<String> {
    let mode = labels.get("mode")?;
    (mode != "idle" && mode != "iowait").then(|| mode.clone())
}

fn processors(look: Look<'_>) -> usize {
    let idle = |labels: &Labels| labels.get("mode").is_some_and(|mode| mode == "idle");
    let all = look.subject.named(CPU);
    all.filter(|(labels, _)| idle(labels)).count()
}

fn used_memory(look: Look<'_>) -> Points {
    let both = look
        .subject
        .plain(MEMORY)
        .zip(look.subject.plain(AVAILABLE));
    let Some((all, available)) = both else {
        return Points::new();
    };
    let mut less = look.level(available);
    less.iter_mut()
        .for_each(|(_, value)| *value = value.map(|value| -value));
    sum(&[look.level(all), less])
}

/// Its processors and its memory, as they are now.
pub fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut pressing = Vec::new();
    let parts: Vec<Points> = added(look, CPU, Look::rate, mode).into_values().collect();
    let count = processors(look);
    if let Some((_, Some(busy))) = sum(&parts).last()
        && count > 0
    {
        pressing.push(Pressing::percent("node cpu", busy / count as f64));
    }
    if let Some((all, available)) = look.last(MEMORY).zip(look.last(AVAILABLE))
        && all > 0.0
    {
        pressing.push(Pressing::percent("node memory", 1.0 - available / all));
    }
    pressing
}
