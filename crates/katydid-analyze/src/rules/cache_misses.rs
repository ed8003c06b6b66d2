//! # Low hit ratio
//!
//! **Symptom.** There is a cache, and the database is asked nearly as often as without.
//!
//! **Evidence.** After the first third of the load, of 1,000 lookups and more fewer than half were hits, and their share does not rise any
//! more. A second count says where the keys are that were looked for in vain: half of the misses and more have a key beside them that was
//! thrown out for want of memory, that has expired, or that was deleted. And a probe saw a GET that looks in vain and then asks the
//! database for a tenth of its time or more. Without either of these, or where the keys are still there and nobody has asked for them
//! again, it is suspected only.
//!
//! **Cause.** The cache is too small; or values may live for less time than it takes until somebody asks for them again; or they are deleted whenever
//! anything changes; or the key has something in it that is another one in each request (a time, an id of the request, parameters in any order).
//!
//! **Fix.** More memory, or less in it; a longer time to live; deletion of what has changed only; a key of what the value depends on, and nothing else.
//!
//! **False alarms.** Lookups that mean to find nothing: of locks, of limits per client, of requests seen before; so what a write looks for
//! tells nothing. What expires and what is deleted is counted for the whole server, not for the keys that were missed. Where fewer than
//! four fifths of the lookups are reads of values, nothing is said.

use katydid_record::finding::Evidence;
use katydid_record::timeline::Subject;
use katydid_record::{Confidence, Finding};

use super::case::{Case, EndpointCase, grown};
use super::words::{evidence, figures, percent};
use super::{Judged, Rule, limits};
use crate::target::{Part, table};

/// Its row.
pub const RULE: Rule = Rule {
    name: "cache_misses",
    title: "Low hit ratio",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// Commands that read a value.
const READS: [&str; 6] = ["get", "mget", "hget", "hmget", "hgetall", "json.get"];

/// What a cache counted from the end of the first third of the load on.
struct Counted<'c> {
    cache: &'c Subject,
    part: Part,
    seconds: f64,
    hits: f64,
    misses: f64,
}

/// Where the keys are that were looked for in vain.
enum Gone {
    /// Thrown out for want of memory.
    Evicted,
    /// Their time was over; so long they live on average, s.
    Expired(f64),
    Deleted,
    /// Nowhere: those that were written are there, and nobody asks for them.
    Unasked,
}

impl<'c> Counted<'c> {
    fn of(case: &Case<'_>, cache: &'c Subject) -> Option<Self> {
        let part = case.after_first_third();
        let (hits, seconds) = grown(cache, "keyspace.hits", &part)?;
        let (misses, _) = grown(cache, "keyspace.misses", &part)?;
        let all = Self {
            cache,
            part,
            seconds,
            hits,
            misses,
        };
        let reads: f64 = READS.iter().map(|command| all.calls(command)).sum();
        let is_told = all.lookups() >= limits::LOOKUPS
            && reads >= limits::LOOKUPS_READ * all.lookups()
            && seconds > 0.0;
        is_told.then_some(all)
    }

    fn calls(&self, command: &str) -> f64 {
        table::grown(
            self.cache,
            "command.calls",
            ("command", command),
            &self.part,
        )
    }

    fn lookups(&self) -> f64 {
        self.hits + self.misses
    }

    fn ratio(&self) -> f64 {
        self.hits / self.lookups()
    }

    fn counter(&self, name: &str) -> f64 {
        grown(self.cache, name, &self.part).map_or(0.0, |(by, _)| by)
    }

    /// Whether more and more of the lookups are hits: it is not filled yet.
    fn is_filling(&self) -> bool {
        let middle = u64::midpoint(self.part.from, self.part.until);
        let ratio = |from: u64, until: u64| {
            let part = Part {
                phase: String::new(),
                from,
                until,
            };
            let of = |name: &str| grown(self.cache, name, &part).map_or(0.0, |(by, _)| by);
            let (hits, misses) = (of("keyspace.hits"), of("keyspace.misses"));
            hits / (hits + misses).max(1.0)
        };
        ratio(middle, self.part.until) >= ratio(self.part.from, middle) + limits::HITS_RISE
    }

    /// Keys at the beginning and at the end of the part, in all databases.
    fn keys(&self, series: &str) -> (f64, f64) {
        let mut ends = (0.0, 0.0);
        for (_, series) in self.cache.named(series) {
            let within = |at: u64| (self.part.from..=self.part.until).contains(&at);
            let looks = series.points().iter().filter(|(at, _)| within(*at));
            let values: Vec<f64> = looks.map(|(_, value)| *value).collect();
            if let (Some(first), Some(last)) = (values.first(), values.last()) {
                ends = (ends.0 + first, ends.1 + last);
            }
        }
        ends
    }

    fn gone(&self) -> Option<(Gone, f64)> {
        let (before, after) = self.keys("keys");
        let expired = self.counter("keys.expired");
        // Each that expires makes room for one that lives as long: Little's law.
        let (first, last) = self.keys("keys.expiring");
        let lives = f64::midpoint(first, last) * self.seconds / expired.max(1.0);
        let deleted = self.calls("del") + self.calls("unlink");
        [
            (Gone::Evicted, self.counter("keys.evicted")),
            (Gone::Expired(lives), expired),
            (Gone::Deleted, deleted),
            (Gone::Unasked, after - before),
        ]
        .into_iter()
        .find(|(_, count)| *count >= limits::MISSES_TOLD * self.misses)
    }
}

fn judge(case: &Case<'_>) -> Judged {
    let counted: Vec<Counted<'_>> = case
        .watched("redis")
        .filter_map(|cache| Counted::of(case, cache))
        .collect();
    let low = |of: &&Counted<'_>| of.ratio() < limits::HIT_RATIO && !of.is_filling();
    let found: Vec<Finding> = counted
        .iter()
        .filter(low)
        .map(|of| finding(case, of))
        .collect();
    match (found.is_empty(), counted.first()) {
        (false, _) => Judged::Found(found),
        (true, Some(of)) => Judged::Clear(format!(
            "{} of {} lookups are hits{}",
            percent(of.ratio()),
            figures(of.lookups()),
            if of.is_filling() {
                ", more and more"
            } else {
                ""
            }
        )),
        (true, None) => Judged::Silent,
    }
}

/// Endpoints of which a probe saw that they look in vain and then ask the database, those that do most first.
fn askers<'c>(case: &'c Case<'_>) -> Vec<&'c EndpointCase> {
    let misses = |of: &EndpointCase| {
        let probed = of.probed.as_ref()?;
        // A write looks for itself, lest it be done twice: in vain, by design.
        let is_read = of.title.starts_with("GET ");
        let asks = is_read && probed.queries.is_some_and(|queries| queries > 0.0);
        probed
            .misses
            .filter(|misses| asks && *misses >= limits::NEW_KEYS)
            .map(|misses| misses * of.requests as f64)
    };
    let mut all: Vec<(f64, &EndpointCase)> = case
        .endpoints
        .iter()
        .filter_map(|of| Some((misses(of)?, of)))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, of)| of).collect()
}

fn finding(case: &Case<'_>, of: &Counted<'_>) -> Finding {
    let title = &of.cache.watched.title;
    let gone = of.gone();
    let askers = askers(case);
    let mut numbers: Vec<Evidence> = vec![
        evidence(title, "lookups", of.lookups(), "", Some(limits::LOOKUPS)),
        evidence(
            title,
            "hits of them",
            of.ratio() * 100.0,
            "%",
            Some(limits::HIT_RATIO * 100.0),
        ),
    ];
    let (why, advice) = match &gone {
        Some((Gone::Evicted, count)) => (
            format!("{} keys were thrown out for want of memory", figures(*count)),
            "Give the cache more memory (maxmemory), or keep less in it: smaller values, and only what is asked for again.".to_owned(),
        ),
        Some((Gone::Expired(lives), count)) => (
            format!("{} keys have expired, after {} s on average", figures(*count), figures(*lives)),
            "Let values live for longer than it takes until somebody asks for them again.".to_owned(),
        ),
        Some((Gone::Deleted, count)) => (
            format!("keys were deleted {} times", figures(*count)),
            "Delete what has changed, not all that may have; or let a short time to live do it.".to_owned(),
        ),
        Some((Gone::Unasked, count)) => (
            format!("{} more keys are there that nobody asked for again", figures(*count)),
            "Leave out of the key what is another one in each request: a time, an id of the request, the order of parameters.".to_owned(),
        ),
        None => (
            "what was looked for was not written".to_owned(),
            "See which keys are looked for: katydid probe counts misses of each endpoint.".to_owned(),
        ),
    };
    if let Some((gone, count)) = &gone {
        let what = match gone {
            Gone::Evicted => "keys thrown out",
            Gone::Expired(_) => "keys that expired",
            Gone::Deleted => "calls that delete",
            Gone::Unasked => "more keys at the end",
        };
        numbers.push(evidence(
            title,
            what,
            *count,
            "",
            Some(limits::MISSES_TOLD * of.misses),
        ));
    }
    let first = askers.first();
    let cost = first.and_then(|endpoint| {
        let ms = endpoint.probed.as_ref()?.database_ms?;
        let is_much = ms >= limits::SHARE_OF_ENDPOINT * endpoint.mean_ms;
        is_much.then_some((endpoint, ms))
    });
    // Keys that nobody has asked for again may yet be asked for.
    let is_told = matches!(&gone, Some((why, _)) if !matches!(why, Gone::Unasked));
    let (confidence, basis) = match (is_told, cost) {
        (true, Some(_)) => (Confidence::Strong, "lookups + keys + probe"),
        (false, None) => (Confidence::Suspected, "lookups"),
        (true, None) => (Confidence::Suspected, "lookups + keys"),
        (false, Some(_)) => (Confidence::Suspected, "lookups + probe"),
    };
    Finding {
        confidence,
        basis: basis.to_owned(),
        endpoints: askers.iter().map(|of| of.title.clone()).collect(),
        about: title.clone(),
        what: format!(
            "{} of {} lookups per second are hits, after the first third of the load: {why}",
            percent(of.ratio()),
            figures(of.lookups() / of.seconds)
        ),
        cost: cost.map(|(endpoint, ms)| case.cost(endpoint, ms)),
        evidence: numbers,
        advice,
        check: format!(
            "{} and more of the lookups should be hits",
            percent(limits::HIT_RATIO)
        ),
        ..Finding::default()
    }
}
