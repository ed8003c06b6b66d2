//! What is counted, and what the diagnosis said, on both sides.

use std::collections::BTreeMap;

use katydid_record::comparison::{CountChange, FindingChanges};

use super::effect::mean;
use super::{Counted, Measured};

/// What is counted exactly changed if it did by so much per request, or by this share: reads of blocks differ a little from request to
/// request.
const EXACTLY: f64 = 0.5;
/// A mean under load changed if it did by this share.
const ROUGHLY: f64 = 0.05;

/// An endpoint (empty: all requests), and what is counted.
type Key = (String, &'static str);

/// What differs, what is exact first, then what differs most.
pub fn counts(counted: &Counted<'_>) -> Vec<CountChange> {
    let [before, after] = [&counted.before, &counted.after].map(|runs| side(runs));
    let mut changes: Vec<CountChange> = before
        .iter()
        .filter_map(|(key, (a, exact))| {
            let (b, exact_too) = after.get(key)?;
            let exact = *exact && *exact_too;
            let (endpoint, what) = key;
            let by = (b - a).abs();
            let differs = by > ROUGHLY * a.max(*b) && (!exact || by >= EXACTLY);
            differs.then(|| CountChange {
                endpoint: (!endpoint.is_empty()).then(|| endpoint.clone()),
                what: (*what).to_owned(),
                before: *a,
                after: *b,
                exact,
                worse: b > a,
            })
        })
        .collect();
    let factor = |of: &CountChange| ((of.after + EXACTLY) / (of.before + EXACTLY)).ln().abs();
    changes.sort_by(|a, b| {
        (b.exact, factor(b))
            .partial_cmp(&(a.exact, factor(a)))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    changes
}

/// The mean of its runs, of those that counted exactly where there are any.
fn side(runs: &[&Measured]) -> BTreeMap<Key, (f64, bool)> {
    let mut all: BTreeMap<Key, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (key, count) in runs.iter().flat_map(|run| &run.counts) {
        let (exact, rough) = all.entry(key.clone()).or_default();
        if count.exact { exact } else { rough }.push(count.value);
    }
    all.into_iter()
        .filter_map(|(key, (exact, rough))| {
            let of = mean(&exact).map(|value| (value, true));
            Some((key, of.or_else(|| Some((mean(&rough)?, false)))?))
        })
        .collect()
}

/// A finding is a side's if nearly all of the runs that looked for it have it. One that is only suspected on the other side, or comes
/// and goes, is neither resolved nor new.
pub fn findings(counted: &Counted<'_>) -> FindingChanges {
    let mut called = BTreeMap::new();
    for run in counted.all() {
        let sure = run.findings.iter().filter(|(_, (_, is_sure))| *is_sure);
        called.extend(sure.map(|(key, (name, _))| (key.clone(), name.clone())));
    }
    let mut told = FindingChanges::default();
    for (key, name) in called {
        let [before, after] = [&counted.before, &counted.after].map(|runs| has(runs, &key));
        let list = match (before, after) {
            (Some(true), Some(true)) => &mut told.remaining,
            (Some(true), Some(false)) => &mut told.resolved,
            (Some(false), Some(true)) => &mut told.new,
            (Some(false), Some(false)) => continue,
            _ => &mut told.unknown,
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
    told
}

/// `None` where no run looked for it, or some have it and some have not.
fn has(runs: &[&Measured], key: &(String, String)) -> Option<bool> {
    let looked = runs.iter().filter(|run| run.looked.contains(&key.0));
    let (mut all, mut sure, mut seen) = (0, 0, 0);
    for run in looked {
        all += 1;
        let found = run.findings.get(key);
        seen += usize::from(found.is_some());
        sure += usize::from(found.is_some_and(|(_, is_sure)| *is_sure));
    }
    match all {
        0 => None,
        _ if sure * 5 >= all * 4 => Some(true),
        _ if seen * 5 <= all => Some(false),
        _ => None,
    }
}
