//! # Memory leak
//!
//! **Symptom.** Memory of the service grows as long as there is load, until something kills it.
//!
//! **Evidence.** Memory that is no file's, by the least of each third of the run: it grew by 30 MiB and by a third of what it was, and in the last
//! third as much per request as in the middle one. What fills once (caches, pools, an allocator's arenas) grows less and less.
//!
//! **Cause.** Something is kept for each request and never let go: a dictionary without a bound, a list of past events, a listener that is not removed.
//!
//! **Fix.** Bound it (`functools.lru_cache(maxsize=…)`, `cachetools.TTLCache`), or keep it elsewhere with a time to live. Two snapshots of the heap, some
//! minutes apart, name it (`tracemalloc`, `heaptrack`, Chrome's heap snapshots of Node).
//!
//! **False alarms.** A cache that is meant to fill for longer than the run; a heap that its collector lets grow at first (only suspected in runs below ten
//! minutes, unless it is Python, PHP or Perl, which count references); an overload, in which more requests wait in the service than before (only suspected): what they
//! took is not given back. A run that is longer, or of less load, tells.

use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::case::{Case, executes};
use super::words::{evidence, figures};
use super::{Judged, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "memory_leak",
    title: "Memory leak",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// Programs that let go of most things as soon as nobody uses them. A collector lets a heap grow for a while before it takes what is left.
const COUNTED: [&str; 3] = ["python", "php", "perl"];

const MIB: f64 = 1_048_576.0;

/// How memory grew: at the ends of the three thirds of the load, and requests in the last two.
struct Growth {
    levels: [f64; 3],
    requests: [f64; 2],
    /// So many more requests were under way after the first third, at the end or at their most, than before.
    waiting: f64,
    seconds: f64,
}

impl Growth {
    /// Bytes per request in the middle third and the last.
    fn per_request(&self) -> [f64; 2] {
        let [first, middle, last] = self.levels;
        [
            (middle - first) / self.requests[0],
            (last - middle) / self.requests[1],
        ]
    }

    fn is_leak(&self) -> bool {
        let [first, _, last] = self.levels;
        let [middle_each, last_each] = self.per_request();
        last - first >= limits::LEAK_BYTES
            && last - first >= limits::LEAK_SHARE * first
            && middle_each > 0.0
            && last_each >= limits::LEAK_GOES_ON * middle_each
    }
}

fn judge(case: &Case<'_>) -> Judged {
    let [_, middle, last] = case.requests_by_third();
    let requests = [middle as f64, last as f64];
    if requests.iter().any(|count| *count < limits::LEAK_REQUESTS) {
        return Judged::Silent;
    }
    let watched: Vec<(&Subject, Growth)> = case
        .watched("process")
        .filter_map(|subject| Some((subject, growth(case, subject, requests)?)))
        .collect();
    if watched.is_empty() {
        return Judged::Silent;
    }
    let found: Vec<Finding> = watched
        .iter()
        .filter(|(_, growth)| growth.is_leak())
        .map(|(subject, growth)| finding(subject, growth))
        .collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let most = watched
        .iter()
        .map(|(_, growth)| growth.levels[2] - growth.levels[0])
        .fold(0.0, f64::max);
    Judged::Clear(format!(
        "{} MiB more at most, and less and less",
        figures(most / MIB)
    ))
}

/// `None` with too few looks. The least of the last looks of a third stands for its end: what a garbage collector has still to take is
/// not kept.
fn growth(case: &Case<'_>, subject: &Subject, requests: [f64; 2]) -> Option<Growth> {
    Some(Growth {
        levels: case.at_thirds(subject.plain("process.anon")?, least)?,
        requests,
        waiting: waiting(case).unwrap_or(0.0),
        seconds: case.seconds() * 2.0 / 3.0,
    })
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// By how much the least that was under way at the end is more than what it was after the first third; or the most of a few seconds since then more than
/// the most before. What many requests at once took is not given back: the memory is kept for the next ones.
fn waiting(case: &Case<'_>) -> Option<f64> {
    let counts = case.under_way(&case.after_first_third())?;
    let few = counts.len().div_ceil(6);
    let at_end = least(&counts[counts.len() - few..]) - least(&counts[..few]);
    let before = case.under_way(&case.first_third()).unwrap_or_default();
    Some(at_end.max(most_together(counts) - most_together(before)))
}

/// As many as were under way in each of so many seconds.
fn most_together(mut counts: Vec<f64>) -> f64 {
    counts.sort_by(|a, b| b.total_cmp(a));
    let nth = limits::LEAK_TOGETHER_S.min(counts.len()).checked_sub(1);
    nth.map_or(0.0, |nth| counts[nth])
}

fn finding(subject: &Subject, growth: &Growth) -> Finding {
    let title = &subject.watched.title;
    let [first, _, last] = growth.levels;
    let each = growth.per_request();
    let evidence = |what: &str, value: f64, unit: &str, limit: Option<f64>| {
        evidence(title, what, value, unit, limit)
    };
    let is_young = growth.seconds < limits::LEAK_COLLECTED_S && !executes(subject, &COUNTED);
    let is_what_waits = growth.waiting * limits::LEAK_WAITING >= last - first;
    let (confidence, but) = if is_what_waits {
        (
            Confidence::Suspected,
            "; but more requests waited in it than before, and that takes memory too",
        )
    } else if is_young {
        (
            Confidence::Suspected,
            "; in so short a run that may be what its collector has still to take",
        )
    } else {
        (Confidence::Strong, "")
    };
    let per_minute = (last - first) / MIB / growth.seconds * 60.0;
    Finding {
        confidence,
        basis: "memory + requests".into(),
        about: title.clone(),
        what: format!(
            "{title} grew from {} to {} MiB in {} s, {} KiB for each request, and does not slow down{but}",
            figures(first / MIB),
            figures(last / MIB),
            figures(growth.seconds),
            figures(each[1] / 1024.0)
        ),
        evidence: vec![
            evidence("growth", (last - first) / MIB, "MiB", Some(limits::LEAK_BYTES / MIB)),
            evidence("growth per minute", per_minute, "MiB", None),
            evidence("per request, middle third", each[0] / 1024.0, "KiB", None),
            evidence("per request, last third", each[1] / 1024.0, "KiB", Some(limits::LEAK_GOES_ON * each[0] / 1024.0)),
        ],
        advice: "Something is kept for each request: bound it, or give it a time to live. Two snapshots of the heap, some minutes apart, name it.".into(),
        check: "memory should stay where it is after the first minutes of a load".into(),
        ..Finding::default()
    }
}
