//! # Queue backlog
//!
//! **Symptom.** Background work is done later and later; requests that wait for it take longer and longer.
//!
//! **Evidence.** A queue is longer at the end of each third of the load than at the end of the one before, by ten entries and more in all; the
//! server's count of commands says how much comes and goes per second.
//!
//! **Cause.** The consumers take less per second than comes. Either there are too few of them, or each does too much for an entry.
//!
//! **Fix.** More consumers: as many as what comes per second times the seconds that one entry takes. Or make the entry cheaper: no waiting for others inside
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

/// Entries per second that were put into the server's queues, as it counts commands.
fn puts(case: &Case<'_>, subject: &Subject) -> f64 {
    let of = |command: &&str| -> f64 {
        let command = command.to_ascii_lowercase();
        table::grown(subject, "command.calls", ("command", &command), &case.whole)
    };
    PUTS.iter().map(of).sum::<f64>() / case.seconds()
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
    let seconds = case.seconds() * 2.0 / 3.0;
    let grows = (levels[2] - levels[0]) / seconds;
    let comes = puts(case, subject);
    // Which of several queues a command is about is not known: what comes and goes is told of all of them.
    let goes = comes - all / seconds;
    let is_told = goes > 0.0;
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
    if is_told {
        let source = format!("{title}, commands");
        let what = "entries that are put into queues";
        numbers.push(evidence(&source, what, comes, "/s", None));
    }
    let flows = if is_told {
        format!(
            "; {} come into its server's queues and {} go per second",
            figures(comes),
            figures(goes)
        )
    } else {
        String::new()
    };
    let (confidence, basis) = super::sure(is_told, "queue + commands", "queue");
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
        advice: if is_told {
            format!(
                "Run {} times as many consumers, or make an entry cheaper.",
                figures((comes / goes).ceil().max(2.0))
            )
        } else {
            "Run more consumers, or make an entry cheaper.".into()
        },
        check: format!("{queue} should be as long at the end of the load as in its middle"),
        ..Finding::default()
    }
}
