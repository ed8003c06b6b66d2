//! What was seen of the target: charts and tables of each thing that was watched, and how well it could be.
//!
//! A kind of thing has a file of its own, and a line in [`KINDS`]. What the numbers say about causes is not judged here.

pub mod draw;
mod gauge;
mod host;
mod pgbouncer;
mod postgres;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;
pub mod spans;
mod statements;
pub(crate) mod table;
#[cfg(test)]
mod tried;

use katydid_record::summary::{LossSummary, TargetSummary};
use katydid_record::timeline::Subject;
use katydid_record::view::{Chart, SourceView, Table};
use katydid_record::{Mark, RunTime, Timeline};

pub use draw::Look;
pub(crate) use statements::{cut, shortened};

/// A part of the run that a table is about.
#[derive(Clone, Debug)]
pub struct Part {
    /// The phase's name; empty for the whole run.
    pub phase: String,
    /// Its beginning, µs.
    pub from: RunTime,
    /// Its end, µs.
    pub until: RunTime,
}

impl Part {
    /// Its length, s.
    pub fn seconds(&self) -> f64 {
        self.until.saturating_sub(self.from) as f64 / 1e6
    }
}

/// How near something is to its limit at the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Pressing {
    /// For the line of progress, short: `db sessions 18 of 20`.
    pub text: String,
    /// 1 is the limit.
    pub share: f64,
}

impl Pressing {
    /// `db connections 18 of 20`.
    fn counted(what: &str, used: f64, limit: f64) -> Self {
        Self {
            text: format!("{what} {used:.0} of {limit:.0}"),
            share: used / limit,
        }
    }

    /// `host memory 75 %`.
    fn percent(what: &str, share: f64) -> Self {
        Self {
            text: format!("{what} {:.0} %", share * 100.0),
            share,
        }
    }
}

/// How one kind of thing is shown.
pub struct Kind {
    /// [`katydid_record::Watched::kind`].
    pub name: &'static str,
    /// In the order in which they should be read.
    pub charts: fn(Look<'_>) -> Vec<Option<Chart>>,
    /// Tables of a part of the run; empty ones are left out.
    pub tables: fn(Look<'_>, &Part) -> Vec<Table>,
    /// What has a limit, with its newest values.
    pub pressing: fn(Look<'_>) -> Vec<Pressing>,
}

/// All of them, in the order of the report.
const KINDS: &[Kind] = &[
    host::KIND,
    process::KIND,
    postgres::KIND,
    pgbouncer::KIND,
    redis::KIND,
    rabbitmq::KIND,
    gauge::KIND,
    prometheus::KIND,
    spans::KIND,
];

fn kind(subject: &Subject) -> Option<(usize, &'static Kind)> {
    let mut kinds = KINDS.iter().enumerate();
    kinds.find(|(_, kind)| kind.name == subject.watched.kind)
}

/// The subjects in the order of the report.
fn ordered(timeline: &Timeline) -> Vec<(&String, &Subject)> {
    let mut subjects: Vec<_> = timeline.target.subjects.iter().collect();
    let place = |subject: &Subject| kind(subject).map_or(KINDS.len(), |(place, _)| place);
    subjects.sort_by_key(|(name, subject)| (place(subject), (*name).clone()));
    subjects
}

/// Charts of everything that was watched.
pub fn views(timeline: &Timeline) -> Vec<SourceView> {
    let view = |(name, subject): (&String, &Subject)| {
        let charts =
            kind(subject).map_or_else(Vec::new, |(_, kind)| (kind.charts)(Look { subject }));
        SourceView {
            subject: name.clone(),
            charts: charts.into_iter().flatten().collect(),
        }
    };
    ordered(timeline).into_iter().map(view).collect()
}

/// How well everything that was watched could be seen, and its tables.
pub fn summaries(timeline: &Timeline) -> Vec<TargetSummary> {
    let parts = parts(timeline);
    let summary = |(name, subject): (&String, &Subject)| {
        let look = Look { subject };
        let tables = kind(subject).map_or_else(Vec::new, |(_, kind)| {
            let tables = parts.iter().flat_map(|part| (kind.tables)(look, part));
            // What spans say is kept by endpoint and phase, not as series.
            let of_spans =
                (subject.watched.kind == spans::KIND.name).then(|| spans::tables(timeline));
            let tables = tables.chain(of_spans.into_iter().flatten());
            tables.filter(|table| !table.rows.is_empty()).collect()
        });
        let mut reads: Vec<f64> = subject
            .plain("observer.read")
            .map_or_else(Vec::new, |series| {
                series
                    .points()
                    .iter()
                    .map(|(_, seconds)| seconds * 1e3)
                    .collect()
            });
        reads.sort_by(f64::total_cmp);
        let cpu = subject.plain("observer.cpu");
        let cpu = cpu.map(|series| subject.grown(series, 0, RunTime::MAX));
        TargetSummary {
            subject: name.clone(),
            kind: subject.watched.kind.clone(),
            title: subject.watched.title.clone(),
            every_s: subject.watched.every_ms as f64 / 1e3,
            looks: reads.len() as u64,
            read_median_ms: reads.get(reads.len() / 2).copied(),
            read_max_ms: reads.last().copied(),
            cost_share: cpu.and_then(|(cpu, seconds)| (seconds > 0.0).then(|| cpu / seconds)),
            stalls: subject
                .plain("observer.stalls")
                .and_then(katydid_record::timeline::Series::last)
                .unwrap_or(0.0) as u64,
            losses: losses(subject),
            sights: subject.watched.sights.clone(),
            tables,
        }
    };
    ordered(timeline).into_iter().map(summary).collect()
}

/// The thing that is nearest its limit.
pub fn most_pressing(timeline: &Timeline) -> Option<Pressing> {
    let subjects = timeline.target.subjects.values();
    let all = subjects.flat_map(|subject| {
        kind(subject).map_or_else(Vec::new, |(_, kind)| (kind.pressing)(Look { subject }))
    });
    all.filter(|pressing| pressing.share.is_finite())
        .max_by(|a, b| a.share.total_cmp(&b.share))
}

/// The whole run, and each of its phases.
pub(crate) fn parts(timeline: &Timeline) -> Vec<Part> {
    let mut parts = vec![Part {
        phase: String::new(),
        from: 0,
        until: timeline.end,
    }];
    let began: Vec<_> = timeline
        .phases
        .values()
        .filter_map(|phase| Some((phase.name.clone(), phase.began?)))
        .collect();
    let ends = began.iter().skip(1).map(|(_, began)| *began);
    let ends = ends.chain([timeline.load_ended.unwrap_or(timeline.end)]);
    parts.extend(began.iter().zip(ends).map(|((name, from), until)| Part {
        phase: name.clone(),
        from: *from,
        until,
    }));
    parts
}

fn losses(subject: &Subject) -> Vec<LossSummary> {
    let mut losses: Vec<LossSummary> = Vec::new();
    for (at, mark) in &subject.breaks {
        let at_s = *at as f64 / 1e6;
        match mark {
            Mark::Lost { why, .. } => losses.push(LossSummary {
                from_s: at_s,
                until_s: None,
                why: why.clone(),
            }),
            Mark::Regained { .. } => {
                if let Some(last) = losses.last_mut() {
                    last.until_s = Some(at_s);
                }
            }
            Mark::Restarted { why, .. } => losses.push(LossSummary {
                from_s: at_s,
                until_s: Some(at_s),
                why: why.clone(),
            }),
            _ => {}
        }
    }
    losses
}
