//! About the run itself: the generator's health, the plan, the machine, what happened, notes.

use std::fmt::Write;

use katydid_record::Manifest;
use katydid_record::summary::{GeneratorSummary, Summary};

use super::markup::{escape, facts, more, section};
use crate::number::{bytes, count, duration, instant, percent, plain, short};

const EVENTS: usize = 200;

/// The generator's own health. What was not observed says so.
pub fn generator(out: &mut String, g: &GeneratorSummary) {
    let unseen = || "<span class=\"soft\">not observed</span>".to_owned();
    let time = |value: Option<f64>| value.map_or_else(unseen, |v| format!("{} ms", short(v)));
    let share =
        |value: Option<f64>, of| value.map_or_else(unseen, |v| format!("{} of {of}", percent(v)));
    let core = |value| share(value, "one core");
    let verdict = if g.valid {
        "kept up"
    } else {
        "<b class=\"fail\">did not keep up</b>"
    };
    section(out, "The load generator’s own health");
    for warning in &g.warnings {
        let _ = writeln!(out, "<p class=\"warn\">{}</p>", escape(warning));
    }
    facts(
        out,
        &[
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
            (
                "CPU per request",
                g.cpu_us_per_request
                    .map_or_else(unseen, |us| format!("{} µs", short(us))),
            ),
            (
                "Memory, largest",
                g.rss_max_bytes.map_or_else(unseen, bytes),
            ),
            ("Connections opened", count(g.connections_opened)),
            ("Idle ones replaced", count(g.connections_replaced)),
            (
                "Users without a wait",
                if g.no_wait {
                    "yes".to_owned()
                } else {
                    String::new()
                },
            ),
        ],
    );
    out.push_str("<p class=\"soft\">Lag is how late the I/O thread took a request up after it was asked for.</p>\n</section>\n");
}

/// What was asked for, and on which machine.
pub fn plan(out: &mut String, manifest: &Manifest) {
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
    let classes: Vec<String> = plan
        .user_classes
        .iter()
        .map(|class| match class.fixed_count {
            _ if has_lines => escape(&class.name),
            0 => format!("{} (weight {})", escape(&class.name), plain(class.weight)),
            n => format!("{} ({} fixed)", escape(&class.name), count(n)),
        })
        .collect();
    let scenario: Vec<String> = manifest
        .scenario
        .iter()
        .map(|file| {
            let hash: String = file.sha256.chars().take(12).collect();
            format!("{} <code>{}</code>", escape(&file.path), escape(&hash))
        })
        .collect();
    let options: Vec<String> = plan
        .options
        .iter()
        .map(|(name, value)| format!("<code>{}={}</code>", escape(name), escape(value)))
        .collect();
    section(out, "Plan");
    facts(
        out,
        &[
            (
                "Target",
                plan.host.as_deref().map(escape).unwrap_or_default(),
            ),
            ("Users", number(plan.users)),
            ("Spawn rate", per_second(plan.spawn_rate)),
            ("Arrivals", per_second(plan.rate)),
            ("Run time", time(plan.run_time_s)),
            ("Stop timeout", time(plan.stop_timeout_s)),
            ("Iterations", plan.iterations.map(count).unwrap_or_default()),
            (
                "Load shape",
                plan.shape.as_deref().map(escape).unwrap_or_default(),
            ),
            ("User classes", classes.join(", ")),
            ("Only tags", escape(&plan.tags.join(", "))),
            ("Without tags", escape(&plan.exclude_tags.join(", "))),
            ("Scenario", scenario.join("<br>")),
            ("Other options", options.join(" ")),
        ],
    );
    let _ = writeln!(
        out,
        "<pre class=\"command\">{}</pre>\n</section>",
        escape(&manifest.argv.join(" "))
    );
    let host = &manifest.host;
    let cpu = match host.processors {
        0 => escape(&host.cpu),
        n => format!("{} × {}", count(u64::from(n)), escape(&host.cpu)),
    };
    section(out, "The machine that made the load");
    let memory = if host.memory_bytes > 0 {
        bytes(host.memory_bytes)
    } else {
        String::new()
    };
    facts(
        out,
        &[
            ("System", escape(&host.os)),
            ("Processors", cpu),
            ("Memory", memory),
        ],
    );
    out.push_str("</section>\n");
}

/// What happened when.
pub fn events(out: &mut String, summary: &Summary) {
    if summary.marks.is_empty() {
        return;
    }
    section(out, "What happened");
    out.push_str("<table class=\"events\">\n<tbody>\n");
    for mark in summary.marks.iter().take(EVENTS) {
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td>{}</td></tr>",
            instant(mark.at_s),
            escape(&mark.text)
        );
    }
    out.push_str("</tbody>\n</table>\n");
    more(out, summary.marks.len(), EVENTS);
    out.push_str("</section>\n");
}

/// Caps that were hit, parts that are missing.
pub fn notes(out: &mut String, summary: &Summary) {
    if summary.notes.is_empty() {
        return;
    }
    section(out, "Notes");
    out.push_str("<ul>\n");
    for note in summary.notes.iter().take(EVENTS) {
        let _ = writeln!(out, "<li>{}</li>", escape(note));
    }
    out.push_str("</ul>\n");
    more(out, summary.notes.len(), EVENTS);
    out.push_str("</section>\n");
}
