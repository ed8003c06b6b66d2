//! Everything that the page says in words and does not compute: sentences as other faces say them, and facts about the run.

use katydid_record::Manifest;
use katydid_record::summary::{
    DriftOutcome, EndpointSummary, Latency, PhaseSummary, SloOutcome, Summary,
};
use serde::Serialize;

use super::about::{self, Fact};
use crate::number::{bytes, count, duration, instant, short_or_dash};
use crate::phrase;

/// How something is meant: good, bad, or to be known.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Good,
    Bad,
    Warn,
    Plain,
}

/// A word in its tone, what it is about, and what is said of it.
#[derive(Serialize)]
pub struct Said {
    tone: Tone,
    word: String,
    about: String,
    text: String,
}

/// What must be known before any number is read.
#[derive(Serialize)]
pub struct Banner {
    tone: Tone,
    word: &'static str,
    lines: Vec<String>,
}

/// One phase in which something happened.
#[derive(Serialize)]
pub struct PhaseText {
    /// Its place in the summary.
    place: usize,
    about: String,
    invalid: Option<String>,
}

/// All of them.
#[derive(Serialize)]
pub struct Texts<'a> {
    pub title: String,
    name: &'a str,
    who: Vec<String>,
    banners: Vec<Banner>,
    resolution: Option<String>,
    objectives: Vec<Said>,
    drifts: Vec<Said>,
    by_access: bool,
    apart: Option<String>,
    remarks: String,
    wide: Option<&'static str>,
    phases: Vec<PhaseText>,
    phases_note: &'static str,
    spikes: Vec<Said>,
    /// One for each event of the summary.
    events: Vec<Said>,
    /// Cause of each failure of the summary.
    causes: Vec<&'static str>,
    outlines: &'static str,
    traces: &'static str,
    probe: &'static str,
    background: Option<String>,
    generator: Vec<Fact>,
    lag: &'static str,
    plan: Vec<Fact>,
    command: String,
    machine: Vec<Fact>,
    method: &'static str,
}

impl<'a> Texts<'a> {
    pub fn new(summary: &'a Summary, manifest: &Manifest) -> Self {
        let run = &summary.run;
        let name = if run.name.is_empty() {
            &run.id
        } else {
            &run.name
        };
        let mark = if phrase::invalid(summary).is_some() {
            "INVALID: "
        } else {
            ""
        };
        Self {
            title: format!("{mark}{name} · katydid"),
            name,
            who: who(summary),
            banners: banners(summary),
            resolution: phrase::resolution(&summary.series),
            objectives: objectives(summary),
            drifts: drifts(summary),
            by_access: !phrase::by_access(summary).is_empty(),
            apart: apart(&summary.total),
            remarks: remarks(&summary.total),
            wide: phrase::any_wide(summary).then_some(phrase::WIDE),
            phases: phases(summary),
            phases_note: "A request counts in the phase in which it ended.",
            spikes: spikes(summary),
            events: events(summary),
            causes: summary
                .failures
                .iter()
                .map(|failure| phrase::cause(failure.cause))
                .collect(),
            outlines: "Outlines: values are masked and bodies are never kept.",
            traces: "What the target's spans say. Its clock is not ours: its first span is set in the middle of the request. \
                     Only a share of the requests is traced, so slower ones may be without a trace.",
            probe: "Each request alone: what databases and caches counted between a look before it and a look after it. \
                    A count is what half of the requests or more have; where there is no such number, the mean.",
            background: summary.probe.as_ref().and_then(phrase::background),
            generator: about::generator(&summary.generator),
            lag: "Lag is how late the I/O thread took a request up after it was asked for.",
            plan: about::plan(manifest),
            command: manifest.argv.join(" "),
            machine: about::machine(manifest),
            method: phrase::METHOD,
        }
    }
}

fn who(summary: &Summary) -> Vec<String> {
    let run = &summary.run;
    let who = if run.command == "probe" {
        "one request at a time".to_owned()
    } else {
        phrase::users(summary)
    };
    let mut parts = vec![who, duration(run.duration_s)];
    parts.extend(run.host.clone());
    parts.push(started(&run.started));
    parts.push(phrase::ended(&run.ended).to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

/// `2026-11-23T10:15:30Z` as people write it; anything else as it is.
fn started(text: &str) -> String {
    match (
        text.get(..10),
        text.get(10..11),
        text.get(11..19),
        text.ends_with('Z'),
    ) {
        (Some(date), Some("T"), Some(time), true) => format!("{date} {time} UTC"),
        _ => text.to_owned(),
    }
}

fn banners(summary: &Summary) -> Vec<Banner> {
    let mut banners = Vec::new();
    if let Some(first) = phrase::invalid(summary) {
        let mut lines = vec![first];
        lines.extend(summary.generator.reasons.iter().skip(1).cloned());
        lines.push(
            "The numbers below say more about the load generator than about the target.".to_owned(),
        );
        banners.push(Banner {
            tone: Tone::Bad,
            word: "INVALID",
            lines,
        });
    }
    let mut warn = |word, text: Option<String>| {
        banners.extend(text.map(|text| Banner {
            tone: Tone::Warn,
            word,
            lines: vec![text],
        }));
    };
    warn("INCOMPLETE", phrase::incomplete(summary).map(str::to_owned));
    warn("EVENT FAILED", phrase::another_test(summary));
    banners
}

fn objectives(summary: &Summary) -> Vec<Said> {
    let said = |slo: &katydid_record::summary::SloSummary| Said {
        tone: match slo.outcome {
            SloOutcome::Pass => Tone::Good,
            SloOutcome::Fail | SloOutcome::Invalid => Tone::Bad,
            SloOutcome::Undecided => Tone::Plain,
        },
        word: phrase::outcome(slo.outcome).to_owned(),
        about: phrase::objective(slo),
        text: phrase::measured(slo),
    };
    summary.slos.iter().map(said).collect()
}

fn drifts(summary: &Summary) -> Vec<Said> {
    let said = |drift: &katydid_record::summary::DriftSummary| Said {
        tone: match drift.outcome {
            DriftOutcome::Rose => Tone::Bad,
            DriftOutcome::None | DriftOutcome::Fell => Tone::Good,
            _ => Tone::Plain,
        },
        word: phrase::drift_outcome(drift.outcome).to_owned(),
        about: String::new(),
        text: phrase::drift(drift),
    };
    summary.drifts.iter().map(said).collect()
}

fn spikes(summary: &Summary) -> Vec<Said> {
    let said = |spike: &katydid_record::summary::SpikeSummary| {
        let [did, then] = phrase::spike(spike);
        Said {
            tone: if spike.recovered_s.is_none() {
                Tone::Bad
            } else {
                Tone::Good
            },
            word: then,
            about: spike.phase.clone(),
            text: did,
        }
    };
    summary.spikes.iter().map(said).collect()
}

fn events(summary: &Summary) -> Vec<Said> {
    let said = |event: &katydid_record::summary::EventSummary| Said {
        tone: if event.outcome.is_failure() {
            Tone::Bad
        } else {
            Tone::Plain
        },
        word: String::new(),
        about: phrase::event(event),
        text: event.reason.clone(),
    };
    summary.events.iter().map(said).collect()
}

fn phases(summary: &Summary) -> Vec<PhaseText> {
    let shown = phrase::phases(summary);
    let is_shown = |phase: &PhaseSummary| shown.iter().any(|other| std::ptr::eq(*other, phase));
    let text = |(place, phase): (usize, &PhaseSummary)| PhaseText {
        place,
        about: format!(
            "{} from {}, up to {}",
            duration(phase.ended_s - phase.began_s),
            instant(phase.began_s),
            phrase::plural(phase.users, "user")
        ),
        invalid: phase.reasons.first().cloned(),
    };
    let phases = summary.phases.iter().enumerate();
    phases
        .filter(|(_, phase)| is_shown(phase))
        .map(text)
        .collect()
}

fn apart(total: &EndpointSummary) -> Option<String> {
    let apart = phrase::apart(total);
    (!apart.is_empty()).then(|| format!("Not in the table: {}.", apart.join("; ")))
}

fn remarks(total: &EndpointSummary) -> String {
    let marked = |of: &Latency, name: &str, value: Option<f64>| {
        let wide = value.is_some() && of.wide.iter().any(|wide| wide == name);
        format!("{}{}", if wide { "~" } else { "" }, short_or_dash(value))
    };
    let mut parts = Vec::new();
    let failed = &total.failed_from_due;
    if failed.count > 0 {
        parts.push(format!(
            "Only successes are in these times; failures took {} ms in the median, {} ms at most",
            marked(failed, "p50", failed.p50),
            marked(failed, "max", failed.max)
        ));
    }
    for (what, l) in [
        ("Connecting", &total.connect),
        ("TLS handshakes", &total.tls),
    ] {
        if l.count > 0 {
            parts.push(format!(
                "{what}: {} times, median {} ms, at most {} ms",
                count(l.count),
                short_or_dash(l.p50),
                short_or_dash(l.max)
            ));
        }
    }
    parts.push(format!(
        "{} received, {} sent",
        bytes(total.bytes_in),
        bytes(total.bytes_out)
    ));
    format!("{}.", parts.join(". "))
}
