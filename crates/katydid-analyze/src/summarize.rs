//! From a timeline to a summary.

use std::collections::BTreeMap;

use katydid_record::frame::{Kind, Mark, SOURCES_PER_PROCESS};
use katydid_record::summary::{
    EndpointSummary, ExampleSummary, ExceptionSummary, FailureSummary, HintSummary, Latency,
    MarkSummary, PhaseSummary, RunSummary, SUMMARY_VERSION, Summary,
};
use katydid_record::timeline::Example;
use katydid_record::{Access, Endpoint, EndpointKey, Histogram, Manifest, Plan, Timeline};

use crate::titles::Titles;
use crate::{
    drift, events, experiment, probe, rules, search, series, slo, spike, target, validity, verdict,
};

/// Samples behind a percentile that may be taken at face value.
const FOR_P99: u64 = 1_000;
const FOR_P999: u64 = 10_000;
const FOR_P95: u64 = 200;

/// How the run ended, as far as the frames do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// False: the record is cut short.
    pub complete: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The summary of a run. Its exit code is the recorded one; `None` recorded means that it was killed.
pub fn summarize(manifest: &Manifest, timeline: &Timeline, ending: &Ending) -> Summary {
    let total = Timeline::total(&timeline.endpoints);
    let generator = validity::of_plan(timeline, &manifest.plan, &total);
    let seconds = timeline.end as f64 / 1e6;
    let end = timeline.marks.values().find_map(|mark| match mark {
        Mark::End { reason, exit_code } => Some((reason.clone(), *exit_code)),
        _ => None,
    });
    let (ended, exit_code) = end.unwrap_or_else(|| ("killed".into(), crate::exit_code::INVALID));
    let mut notes = ending.notes.clone();
    if timeline.capped {
        notes.push("Something was left out because a cap was reached.".into());
    }
    for worker in &timeline.workers_lost {
        notes.push(format!(
            "Worker {worker} ended before its time. Its users were not replaced, and what it had not told yet is missing."
        ));
    }
    if let Some(note) = other_endpoints(timeline) {
        notes.push(note);
    }
    let spans = target::spans::summaries(timeline);
    notes.extend(target::spans::lost(&spans));
    for fact in timeline
        .facts
        .values()
        .filter(|fact| !is_data(fact.topic.as_str()))
    {
        notes.push(format!("{}: {}", fact.subject, fact.text));
    }
    let run = RunSummary {
        id: manifest.id.clone(),
        name: manifest.name.clone(),
        valid: generator.valid,
        exit_code,
        started: manifest.started.clone(),
        duration_s: seconds,
        command: manifest.plan.command.clone(),
        host: manifest.plan.host.clone(),
        users: timeline
            .generators
            .users_max()
            .max(if manifest.plan.command == "attack" {
                manifest.plan.users
            } else {
                0
            }),
        ended,
        complete: ending.complete && timeline.workers_lost.is_empty(),
        tool_version: manifest.tool_version.clone(),
        verdict: String::new(),
        reason: String::new(),
        aborted: timeline.aborted.clone(),
    };
    let probe = probe::probe(timeline);
    let diagnosis = rules::diagnose(timeline, probe.as_ref(), generator.valid);
    let slos = slo::judge(timeline, &manifest.plan, generator.valid);
    let titles = Titles::new(timeline.endpoints.keys());
    let row = Rows {
        plan: &manifest.plan,
        titles: &titles,
        seconds,
        requests: total.ended(),
    };
    let mut summary = Summary {
        version: SUMMARY_VERSION,
        run,
        generator,
        reads: row.of_access(Access::Read, &timeline.endpoints),
        writes: row.of_access(Access::Write, &timeline.endpoints),
        total: row.total(&total),
        endpoints: timeline
            .endpoints
            .iter()
            .filter(|(_, e)| counted(e))
            .map(|(key, e)| row.of(key, e))
            .collect(),
        phases: phases(timeline, &manifest.plan, &titles),
        slos,
        search: search::told::search(timeline, &manifest.plan),
        spikes: spike::spikes(timeline, &manifest.plan),
        events: events::events(timeline, &manifest.plan),
        drifts: drift::drifts(timeline),
        failures: failures(timeline, &titles),
        exceptions: exceptions(timeline),
        exemplars: exemplars(timeline, &titles),
        target: target::summaries(timeline),
        spans,
        splits: diagnosis.splits,
        little: diagnosis.little,
        probe,
        findings: Some(diagnosis.findings),
        series: series::series(timeline),
        marks: marks(timeline),
        notes,
    };
    verdict::write(&mut summary);
    summary
}

/// Topics of facts that are read elsewhere, and say nothing to a reader.
fn is_data(topic: &str) -> bool {
    [probe::FACT, experiment::FACT].contains(&topic) || search::recorded::TOPICS.contains(&topic)
}

fn hints(e: &Endpoint) -> Vec<HintSummary> {
    let hints = e.hints.iter();
    let summary =
        |((header, detail), (count, sum_us)): (&(String, String), &(u64, u64))| HintSummary {
            name: format!("{header} {detail}").trim_end().to_owned(),
            count: *count,
            share: *count as f64 / e.ended().max(1) as f64,
            mean_ms: (*sum_us > 0).then(|| *sum_us as f64 / 1e3 / *count as f64),
        };
    hints.map(summary).collect()
}

fn named(name: &str) -> EndpointKey {
    EndpointKey {
        kind: Kind::Request,
        method: String::new(),
        name: name.to_owned(),
        tagged: None,
    }
}

/// The hops of a redirect leave bytes in a row in which nothing was counted.
pub(crate) fn counted(e: &Endpoint) -> bool {
    e.ended() + e.aborted + e.blocked + e.missed + e.unjudged > 0
}

fn phases(timeline: &Timeline, plan: &Plan, titles: &Titles<'_>) -> Vec<PhaseSummary> {
    let known: Vec<_> = timeline.phases.values().collect();
    let last = known.last().and_then(|phase| phase.began).unwrap_or(0);
    let ended = timeline.load_ended.filter(|at| *at >= last);
    let end = ended.unwrap_or(timeline.end);
    let next = known.iter().skip(1).map(|phase| phase.began);
    let ends = next.chain([None]).map(|began| began.unwrap_or(end));
    known
        .iter()
        .zip(ends)
        .map(|(phase, end)| {
            let began = phase.began.unwrap_or(0);
            let seconds = end.saturating_sub(began) as f64 / 1e6;
            let health = validity::of_phase(phase);
            let total = Endpoint::of(&phase.total());
            let endpoints: BTreeMap<EndpointKey, Endpoint> = phase
                .endpoints
                .iter()
                .map(|(key, totals)| (key.clone(), Endpoint::of(&totals.window())))
                .collect();
            let row = Rows {
                plan,
                titles,
                seconds,
                requests: total.ended(),
            };
            PhaseSummary {
                name: phase.name.clone(),
                kind: phase.kind.clone(),
                began_s: began as f64 / 1e6,
                ended_s: began as f64 / 1e6 + seconds,
                users: phase.generators.users_max(),
                valid: health.valid,
                reasons: health.reasons,
                total: row.total(&total),
                reads: row.of_access(Access::Read, &endpoints),
                writes: row.of_access(Access::Write, &endpoints),
                endpoints: endpoints
                    .iter()
                    .filter(|(_, e)| counted(e))
                    .map(|(key, e)| row.of(key, e))
                    .collect(),
            }
        })
        .collect()
}

fn other_endpoints(timeline: &Timeline) -> Option<String> {
    let (_, other) = timeline
        .endpoints
        .iter()
        .find(|(key, _)| key.name == "(other)")?;
    Some(format!(
        "{} requests went to names beyond the first 1,000 and count together as (other). Give `name=` to requests whose URL varies.",
        other.ended()
    ))
}

/// What the rows of one table have in common.
struct Rows<'a> {
    plan: &'a Plan,
    titles: &'a Titles<'a>,
    seconds: f64,
    requests: u64,
}

impl Rows<'_> {
    fn of(&self, key: &EndpointKey, e: &Endpoint) -> EndpointSummary {
        EndpointSummary {
            access: self.plan.access(key),
            name: self.titles.of(key),
            share: e.ended() as f64 / self.requests.max(1) as f64,
            ..endpoint(key, e, self.seconds)
        }
    }

    fn total(&self, e: &Endpoint) -> EndpointSummary {
        EndpointSummary {
            access: None,
            ..self.of(&named("Aggregated"), e)
        }
    }

    /// All reads, or all writes.
    fn of_access(
        &self,
        access: Access,
        endpoints: &BTreeMap<EndpointKey, Endpoint>,
    ) -> EndpointSummary {
        let mut all = Endpoint::default();
        for (key, e) in endpoints {
            if self.plan.access(key) == Some(access) {
                all.merge(e);
            }
        }
        let name = match access {
            Access::Read => "reads",
            Access::Write => "writes",
        };
        EndpointSummary {
            access: Some(access),
            ..self.of(&named(name), &all)
        }
    }
}

fn endpoint(key: &EndpointKey, e: &Endpoint, seconds: f64) -> EndpointSummary {
    let requests = e.ended();
    EndpointSummary {
        kind: key.kind,
        method: key.method.clone(),
        name: key.name.clone(),
        requests,
        failures: e.failed,
        aborted: e.aborted,
        aborted_oldest_ms: e.aborted_age.max_us().map(|us| us as f64 / 1e3),
        blocked: e.blocked,
        missed: e.missed,
        unjudged: e.unjudged,
        failure_ratio: if requests == 0 {
            0.0
        } else {
            e.failed as f64 / requests as f64
        },
        rps: if seconds > 0.0 {
            requests as f64 / seconds
        } else {
            0.0
        },
        bytes_in: e.bytes_in,
        bytes_out: e.bytes_out,
        from_due: latency(&e.from_due),
        from_send: latency(&e.from_send),
        failed_from_due: latency(&e.failed_from_due),
        connect: latency(&e.connect),
        tls: latency(&e.tls),
        hints: hints(e),
        ..EndpointSummary::default()
    }
}

/// A distribution in ms.
pub fn latency(h: &Histogram) -> Latency {
    let at = |q| h.quantile_us(q).map(|us| us as f64 / 1e3);
    let needed = [("p95", FOR_P95), ("p99", FOR_P99), ("p999", FOR_P999)];
    let wide = needed
        .iter()
        .filter(|(_, n)| h.count() > 0 && h.count() < *n);
    Latency {
        count: h.count(),
        mean: h.mean_us().map(|us| us / 1e3),
        min: h.min_us().map(|us| us as f64 / 1e3),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: h.max_us().map(|us| us as f64 / 1e3),
        wide: wide.map(|(name, _)| (*name).to_owned()).collect(),
    }
}

fn failures(timeline: &Timeline, titles: &Titles<'_>) -> Vec<FailureSummary> {
    let mut all: Vec<FailureSummary> = timeline
        .endpoints
        .iter()
        .flat_map(|(key, e)| {
            e.failures
                .iter()
                .map(|((cause, text), totals)| FailureSummary {
                    kind: key.kind,
                    method: key.method.clone(),
                    name: titles.of(key),
                    cause: *cause,
                    text: text.clone(),
                    count: totals.count,
                    first_s: totals.first as f64 / 1e6,
                    last_s: totals.last as f64 / 1e6,
                })
        })
        .collect();
    all.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| (&a.name, &a.method, &a.text).cmp(&(&b.name, &b.method, &b.text)))
    });
    all
}

fn exceptions(timeline: &Timeline) -> Vec<ExceptionSummary> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for mark in timeline.marks.values() {
        if let Mark::Exception { message, traceback } = mark {
            *counts.entry((message, traceback)).or_default() += 1;
        }
    }
    let mut all: Vec<ExceptionSummary> = counts
        .into_iter()
        .map(|((message, traceback), count)| ExceptionSummary {
            count,
            message: message.to_owned(),
            traceback: traceback.to_owned(),
        })
        .collect();
    all.sort_by_key(|exception| std::cmp::Reverse(exception.count));
    all
}

fn exemplars(timeline: &Timeline, titles: &Titles<'_>) -> Vec<ExampleSummary> {
    let summary = |why: &str, key: &EndpointKey, example: &Example| ExampleSummary {
        why: why.to_owned(),
        method: key.method.clone(),
        name: titles.of(key),
        done_s: example.request.done as f64 / 1e6,
        from_due_ms: example.request.from_due_us as f64 / 1e3,
        from_send_ms: example.request.from_send_us as f64 / 1e3,
        status: example.request.status,
        failure: example.failure.as_ref().map(|(_, text)| text.clone()),
        shape: example.request.shape.clone(),
        trace: example.request.trace.map(|trace| trace.to_string()),
    };
    let failed = timeline
        .first_failed
        .iter()
        .flat_map(|(key, list)| list.iter().map(move |e| ("failed", key, e)));
    let slowest = timeline
        .slowest
        .iter()
        .flat_map(|(key, list)| list.iter().map(move |e| ("slowest", key, e)));
    // A flow or a job has no response to look at; its requests are here themselves.
    failed
        .chain(slowest)
        .filter(|(_, key, _)| matches!(key.kind, Kind::Request | Kind::Custom))
        .map(|(why, key, e)| summary(why, key, e))
        .collect()
}

/// Marks among which one is looked for that another process has made too.
const RECENT: usize = 200;

fn marks(timeline: &Timeline) -> Vec<MarkSummary> {
    let text = |mark: &Mark| match mark {
        Mark::PhaseBegan { name, kind, .. } => Some(format!("phase {name} ({kind})")),
        Mark::LoadEnded => Some("the load is over".into()),
        Mark::EventBegan { name, command, .. } => Some(format!("event {name}: {command}")),
        Mark::EventEnded {
            name,
            outcome,
            status,
            took_us,
            ..
        } => {
            let how = events::sentence(*outcome, *status, *took_us);
            Some(format!("event {name}: {how}"))
        }
        Mark::Aborted { why } => Some(format!("aborted: {why}")),
        Mark::UserTarget { users, rate } => Some(format!("to {users} users at {rate} per second")),
        Mark::Reset => Some("statistics reset".into()),
        Mark::Warning { text } => Some(format!("warning: {text}")),
        Mark::Lost { what, why } => Some(format!("not seen any more: {what}: {why}")),
        Mark::Regained { what } => Some(format!("seen again: {what}")),
        Mark::Restarted { what, why } => Some(format!("began anew: {what}: {why}")),
        Mark::Stalled { what, took_us } => Some(format!(
            "a look at {what} took {} ms and was dropped",
            took_us / 1_000
        )),
        Mark::WorkerLost { worker } => Some(format!("lost: worker {worker}")),
        Mark::End { reason, .. } => Some(format!("end: {reason}")),
        Mark::SourceBegan { .. } | Mark::Exception { .. } | Mark::Unknown => None,
    };
    let at_s = |(at, _, _): &(u64, u32, usize)| *at as f64 / 1e6;
    let mut listed: Vec<(u32, MarkSummary)> = Vec::new();
    for (key, mark) in &timeline.marks {
        let Some(text) = text(mark) else { continue };
        let (at_s, process) = (at_s(key), key.1 / SOURCES_PER_PROCESS);
        // Each process marks what all of them come to.
        let known = listed
            .iter()
            .rev()
            .take(RECENT)
            .any(|(by, other)| *by != process && other.text == text && at_s - other.at_s < 1.0);
        if !known {
            listed.push((process, MarkSummary { at_s, text }));
        }
    }
    listed.into_iter().map(|(_, mark)| mark).collect()
}
