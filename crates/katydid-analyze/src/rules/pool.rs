//! # Connection pool too small
//!
//! **Symptom.** From some load on requests get slower and slower, while the database and all processors have time to spare.
//!
//! **Evidence.** At four of five looks in a phase as many sessions of the database were at work as ever were, and never more; and twice as many
//! requests and more were under way at endpoints that ask the database (by Little's law: requests per second times the time of each). No lock, no busy processors, and no
//! connection that is held during other work explain it.
//!
//! **Cause.** The pool of connections has too few for what is asked of it, so requests wait for one.
//!
//! **Fix.** Connections needed are requests per second times the seconds for which each holds one, and twice the square root of that to spare. All
//! instances together must stay below `max_connections`; beyond a few times the database's processors more of them make nothing faster.
//!
//! **False alarms.** Where the database itself is the limit more connections make it worse: with busy processors nothing is said. A generator that has few
//! users by intention is seen, since no more requests are under way than sessions.

use katydid_record::Finding;
use katydid_record::finding::{Evidence, Fix};
use katydid_record::timeline::Subject;

use super::case::{Case, Database, EndpointCase, levels};
use super::words::{figures, percent};
use super::{Judged, Need, Rule, limits};
use crate::target::Part;

/// Its row.
pub const RULE: Rule = Rule {
    name: "pool",
    title: "Connection pool too small",
    of_target: true,
    alone: false,
    needs: Some(Need::Calls),
    judge,
};

/// Classes of sessions that are at work for somebody.
const BUSY: [&str; 8] = [
    "running",
    "lock",
    "lwlock",
    "io",
    "ipc",
    "client",
    "other wait",
    "idle in transaction",
];

/// How many sessions were at work, look by look.
struct Plateau<'c> {
    database: &'c Database<'c>,
    part: &'c Part,
    /// The most.
    most: f64,
    /// At this share of the looks.
    share: f64,
}

fn judge(case: &Case<'_>) -> Judged {
    let all = case.databases.iter().flat_map(|database| {
        case.phases
            .iter()
            .filter_map(move |part| plateau(database, part))
    });
    let Some(found) = all.max_by(|a, b| {
        (a.share, a.part.until)
            .partial_cmp(&(b.share, b.part.until))
            .unwrap_or(std::cmp::Ordering::Equal)
    }) else {
        return Judged::Silent;
    };
    let users: Vec<&EndpointCase> = case
        .endpoints
        .iter()
        .filter(|of| of.asks_a_database())
        .collect();
    let per_second: f64 = users.iter().map(|of| of.requests as f64).sum::<f64>() / case.seconds();
    let all: f64 = case.request_seconds();
    let of_users: f64 = users.iter().map(|of| of.seconds()).sum();
    let ended = of_users / case.seconds();
    // What has not ended by the end of the run is in nobody's response times.
    let seen = case.under_way(found.part).unwrap_or(0.0) * of_users / all;
    let under_way = ended.max(seen);
    let is_narrow =
        found.share >= limits::POOL_SHARE && under_way >= limits::POOL_TIMES * found.most;
    let is_idle = case
        .machine_busy()
        .is_none_or(|busy| busy < limits::CPU_BUSY);
    if !is_narrow || !is_idle {
        return Judged::Clear(format!(
            "at most {} sessions at work, at {} of the looks, for {} requests under way",
            figures(found.most),
            percent(found.share),
            figures(under_way)
        ));
    }
    let held = found.most / per_second;
    // What waits in the service is asked for, too: without the wait all of it would be under way.
    let needed = under_way.min(per_second * 4.0 * held).max(found.most);
    let size = (needed + 2.0 * needed.sqrt()).ceil();
    let waits = users.iter().map(|of| (of, of.mean_ms - of.database_ms()));
    let mut hurt: Vec<(&&EndpointCase, f64)> = waits.collect();
    hurt.sort_by(|a, b| (b.1 * b.0.requests as f64).total_cmp(&(a.1 * a.0.requests as f64)));
    let waiting = 1.0 - found.most / under_way;
    let evidence = |source: &str, what: &str, value: f64, limit: Option<f64>| Evidence {
        source: source.to_owned(),
        what: what.to_owned(),
        value,
        limit,
        phase: found.part.phase.clone(),
        ..Evidence::default()
    };
    Judged::Found(vec![Finding {
        confidence: katydid_record::Confidence::Strong,
        basis: "sessions + response times".into(),
        endpoints: hurt.iter().map(|(of, _)| of.title.clone()).collect(),
        about: found.database.title.to_owned(),
        what: format!(
            "never more than {} sessions of the database are at work, and so many at {} of the looks, while {} requests that need one are under \
             way: {} of their time they wait",
            figures(found.most),
            percent(found.share),
            figures(under_way),
            percent(waiting)
        ),
        cost: hurt.first().map(|(of, _)| {
            case.cost_in_all(
                of,
                of.mean_ms * waiting,
                under_way * case.seconds() * waiting,
            )
        }),
        evidence: vec![
            evidence(
                found.database.title,
                "sessions at work, at most",
                found.most,
                None,
            ),
            evidence(
                found.database.title,
                "share of looks with so many",
                found.share,
                Some(limits::POOL_SHARE),
            ),
            evidence(
                "response times",
                "requests under way that need one",
                under_way,
                Some(limits::POOL_TIMES * found.most),
            ),
            evidence("response times", "requests per second", per_second, None),
        ],
        advice: format!(
            "Give the pool more connections. {} requests per second that each hold one for {} ms keep {} busy; with what waits now, and twice its root to spare, \
             {} are enough.",
            figures(per_second),
            figures(held * 1e3),
            figures(found.most),
            figures(size)
        ),
        fixes: vec![
            Fix {
                r#in: "SQLAlchemy".into(),
                text: format!(
                    "create_engine(url, pool_size={}, max_overflow=0)",
                    figures(size)
                ),
            },
            Fix {
                r#in: "Django".into(),
                text: format!(
                    "OPTIONS = {{\"pool\": {{\"max_size\": {}}}}}",
                    figures(size)
                ),
            },
            Fix {
                r#in: "node-postgres".into(),
                text: format!("new Pool({{ max: {} }})", figures(size)),
            },
        ],
        check: "the number of sessions at work should vary, below its limit".into(),
        ..Finding::default()
    }])
}

fn plateau<'c>(database: &'c Database<'c>, part: &'c Part) -> Option<Plateau<'c>> {
    let busy = at_work(database.subject, part)?;
    let most = busy.iter().copied().fold(0.0, f64::max);
    let at_most = busy.iter().filter(|count| **count >= most).count();
    (most > 0.0 && busy.len() >= limits::POOL_LOOKS).then(|| Plateau {
        database,
        part,
        most,
        share: at_most as f64 / busy.len() as f64,
    })
}

/// Sessions at work at each look.
fn at_work(subject: &Subject, part: &Part) -> Option<Vec<f64>> {
    let classes = BUSY
        .iter()
        .filter_map(|class| levels(subject, "sessions", Some(("class", class)), part));
    classes.reduce(|sums, more| {
        sums.iter()
            .zip(&more)
            .map(|(sum, more)| sum + more)
            .collect()
    })
}
