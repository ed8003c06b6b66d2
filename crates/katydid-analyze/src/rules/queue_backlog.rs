//! # Queue backlog
//!
//! **Symptom.** Background work is done later and later; requests that wait for it take longer and longer.
//!
//! **Evidence.** A queue is longer at the end of each third of the load than at the end of the one before, by ten entries and more in all.
//! How much comes and goes per second is told of a list by where its ends have got to from one look to the next, or else by the server's
//! count of commands. Of a stream of Redis, which keeps what was read, its consumer groups' lag counts, not its length. A list of Redis
//! without a name that RQ, `BullMQ`, Sidekiq or Celery give is suspected only, unless something is taken out of it.
//!
//! **Cause.** The consumers take less per second than comes. Either there are too few of them, or each does too much for an entry.
//!
//! **Fix.** More consumers. Those that there are do not rest while entries wait: so many times as many as what comes over what goes keep up, and a fifth of
//! their time is left for what comes unevenly. If nothing goes, no consumer of this queue runs. Or make the entry cheaper: no waiting for others inside
//! of it, several entries at once. More partitions, where a queue has them and consumers cannot share one.
//!
//! **False alarms.** A burst that is meant to be worked off later. The report shows whether it was. A list that is a log or a feed is no
//! queue, and may grow by design: where nothing is taken out, or where lists of the server are cut (`LTRIM`), it is suspected only.

use katydid_record::Finding;
use katydid_record::finding::Evidence;
use katydid_record::timeline::Subject;

use super::case::{Case, EndpointCase, mean};
use super::words::{evidence, figures};
use super::{Judged, Rule, limits};
use crate::target::{Part, table};

/// Its row.
pub const RULE: Rule = Rule {
    name: "queue_backlog",
    title: "Queue backlog",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// A level that says how long a queue is.
#[derive(Clone, Copy)]
struct Length {
    name: &'static str,
    /// Commands that put something into such a queue.
    puts: &'static [&'static str],
}

/// Of lists, of streams and topics, of `RabbitMQ`.
const LENGTHS: [Length; 3] = [
    Length {
        name: LIST,
        puts: &["LPUSH", "RPUSH"],
    },
    Length {
        name: "queue.lag",
        puts: &["XADD"],
    },
    Length {
        name: "queue.ready",
        puts: &[],
    },
];
const LIST: &str = "queue.length";
/// How the keys of lists begin that RQ, `BullMQ`, Sidekiq and Celery have for their queues.
const LIBRARIES: [&str; 4] = ["rq:queue:", "bull:", "queue:", "celery"];

/// A queue, as one of its levels has it.
struct Queue<'c> {
    length: Length,
    name: &'c str,
    levels: [f64; 3],
}

impl Queue<'_> {
    fn grows(&self) -> bool {
        let [first, second, last] = self.levels;
        first < second && second < last && last - first >= limits::BACKLOG
    }

    /// Whether what grows is a queue, and no log that is never emptied.
    fn is_one(&self, subject: &Subject, flow: Flow, part: &Part) -> bool {
        self.length.name != LIST
            || is_of_a_library(self.name)
            || (flow.goes > 0.0 && calls(subject, "LTRIM", part) <= 0.0)
    }
}

fn is_of_a_library(name: &str) -> bool {
    LIBRARIES.iter().any(|library| name.starts_with(library))
}

/// All queues of a server. A stream of Redis keeps what was read: its length is none of a queue.
fn queues<'c>(case: &Case<'_>, subject: &'c Subject) -> Vec<Queue<'c>> {
    let all = LENGTHS.into_iter().flat_map(|length| {
        let told = subject.named(length.name);
        told.map(move |(labels, series)| (length, labels, series))
    });
    all.filter(|(length, labels, _)| {
        let is_stream = labels.get("type").is_some_and(|of| of == "stream");
        length.name != LIST || !is_stream
    })
    .filter_map(|(length, labels, series)| {
        Some(Queue {
            length,
            name: labels.get("queue").map_or("queue", String::as_str),
            levels: case.at_thirds(series, mean)?,
        })
    })
    .collect()
}

fn judge(case: &Case<'_>) -> Judged {
    let mut found = Vec::new();
    let (mut longest, mut is_seen): (f64, bool) = (0.0, false);
    for subject in case.timeline.target.subjects.values() {
        let queues = queues(case, subject);
        for queue in &queues {
            is_seen = true;
            longest = longest.max(queue.levels[2]);
            if queue.grows() {
                let alike = queues
                    .iter()
                    .filter(|of| of.length.name == queue.length.name);
                let all: f64 = alike.map(|of| of.levels[2] - of.levels[0]).sum();
                found.push(finding(case, subject, queue, all));
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
fn flow(case: &Case<'_>, subject: &Subject, queue: &Queue<'_>, grown: f64) -> Option<Flow> {
    let part = case.after_first_third();
    let seconds = part.seconds();
    let own = |name: &str| {
        let series = subject.of(name, ("queue", queue.name));
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
    let puts = queue.length.puts.iter();
    let comes = puts
        .map(|command| calls(subject, command, &part))
        .sum::<f64>()
        / seconds;
    let goes = comes - grown / seconds;
    let is_own = false;
    (goes > 0.0).then_some(Flow {
        comes,
        goes,
        is_own,
    })
}

fn calls(subject: &Subject, command: &str, part: &Part) -> f64 {
    let command = command.to_ascii_lowercase();
    table::grown(subject, "command.calls", ("command", &command), part)
}

/// Endpoints that put something into such a queue, as spans have it, the busiest first. Of a pipeline spans may tell its first command
/// only.
fn producers(case: &Case<'_>, into: Length) -> Vec<String> {
    let puts = |endpoint: &&EndpointCase| {
        let mut calls = endpoint.calls.iter();
        calls.any(|call| into.puts.contains(&call.key.text.as_str()))
    };
    let mut all: Vec<&EndpointCase> = case.endpoints.iter().filter(puts).collect();
    all.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.requests));
    all.into_iter()
        .map(|endpoint| endpoint.title.clone())
        .collect()
}

fn numbers(title: &str, levels: [f64; 3], grows: f64, flow: Option<Flow>) -> Vec<Evidence> {
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
    if let Some(flow) = flow {
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
    numbers
}

fn finding(case: &Case<'_>, subject: &Subject, queue: &Queue<'_>, all: f64) -> Finding {
    let part = case.after_first_third();
    let levels = queue.levels;
    let grows = (levels[2] - levels[0]) / part.seconds();
    let flow = flow(case, subject, queue, all);
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
    let (_, basis) = super::sure(flow.is_some(), by, "queue");
    let is_sure = flow.is_some_and(|flow| queue.is_one(subject, flow, &part));
    let name = queue.name;
    Finding {
        confidence: super::strong_if(is_sure),
        basis,
        endpoints: producers(case, queue.length),
        about: name.to_owned(),
        what: format!(
            "{name} grew to {} entries, by {} per second{flows}",
            figures(levels[2]),
            figures(grows)
        ),
        evidence: numbers(&subject.watched.title, levels, grows, flow),
        advice: flow.map_or(
            "Run more consumers, or make an entry cheaper.".into(),
            |flow| advice(flow, name),
        ),
        check: format!("{name} should be as long at the end of the load as in its middle"),
        ..Finding::default()
    }
}

/// They do not rest while entries wait: what goes is what they can do.
fn advice(flow: Flow, name: &str) -> String {
    if flow.goes <= 0.0 && is_of_a_library(name) {
        return "Nobody takes anything out of it: is a consumer of this queue running?".into();
    }
    if flow.goes <= 0.0 {
        return "Nobody takes anything out of it: if it is a queue, does a consumer of it run? If it is a log or a feed, is it ever cut?".into();
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
