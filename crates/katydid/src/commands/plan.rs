//! `plan`: what a run would do, without doing it.
#![allow(clippy::float_cmp)] // heights are copied, not computed: equal ones are equal

use std::fmt::Write;

use anyhow::Result;
use katydid_record::plan::Event;
use katydid_record::redact::redact;
use katydid_record::schedule::{Model, Phase, Schedule};

use super::say;
use crate::config::{Source, Surroundings};
use crate::error::UsageError;
use crate::load::{PRESETS, picture};
use crate::plan::resolve;
use crate::resolved::Resolved;

/// Prints the phases of the load that `argv` asks for, a run's words, and how many users that makes when. `--explain` among them adds
/// each option that was given, and where.
pub fn plan(argv: &[String]) -> Result<i32> {
    let explain = argv.iter().any(|word| word == "--explain");
    let words: Vec<String> = argv
        .iter()
        .filter(|word| *word != "--explain")
        .cloned()
        .collect();
    let resolved = resolve(&words, &[], &Surroundings::of_process())?;
    if resolved.search.is_some() {
        return Err(UsageError::new(
            "plan shows what is known before; find decides each step by what it has seen",
        )
        .into());
    }
    let mut text = String::new();
    match resolved.described() {
        Some(schedule) => {
            text += &phases(&schedule);
            text.push('\n');
            text += &events(&resolved.events);
            text += &picture::picture(&schedule, &resolved.events);
        }
        None => text += &nothing(),
    }
    if explain {
        text.push('\n');
        text += &sources(&resolved);
    }
    say(&text);
    Ok(0)
}

fn phases(schedule: &Schedule) -> String {
    let unit = match schedule.model {
        Model::Users => "users",
        Model::Arrivals => "arrivals/s",
    };
    let mut rows = vec![["phase", "kind", unit, "begins", "lasts"].map(str::to_owned)];
    let mut began = 0.0;
    for phase in &schedule.phases {
        rows.push([
            phase.name.clone(),
            phase.kind.as_str().to_owned(),
            height(phase),
            picture::duration(began),
            picture::duration(phase.length_s),
        ]);
        began += phase.length_s;
    }
    let mut text = table(&rows);
    let _ = writeln!(
        text,
        "\n{} in all, {} {unit} at most",
        picture::duration(schedule.length_s()),
        picture::number(schedule.peak()),
    );
    text + &lines(schedule, unit)
}

/// What each user class gets, after an empty line, if they have lines of their own.
fn lines(schedule: &Schedule, unit: &str) -> String {
    if schedule.lines.is_empty() {
        return String::new();
    }
    let mut rows = vec![["class", unit, "begins", "lasts"].map(str::to_owned)];
    for line in &schedule.lines {
        let mut began = 0.0;
        for phase in &line.schedule.phases {
            rows.push([
                line.class.clone(),
                height(phase),
                picture::duration(began),
                picture::duration(phase.length_s),
            ]);
            began += phase.length_s;
        }
    }
    format!("\n{}", table(&rows))
}

fn height(phase: &Phase) -> String {
    let (from, to) = (picture::number(phase.from), picture::number(phase.to));
    if from == to {
        return to;
    }
    format!("{from} → {to}")
}

/// Commands without their secrets; with an empty line behind, if there are any.
fn events(events: &[Event]) -> String {
    if events.is_empty() {
        return String::new();
    }
    let mut rows = vec![["event", "at", "within", "command"].map(str::to_owned)];
    rows.extend(events.iter().map(|event| {
        [
            event.name.clone(),
            picture::duration(event.at_s),
            picture::duration(event.limit_s),
            redact(&event.command),
        ]
    }));
    table(&rows) + "\n"
}

fn nothing() -> String {
    let mut text = String::from(
        "Nothing says how much load to make, and when it ends. Add --load WORDS, or -u, -r and -t. For example:\n\n  \
         --load 'ramp to 50 users over 1m, hold 5m, spike to 200 users for 30s, hold 3m'\n\nor a preset, scaled to what your \
         service is built for:\n\n",
    );
    let rows: Vec<[String; 2]> = PRESETS
        .iter()
        .map(|preset| {
            [
                format!("  --load '{} of 50 users'", preset.name),
                preset.purpose.to_owned(),
            ]
        })
        .collect();
    text += &table(&rows);
    text
}

fn sources(resolved: &Resolved) -> String {
    let values = resolved.to_json();
    let mut rows = vec![["option", "value", "from"].map(str::to_owned)];
    for (dest, source) in &resolved.sources {
        if *source == Source::Default {
            continue;
        }
        let value = values.get(dest).map(|value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        // A load with lines may be written as lines; a ';' means the same.
        let value = value.unwrap_or_default();
        let value = value.trim().lines().collect::<Vec<_>>().join("; ");
        let value = redact(&value);
        rows.push([dest.replace('_', "-"), value, source.to_string()]);
    }
    if rows.len() == 1 {
        return "Every option has its default.\n".to_owned();
    }
    table(&rows)
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}
