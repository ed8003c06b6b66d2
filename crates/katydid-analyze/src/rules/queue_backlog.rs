//! # Queue backlog
//!
//! **Symptom.** Background work is done later and later; requests that wait for it take longer and longer.
//!
//! **Evidence.** A queue is longer at the end of each third of the load than at the end of the one before, by ten entries and more in all. How much
//! comes and goes per second is told of a list by where its ends have got to from one look to the next, or else by the server's count of commands.
//!
//! **Cause.** The consumers take less per second than comes. Either there are too few of them, or each does too much for an entry.
//!
//! **Fix.** More consumers. Those that there are do not rest while entries wait: so many times as many as what comes over what goes keep up, and a fifth of
//! their time is left for what comes unevenly. If nothing goes, no consumer of this queue runs. Or make the entry cheaper: no waiting for others inside
//! of it, several entries at once. More partitions, where a queue has them and consumers cannot share one.
//!
//! **False alarms.** A burst that is meant to be worked off later. The report shows whether it was.

use katydid_record::Finding;
use katydid_record::timeline::Subject;

use super::case::{Case, EndpointCase, mean};
use super::words::{evidence, figures};
use super::{Judged, Rule, limits};
use crate::target::table;

/// Its row.
pub const RULE: Rule = Rule {
    name: "queue_backlog",
    title: "Queue backlog",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// Levels that say how long a queue is.
const LENGTHS: [&str; 3] = ["queue.length", "queue.lag", "queue.ready"];
/// Commands that put something into a queue.
const PUTS: [&str; 3] = ["LPUSH", "RPUSH", "XADD"];

fn judge(case: &Case<'_>) -> Judged {
    let mut found = Vec::new();
    let (mut longest, mut is_seen): (f64, bool) = (0.0, false);
    for subject in case.timeline.target.subjects.values() {
        let queues = || LENGTHS.iter().flat_map(|name| subject.named(name));
        let grown = |ends: [f64; 3]| ends[2] - ends[0];
        let all: f64 = queues()
            .filter_map(|(_, series)| case.at_thirds(series, mean))
            .map(grown)
            .sum();
        for (labels, series) in queues() {
            let Some(levels) = case.at_thirds(series, mean) else {
                continue;
            };
            is_seen = true;
            longest = longest.max(levels[2]);
            let queue = labels.get("queue").map_or("queue", String::as_str);
            if levels[0] < levels[1]
                && levels[1] < levels[2]
                && levels[2] - levels[0] >= limits::BACKLOG
            {
                found.push(finding(case, subject, queue, levels, all));
            }
        }
    }
    match (found.is_empty(), is_seen) {
        (false, _) => Judged::Found(found),
        (true, true) => Judged::Clear(format!(
            "{} entries at most at the end of a third of the load",
            figures(longest)
        )),
        (true, false) => Judged::Silent,
    }
}

/// What came and what went per second.
#[derive(Clone, Copy)]
struct Flow {
    comes: f64,
    goes: f64,
    /// Of this queue alone; otherwise of all queues of its server.
    is_own: bool,
}

/// From the end of the first third on, when the load has its height. `grown`: by how much all queues of the server grew in that time. Which of
/// several queues a command is about is not known.
fn flow(case: &Case<'_>, subject: &Subject, queue: &str, grown: f64) -> Option<Flow> {
    let part = case.after_first_third();
    let seconds = part.seconds();
    let own = |name: &str| {
        let series = subject.of(name, ("queue", queue));
        let (by, seconds) =
            series.map_or((0.0, 0.0), |of| subject.grown(of, part.from, part.until));
        if seconds > 0.0 { by / seconds } else { 0.0 }
    };
    let (comes, goes) = (own("queue.came"), own("queue.went"));
    if comes > 0.0 {
        let is_own = true;
        return Some(Flow {
            comes,
            goes,
            is_own,
        });
    }
    let puts = |command: &&str| -> f64 {
        let command = command.to_ascii_lowercase();
        table::grown(subject, "command.calls", ("command", &command), &part)
    };
    let comes = PUTS.iter().map(puts).sum::<f64>() / seconds;
    let goes = comes - grown / seconds;
    let is_own = false;
    (goes > 0.0).then_some(Flow {
        comes,
        goes,
        is_own,
    })
}

/// Endpoints that put something into a queue, as spans have it, the busiest first. Of a pipeline spans may tell its first command only.
fn producers(case: &Case<'_>) -> Vec<String> {
    let puts = |endpoint: &&EndpointCase| {
        let mut calls = endpoint.calls.iter();
        calls.any(|call| PUTS.contains(&call.key.text.as_str()))
    };
    let mut all: Vec<&EndpointCase> = case.endpoints.iter().filter(puts).collect();
    all.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.requests));
    all.into_iter()
        .map(|endpoint| endpoint.title.clone())
        .collect()
}

fn finding(case: &Case<'_>, subject: &Subject, queue: &str, levels: [f64; 3], all: f64) -> Finding {
    let part = case.after_first_third();
    let grows = (levels[2] - levels[0]) / part.seconds();
    let flow = flow(case, subject, queue, all);
    let title = &subject.watched.title;
    let mut numbers = vec![
        evidence(
            title,
            "entries at the end of the first third",
            levels[0],
            "",
            None,
        ),
        evidence(title, "of the second", levels[1], "", Some(levels[0])),
        evidence(
            title,
            "of the last",
            levels[2],
            "",
            Some(levels[0] + limits::BACKLOG),
        ),
        evidence(title, "growth", grows, "/s", None),
    ];
    if let Some(flow) = &flow {
        let (source, of) = if flow.is_own {
            (format!("{title}, ends of the list"), "of this queue")
        } else {
            (format!("{title}, commands"), "of all its queues")
        };
        let mut number = |what: &str, value| {
            numbers.push(evidence(
                &source,
                format!("entries that {what}, {of}"),
                value,
                "/s",
                None,
            ));
        };
        number("come", flow.comes);
        number("go", flow.goes);
    }
    let flows = flow.as_ref().map_or(String::new(), |flow| {
        let into = if flow.is_own {
            "come"
        } else {
            "come into its server's queues"
        };
        format!(
            "; {} {into} and {} go per second",
            figures(flow.comes),
            figures(flow.goes)
        )
    });
    let by = match &flow {
        Some(Flow { is_own: true, .. }) => "queue + its entries",
        _ => "queue + commands",
    };
    let (confidence, basis) = super::sure(flow.is_some(), by, "queue");
    Finding {
        confidence,
        basis,
        endpoints: producers(case),
        about: queue.to_owned(),
        what: format!(
            "{queue} grew to {} entries, by {} per second{flows}",
            figures(levels[2]),
            figures(grows)
        ),
        evidence: numbers,
        advice: flow.map_or(
            "Run more consumers, or make an entry cheaper.".into(),
            advice,
        ),
        check: format!("{queue} should be as long at the end of the load as in its middle"),
        ..Finding::default()
    }
}

/// They do not rest while entries wait: what goes is what they can do.
fn advice(flow: Flow) -> String {
    if flow.goes <= 0.0 {
        return "Nobody takes anything out of it: is a consumer of this queue running?".into();
    }
    let ratio = flow.comes / flow.goes;
    let times = figures((ratio / limits::CONSUMERS_BUSY).ceil().max(2.0));
    let spare = figures((1.0 - limits::CONSUMERS_BUSY) * 100.0);
    let of_all = if flow.is_own {
        ""
    } else {
        " That is of all queues of the server: if entries of this one take longer than others, it needs more."
    };
    format!(
        "Run {times} times as many consumers ({} ÷ {} = {}, and {spare} % of their time to spare), or make an entry cheaper.{of_all}",
        figures(flow.comes),
        figures(flow.goes),
        figures(ratio)
    )
}
