//! Objectives judged: kept, broken, or not to be told from what was measured. Never by comparing a percentile with its limit: by the
//! share of bad requests and how far it may be off.

use katydid_record::schedule::is_numbered;
use katydid_record::slo::Tally;
use katydid_record::summary::{SloOutcome, SloSummary};
use katydid_record::timeline::{PhaseEndpoint, Slices};
use katydid_record::{
    Endpoint, EndpointKey, EndpointWindow, Kind, Limit, PhaseTotals, Plan, Slo, Timeline,
};

use crate::interval::{self, Interval};
use crate::numbers::few;
use crate::validity;

/// Nearer to its budget than this, a share says nothing about how long a run would have to be.
const TOO_CLOSE: f64 = 0.02;
/// Nobody runs a test this many times longer.
const TOO_LONG: f64 = 100.0;

/// Each objective in each phase it is about, in the order of the plan. `valid`: the generator kept up over the run. None of a search, which
/// breaks them on purpose.
pub fn judge(timeline: &Timeline, plan: &Plan, valid: bool) -> Vec<SloSummary> {
    if plan.search.is_some() {
        return Vec::new();
    }
    let judged = plan.slos.iter().enumerate();
    judged
        .flat_map(|(number, slo)| {
            let about = About {
                timeline,
                plan,
                slo,
            };
            about.judge(number, valid)
        })
        .collect()
}

/// An objective, and what it is judged by.
#[derive(Clone, Copy)]
struct About<'a> {
    timeline: &'a Timeline,
    plan: &'a Plan,
    slo: &'a Slo,
}

impl About<'_> {
    fn judge(self, number: usize, valid: bool) -> Vec<SloSummary> {
        let Self { timeline, slo, .. } = self;
        let slices = |phase| timeline.slices.get(&(number, phase));
        if timeline.phases.is_empty() && slo.phase.is_none() {
            let whole = Span {
                phase: None,
                valid,
                ended_well: self.successes(timeline.endpoints.iter(), |endpoint: &Endpoint| {
                    EndpointWindow {
                        from_due: endpoint.from_due.to_sparse(),
                        ..EndpointWindow::default()
                    }
                }),
            };
            return vec![whole.judge(self, slices(0))];
        }
        let about: Vec<_> = timeline
            .phases
            .iter()
            .filter(|(_, phase)| is_about(slo, phase))
            .collect();
        if about.is_empty() {
            return vec![blank(slo, None, no_phase(timeline, slo))];
        }
        about
            .into_iter()
            .map(|(id, phase)| {
                let span = Span {
                    phase: Some(phase.name.clone()),
                    valid: validity::of_phase(phase).valid,
                    ended_well: self.successes(phase.endpoints.iter(), PhaseEndpoint::window),
                };
                span.judge(self, slices(*id))
            })
            .collect()
    }

    /// Times of the successes that it is about.
    fn successes<'a, T: 'a>(
        self,
        endpoints: impl Iterator<Item = (&'a EndpointKey, &'a T)>,
        window: impl Fn(&T) -> EndpointWindow,
    ) -> EndpointWindow {
        let mut all = EndpointWindow::default();
        for (key, endpoint) in endpoints {
            // Unless it is named, a flow is only there for the arrivals that were blocked.
            let counts = self.slo.endpoint.is_some() || key.kind != Kind::Flow;
            if counts && self.slo.covers(key, self.plan) {
                all.merge(&window(endpoint));
            }
        }
        all
    }
}

fn is_about(slo: &Slo, phase: &PhaseTotals) -> bool {
    match &slo.phase {
        Some(wanted) => is_numbered(&phase.name, wanted) || *wanted == phase.kind,
        None => validity::is_judged(phase),
    }
}

fn no_phase(timeline: &Timeline, slo: &Slo) -> String {
    let names: Vec<&str> = timeline.phases.values().map(|p| p.name.as_str()).collect();
    match &slo.phase {
        Some(wanted) if names.is_empty() => {
            format!("there was no phase '{wanted}': no phase began")
        }
        Some(wanted) => format!("there was no phase '{wanted}'; there were: {}", names.join(", ")),
        None => "there were only ramps, whose numbers mix levels; name one to judge it, as in 'p95 < 300ms in ramp'".to_owned(),
    }
}

/// Where an objective is judged.
struct Span {
    phase: Option<String>,
    valid: bool,
    ended_well: EndpointWindow,
}

impl Span {
    fn judge(&self, about: About<'_>, slices: Option<&Slices>) -> SloSummary {
        let slo = about.slo;
        let interval = slices.and_then(|slices| interval::share(&in_order(slices)));
        let (Some(slices), Some(interval)) = (slices, interval) else {
            return blank(slo, self.phase.clone(), no_request(about));
        };
        let tally = slices.total();
        let budget = slo.limit.budget();
        let (outcome, needed) = if !self.valid {
            (SloOutcome::Invalid, None)
        } else if interval.high <= budget {
            (SloOutcome::Pass, None)
        } else if interval.low > budget {
            (SloOutcome::Fail, None)
        } else {
            (SloOutcome::Undecided, more(&interval, budget, &tally))
        };
        let observed_ms = match slo.limit {
            Limit::Within { share, .. } => self.ended_well.from_due.quantile_us(share),
            Limit::Errors { .. } => None,
        }
        .map(|us| us as f64 / 1e3);
        let mut summary = SloSummary {
            outcome,
            total: tally.total,
            bad: tally.bad(),
            slow: tally.slow,
            failed: tally.failed,
            blocked: tally.blocked,
            aborted: tally.aborted,
            share: Some(interval.share),
            low: Some(interval.low),
            high: Some(interval.high),
            observed_ms,
            needed,
            ..blank(slo, self.phase.clone(), String::new())
        };
        summary.reason = reason(slo, &summary);
        summary
    }
}

fn in_order(slices: &Slices) -> Vec<(u64, u64)> {
    let first = slices.counts.keys().next().copied().unwrap_or(0);
    let last = slices.counts.keys().next_back().copied().unwrap_or(0);
    (first..=last)
        .map(|number| slices.counts.get(&number))
        .map(|tally| tally.map_or((0, 0), |tally| (tally.bad(), tally.total)))
        .collect()
}

fn blank(slo: &Slo, phase: Option<String>, reason: String) -> SloSummary {
    SloSummary {
        text: slo.text.clone(),
        phase,
        outcome: SloOutcome::Undecided,
        budget: slo.limit.budget(),
        reason,
        ..SloSummary::default()
    }
}

fn no_request(about: About<'_>) -> String {
    const SHOWN: usize = 5;
    let About {
        timeline,
        plan,
        slo,
    } = about;
    let Some(wanted) = &slo.endpoint else {
        return "there was no request".to_owned();
    };
    if timeline.endpoints.keys().any(|key| slo.covers(key, plan)) {
        return format!("there was no request '{wanted}' in it");
    }
    let names: Vec<String> = timeline
        .endpoints
        .keys()
        .map(|key| format!("{} {}", key.method, key.name).trim().to_owned())
        .collect();
    let few = few(&names, SHOWN);
    format!("there was no request '{wanted}'; there were: {few}")
}

/// About how many more requests like these would decide it.
fn more(interval: &Interval, budget: f64, tally: &Tally) -> Option<u64> {
    let total = tally.total as f64;
    if tally.bad() == 0 {
        // As many as make 0 of n unlikely at the budget.
        let needed = 0.025_f64.ln() / (1.0 - budget).ln();
        return Some((needed - total).ceil().max(1.0) as u64);
    }
    let needed = {
        let off = (interval.share - budget).abs();
        if off < TOO_CLOSE * budget {
            return None;
        }
        let half = if interval.share < budget {
            interval.high - interval.share
        } else {
            interval.share - interval.low
        };
        total * (half / off).powi(2)
    };
    (needed > total && needed < total * TOO_LONG).then(|| (needed - total).ceil() as u64)
}

fn reason(slo: &Slo, judged: &SloSummary) -> String {
    let percent = |share: Option<f64>| percent(share.unwrap_or(0.0));
    let measured = format!(
        "{} of {} requests were bad (95 % interval {} to {}), allowed are {}",
        percent(judged.share),
        judged.total,
        percent(judged.low),
        percent(judged.high),
        percent(Some(judged.budget)),
    );
    let parts = [
        (judged.slow, "over the limit"),
        (judged.failed, "failed"),
        (judged.blocked, "blocked"),
        (judged.aborted, "given up over the limit"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    let parts = match slo.limit {
        Limit::Within { .. } if !parts.is_empty() => format!(": {}", parts.join(", ")),
        _ => String::new(),
    };
    let then = match (judged.outcome, judged.needed) {
        (SloOutcome::Pass | SloOutcome::Fail, _) => String::new(),
        (SloOutcome::Invalid, _) => {
            "; not judged, because the generator did not keep up".to_owned()
        }
        (SloOutcome::Undecided, Some(n)) => {
            format!("; about {} more requests would decide it", rounded(n))
        }
        (SloOutcome::Undecided, None) => "; too close to the limit to tell".to_owned(),
    };
    format!("{measured}{parts}{then}")
}

/// Two digits: more would be made up.
fn rounded(n: u64) -> u64 {
    let digits = n.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(1));
    n.div_ceil(unit) * unit
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent {
        p if p == 0.0 || p >= 99.95 => 0,
        p if p >= 10.0 => 1,
        p if p >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use katydid_record::frame::{Body, Frame, Mark, Name};
    use katydid_record::{Cause, Histogram};

    use super::*;

    fn slo(text: &str, endpoint: Option<&str>, phase: Option<&str>, limit: Limit) -> Slo {
        Slo {
            text: text.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            access: None,
            phase: phase.map(str::to_owned),
            limit,
        }
    }

    fn p95(endpoint: Option<&str>, phase: Option<&str>) -> Slo {
        let limit = Limit::Within {
            share: 0.95,
            limit_us: 300_000,
        };
        slo("p95 < 300ms", endpoint, phase, limit)
    }

    /// A ramp of 10 s in which all is slow, then a hold of 60 s; so many of 100 requests a second are slow in it.
    fn timeline(plan: &Plan, late: impl Fn(u64) -> u64) -> Timeline {
        let mut timeline = Timeline::watching(plan);
        let mut apply = |at: u64, phase, body| {
            timeline.apply(&Frame {
                at: at * 1_000_000,
                span: 1_000_000,
                source: 0,
                phase,
                body,
            });
        };
        let name = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: "GET".to_owned(),
            name: "/".to_owned(),
            tagged: None,
        };
        let failure = Name::Failure {
            id: 0,
            cause: Cause::Status,
            text: "500".to_owned(),
        };
        apply(0, 0, Body::Names(vec![name, failure]));
        for (phase, name, at) in [(1, "ramp", 0), (2, "hold", 10)] {
            let (name, kind) = (name.to_owned(), name.to_owned());
            apply(
                at,
                phase,
                Body::Mark(Mark::PhaseBegan { phase, name, kind }),
            );
        }
        for second in 0..70 {
            let over = if second < 10 { 100 } else { late(second - 10) };
            let mut times = Histogram::default();
            times.record_n(400_000, over);
            times.record_n(100_000, 100 - over);
            let window = EndpointWindow {
                ok: 100,
                from_due: times.cut(),
                ..EndpointWindow::default()
            };
            apply(
                second,
                1 + u32::from(second >= 10),
                Body::Requests(vec![window]),
            );
        }
        timeline
    }

    fn check(slo: Slo, late: impl Fn(u64) -> u64, expected: &str) {
        let plan = Plan {
            slos: vec![slo],
            ..Plan::default()
        };
        let judged = judge(&timeline(&plan, late), &plan, true);
        let lines: Vec<String> = judged
            .iter()
            .map(|s| {
                let phase = s.phase.as_deref().unwrap_or("-");
                format!("{:?} in {phase}: {}", s.outcome, s.reason)
            })
            .collect();
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn a_ramp_is_left_out() {
        check(
            p95(None, None),
            |_| 1,
            "Pass in hold: 1 % of 6000 requests were bad (95 % interval 0.76 % to 1.29 %), allowed are 5 %: 60 over the limit",
        );
    }

    #[test]
    fn a_name_stands_for_its_numbers_too() {
        let phase = |name: &str| PhaseTotals {
            name: name.to_owned(),
            kind: "hold".to_owned(),
            ..PhaseTotals::default()
        };
        let about = |wanted: &str, name: &str| is_about(&p95(None, Some(wanted)), &phase(name));
        assert!(about("busy", "busy") && about("busy", "busy 2") && about("hold", "busy"));
        assert!(!about("busy 2", "busy") && !about("busy", "busy after flush"));
        assert!(!about("busy", "busy2") && !about("usy", "busy"));
    }

    #[test]
    fn a_ramp_that_is_named_is_judged() {
        check(
            p95(None, Some("ramp")),
            |_| 1,
            "Fail in ramp: 100 % of 1000 requests were bad (95 % interval 99.6 % to 100 %), allowed are 5 %: 1000 over the limit",
        );
    }

    #[test]
    fn near_its_limit_nothing_is_said() {
        check(
            p95(None, None),
            |second| if second % 10 < 5 { 8 } else { 1 },
            "Undecided in hold: 4.5 % of 6000 requests were bad (95 % interval 2.36 % to 6.64 %), allowed are 5 %: \
             270 over the limit; about 110000 more requests would decide it",
        );
        check(
            p95(None, None),
            |_| 5,
            "Undecided in hold: 5 % of 6000 requests were bad (95 % interval 4.46 % to 5.58 %), allowed are 5 %: \
             300 over the limit; too close to the limit to tell",
        );
    }

    #[test]
    fn what_never_came_is_undecided() {
        check(
            p95(Some("/cart"), None),
            |_| 0,
            "Undecided in hold: there was no request '/cart'; there were: GET /",
        );
        check(
            p95(None, Some("spike")),
            |_| 0,
            "Undecided in -: there was no phase 'spike'; there were: ramp, hold",
        );
    }

    #[test]
    fn errors() {
        let errors = slo("errors < 1%", None, None, Limit::Errors { share: 0.01 });
        check(
            errors,
            |_| 100,
            "Pass in hold: 0 % of 6000 requests were bad (95 % interval 0 % to 0.0615 %), allowed are 1 %",
        );
    }

    #[test]
    fn how_many_are_missing() {
        assert_eq!(
            [1, 9, 10, 123, 36_123].map(rounded),
            [1, 9, 10, 130, 37_000]
        );
    }
}
