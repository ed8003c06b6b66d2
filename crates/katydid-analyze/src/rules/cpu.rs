//! # Processors at their limit
//!
//! **Symptom.** Everything gets slower together as load grows, and nothing waits for anything but processors.
//!
//! **Evidence.** In a phase, all processors of the machine were busy for 85 % of the time and more (*CPU bound*); or a process used one
//! processor whole and had another to spare (*single core*); and tasks waited for a processor meanwhile.
//!
//! **Cause.** Work per request, times requests. For *single core*: an event loop or an interpreter lock that uses one processor.
//!
//! **Fix.** Find what a request spends its time on with a profiler (`py-spy`, `perf`, `async-profiler`), and do less of it; or add processors. For
//! *single core*: more processes, not larger machines.
//!
//! **False alarms.** Others on the same machine take processors from the target, the generator among them: unless the processes that are watched
//! take half of what is busy, it is suspected only. A program with many threads (Go, Java, Rust) may use one processor's worth and be well: a *single core* is
//! suspected only, unless an interpreter runs it that takes one processor at a time (Python, Node, Ruby, PHP).
//! Of all processors nothing is said for a phase of less than five seconds: a start, with its logins and caches to fill, is no load.

use katydid_record::finding::Evidence;
use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::case::{self, Case};
use super::words::{evidence, figures, percent};
use super::{Judged, Rule, limits};
use crate::target::Part;

/// Its row.
pub const RULE: Rule = Rule {
    name: "cpu",
    title: "CPU bound",
    of_target: false,
    alone: false,
    needs: None,
    judge,
};

const WORK: [&str; 4] = ["cpu.user", "cpu.nice", "cpu.system", "cpu.irq"];
const REST: [&str; 3] = ["cpu.idle", "cpu.iowait", "cpu.steal"];

fn judge(case: &Case<'_>) -> Judged {
    let subjects = || case.timeline.target.subjects.values();
    let hosts: Vec<&Subject> = subjects()
        .filter(|of| of.plain("cpu.idle").is_some())
        .collect();
    if hosts.is_empty() {
        return Judged::Blind(super::not_observed(
            "processors: the target's machine was not watched",
            "--watch ssh://HOST, or --watch prometheus:URL of its node_exporter",
        ));
    }
    let mut found = Vec::new();
    let mut most: Option<f64> = None;
    for host in &hosts {
        let shares = case
            .phases
            .iter()
            .filter(|part| part.seconds() >= limits::CPU_S)
            .filter_map(|part| Some((busy(host, part)?, part)));
        let Some((share, part)) = shares.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            continue;
        };
        most = Some(most.map_or(share, |most| most.max(share)));
        if share >= limits::CPU_BUSY {
            found.push(bound(case, host, part, share));
        }
    }
    let processes = subjects().filter(|of| of.plain("process.cpu.all").is_some());
    for process in processes {
        found.extend(single(case, process, &hosts));
    }
    if !found.is_empty() {
        return Judged::Found(found);
    }
    most.map_or(Judged::Silent, |most| {
        Judged::Clear(format!(
            "at most {} of the machine's processors busy in a phase",
            percent(most)
        ))
    })
}

/// The largest share of busy processors of any machine in any phase of some length.
pub fn busiest(case: &Case<'_>) -> Option<f64> {
    let subjects = case.timeline.target.subjects.values();
    let hosts = subjects.filter(|of| of.plain("cpu.idle").is_some());
    let parts = || {
        case.phases
            .iter()
            .filter(|part| part.seconds() >= limits::CPU_S)
    };
    let shares = hosts.flat_map(|host| parts().filter_map(move |part| busy(host, part)));
    shares.max_by(f64::total_cmp)
}

fn grown(subject: &Subject, name: &str, part: &Part) -> (f64, f64) {
    case::grown(subject, name, part).unwrap_or_default()
}

/// The share of processor time that was used. What the hypervisor took is neither.
fn busy(host: &Subject, part: &Part) -> Option<f64> {
    let sum = |names: &[&str]| {
        names
            .iter()
            .map(|name| grown(host, name, part).0)
            .sum::<f64>()
    };
    let (work, rest) = (sum(&WORK), sum(&REST));
    (work + rest > 0.0).then(|| work / (work + rest))
}

/// The part of the busy time that the processes took which are watched; the rest is of others on the machine, the generator among them.
fn own(case: &Case<'_>, host: &Subject, part: &Part) -> f64 {
    let work: f64 = WORK.iter().map(|name| grown(host, name, part).0).sum();
    let subjects = case.timeline.target.subjects.values();
    let used: f64 = subjects
        .map(|of| grown(of, "process.cpu.all", part).0)
        .sum();
    if work > 0.0 { used / work } else { 0.0 }
}

fn bound(case: &Case<'_>, host: &Subject, part: &Part, share: f64) -> Finding {
    let own = own(case, host, part);
    let (waited, seconds) = grown(host, "pressure.cpu.some", part);
    let pressed = if seconds > 0.0 { waited / seconds } else { 0.0 };
    let evidence = |what: &str, share: f64, limit: Option<f64>| Evidence {
        phase: part.phase.clone(),
        ..evidence(
            &host.watched.title,
            what,
            share * 100.0,
            "%",
            limit.map(|limit| limit * 100.0),
        )
    };
    Finding {
        confidence: if pressed > 0.25 && own >= limits::CPU_OWN {
            Confidence::Strong
        } else {
            Confidence::Suspected
        },
        basis: "processors + waits for them".into(),
        about: host.watched.title.clone(),
        what: format!(
            "the machine's processors were {} busy in {}, {} of it by the processes that are watched, and some task waited for one for {} of the time",
            percent(share),
            named(part),
            percent(own.min(1.0)),
            percent(pressed)
        ),
        evidence: vec![
            evidence("processors busy", share, Some(limits::CPU_BUSY)),
            evidence(
                "of it by processes that are watched",
                own,
                Some(limits::CPU_OWN),
            ),
            evidence(
                "time in which some task waited for a processor",
                pressed,
                Some(0.25),
            ),
        ],
        advice:
            "Profile what requests spend processor time on and do less of it, or add processors."
                .into(),
        check: "the same load should leave processors idle".into(),
        ..Finding::default()
    }
}

fn named(part: &Part) -> String {
    if part.phase.is_empty() {
        "the run".into()
    } else {
        format!("the phase {}", part.phase)
    }
}

/// Programs that run code of the application on one processor at a time.
const ONE_AT_A_TIME: [&str; 7] = ["python", "node", "deno", "bun", "ruby", "php", "perl"];

/// A process in a phase.
pub struct One<'a> {
    /// Processors that it used.
    pub used: f64,
    name: Option<&'a String>,
    pid: &'a String,
    part: &'a Part,
}

/// The process of a service that used most of a processor in a phase.
pub fn busiest_process<'a>(case: &'a Case<'_>, subject: &'a Subject) -> Option<One<'a>> {
    let ones = subject.named("process.cpu");
    ones.flat_map(|(labels, series)| case.phases.iter().map(move |part| (labels, series, part)))
        .filter_map(|(labels, series, part)| {
            let (spent, seconds) = subject.grown(series, part.from, part.until);
            let pid = labels.get("pid").filter(|pid| !pid.is_empty())?;
            (seconds >= 3.0).then(|| One {
                used: spent / seconds,
                name: labels.get("name"),
                pid,
                part,
            })
        })
        .max_by(|a, b| a.used.total_cmp(&b.used))
}

/// A single process that used one processor whole, where the machine had more to give.
fn single(case: &Case<'_>, subject: &Subject, hosts: &[&Subject]) -> Option<Finding> {
    let cores = subject
        .plain("process.cores")
        .and_then(katydid_record::timeline::Series::last)
        .unwrap_or(0.0);
    let One {
        used,
        name,
        pid,
        part,
    } = busiest_process(case, subject)?;
    let free = hosts
        .iter()
        .filter_map(|host| busy(host, part))
        .fold(0.0, f64::max);
    if !(limits::ONE_CORE..1.2).contains(&used) || cores < 2.0 || free > limits::CPU_BUSY {
        return None;
    }
    let takes_one = case::executes(subject, &ONE_AT_A_TIME);
    let (confidence, basis) = super::sure(takes_one, "process + interpreter", "process");
    let name = name.map_or("a process", String::as_str);
    let (waited, seconds) = grown(subject, "process.waited", part);
    let waited = if seconds > 0.0 { waited / seconds } else { 0.0 };
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| Evidence {
        phase: part.phase.clone(),
        ..evidence(&subject.watched.title, what, value, unit, limit)
    };
    Some(Finding {
        title: "A single core is the limit".into(),
        confidence,
        basis,
        about: format!("{name}, pid {pid}"),
        what: format!(
            "{name} (pid {pid}) used {} of one processor in {}, while the machine's {} were {} busy",
            percent(used),
            named(part),
            figures(cores),
            percent(free)
        ),
        evidence: vec![
            evidence("processors used by one process", used, "", Some(limits::ONE_CORE)),
            evidence("time that its threads waited for a processor", waited, "s/s", None),
        ],
        advice: "It cannot use a second processor: run more processes of it (uvicorn --workers, gunicorn -w, cluster), or take work out of its event loop.".into(),
        check: "with two processes the same load should take half of a processor each".into(),
        ..Finding::default()
    })
}
