//! The way up over the limit and down again: whether the same load is harder to do on the way down.
//!
//! What an overload leaves behind (a queue, an emptied cache, memory) is still there then. A load is *worse* on the way down when an
//! objective that was kept on the way up is surely broken; or when a percentile is half as much again and is higher in each fifth of the
//! hold than in all fifths on the way up, which happens by chance in one of 252.

use katydid_record::histogram::Packed;
use katydid_record::search::{Purpose, RungSummary, Seen, WaySummary, Wish};
use katydid_record::{PhaseId, Plan, Timeline};

use super::beyond::{is_usual, said};
use super::knee;
use super::limits as at;
use super::recorded::{self, Recorded};
use super::share;
use crate::interval;
use crate::numbers::figures;

/// What is said of it.
pub struct Hysteresis {
    /// By load, the greatest first.
    pub rungs: Vec<RungSummary>,
    /// In sentences.
    pub remarks: Vec<String>,
}

/// A load on one of the two ways.
struct Way<'a> {
    seen: &'a Seen,
    /// Share of bad ones for the objective that is broken first.
    bad: Option<f64>,
    /// The percentile of the whole hold, and of its parts, milliseconds.
    ms: Option<f64>,
    parts_ms: Vec<f64>,
}

/// How a search went up and down; `None` where it did not.
pub fn hysteresis(
    timeline: &Timeline,
    plan: &Plan,
    found: &Recorded,
    binding: usize,
) -> Option<Hysteresis> {
    let wish = plan.search.as_ref()?;
    let quantile = knee::quantile(plan, binding);
    let steps = || found.phases.iter().zip(&found.seen);
    let way = |purpose, times: f64| {
        let n = match purpose {
            Purpose::Up => at::WAY_UP
                .iter()
                .position(|up| up.total_cmp(&times).is_eq())?,
            _ => at::WAY_DOWN
                .iter()
                .position(|down| down.total_cmp(&times).is_eq())?,
        };
        let mut of_purpose = steps().filter(|(_, seen)| seen.step.purpose == purpose);
        let (phase, seen) = of_purpose.nth(n)?;
        Some(Way::of(timeline, *phase, seen, (quantile, binding)))
    };
    let rungs: Vec<RungSummary> = (at::WAY_DOWN.iter())
        .filter_map(|times| {
            let (up, down) = (way(Purpose::Up, *times)?, way(Purpose::Down, *times)?);
            Some(rung(wish, *times, &up, &down))
        })
        .collect();
    if rungs.is_empty() {
        return None;
    }
    let mut remarks = vec![sentence(&rungs, quantile)];
    if has_stayed_broken(wish, &found.seen) {
        remarks.push(said::not_well_after("the way down"));
    }
    Some(Hysteresis { rungs, remarks })
}

/// Not even a time with little load after the way down was enough.
pub fn has_stayed_broken(wish: &Wish, seen: &[Seen]) -> bool {
    let last = (seen.iter()).rposition(|seen| seen.step.purpose == Purpose::Down);
    let after = last.and_then(|last| seen.get(last + 1));
    said::recovered(wish, after) == Some(false)
}

impl<'a> Way<'a> {
    fn of(
        timeline: &Timeline,
        phase: PhaseId,
        seen: &'a Seen,
        (quantile, binding): (f64, usize),
    ) -> Self {
        let times: Vec<&Packed> = recorded::hold(timeline, phase, &seen.step)
            .map(|(second, _)| &second.from_due)
            .collect();
        let ms = |times: &[&Packed]| {
            let mut all = Packed::default();
            times.iter().for_each(|times| all.merge(times));
            Some(all.quantile_us(quantile)? as f64 / 1e3)
        };
        let part = times.len().div_ceil(at::BATCHES).max(1);
        Self {
            seen,
            bad: seen.slices.get(binding).and_then(|slices| share(slices)),
            ms: ms(&times),
            parts_ms: times.chunks(part).filter_map(ms).collect(),
        }
    }

    fn summary(&self) -> WaySummary {
        WaySummary {
            bad: self.bad,
            ms: self.ms,
        }
    }
}

fn rung(wish: &Wish, times: f64, up: &Way<'_>, down: &Way<'_>) -> RungSummary {
    let outcome = if !is_usual(wish, up.seen) || down.seen.invalid {
        "unknown"
    } else if is_surely_broken(wish, down.seen) {
        "broken"
    } else if is_slower(up, down) {
        "slower"
    } else {
        "same"
    };
    RungSummary {
        times,
        height: up.seen.step.height,
        up: up.summary(),
        down: down.summary(),
        outcome: outcome.to_owned(),
    }
}

/// Nothing that comes back is broken, too.
fn is_surely_broken(wish: &Wish, seen: &Seen) -> bool {
    let shares = seen.slices.iter().map(|slices| interval::share(slices));
    let shares: Vec<_> = shares.collect();
    let mut judged = shares.iter().zip(&wish.budgets);
    let is_broken = judged.any(|(share, budget)| share.is_some_and(|share| share.low > *budget));
    is_broken || shares.iter().all(Option::is_none)
}

fn is_slower(up: &Way<'_>, down: &Way<'_>) -> bool {
    let is_so = |ratio: f64| ratio >= at::STAYS;
    let is_much = matches!((up.ms, down.ms), (Some(up), Some(down)) if is_so(down / up));
    let highest = up.parts_ms.iter().copied().fold(0.0, f64::max);
    let is_always = down.parts_ms.iter().all(|part| *part > highest);
    is_much && is_always && up.parts_ms.len().min(down.parts_ms.len()) >= at::BATCHES
}

fn sentence(rungs: &[RungSummary], quantile: f64) -> String {
    let [.., top] = at::WAY_UP;
    let those = |words: &[&str]| {
        let rungs = rungs.iter();
        let rungs = rungs.filter(|rung| words.contains(&rung.outcome.as_str()));
        rungs.collect::<Vec<_>>()
    };
    let (worse, unknown) = (those(&["slower", "broken"]), those(&["unknown"]));
    let names = |rungs: &[&RungSummary]| {
        let names: Vec<String> = rungs.iter().map(|rung| said::times(rung.times)).collect();
        names.join(" and ")
    };
    let Some(last) = worse.last() else {
        if unknown.is_empty() {
            return format!(
                "No hysteresis: on the way down from {} each load is as on the way up.",
                said::times(top)
            );
        }
        return format!(
            "Whether the way down from {} is as the way up is not known at {}: already on the way up not all objectives held, or the generator did not keep up.",
            said::times(top),
            names(&unknown)
        );
    };
    let each: Vec<String> = worse.iter().map(|rung| compared(rung, quantile)).collect();
    let mut lower = rungs.iter().filter(|rung| rung.times < last.times);
    let then = match lower.next() {
        Some(rung) if rung.outcome == "same" => {
            format!("; at {} it is as on the way up", said::times(rung.times))
        }
        _ => String::new(),
    };
    format!(
        "Hysteresis: on the way down from {} {}{then}. Look for what an overload leaves behind: a queue, an emptied cache, memory.",
        said::times(top),
        each.join(", ")
    )
}

/// `41 % are bad at 0.9× (0.2 % on the way up)`.
fn compared(rung: &RungSummary, quantile: f64) -> String {
    let at = said::times(rung.times);
    let (up, down) = (&rung.up, &rung.down);
    match (up.bad, down.bad, up.ms, down.ms) {
        (.., Some(up), Some(down)) if rung.outcome == "slower" => {
            let (title, up, down) = (knee::title(quantile), figures(up), figures(down));
            format!("{title} is {down} ms at {at} ({up} ms on the way up)")
        }
        (Some(up), Some(down), ..) => {
            let percent = |share: f64| figures(100.0 * share);
            let (up, down) = (percent(up), percent(down));
            format!("{down} % are bad at {at} ({up} % on the way up)")
        }
        _ => format!("nothing comes back at {at}"),
    }
}
