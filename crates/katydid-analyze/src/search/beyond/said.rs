//! What the steps beyond the limit say: how much still works, and whether it recovers from a spike; as numbers and in sentences.

use katydid_record::search::{
    BeyondSummary, PeakSummary, Purpose, ReliefSummary, Seen, SpikeSummary, Wish,
};

use super::super::is_well;
use super::super::limits as at;
use super::{is_usual, recovery, split};
use crate::interval;
use crate::numbers::figures;

/// What there is to say of the loads beyond the limit.
#[derive(Debug, Default)]
pub struct Said {
    /// Where most requests were good.
    pub peak: Option<PeakSummary>,
    /// By load.
    pub beyond: Vec<BeyondSummary>,
    /// If there was one.
    pub spike: Option<SpikeSummary>,
    /// In sentences.
    pub remarks: Vec<String>,
}

/// What is known of the loads beyond the limit from all steps of a search, which found this height; `binding` is the number of the objective that is the
/// first to break.
pub fn said(wish: &Wish, seen: &[Seen], height: f64, binding: usize) -> Said {
    let (_, after) = split(seen);
    let mut said = Said {
        peak: peak(seen, binding, f64::INFINITY),
        ..Said::default()
    };
    if after.is_empty() {
        return said;
    }
    said.add_overloads(wish, seen, binding);
    said.add_spike(wish, after, height);
    if let Some(peak) = &said.peak {
        let (goodput, at) = (figures(peak.goodput), figures(peak.height));
        let text = format!(
            "Most were good at {at} {}: {goodput} requests/s.",
            wish.unit()
        );
        said.remarks.push(text);
    }
    said
}

/// Good requests per second, where there are enough seconds.
fn goodput(seen: &Seen, binding: usize) -> Option<f64> {
    let slices = seen.slices.get(binding)?;
    let (bad, total) = interval::sum(slices);
    (slices.len() > at::SHORT).then(|| total.saturating_sub(bad) as f64 / slices.len() as f64)
}

/// The height, and the goodput there, with the greatest goodput of all that are not higher. Steps of nearly the same height are one.
fn peak(seen: &[Seen], binding: usize, highest: f64) -> Option<PeakSummary> {
    let tells = |seen: &&Seen| {
        let of_limit = matches!(
            seen.step.purpose,
            Purpose::Coarse | Purpose::Fine | Purpose::Confirm | Purpose::Beyond
        );
        of_limit && seen.step.height <= highest && !seen.cut && !seen.invalid
    };
    let mut steps: Vec<(f64, f64, f64)> = (seen.iter().filter(tells))
        .filter_map(|seen| {
            let seconds = seen.slices.get(binding)?.len() as f64;
            Some((seen.step.height, seconds, goodput(seen, binding)?))
        })
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best: Option<PeakSummary> = None;
    while let Some((first, ..)) = steps.first() {
        let end = steps.partition_point(|(height, ..)| *height < at::TOGETHER * first);
        let group: Vec<_> = steps.drain(..end).collect();
        let all: f64 = group.iter().map(|(_, seconds, _)| seconds).sum();
        let mean = |of: fn(&(f64, f64, f64)) -> f64| {
            let weighted = group.iter().map(|step| step.1 * of(step));
            weighted.sum::<f64>() / all
        };
        let (height, goodput) = (mean(|step| step.0), mean(|step| step.2));
        if best.as_ref().is_none_or(|best| goodput > best.goodput) {
            best = Some(PeakSummary { height, goodput });
        }
    }
    best.filter(|best| best.goodput > 0.0)
}

fn outcome(of_peak: f64) -> &'static str {
    if of_peak >= at::GRACEFUL {
        "graceful"
    } else if of_peak >= at::COLLAPSE {
        "degraded"
    } else {
        "collapse"
    }
}

/// Whether all was well at the end of a time with little load; `None`: there was too little of it.
pub(in super::super) fn recovered(wish: &Wish, calm: Option<&Seen>) -> Option<bool> {
    let calm = calm.filter(|calm| calm.step.purpose == Purpose::Calm)?;
    if calm.cut || is_well(wish, &calm.slices) {
        return Some(true);
    }
    (calm.step.hold_s >= at::CALM_S && !calm.invalid).then_some(false)
}

/// Of what came before it, the last thing that was tried.
pub(in super::super) fn not_well_after(what: &str) -> String {
    format!(
        "After {what} it was not well again within {:.0} s at {}: nothing more was tried.",
        at::CALM_S,
        times(at::CALM)
    )
}

/// `1.5×`.
pub(in super::super) fn times(times: f64) -> String {
    format!("{times}×")
}

impl Said {
    fn add_overloads(&mut self, wish: &Wish, all: &[Seen], binding: usize) {
        let mut overloads = at::BEYOND.iter();
        for (n, seen) in all.iter().enumerate() {
            if seen.step.purpose != Purpose::Beyond {
                continue;
            }
            // Goodput that still grows with the load has not fallen.
            let peak = peak(all, binding, seen.step.height);
            let (Some(by), Some(peak)) = (overloads.next(), peak) else {
                return;
            };
            // What was seen until there could not be more load counts, if it was long enough.
            let goodput = goodput(seen, binding).filter(|_| !seen.invalid);
            if let Some(why) = why_not(seen) {
                self.remarks.push(match goodput {
                    Some(_) => format!("More than {} was not tried: {why} there.", times(*by)),
                    None => format!("What works at {} is not known: {why}.", times(*by)),
                });
            }
            let Some(goodput) = goodput else {
                continue;
            };
            let of_peak = goodput / peak.goodput;
            self.beyond.push(BeyondSummary {
                times: *by,
                height: seen.step.height,
                goodput,
                of_peak,
                outcome: outcome(of_peak).to_owned(),
                recovered: recovered(wish, all.get(n + 1)),
            });
        }
        if self.beyond.is_empty() {
            return;
        }
        let each = |step: &BeyondSummary| {
            let (by, part) = (times(step.times), format!("{:.2}", step.of_peak));
            match step.outcome.as_str() {
                "graceful" => format!("at {by} goodput stays at {part} of its peak (graceful)"),
                "degraded" => format!("at {by} goodput falls to {part} of its peak (degraded)"),
                _ => format!(
                    "at {by} goodput falls to {part} of its peak (collapse: do all wait in one queue, or try again?)"
                ),
            }
        };
        let all: Vec<String> = self.beyond.iter().map(each).collect();
        self.remarks.push(format!("Beyond: {}.", all.join("; ")));
        let stuck = |step: &&BeyondSummary| step.recovered == Some(false);
        if let Some(step) = self.beyond.iter().find(stuck) {
            self.remarks.push(not_well_after(&times(step.times)));
        }
    }

    fn add_spike(&mut self, wish: &Wish, after: &[Seen], found: f64) {
        let first = |purpose| after.iter().position(|seen| seen.step.purpose == purpose);
        let Some(base) = first(Purpose::Base).map(|n| &after[n]) else {
            return;
        };
        if !is_usual(wish, base) {
            let text = format!(
                "What a spike does is not known: already before it the budget was not surely kept at {}.",
                times(at::BASE)
            );
            self.remarks.push(text);
            return;
        }
        let (Some(spike), Some(n)) = (first(Purpose::Spike), first(Purpose::Back)) else {
            return;
        };
        let (spike, back) = (&after[spike], &after[n]);
        let watched_s = back.slices.first().map_or(0, Vec::len) as f64;
        let found_at = recovery(wish, &back.slices).map(|second| second as f64);
        let outcome = match found_at {
            Some(_) if !spike.invalid => "recovered",
            None if watched_s >= at::BACK_S && !spike.invalid && !back.invalid => "metastable",
            _ => "unknown",
        };
        let relief = after.get(n + 1).map(|calm| ReliefSummary {
            times: calm.step.height / found,
            height: calm.step.height,
            recovered: calm.cut || is_well(wish, &calm.slices),
            after_s: calm.slices.first().map_or(0, Vec::len) as f64,
        });
        let told = SpikeSummary {
            base_times: at::BASE,
            base: base.step.height,
            times: at::SPIKE,
            height: spike.step.height,
            lasted_s: spike.lasted_s,
            watched_s,
            outcome: outcome.to_owned(),
            recovery_s: found_at,
            relief,
        };
        self.remarks.push(sentence(&told, spike));
        if spike.cut {
            let text = format!("The spike was ended early: {ALL_AT_WORK}.");
            self.remarks.push(text);
        }
        self.spike = Some(told);
    }
}

const ALL_AT_WORK: &str = "all users that may be were at work (--max-users)";
const GENERATOR: &str = "the generator did not keep up";

/// Why there was not so much load as was meant, if so.
fn why_not(seen: &Seen) -> Option<&'static str> {
    if seen.cut {
        return Some(ALL_AT_WORK);
    }
    seen.invalid.then_some(GENERATOR)
}

fn sentence(told: &SpikeSummary, spike: &Seen) -> String {
    let (base, by) = (times(told.base_times), times(told.times));
    let (length, watched) = (spike.lasted_s.round(), told.watched_s);
    match (told.outcome.as_str(), told.recovery_s) {
        ("recovered", Some(after)) => {
            let how = if after < 1.0 {
                "at once".to_owned()
            } else {
                format!("in {after} s")
            };
            format!("After a spike of {length} s to {by} it recovers {how} at {base}.")
        }
        ("metastable", _) => {
            let relief = told.relief.as_ref().map_or_else(String::new, |relief| {
                let (at, after) = (times(at::RELIEF.0), relief.after_s);
                if relief.recovered {
                    format!(" At {at} it was well within {after} s.")
                } else {
                    format!(" Nor was it within {after} s at {at}: it may have to be restarted.")
                }
            });
            format!(
                "Did not recover from a spike of {length} s to {by} within {watched} s at {base}, a load that it had held before (metastable, or it works off very slowly what was left).{relief}"
            )
        }
        _ => {
            let why = if spike.invalid {
                GENERATOR
            } else {
                "it was not watched long enough, or the generator did not keep up"
            };
            format!("Whether it recovers from a spike to {by} is not known: {why}.")
        }
    }
}
