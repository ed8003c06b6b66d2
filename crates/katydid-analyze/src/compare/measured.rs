//! One run, as what can be compared with another: numbers by phase and endpoint, counts, findings. Small, so that many fit in memory.

use std::collections::{BTreeMap, BTreeSet};

use katydid_record::comparison::Measure;
use katydid_record::search::SearchSummary;
use katydid_record::summary::{EndpointSummary, PhaseSummary};
use katydid_record::timeline::Series;
use katydid_record::{
    Confidence, EndpointKey, Finding, Kind, Line, Manifest, Model, Phase, PhaseKind, Plan, Sparse,
    Summary, Timeline,
};

use crate::numbers::figures;
use crate::search::design_effect_of;
use crate::target::Part;
use crate::titles::Titles;

/// Phases of this name are not looked at: what comes before is to be over then.
pub const WARM_UP: &str = "warm-up";
/// So many successes lie beyond a percentile at least, else it is nearly the largest.
const LEAST_BEYOND: f64 = 1.0;
/// Processor time is counted in ticks of 10 ms: with less than this, a tick more or less is a change, s.
const LEAST_CPU_S: f64 = 1.0;
/// Less memory concerns nobody, bytes.
const LEAST_MEMORY: f64 = 16.0 * 1_048_576.0;
/// Standard deviations from the middle of a normal distribution's 95 % to its end.
const NORMAL_95: f64 = 1.96;
/// Looks at one endpoint by a probe that say what its requests ask for.
const PROBED: u64 = 5;

/// What is compared: in which phase, of which endpoint, what. The phase is empty for the whole run, the endpoint for all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its name.
    pub phase: String,
    /// `GET /dashboard`.
    pub endpoint: String,
    /// What of it.
    pub measure: Measure,
}

/// One number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// In the measure's unit.
    pub value: f64,
    /// How far off it may be by chance within its run: one standard deviation, of its logarithm where changes are ratios.
    pub within: f64,
}

/// How often something is counted, per request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// How often.
    pub value: f64,
    /// By a probe, request by request.
    pub exact: bool,
}

/// A run over time: equally long lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// After the beginning of the phase, s.
    pub t_s: Vec<f64>,
    /// Of successes, from due, ms.
    pub p95: Vec<Option<f64>>,
    /// Requests ended per second.
    pub rps: Vec<f64>,
}

/// A run.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Its id.
    pub id: String,
    /// When it started, RFC 3339, UTC.
    pub started: String,
    /// Where load went.
    pub host: String,
    /// What choices were drawn from; empty where nobody said it.
    pub seed: String,
    /// Hashes of its files.
    pub scenario: BTreeSet<String>,
    /// Users wait for answers.
    pub is_closed: bool,
    /// What is searched for; empty where it was no search.
    pub searched: String,
    /// Why it does not count.
    pub why_not: Option<String>,
    /// The condition about the target that ended its load before its time.
    pub aborted: Option<String>,
    /// How much load there was to be.
    pub planned: String,
    /// What made the load, and on what.
    pub machine: String,
    /// Phases that are compared, the longest first, and the load in them.
    pub phases: Vec<(String, String)>,
    /// The longest of these phases over time, or the whole run.
    pub curve: Curve,
    /// What was measured.
    pub values: BTreeMap<Place, Value>,
    /// By endpoint (empty: all requests) and by what is counted.
    pub counts: BTreeMap<(String, &'static str), Count>,
    /// What was found, by what identifies it: what it is called, and whether it is more than suspected.
    pub findings: BTreeMap<(String, String), (String, bool)>,
    /// Rules that found something or ruled it out: they could look.
    pub looked: BTreeSet<String>,
}

impl Measured {
    /// A run that was recorded.
    pub fn of(manifest: &Manifest, timeline: &Timeline, summary: &Summary) -> Self {
        let phases = compared(summary);
        let mut run = Self {
            id: manifest.id.clone(),
            started: manifest.started.clone(),
            host: manifest.plan.host.clone().unwrap_or_default(),
            seed: option(&manifest.plan, "seed"),
            scenario: manifest
                .scenario
                .iter()
                .map(|file| file.sha256.clone())
                .collect(),
            is_closed: is_closed(&manifest.plan),
            why_not: why_not(summary, &phases),
            aborted: summary.run.aborted.clone(),
            planned: planned(&manifest.plan),
            machine: format!(
                "katydid {}, {} × {}",
                manifest.tool_version, manifest.host.processors, manifest.host.cpu
            ),
            curve: curve(summary, phases.first().copied()),
            phases: phases
                .iter()
                .map(|phase| (phase.name.clone(), level(&manifest.plan, phase)))
                .collect(),
            ..Self::default()
        };
        if let Some(search) = &summary.search {
            run.searched = search
                .objectives
                .iter()
                .map(|of| of.text.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            run.phases = vec![(String::new(), run.searched.clone())];
            if let Some((height, low, high)) = found(search) {
                let place = Place {
                    measure: Measure::Capacity,
                    ..Place::default()
                };
                let within = (high.ln() - low.ln()) / (2.0 * NORMAL_95);
                let value = Value {
                    value: height,
                    within,
                };
                run.values.insert(place, value);
            }
        } else if phases.is_empty() {
            run.phases = vec![(String::new(), load(&manifest.plan))];
            run.whole(timeline, summary);
        } else {
            for phase in phases {
                run.phase(timeline, phase);
            }
        }
        run.count(timeline, summary);
        run.keep_findings(summary);
        run
    }

    fn whole(&mut self, timeline: &Timeline, summary: &Summary) {
        let total = Timeline::total(&timeline.endpoints);
        let part = whole_load(summary, timeline);
        self.totals(timeline, &part, &summary.total, &total.from_due.to_sparse());
        let titles = Titles::new(timeline.endpoints.keys());
        for (key, of) in requests(&timeline.endpoints) {
            let name = title(&key.method, &titles.of(key));
            let bad = bad(of.ended(), of.failed, of.blocked);
            self.endpoint("", name, bad, &of.from_due.to_sparse());
        }
    }

    fn phase(&mut self, timeline: &Timeline, summary: &PhaseSummary) {
        let Some(totals) = timeline.phases.values().find(|of| of.name == summary.name) else {
            return;
        };
        let part = Part {
            phase: summary.name.clone(),
            from: (summary.began_s * 1e6) as u64,
            until: (summary.ended_s * 1e6) as u64,
        };
        self.totals(timeline, &part, &summary.total, &totals.total().from_due);
        let titles = Titles::new(timeline.endpoints.keys());
        for (key, endpoint) in requests(&totals.endpoints) {
            let of = endpoint.window();
            let name = title(&key.method, &titles.of(key));
            let bad = bad(of.ok + of.failed, of.failed, of.blocked);
            self.endpoint(&summary.name, name, bad, &of.from_due);
        }
    }

    fn totals(&mut self, timeline: &Timeline, part: &Part, of: &EndpointSummary, times: &Sparse) {
        let design = design(timeline, part, times);
        self.latencies(&part.phase, "", times, design);
        let place = |measure| Place {
            phase: part.phase.clone(),
            endpoint: String::new(),
            measure,
        };
        self.values.extend(
            bad(of.requests, of.failures, of.blocked).map(|value| (place(Measure::Bad), value)),
        );
        let mut keep = |measure, value: Option<f64>| {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                let value = Value { value, within: 0.0 };
                self.values.insert(place(measure), value);
            }
        };
        let seconds = part.seconds();
        let good = of.requests - of.failures;
        keep(
            Measure::Goodput,
            (seconds > 0.0 && good > 0).then(|| good as f64 / seconds),
        );
        let (cpu_s, memory) = target(timeline, part);
        keep(
            Measure::TargetCpu,
            cpu_s
                .filter(|_| of.requests > 0)
                .map(|s| s * 1e3 / of.requests as f64),
        );
        keep(Measure::TargetMemory, memory);
    }

    fn endpoint(&mut self, phase: &str, name: String, bad: Option<Value>, times: &Sparse) {
        self.latencies(phase, &name, times, 1.0);
        if let Some(value) = bad {
            let place = Place {
                phase: phase.to_owned(),
                endpoint: name,
                measure: Measure::Bad,
            };
            self.values.insert(place, value);
        }
    }

    fn latencies(&mut self, phase: &str, endpoint: &str, times: &Sparse, design: f64) {
        let n = times.count as f64;
        for (measure, q) in [
            (Measure::P50, 0.5),
            (Measure::P95, 0.95),
            (Measure::P99, 0.99),
        ] {
            if n * (1.0 - q) < LEAST_BEYOND {
                continue;
            }
            // One standard deviation of a quantile's rank, as a share (Serfling, *Approximation Theorems*, 2.3.3).
            let off = (q * (1.0 - q) * design / n).sqrt();
            let at = |q: f64| times.quantile_us(q.clamp(0.0, 1.0)).unwrap_or(0) as f64;
            let value = at(q);
            if value <= 0.0 {
                continue;
            }
            let place = Place {
                phase: phase.to_owned(),
                endpoint: endpoint.to_owned(),
                measure,
            };
            let within = (at(q + off).ln() - at(q - off).max(1.0).ln()) / 2.0;
            let value = value / 1e3;
            self.values.insert(place, Value { value, within });
        }
    }

    fn count(&mut self, timeline: &Timeline, summary: &Summary) {
        let probed = summary.probe.iter().flat_map(|probe| &probe.endpoints);
        for of in probed.filter(|of| of.requests >= PROBED) {
            let endpoint = title(&of.method, &of.name);
            let counted = [
                ("queries", of.queries),
                ("rows", of.rows),
                ("blocks", of.blocks),
                ("cache commands", of.commands),
                ("cache misses", of.misses),
            ];
            for (what, value) in counted {
                if let Some(value) = value {
                    self.counts
                        .insert((endpoint.clone(), what), Count { value, exact: true });
                }
            }
        }
        let part = whole_load(summary, timeline);
        let mut mean = |endpoint: &str, what, sum: f64, requests: u64| {
            if requests > 0 {
                let value = sum / requests as f64;
                self.counts.insert(
                    (endpoint.to_owned(), what),
                    Count {
                        value,
                        exact: false,
                    },
                );
            }
        };
        for of in summary.endpoints.iter().filter(|of| is_request(of.kind)) {
            mean(
                &title(&of.method, &of.name),
                "bytes received",
                of.bytes_in as f64,
                of.requests,
            );
        }
        let requests = summary.total.requests;
        let databases = timeline
            .target
            .subjects
            .values()
            .filter(|of| of.watched.kind == "postgres");
        let (mut calls, mut blocks, mut seen) = (0.0, 0.0, false);
        for database in databases {
            seen = true;
            let sum = |name: &str| {
                let all = database.named(name);
                all.map(|(_, series)| database.grown(series, part.from, part.until).0)
                    .sum::<f64>()
            };
            calls += sum("statement.calls");
            blocks += sum("statement.blocks_hit") + sum("statement.blocks_read");
        }
        if seen {
            mean("", "statements", calls, requests);
            mean("", "blocks", blocks, requests);
        }
    }

    fn keep_findings(&mut self, summary: &Summary) {
        let Some(all) = &summary.findings else {
            return;
        };
        for found in all.suspected.iter().chain(&all.findings) {
            let key = (found.rule.clone(), about(found));
            let is_sure = found.confidence >= Confidence::Strong;
            let known = self.findings.entry(key).or_insert((called(found), false));
            known.1 |= is_sure;
        }
        let found = all
            .findings
            .iter()
            .chain(&all.suspected)
            .map(|of| of.rule.clone());
        let ruled_out = all.ruled_out.iter().map(|of| of.rule.clone());
        self.looked = found.chain(ruled_out).collect();
    }
}

/// What it is about, without what differs from run to run: numbers of processes.
fn about(found: &Finding) -> String {
    if found.about.is_empty() {
        return found.endpoints.first().cloned().unwrap_or_default();
    }
    let about = found.about.chars();
    about.filter(|c| !c.is_ascii_digit()).collect()
}

fn called(found: &Finding) -> String {
    match found.endpoints.first() {
        Some(endpoint) => format!("{}, {endpoint}", found.title),
        None => found.title.clone(),
    }
}

fn is_request(kind: Kind) -> bool {
    matches!(kind, Kind::Request | Kind::Custom)
}

fn requests<T>(endpoints: &BTreeMap<EndpointKey, T>) -> impl Iterator<Item = (&EndpointKey, &T)> {
    endpoints.iter().filter(|(key, _)| is_request(key.kind))
}

/// `GET /orders`.
fn title(method: &str, name: &str) -> String {
    format!("{method} {name}").trim_start().to_owned()
}

/// Failed and blocked, as a share. How far off it may be is its binomial deviation, with Laplace's half a request more of each kind: where
/// nothing failed that does not say that nothing can.
fn bad(requests: u64, failures: u64, blocked: u64) -> Option<Value> {
    let all = (requests + blocked) as f64;
    let bad = (failures + blocked) as f64;
    let share = (bad + 0.5) / (all + 1.0);
    (all > 0.0).then(|| Value {
        value: bad / all,
        within: (share * (1.0 - share) / all).sqrt(),
    })
}

/// Phases in which a level was held, the longest first. Those of a search are steps.
fn compared(summary: &Summary) -> Vec<&PhaseSummary> {
    if summary.search.is_some() {
        return Vec::new();
    }
    let is_level = |phase: &&PhaseSummary| {
        phase.kind != PhaseKind::Ramp.as_str() && phase.name != WARM_UP && phase.total.requests > 0
    };
    let mut phases: Vec<_> = summary.phases.iter().filter(is_level).collect();
    let length = |phase: &PhaseSummary| phase.ended_s - phase.began_s;
    phases.sort_by(|a, b| length(b).total_cmp(&length(a)));
    phases
}

fn curve(summary: &Summary, phase: Option<&PhaseSummary>) -> Curve {
    let (from, until) = phase.map_or((0.0, f64::INFINITY), |of| (of.began_s, of.ended_s));
    let series = &summary.series;
    let mut curve = Curve::default();
    for (i, at) in series.t_s.iter().enumerate() {
        if (from..until).contains(at) {
            curve.t_s.push(at - from);
            curve.p95.push(series.p95.get(i).copied().flatten());
            curve.rps.push(series.rps.get(i).copied().unwrap_or(0.0));
        }
    }
    curve
}

fn why_not(summary: &Summary, phases: &[&PhaseSummary]) -> Option<String> {
    let first = |reasons: &[String]| {
        reasons
            .first()
            .cloned()
            .unwrap_or_else(|| "the generator did not keep up".into())
    };
    if let Some(phase) = phases.iter().find(|phase| !phase.valid) {
        return Some(first(&phase.reasons));
    }
    if phases.is_empty() && !summary.run.valid {
        return Some(first(&summary.generator.reasons));
    }
    if !summary.run.complete {
        return Some("its record is cut short".into());
    }
    if ["interrupted", "terminated", "killed"].contains(&summary.run.ended.as_str()) {
        return Some(format!("it was {} before its end", summary.run.ended));
    }
    (summary.total.requests == 0).then(|| "no request was answered".into())
}

/// The greatest load that keeps the objectives, and the ends of its interval.
fn found(search: &SearchSummary) -> Option<(f64, f64, f64)> {
    Some((search.height?, search.low?, search.high?))
}

/// How much less its requests tell than as many independent ones: from the seconds in which p95 was exceeded.
fn design(timeline: &Timeline, part: &Part, times: &Sparse) -> f64 {
    let Some(limit) = times.quantile_us(0.95) else {
        return 1.0;
    };
    let pieces = crate::series::pieces(timeline);
    let within = pieces.iter().filter(|piece| {
        (part.from..part.until).contains(&u64::midpoint(piece.from_us, piece.until_us))
    });
    let slices = within.map(|piece| {
        let times = piece.second.from_due.to_sparse();
        (times.count_above(limit), times.count)
    });
    let slices: Vec<(u64, u64)> = slices.collect();
    design_effect_of([slices.as_slice()].into_iter())
}

/// Processor time of the target's processes in a part, s, and their memory at its end, bytes.
fn target(timeline: &Timeline, part: &Part) -> (Option<f64>, Option<f64>) {
    let (mut cpu, mut memory) = (None, None);
    for subject in timeline.target.subjects.values() {
        let spent = subject.plain("process.cpu.all");
        let grown = spent.map(|series| subject.grown(series, part.from, part.until));
        if let Some((spent, seconds)) = grown.filter(|(_, seconds)| *seconds > 0.0) {
            *cpu.get_or_insert(0.0) += spent * part.seconds() / seconds;
        }
        let anon = subject
            .plain("process.anon")
            .into_iter()
            .flat_map(Series::points);
        let mut in_part = anon.filter(|(at, _)| (part.from..part.until).contains(at));
        if let Some((_, bytes)) = in_part.next_back() {
            *memory.get_or_insert(0.0) += bytes;
        }
    }
    (
        cpu.filter(|s| *s >= LEAST_CPU_S),
        memory.filter(|bytes| *bytes >= LEAST_MEMORY),
    )
}

/// From the first phase that made load to the end of the last.
fn whole_load(summary: &Summary, timeline: &Timeline) -> Part {
    let us = |s: f64| (s * 1e6) as u64;
    Part {
        phase: String::new(),
        from: summary.phases.first().map_or(0, |phase| us(phase.began_s)),
        until: summary
            .phases
            .last()
            .map_or(timeline.end, |phase| us(phase.ended_s)),
    }
}

fn option(plan: &Plan, name: &str) -> String {
    plan.options.get(name).cloned().unwrap_or_default()
}

fn is_closed(plan: &Plan) -> bool {
    match &plan.schedule {
        Some(schedule) => schedule.model == Model::Users,
        None => plan.rate.is_none(),
    }
}

/// How much load there is in a phase, as text: equal texts are equal loads.
fn level(plan: &Plan, phase: &PhaseSummary) -> String {
    let Some(schedule) = &plan.schedule else {
        return format!("{}, {} users", load(plan), phase.users);
    };
    let unit = match schedule.model {
        Model::Users => " users",
        Model::Arrivals => "/s",
    };
    let found = schedule.phases.iter().find(|of| of.name == phase.name);
    let level = found.map_or_else(String::new, |of| format!("{}{unit}", figures(of.to)));
    let line = |of: &Line| {
        let phases = of.schedule.phases.iter().map(|phase| figures(phase.to));
        format!("{} {}", of.class, phases.collect::<Vec<_>>().join(" "))
    };
    let lines = schedule.lines.iter().map(line);
    [level]
        .into_iter()
        .chain(lines)
        .collect::<Vec<_>>()
        .join(", ")
}

/// All of it, as it was to be.
fn planned(plan: &Plan) -> String {
    let phase = |of: &Phase| format!("{} {} {}", of.name, figures(of.to), figures(of.length_s));
    match &plan.schedule {
        Some(schedule) => schedule
            .phases
            .iter()
            .map(phase)
            .collect::<Vec<_>>()
            .join(", "),
        None => load(plan),
    }
}

/// The same of a run that was not described phase by phase.
fn load(plan: &Plan) -> String {
    match (&plan.shape, plan.rate) {
        (Some(shape), _) => format!("shape {shape}"),
        (None, Some(rate)) => format!("{}/s", figures(rate)),
        (None, None) => format!("{} users", plan.users),
    }
}
