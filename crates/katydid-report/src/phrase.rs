//! Sentences that several faces say.

use katydid_record::finding::Cost;
use katydid_record::probe::ProbeSummary;
use katydid_record::summary::{
    DriftOutcome, DriftSummary, Drifting, EndpointSummary, EventSummary, GeneratorSummary, Latency,
    PhaseSummary, SeriesSummary, SloOutcome, SloSummary, SpikeSummary, Summary,
};
use katydid_record::{Cause, Confidence, Finding, Kind};

use crate::number::{bytes, count, duration, instant, percent, short, short_or_dash};

/// Calls per second from which something that runs by itself is told.
const BACKGROUND: f64 = 0.1;
/// Endpoints that a finding's title names.
const MOST_ENDPOINTS: usize = 3;

/// Why the numbers say more about the generator than about the target; `None` when they do not.
pub fn invalid(summary: &Summary) -> Option<String> {
    if summary.run.valid && summary.generator.valid {
        return None;
    }
    let reason = summary.generator.reasons.first().map_or(
        "The generator did not keep up, so these numbers say more about it than about the target.",
        String::as_str,
    );
    Some(reason.to_owned())
}

/// What is said of a record that was cut short; `None` when it is whole.
pub fn incomplete(summary: &Summary) -> Option<&'static str> {
    (!summary.run.complete).then_some(
        "The record is incomplete: the run was killed or could not be written to its end. What is shown is what was kept.",
    )
}

/// That an event failed, which makes it another test than was planned; `None` when none did.
pub fn another_test(summary: &Summary) -> Option<String> {
    let mut failed = summary.events.iter().filter(|e| e.outcome.is_failure());
    let first = failed.next()?;
    let more = match failed.count() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some(format!(
        "The event {} {}{more}: what came after it is not what was planned.",
        first.name, first.reason
    ))
}

/// What an event is called where its time stands beside it: its name, and the command if that says more.
pub fn event(event: &EventSummary) -> String {
    if event.name == event.command {
        event.name.clone()
    } else {
        format!("{}: {}", event.name, event.command)
    }
}

/// Why it ended, in words.
pub fn ended(reason: &str) -> &str {
    match reason {
        "run-time" => "ran its full time",
        "interrupted" => "interrupted by hand",
        "terminated" => "terminated",
        "done" => "all work done",
        "quit" => "ended by the script",
        "aborted" => "ended before its time",
        "killed" => "killed: no end was recorded",
        other => other,
    }
}

/// `30 users`, or `30 connections` for an attack.
pub fn users(summary: &Summary) -> String {
    let noun = if summary.run.command == "attack" {
        "connection"
    } else {
        "user"
    };
    plural(summary.run.users, noun)
}

/// `1 user`, `1,234 users`.
pub fn plural(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

/// `30 users for 60 s against http://shop`.
pub fn what_ran(summary: &Summary) -> String {
    let run = &summary.run;
    let to = run
        .host
        .as_deref()
        .map(|host| format!(" against {host}"))
        .unwrap_or_default();
    if run.command == "probe" {
        return format!("probed for {}{to}", duration(run.duration_s));
    }
    format!("{} for {}{to}", users(summary), duration(run.duration_s))
}

/// The phases in which something happened.
pub fn phases(summary: &Summary) -> Vec<&PhaseSummary> {
    let happened = |total: &EndpointSummary| {
        total.requests + total.aborted + total.blocked + total.missed + total.unjudged > 0
    };
    let phases = summary.phases.iter();
    phases.filter(|phase| happened(&phase.total)).collect()
}

/// Reads and writes together, where there are both.
pub fn by_access(summary: &Summary) -> Vec<&EndpointSummary> {
    let both = [&summary.reads, &summary.writes];
    if both.iter().all(|e| e.requests > 0) {
        both.to_vec()
    } else {
        Vec::new()
    }
}

/// What a spike did and how it ended, in two sentences.
pub fn spike(spike: &SpikeSummary) -> [String; 2] {
    let limit = if spike.limit_is_an_objective {
        "the objective's limit"
    } else {
        "twice the p95 before"
    };
    let did = if spike.peak_bad_share > 0.0 {
        format!(
            "up to {} of a second's requests were bad (over {} ms, {limit}, or failed), the most at {}; {} in flight at most, {} before",
            percent(spike.peak_bad_share),
            short(spike.limit_ms),
            instant(spike.peak_bad_at_s),
            count(spike.in_flight_peak),
            short(spike.in_flight_before),
        )
    } else {
        format!(
            "no request was bad (over {} ms, {limit}, or failed); {} in flight at most, {} before",
            short(spike.limit_ms),
            count(spike.in_flight_peak),
            short(spike.in_flight_before),
        )
    };
    let then = match spike.recovered_s {
        Some(s) if s < 1.0 => "recovered at once".to_owned(),
        Some(s) => format!("recovered {} after its end", duration(s)),
        None if spike.watched_s < 1.0 => {
            "whether it recovered was not watched: let a hold follow".to_owned()
        }
        None => format!("did not recover in {}", duration(spike.watched_s)),
    };
    [did, then]
}

/// What became of a drift, in a word or two.
pub fn drift_outcome(outcome: DriftOutcome) -> &'static str {
    match outcome {
        DriftOutcome::Rose => "rose",
        DriftOutcome::Fell => "fell",
        DriftOutcome::None => "no drift seen",
        DriftOutcome::Unclear => "too short to tell",
        DriftOutcome::Invalid => "not judged",
        DriftOutcome::NotObserved => "not observed",
    }
}

/// `p95 rose from 41.0 ms to 58.0 ms over 2 h of hold (+8.40 ms per hour)`.
pub fn drift(drift: &DriftSummary) -> String {
    let what = match drift.what {
        Drifting::P95 => "p95",
        Drifting::Errors => "the share of errors",
        Drifting::GeneratorMemory => "katydid's own memory",
        Drifting::TargetMemory => "the target's memory",
    };
    let place = match &drift.phase {
        Some(phase) => format!("{} of {phase}", duration(drift.over_s)),
        None => duration(drift.over_s),
    };
    let value = |value: f64| match drift.what {
        Drifting::P95 => format!("{} ms", short(value)),
        Drifting::Errors => percent(value),
        Drifting::GeneratorMemory | Drifting::TargetMemory => bytes(value.max(0.0) as u64),
    };
    let ends = drift.from.zip(drift.to);
    let ends = ends.map(|(from, to)| (value(from), value(to)));
    let seen = match &ends {
        Some((from, to)) => format!(" ({from} at first, {to} at last)"),
        None => String::new(),
    };
    match drift.outcome {
        DriftOutcome::Rose | DriftOutcome::Fell => {
            let (from, to) = ends.unwrap_or_default();
            let word = drift_outcome(drift.outcome);
            let slope = drift.per_hour.map(|slope| per_hour(drift.what, slope));
            format!(
                "{what} {word} from {from} to {to} over {place}{}",
                slope.unwrap_or_default()
            )
        }
        DriftOutcome::None => format!("no drift of {what} seen in {place}{seen}"),
        DriftOutcome::Unclear => format!("too short to tell whether {what} drifts: {place}{seen}"),
        DriftOutcome::Invalid => {
            format!("drift of {what} not judged in {place}, because the generator did not keep up")
        }
        DriftOutcome::NotObserved => format!("{what} was not observed in {place}"),
    }
}

/// Nothing where most windows are equal, so that the median of their slopes is none.
fn per_hour(what: Drifting, slope: f64) -> String {
    if slope == 0.0 {
        return String::new();
    }
    let sign = if slope < 0.0 { "-" } else { "+" };
    let size = slope.abs();
    let size = match what {
        Drifting::P95 => format!("{} ms", short(size)),
        Drifting::Errors => format!("{} percentage points", short(size * 100.0)),
        Drifting::GeneratorMemory | Drifting::TargetMemory => bytes(size as u64),
    };
    format!(" ({sign}{size} per hour)")
}

/// How coarse the charts are, where they are coarser than a second.
pub fn resolution(series: &SeriesSummary) -> Option<String> {
    (series.width_s > 1.0).then(|| {
        format!(
            "A point stands for up to {}, within one phase: in runs of more than an hour the seconds of the longest phases are merged.",
            duration(series.width_s)
        )
    })
}

/// `p95 < 300ms in hold`.
pub fn objective(slo: &SloSummary) -> String {
    match &slo.phase {
        Some(phase) if !slo.text.contains(" in ") => format!("{} in {phase}", slo.text),
        _ => slo.text.clone(),
    }
}

/// What became of an objective, in a word.
pub fn outcome(outcome: SloOutcome) -> &'static str {
    match outcome {
        SloOutcome::Pass => "PASS",
        SloOutcome::Fail => "FAIL",
        SloOutcome::Undecided => "UNDECIDED",
        SloOutcome::Invalid => "INVALID",
    }
}

/// `12 of 1,630 requests failed`.
pub fn failed(e: &EndpointSummary) -> String {
    format!(
        "{} of {} failed",
        count(e.failures),
        plural(e.requests, "request")
    )
}

/// What was measured for an objective, with the percentile that it names.
pub fn measured(slo: &SloSummary) -> String {
    match slo.observed_ms {
        Some(ms) => format!("measured {} ms; {}", short(ms), slo.reason),
        None => slo.reason.clone(),
    }
}

const ABORTED: &str = "aborted in flight at the end";

/// What the table leaves out: given up, blocked, missed, not judged. Only what is not zero.
pub fn apart(total: &EndpointSummary) -> Vec<String> {
    let said = [
        (total.aborted, ABORTED),
        (
            total.blocked,
            "blocked because every allowed user was still busy with the target",
        ),
        (total.missed, "missed because the generator was late"),
        (total.unjudged, "completed but not judged by the script"),
    ];
    let oldest = total.aborted_oldest_ms.map_or(String::new(), |ms| {
        format!(", the oldest after {} ms", short(ms))
    });
    said.iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, text)| {
            let oldest = if *text == ABORTED {
                oldest.as_str()
            } else {
                ""
            };
            format!("{} {text}{oldest}", count(*n))
        })
        .collect()
}

/// A cause in words.
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Refused => "connection refused",
        Cause::Reset => "connection reset",
        Cause::Dns => "name not resolved",
        Cause::Tls => "TLS",
        Cause::TimeoutConnect => "timeout: connect",
        Cause::TimeoutFirstByte => "timeout: first byte",
        Cause::TimeoutBody => "timeout: body",
        Cause::Protocol => "protocol error",
        Cause::TooLarge => "too large",
        Cause::Exhausted => "generator out of ports",
        Cause::Unreachable => "unreachable",
        Cause::Status => "status",
        Cause::Script => "script",
        Cause::Other => "other",
    }
}

/// What stands in the method's place.
pub fn method(kind: Kind, method: &str) -> &str {
    match kind {
        Kind::Flow if method.is_empty() => "flow",
        Kind::Job if method.is_empty() => "job",
        _ => method,
    }
}

/// Explains the mark of [`wide`] numbers.
pub const WIDE: &str = "~ marks a percentile with few samples behind it (p95 under 200, p99 under 1,000): read it as a rough value.";

/// The two definitions that every table rests on.
pub const METHOD: &str = "From due: from the instant the request was due (its scheduled arrival or pacing slot; otherwise the instant the task asked) to the last byte, which is what the user waited. From send: from the first byte written to the last byte read, which is the server's and the network's time.";

/// The generator's health in two lines of parts. What was not observed is said, never left out.
pub fn generator(g: &GeneratorSummary) -> (Vec<String>, Vec<String>) {
    const UNSEEN: &str = "not observed";
    let seen = |value: Option<String>| value.unwrap_or_else(|| UNSEEN.to_owned());
    let share = |value: Option<f64>| seen(value.map(percent));
    let lags = [g.lag_p50_ms, g.lag_p99_ms, g.lag_max_ms];
    let lag = if lags.iter().all(Option::is_none) {
        format!("lag {UNSEEN}")
    } else {
        let [p50, p99, max] = lags.map(short_or_dash);
        format!("lag p50 {p50}, p99 {p99}, max {max} ms")
    };
    let cpu = match g.cpu_us_per_request {
        Some(us) => format!("CPU {} µs per request", short(us)),
        None => format!("CPU per request {UNSEEN}"),
    };
    let late = |p99_ms: Option<f64>| match p99_ms {
        Some(ms) => format!(" (late p99 {} ms)", short(ms)),
        None => String::new(),
    };
    // The I/O thread's lateness is in the hub's; alone it counts where there is no hub.
    let io_lag = g.io_lag_p99_ms.filter(|_| g.hub_lag_p99_ms.is_none());
    let first = vec![
        cpu,
        lag,
        format!(
            "hub busy {}{}",
            share(g.hub_busy_share),
            late(g.hub_lag_p99_ms)
        ),
        format!("I/O busy {}{}", share(g.io_busy_share), late(io_lag)),
    ];
    let mut second = vec![
        format!(
            "{} opened, {} replaced",
            plural(g.connections_opened, "connection"),
            count(g.connections_replaced)
        ),
        format!("memory {}", seen(g.rss_max_bytes.map(bytes))),
        format!("machine busy {}", share(g.machine_busy_share)),
        format!("steal {}", share(g.steal_share)),
    ];
    if g.no_wait {
        second.push("users looped without a wait".to_owned());
    }
    (first, second)
}

/// Whether a marked percentile is in the table.
pub fn any_wide(summary: &Summary) -> bool {
    let shown = |latency: &Latency| {
        latency
            .wide
            .iter()
            .any(|name| name == "p95" || name == "p99")
    };
    summary
        .endpoints
        .iter()
        .chain([&summary.total])
        .chain(phases(summary).into_iter().map(|phase| &phase.total))
        .any(|endpoint| shown(&endpoint.from_due) || shown(&endpoint.from_send))
}

/// What runs without being asked for; `None` where it is too seldom to be told.
pub fn background(probe: &ProbeSummary) -> Option<String> {
    let told = probe.background.iter();
    let told: Vec<String> = told
        .filter(|of| of.per_second >= BACKGROUND)
        .map(|of| format!("{}/s {}", short(of.per_second), of.text))
        .collect();
    (!told.is_empty()).then(|| format!("Runs by itself, and is taken off: {}.", told.join("; ")))
}

/// What a finding is called, and whom it hurts.
pub fn finding_title(finding: &Finding) -> String {
    let endpoints = finding.endpoints.iter().take(MOST_ENDPOINTS).cloned();
    let mut endpoints: Vec<String> = endpoints.collect();
    if finding.endpoints.len() > MOST_ENDPOINTS {
        endpoints.push(format!("{} more", finding.endpoints.len() - MOST_ENDPOINTS));
    }
    match endpoints.as_slice() {
        [] => finding.title.clone(),
        some => format!("{} — {}", finding.title, some.join(", ")),
    }
}

/// What a cause costs.
pub fn cost(cost: Cost) -> String {
    format!(
        "costs {} of {} ms per request; {} of the time of all requests",
        short(cost.ms),
        short(cost.of_ms),
        percent(cost.share)
    )
}

/// How sure a finding is, and by what.
pub fn confidence(finding: &Finding) -> String {
    let word = match finding.confidence {
        Confidence::Suspected => "suspected",
        Confidence::Strong => "strong",
        Confidence::Confirmed => "confirmed",
    };
    format!("{word}: {}", finding.basis)
}
