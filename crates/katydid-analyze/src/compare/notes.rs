//! In what two sides differ besides what is measured: what of them can be compared, and what a reader should know.

use std::collections::BTreeSet;

use katydid_record::comparison::{Design, Measure};

use super::{Counted, Measured};
use crate::numbers::few;

/// Endpoints that a note names.
const NAMED: usize = 5;

/// Phases that all runs have under the same load, the longest first.
pub fn shared_phases(counted: &Counted<'_>) -> Vec<String> {
    let mut all = counted.all();
    let Some(first) = all.next() else {
        return Vec::new();
    };
    let others: Vec<&Measured> = all.collect();
    let has = |phase: &&(String, String)| others.iter().all(|run| run.phases.contains(phase));
    let shared = first.phases.iter().filter(has);
    shared.map(|(name, _)| name.clone()).collect()
}

/// Each a sentence.
pub fn notes(counted: &Counted<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let both = |of: fn(&Measured) -> String| {
        let [a, b] = [&counted.before, &counted.after].map(|runs| {
            let values: BTreeSet<String> = runs.iter().map(|run| of(run)).collect();
            values.into_iter().collect::<Vec<_>>().join(", ")
        });
        (a != b).then_some((a, b))
    };
    if both(|run| run.scenario.iter().cloned().collect()).is_some() {
        notes.push("The two sides ran different scenarios: their files differ. A change may be the scenario's.".into());
    }
    notes.extend(other_loads(counted));
    if let Some((a, b)) =
        both(|run| run.seed.clone()).filter(|(a, b)| !a.is_empty() || !b.is_empty())
    {
        let or_none = |seed: String| if seed.is_empty() { "none".into() } else { seed };
        notes.push(format!(
            "Their seeds differ: {} before, {} after.",
            or_none(a),
            or_none(b)
        ));
    }
    if counted.all().any(|run| run.is_closed) {
        notes.push(
            "Users wait for answers, so a slower side is asked less, and looks better than it is. Arrivals (--load 'arrive at …') ask both the same."
                .into(),
        );
    }
    if let Some((a, b)) = both(|run| run.host.clone()).filter(|_| counted.design != Design::Pairs) {
        notes.push(format!("Their hosts differ: {a} before, {b} after."));
    }
    if let Some((a, b)) = both(|run| run.machine.clone()) {
        notes.push(format!(
            "The load was made by {a} before, and by {b} after."
        ));
    }
    notes.extend(on_one_side(counted));
    notes
}

/// Phases of one name in which the load was not the same.
fn other_loads(counted: &Counted<'_>) -> Vec<String> {
    let (Some(a), Some(b)) = (counted.before.first(), counted.after.first()) else {
        return Vec::new();
    };
    let load = |run: &Measured, name: &str| {
        let found = run.phases.iter().find(|(phase, _)| phase == name);
        found.map(|(_, load)| load.clone())
    };
    let differing = a.phases.iter().filter_map(|(name, before)| {
        let after = load(b, name).filter(|after| after != before)?;
        let of = if name.is_empty() {
            "The load".into()
        } else {
            format!("The load of phase {name}")
        };
        Some(format!(
            "{of} was {before} before and {after} after, so it is not compared."
        ))
    });
    let alone = |of: &Measured, other: &Measured, side: &str| {
        let names = of.phases.iter().map(|(name, _)| name);
        let names: Vec<&str> = names
            .filter(|name| load(other, name).is_none())
            .map(String::as_str)
            .collect();
        (!names.is_empty()).then(|| format!("Only {side} there was: {}.", names.join(", ")))
    };
    differing
        .chain(alone(a, b, "before"))
        .chain(alone(b, a, "after"))
        .collect()
}

/// Endpoints of which some runs have p95, and not all: too few went well there.
fn on_one_side(counted: &Counted<'_>) -> Option<String> {
    let has = |run: &Measured| -> BTreeSet<String> {
        let p95 = run
            .values
            .keys()
            .filter(|place| place.measure == Measure::P95);
        p95.map(|place| place.endpoint.clone()).collect()
    };
    let each: Vec<BTreeSet<String>> = counted.all().map(has).collect();
    let all: BTreeSet<&String> = each.iter().flatten().collect();
    let some = all
        .into_iter()
        .filter(|name| !each.iter().all(|of| of.contains(*name)));
    let some: Vec<&str> = some
        .map(|name| {
            if name.is_empty() {
                "all requests"
            } else {
                name
            }
        })
        .collect();
    (!some.is_empty()).then(|| {
        format!(
            "Not in the table, because in some runs fewer than twenty went well: {}.",
            few(&some, NAMED)
        )
    })
}
