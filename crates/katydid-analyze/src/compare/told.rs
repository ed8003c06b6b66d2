//! The verdict, and why, in a sentence.

use std::fmt::Write;

use katydid_record::comparison::{Change, ChangeOutcome, Comparison, Design, Measure};

use super::effect::{ASSUMED_SPREAD, Effect};
use super::{Counted, LEAST_PAIRS};
use crate::numbers::{few, figures};

/// Changes that are named besides the first.
const NAMED: usize = 3;

/// Both. `asked`: it was said what should have changed.
pub fn verdict(told: &Comparison, counted: &Counted<'_>, asked: bool) -> (String, String) {
    let of = |outcome| -> Vec<&Change> {
        let all = told.changes.iter();
        all.filter(|change| change.outcome == outcome).collect()
    };
    let (worse, better) = (of(ChangeOutcome::Worse), of(ChangeOutcome::Better));
    let first = &told.changes[0];
    // What should have changed has to; memory and processor time alone make nothing faster.
    let is_answer = |change: &&&Change| {
        if asked {
            change.primary
        } else {
            is_felt(change.measure)
        }
    };
    let lead = better.iter().find(is_answer);
    let (word, mut reason) = match (worse.first(), lead, first.outcome) {
        _ if is_too_few(counted) => (
            "INCONCLUSIVE",
            format!(
                "{}; fewer than {LEAST_PAIRS} pairs conclude nothing",
                numbers(first, counted)
            ),
        ),
        (Some(lead), ..) => ("REGRESSED", lead_and_more(lead, &worse, counted)),
        (None, Some(lead), _) => ("IMPROVED", lead_and_more(lead, &better, counted)),
        (_, _, ChangeOutcome::Same) => ("EQUIVALENT", equivalent(first, told.margin, counted)),
        (_, _, ChangeOutcome::Indicative) => ("SINGLE RUN", single(first, counted)),
        _ => ("INCONCLUSIVE", inconclusive(first, told.margin, counted)),
    };
    let aside = match word {
        "REGRESSED" => better.first().map(|but| ("although", but)),
        "EQUIVALENT" | "INCONCLUSIVE" => better.first().map(|but| ("but", but)),
        _ => None,
    };
    if let Some((joint, but)) = aside {
        let _ = write!(reason, "; {joint} {} {}", title(but, counted), percent(but));
    }
    let queries = told
        .counts
        .iter()
        .find(|count| count.exact && count.what == "queries");
    if let Some(count) = queries {
        let _ = write!(
            reason,
            ". Queries per request of {}: {} → {} (exact)",
            count.endpoint.as_deref().unwrap_or("all requests"),
            figures(count.before),
            figures(count.after)
        );
    }
    if word == "IMPROVED" && !told.counts.iter().any(|count| count.exact && count.worse) {
        reason += ". No regression was found";
    }
    (word.into(), reason)
}

fn is_too_few(counted: &Counted<'_>) -> bool {
    counted.design == Design::Pairs && counted.before.len() < LEAST_PAIRS
}

/// Whether those who ask feel it.
fn is_felt(measure: Measure) -> bool {
    !matches!(measure, Measure::TargetCpu | Measure::TargetMemory)
}

fn lead_and_more(lead: &Change, all: &[&Change], counted: &Counted<'_>) -> String {
    let mut text = format!("{}, {}", numbers(lead, counted), design(counted));
    let others: Vec<String> = all
        .iter()
        .filter(|change| !std::ptr::eq(**change, lead))
        .map(|change| format!("{} {}", title(change, counted), percent(change)))
        .collect();
    if !others.is_empty() {
        let _ = write!(text, "; also {}", few(&others, NAMED));
    }
    text
}

fn equivalent(first: &Change, margin: f64, counted: &Counted<'_>) -> String {
    format!(
        "{} changed by {}, within ±{}, {}",
        title(first, counted),
        percent(first),
        size(margin),
        design(counted)
    )
}

fn inconclusive(first: &Change, margin: f64, counted: &Counted<'_>) -> String {
    let mut text = format!("{}, {}", numbers(first, counted), design(counted));
    if let Some(detectable) = first.detectable {
        let _ = write!(
            text,
            ". This design finds changes of {} or more",
            size(detectable)
        );
    }
    if let Some(more) = more_pairs(first, margin, counted) {
        let _ = write!(
            text,
            "; about {more} more pairs would find {} in four of five cases",
            size(margin)
        );
    }
    text
}

/// How many more would find a change as large as the margin in four of five cases.
fn more_pairs(first: &Change, margin: f64, counted: &Counted<'_>) -> Option<usize> {
    let (low, high) = (first.low?.ln_1p(), first.high?.ln_1p());
    let made = counted.before.len();
    if counted.design != Design::Pairs || made < 2 || first.measure == Measure::Bad {
        return None;
    }
    let unit = Effect {
        mean: 0.0,
        error: 1.0,
        freedom: made as f64 - 1.0,
    };
    let times = unit.interval(1.0 - first.confidence?).1;
    let effect = Effect {
        error: (high - low) / 2.0 / times,
        ..unit
    };
    let pairs = effect.pairs_for(margin.ln_1p(), made)?;
    Some(pairs.saturating_sub(made)).filter(|more| *more > 0)
}

fn single(first: &Change, counted: &Counted<'_>) -> String {
    format!(
        "indicative only: {}. Runs of the same differ by {} or so from one to the next, which one run of each side does not show; katydid validate makes pairs",
        numbers(first, counted),
        size(ASSUMED_SPREAD)
    )
}

fn design(counted: &Counted<'_>) -> String {
    let (n, m) = (counted.before.len(), counted.after.len());
    match counted.design {
        Design::Pairs => format!("{n} interleaved pairs"),
        Design::Groups => format!("{n} runs before, {m} after, not interleaved"),
        Design::Single => "one run each".into(),
    }
}

/// `p95 of GET /dashboard 412 → 138 ms, −66 % (95 % interval −71 to −61 %)`.
fn numbers(change: &Change, counted: &Counted<'_>) -> String {
    let value = |of: Option<f64>| of.map_or_else(|| "–".into(), |of| amount(change.measure, of));
    let mut text = format!(
        "{} {} → {}{}, {}",
        title(change, counted),
        value(change.before),
        value(change.after),
        unit(change.measure),
        percent(change)
    );
    if let (Some(low), Some(high), Some(confidence)) = (change.low, change.high, change.confidence)
    {
        let ends = [low, high].map(|end| points(change.measure, end));
        let _ = write!(
            text,
            " ({} % interval {} to {})",
            figures(confidence * 100.0),
            ends[0].trim_end_matches(" %").trim_end_matches(" points"),
            ends[1]
        );
    }
    text
}

fn amount(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Bad => figures(value * 100.0),
        Measure::TargetMemory => figures(value / 1_048_576.0),
        _ => figures(value),
    }
}

/// With the space before it.
fn unit(measure: Measure) -> &'static str {
    match measure {
        Measure::P50 | Measure::P95 | Measure::P99 | Measure::TargetCpu => " ms",
        Measure::Bad => " %",
        Measure::Goodput | Measure::Capacity => "/s",
        Measure::TargetMemory => " MiB",
    }
}

fn percent(change: &Change) -> String {
    change
        .change
        .map_or_else(|| "–".into(), |by| points(change.measure, by))
}

fn points(measure: Measure, by: f64) -> String {
    match measure {
        Measure::Bad => share(by).replace(" %", " points"),
        _ => share(by),
    }
}

/// How large a change is, without its sign: `5.0 %`.
fn size(of: f64) -> String {
    share(of).trim_start_matches('+').to_owned()
}

/// `−66 %`, `+4.2 %`, `×12`.
fn share(by: f64) -> String {
    if by >= 9.0 {
        return format!("×{}", figures(by + 1.0));
    }
    let size = (by * 100.0).abs();
    let text = if size >= 9.95 {
        format!("{size:.0}")
    } else {
        format!("{size:.1}")
    };
    let sign = match text.as_str() {
        "0.0" => "",
        _ if by < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{text} %")
}

/// `p95 of GET /dashboard in spike`. The phase only where there are several.
pub fn title(change: &Change, counted: &Counted<'_>) -> String {
    let what = match change.measure {
        Measure::P95 => "p95",
        Measure::P50 => "p50",
        Measure::P99 => "p99",
        Measure::Bad => "failures",
        Measure::Goodput => "answered requests",
        Measure::TargetCpu => return "processor time per request".into(),
        Measure::TargetMemory => return "memory of the target".into(),
        Measure::Capacity => return "the greatest load that keeps the objectives".into(),
    };
    let of = change.endpoint.as_deref().unwrap_or("all requests");
    let several = counted
        .before
        .first()
        .is_some_and(|run| run.phases.len() > 1);
    let phase = change.phase.as_ref().filter(|_| several);
    let phase = phase
        .map(|phase| format!(" in {phase}"))
        .unwrap_or_default();
    format!("{what} of {of}{phase}")
}
