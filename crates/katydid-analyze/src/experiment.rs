//! What came of changing the target and asking it again (`--experiment`): the same requests with the change and without it, in turns.
//!
//! What an experiment was is told by a fact, the last one of its number; its requests are those of a probe that name it.

use std::collections::BTreeMap;

use katydid_record::Timeline;
use katydid_record::probe::{Arm, ExperimentSummary, Measured, Tested};

use crate::numbers::median;
use crate::probe::{by_window, databases, windows};

/// The topic of the facts that say what an experiment was, by number.
pub const FACT: &str = "experiment";

/// Series of a database whose growths a request is measured by: time, s, and blocks.
const TIME: &str = "statement.time";
const BLOCKS: [&str; 2] = ["statement.blocks_hit", "statement.blocks_read"];

/// Of an endpoint, by part: whether the change was there, and the windows of its requests.
type Parts = BTreeMap<u32, (bool, Vec<usize>)>;

/// The experiments of this run, in their order.
pub fn experiments(timeline: &Timeline) -> Vec<ExperimentSummary> {
    let facts = timeline.facts.values().filter(|fact| fact.topic == FACT);
    let mut all: BTreeMap<u32, ExperimentSummary> = BTreeMap::new();
    for fact in facts {
        if let (Ok(number), Ok(told)) = (fact.subject.parse(), serde_json::from_str(&fact.text)) {
            all.insert(number, told);
        }
    }
    let of_number = |(number, told)| ExperimentSummary {
        endpoints: tested(timeline, number),
        ..told
    };
    all.into_iter().map(of_number).collect()
}

fn tested(timeline: &Timeline, experiment: u32) -> Vec<Tested> {
    let is_of_it = |arm: Arm| arm.experiment == experiment;
    let windows = windows(timeline, |of| {
        of.failed == 0 && of.arm.is_some_and(is_of_it)
    });
    let grown = |names: &[&str]| {
        let mut by = vec![0.0; windows.len()];
        for database in databases(timeline) {
            let series = names.iter().flat_map(|name| database.named(name));
            for (_, series) in series {
                for (window, more) in by_window(database, series, &windows) {
                    by[window] += more;
                }
            }
        }
        by
    };
    let (seconds, blocks) = (grown(&[TIME]), grown(&BLOCKS));
    // By endpoint, in the order in which they were asked; by part.
    let mut all: Vec<(String, Parts)> = Vec::new();
    for (number, window) in windows.iter().enumerate() {
        let Some(arm) = window.probed.arm else {
            continue;
        };
        let title = format!("{} {}", window.probed.method, window.probed.name);
        let known = all.iter().position(|(endpoint, _)| *endpoint == title);
        let place = known.unwrap_or_else(|| {
            all.push((title, BTreeMap::new()));
            all.len() - 1
        });
        let part = all[place].1.entry(arm.number);
        part.or_insert((arm.changed, Vec::new())).1.push(number);
    }
    let of = |values: &[f64], numbers: &[usize]| {
        median(numbers.iter().map(|of| values[*of]).collect()).unwrap_or_default()
    };
    let ms: Vec<f64> = windows
        .iter()
        .map(|window| window.probed.took_us.iter().sum::<u64>() as f64 / 1e3)
        .collect();
    let measured = |numbers: &[usize]| Measured {
        requests: numbers.len() as u64,
        ms: of(&ms, numbers),
        database_ms: of(&seconds, numbers) * 1e3,
        blocks: of(&blocks, numbers),
    };
    let of_endpoint = |(endpoint, parts): (String, Parts)| {
        let parts = |changed: bool| {
            let own = parts.values().filter(|(is, _)| *is == changed);
            own.map(|(_, numbers)| measured(numbers)).collect()
        };
        Tested {
            without: parts(false),
            with: parts(true),
            endpoint,
        }
    };
    all.into_iter().map(of_endpoint).collect()
}
