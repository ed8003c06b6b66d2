//! Charts and tables of Redis and Valkey.

use katydid_record::view::{Chart, Table};
use serde_json::{Value, json};

use super::draw::{Labels, Look, Points, sum};
use super::table::columns;
use super::{Kind, Part, Pressing};

/// How it is shown.
pub const KIND: Kind = Kind {
    name: "redis",
    charts,
    tables,
    pressing,
};

/// Rows of a table.
const ROWS: usize = 50;

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let called = |name: &'static str| move |labels: &Labels| labels.get(name).cloned();
    // Zero is no limit.
    let limit = |name| look.last(name).filter(|limit| *limit > 0.0);
    vec![
        look.chart("hits", "Hits of all lookups", "%")
            .share("keyspace.hits", "keyspace.misses", "hits")
            .times(100.0)
            .limit(Some(100.0))
            .done(),
        look.chart("commands", "Commands", "/s")
            .each("command.calls", Look::rate, called("command"))
            .stacked()
            .done(),
        times(look),
        look.chart("cpu", "Processor time of the main thread", "%")
            .rate(cpu(look), "main thread")
            .times(100.0)
            .limit(Some(100.0))
            .done(),
        look.chart("memory", "Memory", "bytes")
            .level("memory.used", "used")
            .level("memory.rss", "resident")
            .limit(limit("memory.max"))
            .done(),
        look.chart("keys", "Keys", "keys")
            .line("all", total(look, "keys"))
            .line("without time to live", forever(look))
            .done(),
        look.chart("gone", "Keys that went away", "/s")
            .rate("keys.expired", "expired")
            .rate("keys.evicted", "evicted")
            .done(),
        look.chart("clients", "Clients", "clients")
            .level("clients", "connected")
            .level("clients.blocked", "blocked")
            .limit(limit("clients.max"))
            .done(),
        look.chart("queues", "Queue lengths", "entries")
            .each("queue.length", Look::level, called("queue"))
            .each("queue.lag", Look::level, |labels| {
                Some(format!(
                    "{} unread by {}",
                    labels.get("queue")?,
                    labels.get("group")?
                ))
            })
            .done(),
        look.chart("errors", "Errors and refusals", "/s")
            .rate("errors", "error replies")
            .rate("connections.rejected", "connections rejected")
            .done(),
    ]
}

/// The main thread's time where it is told; before Redis 7 that of the whole process.
fn cpu(look: Look<'_>) -> &'static str {
    let has_main = look.subject.plain("cpu.main").is_some();
    if has_main { "cpu.main" } else { "cpu" }
}

fn times(look: Look<'_>) -> Option<Chart> {
    let mut chart = look.chart("times", "Time of a command, mean", "µs");
    let mut busiest: Vec<_> = look
        .subject
        .named("command.time")
        .filter_map(|(labels, series)| {
            let (time, _) = look.subject.grown(series, 0, u64::MAX);
            Some((labels.get("command")?, series, time))
        })
        .collect();
    busiest.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (command, time, _) in busiest.into_iter().take(super::draw::LINES - 1) {
        if let Some(calls) = look.subject.of("command.calls", ("command", command)) {
            chart = chart.line(command, look.per(time, calls));
        }
    }
    chart.times(1e6).done()
}

fn total(look: Look<'_>, name: &str) -> Points {
    let dbs = look
        .subject
        .named(name)
        .map(|(_, series)| look.level(series));
    sum(&dbs.collect::<Vec<_>>())
}

fn forever(look: Look<'_>) -> Points {
    let mut expiring = total(look, "keys.expiring");
    let less = expiring.iter_mut();
    less.for_each(|(_, value)| *value = value.map(|value| -value));
    sum(&[total(look, "keys"), expiring])
}

fn tables(look: Look<'_>, part: &Part) -> Vec<Table> {
    let mut tables = vec![commands(look, part)];
    if part.phase.is_empty() {
        tables.extend([keys(look), slow(look)]);
    }
    tables
}

fn commands(look: Look<'_>, part: &Part) -> Table {
    let grown = |name: &str, command: &str| {
        let series = look.subject.of(name, ("command", command));
        series.map(|series| look.subject.grown(series, part.from, part.until))
    };
    let mut rows = Vec::new();
    for (labels, _) in look.subject.named("command.calls") {
        let Some(command) = labels.get("command") else {
            continue;
        };
        let (calls, seconds) = grown("command.calls", command).unwrap_or_default();
        if calls > 0.0 && seconds > 0.0 {
            let time = grown("command.time", command).map(|(time, _)| time);
            let failed = grown("command.failed", command).map(|(failed, _)| failed);
            rows.push((command, calls / seconds, calls, time, failed));
        }
    }
    rows.sort_by(|a, b| b.3.unwrap_or(0.0).total_cmp(&a.3.unwrap_or(0.0)));
    let all: f64 = rows.iter().filter_map(|row| row.3).sum();
    let row =
        |(command, rate, calls, time, failed): (&String, f64, f64, Option<f64>, Option<f64>)| {
            let share = time.filter(|_| all > 0.0).map(|time| time / all * 100.0);
            let mean = time.map(|time| time / calls * 1e6);
            vec![
                json!(command),
                json!(rate),
                json!(mean),
                json!(share),
                json!(failed),
            ]
        };
    table(
        ("commands", "Commands", part.phase.as_str()),
        &[
            ("command", "text"),
            ("calls", "/s"),
            ("mean", "µs"),
            ("share of time", "%"),
            ("failed", ""),
        ],
        rows.into_iter().map(row).collect(),
    )
}

/// Facts of a topic, read, the largest of a number in them first.
fn facts<'a>(look: Look<'a>, topic: &str, by: &str) -> Vec<(&'a String, Value)> {
    let facts = look.subject.facts.iter().filter(|((of, _), _)| of == topic);
    let mut facts: Vec<(&String, Value)> = facts
        .filter_map(|((_, about), (_, text))| Some((about, serde_json::from_str(text).ok()?)))
        .collect();
    let size = |value: &Value| value[by].as_f64().unwrap_or(0.0);
    facts.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
    facts
}

fn keys(look: Look<'_>) -> Table {
    let facts = facts(look, "keys", "count");
    let sample = facts
        .iter()
        .filter_map(|(_, form)| form["of"].as_u64())
        .max();
    let rows = facts.into_iter().map(|(template, form)| {
        let number = |name: &str| form[name].as_f64();
        let forever = number("forever").zip(number("count").filter(|count| *count > 0.0));
        vec![
            json!(template),
            form["type"].clone(),
            form["count"].clone(),
            json!(forever.map(|(forever, count)| forever / count * 100.0)),
            form["bytes"].clone(),
        ]
    });
    let mut table = table(
        ("keys", "Keys by their form", ""),
        &[
            ("form", "text"),
            ("type", "text"),
            ("keys", ""),
            ("without time to live", "%"),
            ("size", "bytes"),
        ],
        rows.collect(),
    );
    if let Some(sample) = sample {
        table.note = format!("From a sample of {sample} keys, taken outside the load.");
    }
    table
}

fn slow(look: Look<'_>) -> Table {
    let rows = facts(look, "slow", "longest_us")
        .into_iter()
        .map(|(about, entry)| {
            let longest = entry["longest_us"].as_f64().map(|us| us / 1e3);
            vec![json!(about), entry["count"].clone(), json!(longest)]
        });
    table(
        ("slow", "Slow log", ""),
        &[("command", "text"), ("entries", ""), ("longest", "ms")],
        rows.collect(),
    )
}

fn table(
    (id, title, phase): (&str, &str, &str),
    heads: &[(&str, &str)],
    mut rows: Vec<Vec<Value>>,
) -> Table {
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let note = if left_out > 0 {
        format!("{left_out} more are left out.")
    } else {
        String::new()
    };
    Table {
        id: id.to_owned(),
        title: title.to_owned(),
        phase: phase.to_owned(),
        columns: columns(heads),
        rows,
        note,
    }
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut pressing = Vec::new();
    let share = |used: &str, limit: &str| {
        let limit = look.last(limit).filter(|limit| *limit > 0.0)?;
        Some((look.last(used)?, limit))
    };
    if let Some((used, limit)) = share("memory.used", "memory.max") {
        pressing.push(Pressing::percent("redis memory", used / limit));
    }
    if let Some((used, limit)) = share("clients", "clients.max") {
        pressing.push(Pressing::counted("redis clients", used, limit));
    }
    if let Some(share) = look.last_rate(cpu(look)) {
        pressing.push(Pressing::percent("redis main thread", share));
    }
    pressing
}
