//! # Connection held during other work
//!
//! **Symptom.** The pool runs out, or rows stay locked, while the database has little to do.
//!
//! **Evidence.** At every fifth look and more some session has been *idle in transaction* for a tenth of a second and more: the database waits for the
//! service, inside of a transaction. Spans name the endpoint: it calls the database, and between two of its statements or after
//! the last lies twice the time and more that lies there at the others: what is done before the first holds nothing.
//!
//! **Cause.** A transaction that is open while the service does something else: a call of another service, rendering, a sleep. Many frameworks
//! begin one with the first query of a request and end it with the response.
//!
//! **Fix.** Do the other work before the transaction or after its commit. Where only reads came before it, commit or roll back first.
//!
//! **False alarms.** A session of a person who looks around in `psql`: it is there without load, too. A service whose processors are at
//! their limit is slow between any two statements: then it is suspected only, unless it calls another service in half of that time and more. Whose session it is that is idle in transaction is not told: a background worker's, idle
//! for no longer than such a request leaves its transaction idle, is taken for the service's.

use katydid_record::Finding;
use katydid_record::finding::Evidence;

use super::case::{Call, Case, EndpointCase, levels};
use super::words::{evidence, figures};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "connection_held",
    title: "Connection held during other work",
    of_target: true,
    alone: false,
    needs: Some(Need::Database),
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let worst = case.worst_phase(|subject, part| {
        levels(subject, "longest.idle_in_transaction", None, part).map(at_a_fifth)
    });
    let Some((database, part, held)) = worst else {
        return Judged::Blind(super::not_observed(
            "transactions that stay open: what sessions do was not seen",
            "GRANT pg_monitor to the role; katydid doctor says how",
        ));
    };
    if held < limits::HELD_S {
        return Judged::Clear(format!(
            "for {} ms and more at a fifth of the looks",
            figures(held * 1e3)
        ));
    }
    let who = who(case, held);
    let mut numbers = vec![Evidence {
        phase: part.phase.clone(),
        ..evidence(
            database.title,
            "the longest that a session is idle in transaction, at a fifth of the looks and more",
            held * 1e3,
            "ms",
            Some(limits::HELD_S * 1e3),
        )
    }];
    if let Some((endpoint, idle)) = who {
        let what = format!(
            "the longest between two statements or after the last, {}",
            endpoint.title
        );
        numbers.push(evidence("spans", what, idle, "ms", None));
    }
    let is_explained = who.is_some_and(|(endpoint, _)| calls_meanwhile(endpoint));
    let is_sure = who.is_some() && (is_explained || !computes(case));
    let (confidence, basis) = super::sure(is_sure, "sessions + spans", "sessions");
    Judged::Found(vec![Finding {
        confidence,
        basis,
        endpoints: who
            .iter()
            .map(|(endpoint, _)| endpoint.title.clone())
            .collect(),
        about: database.title.to_owned(),
        what: format!(
            "a session is idle in an open transaction for {} ms and more at every fifth look: the database waits for the service{}",
            figures(held * 1e3),
            who.map_or(String::new(), |(_, idle)| format!(
                ", which does something else for {} ms between two statements of such a request or after the last",
                figures(idle)
            ))
        ),
        cost: who.map(|(endpoint, idle)| case.cost(endpoint, idle)),
        evidence: numbers,
        advice:
            "Move the work that is no SQL out of the transaction: before it, or after the commit."
                .into(),
        check: "no session should be idle in transaction for longer than a moment".into(),
        ..Finding::default()
    }])
}

/// What a fifth of them reach.
fn at_a_fifth(mut levels: Vec<f64>) -> f64 {
    levels.sort_by(|a, b| b.total_cmp(a));
    let place = (levels.len() as f64 * limits::HELD_SHARE).ceil() as usize;
    levels[place.saturating_sub(1).min(levels.len() - 1)]
}

/// The endpoint that calls the database and leaves its transaction idle for much longer than the others; and that time, ms.
fn who<'c>(case: &'c Case<'_>, held: f64) -> Option<(&'c EndpointCase, f64)> {
    let calls_sql =
        |endpoint: &&EndpointCase| endpoint.has_calls() && endpoint.calls.iter().any(Call::is_sql);
    let mut all: Vec<(&EndpointCase, f64)> = case
        .endpoints
        .iter()
        .filter(calls_sql)
        .filter_map(|endpoint| Some((endpoint, idle_ms(endpoint)?)))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (first, next) = (all.first()?, all.get(1).map_or(0.0, |next| next.1));
    // A session that is idle for longer is not the request's: somebody in `psql`.
    let explains = first.1 >= held * 1e3;
    (explains && first.1 >= limits::HELD_RATIO * next).then_some(*first)
}

/// The longest time between two statements or after the last: what is done before the first holds no connection. The requests whose spans were
/// kept are the slow ones, hence no more than all spend outside of the database; while one waits for a connection it holds none.
fn idle_ms(of: &EndpointCase) -> Option<f64> {
    let outside = of.mean_ms - of.time_in(|key| key.about == "db") - of.pool_ms().unwrap_or(0.0);
    Some(of.quiet?.ms.min(outside))
}

/// Most of that time it calls another service.
fn calls_meanwhile(of: &EndpointCase) -> bool {
    of.quiet
        .is_some_and(|quiet| quiet.called_ms >= limits::HELD_CALLED * quiet.ms)
}

/// Processors are at their limit: then it is slow between any two statements.
fn computes(case: &Case<'_>) -> bool {
    case.machine_is_full()
        || case
            .busiest_process()
            .is_some_and(|cores| cores >= limits::ONE_CORE)
}
