//! # Row locks
//!
//! **Symptom.** Requests that write get slower with each user, while processors and disks have room.
//!
//! **Evidence.** Sessions of the database that wait for a lock: half a session on average over a phase, and a tenth of those that are
//! in a statement. Who waits for whom is read from `pg_blocking_pids` while it happens. With few users it may be
//! less, and yet most of the database's time: then the statement that waits takes 40 % of it, 20 ms and more each or 5 ms and a tenth of an
//! endpoint's time, and reads next to nothing.
//!
//! **Cause.** Many transactions change the same row (a counter, a stock, a tenant's settings), or take rows in different orders, or hold them
//! while they do something else.
//!
//! **Fix.** Change the contended row last, right before the commit. Move all other work (calls of other services, rendering) out of the
//! transaction. Spread a counter over several rows, or insert a row for each event and add up later. In queues: `FOR UPDATE SKIP LOCKED`.
//!
//! **False alarms.** A migration or a backup that holds a lock on a table, a lock that the application takes by name (`pg_advisory_lock`), tables that
//! grow faster than their files, waits that no endpoint feels: these are suspected only.

use katydid_record::Finding;
use katydid_record::finding::Evidence;
use katydid_record::timeline::Subject;

use super::case::{Case, Database, EndpointCase, Statement, mean_level};
use super::words::{evidence, figures, percent, statement};
use super::{Judged, Need, Rule, limits};
use crate::target::Part;

/// Its row.
pub const RULE: Rule = Rule {
    name: "row_lock",
    title: "Row lock contention",
    of_target: true,
    alone: false,
    needs: Some(Need::Database),
    judge,
};

/// Classes of sessions in which the database does nothing.
const IDLE: [&str; 3] = ["idle", "idle in transaction", "hidden"];

fn judge(case: &Case<'_>) -> Judged {
    let worst = case.worst_phase(|subject, part| {
        mean_level(subject, "sessions", Some(("class", "lock")), part)
    });
    let Some((database, part, waiting)) = worst else {
        return Judged::Blind(super::not_observed(
            "locks: what sessions wait for was not seen",
            "GRANT pg_monitor to the role; katydid doctor says how",
        ));
    };
    let share = waiting / busy(database.subject, part).max(waiting);
    let is_many = waiting >= limits::LOCK_WAITERS && share >= limits::LOCK_SHARE;
    let pairs = pairs(database.subject);
    let pair = pairs.first();
    if !is_many && !pair.is_some_and(|pair| takes_most(case, database, pair)) {
        return Judged::Clear(format!(
            "{} sessions waited for a lock on average at most",
            figures(waiting)
        ));
    }
    Judged::Found(vec![finding(case, database, part, pair, [waiting, share])])
}

/// A statement that was seen to wait takes most of the database's time, and reads next to nothing for it.
fn takes_most(case: &Case<'_>, database: &Database<'_>, pair: &Pair<'_>) -> bool {
    let is_felt =
        |of: &Statement<'_>| of.mean_ms() >= limits::LOCK_MS && is_felt(&case.callers(of.text), of);
    database.statement(pair.waiter).is_some_and(|of| {
        of.calls >= limits::STATEMENT_CALLS
            && of.seconds >= limits::SLOW_SHARE * database.seconds()
            && (of.mean_ms() >= limits::SLOW_MS || is_felt(of))
            && of.blocks_per_call() < limits::SCAN_BLOCKS
    })
}

/// It takes a part of an endpoint's time that is worth the work.
fn is_felt(callers: &[(&EndpointCase, f64)], of: &Statement<'_>) -> bool {
    callers.iter().any(|(endpoint, calls)| {
        calls * of.mean_ms() >= limits::SHARE_OF_ENDPOINT * endpoint.mean_ms
    })
}

/// What the server calls the locks by which rows are waited for: of the transaction that changed one, of the place in line for one, of a row
/// that is being inserted.
const OF_ROWS: [&str; 3] = ["transactionid", "tuple", "spectoken"];

/// Rows are waited for that somebody changes: no migration's table, no lock that the application takes by name, no place at the end of a table.
fn is_of_rows(pair: &Pair<'_>) -> bool {
    let verb = pair.holder.split_whitespace().next().unwrap_or_default();
    let changes_a_schema = [
        "ALTER", "CREATE", "DROP", "TRUNCATE", "VACUUM", "REINDEX", "LOCK",
    ]
    .iter()
    .any(|word| verb.eq_ignore_ascii_case(word));
    !changes_a_schema && OF_ROWS.contains(&pair.lock)
}

/// Sessions in a statement, on average.
fn busy(subject: &Subject, part: &Part) -> f64 {
    let classes = subject
        .named("sessions")
        .filter_map(|(labels, _)| labels.get("class"));
    classes
        .filter(|class| !IDLE.contains(&class.as_str()))
        .filter_map(|class| mean_level(subject, "sessions", Some(("class", class)), part))
        .sum()
}

/// Who waited for whom: the pair with most waiters.
struct Pair<'a> {
    waiter: &'a str,
    holder: &'a str,
    state: &'a str,
    lock: &'a str,
    waiters: f64,
}

fn pairs(subject: &Subject) -> Vec<Pair<'_>> {
    let mut all: Vec<Pair<'_>> = subject
        .named("blocking.waiters")
        .filter_map(|(labels, series)| {
            let id = labels.get("pair")?;
            Some(Pair {
                waiter: subject.fact("blocking.waiter", id)?,
                holder: subject.fact("blocking.holder", id).unwrap_or_default(),
                state: subject.fact("blocking.state", id).unwrap_or_default(),
                lock: subject.fact("blocking.lock", id).unwrap_or_default(),
                waiters: series.points().iter().map(|(_, value)| value).sum(),
            })
        })
        .collect();
    all.sort_by(|a, b| b.waiters.total_cmp(&a.waiters));
    all
}

fn finding(
    case: &Case<'_>,
    database: &Database<'_>,
    part: &Part,
    pair: Option<&Pair<'_>>,
    [waiting, share]: [f64; 2],
) -> Finding {
    let waiter = pair.map_or("", |pair| pair.waiter);
    let callers = case.callers(waiter);
    let slow = database
        .statement(waiter)
        .filter(|of| of.calls >= limits::STATEMENT_CALLS);
    // The statement's own time says it too: it is longer than what it does.
    let is_strong = pair.is_some_and(is_of_rows)
        && slow.is_some_and(|of| callers.is_empty() || is_felt(&callers, of));
    let what = match pair {
        Some(pair) => format!(
            "{} sessions wait for a lock on average, {} of those in a statement: {} waits{} for a session that {}",
            figures(waiting),
            percent(share),
            statement(pair.waiter),
            kind(pair),
            holder(pair)
        ),
        None => format!("{} sessions wait for a lock on average", figures(waiting)),
    };
    let cost = callers.first().zip(slow).map(|((endpoint, calls), of)| {
        case.cost_in_all(endpoint, calls * of.mean_ms(), of.seconds)
    });
    let mut numbers = vec![
        level(
            database,
            part,
            "sessions that wait for a lock, on average",
            waiting,
            limits::LOCK_WAITERS,
        ),
        level(
            database,
            part,
            "of all sessions in a statement",
            share * 100.0,
            limits::LOCK_SHARE * 100.0,
        ),
    ];
    numbers[1].unit = "%".into();
    if let Some(of) = slow {
        let what = "mean of the statement that waits";
        numbers.push(evidence(database.title, what, of.mean_ms(), "ms", None));
    }
    Finding {
        confidence: super::strong_if(is_strong),
        basis: "waits + statements".into(),
        endpoints: callers
            .iter()
            .map(|(endpoint, _)| endpoint.title.clone())
            .collect(),
        about: waiter.to_owned(),
        what,
        cost,
        evidence: numbers,
        advice: advice(pair).into(),
        is_held_meanwhile: pair.is_some_and(is_held_meanwhile),
        check: "no session should wait for a lock for longer than a moment".into(),
        ..Finding::default()
    }
}

/// They wait for something else than a row: a table, a name that the application gave, room at a table's end.
fn is_no_row(pair: &Pair<'_>) -> bool {
    !pair.lock.is_empty() && !OF_ROWS.contains(&pair.lock)
}

/// Said of what is no row.
fn kind(pair: &Pair<'_>) -> String {
    if !is_no_row(pair) {
        return String::new();
    }
    format!(" (a lock of kind {:?})", pair.lock)
}

fn holder(pair: &Pair<'_>) -> String {
    let last = if pair.holder.is_empty() {
        String::new()
    } else {
        format!(", last statement: {}", statement(pair.holder))
    };
    format!(
        "is {}{last}",
        if pair.state.is_empty() {
            "busy"
        } else {
            pair.state
        }
    )
}

/// The session that holds the lock waits for its client.
fn is_held_meanwhile(pair: &Pair<'_>) -> bool {
    pair.state.contains("idle in transaction")
}

fn advice(pair: Option<&Pair<'_>>) -> &'static str {
    if pair.is_some_and(is_held_meanwhile) {
        "The session that holds the lock does something else than SQL: move that out of the transaction, or change the contended row last, right before the commit."
    } else if pair.is_some_and(is_no_row) {
        "See who holds this lock, and for how long: it is none of a row."
    } else {
        "Shorten the transaction: change the contended row last, right before the commit. A counter that all change: spread it over several rows, or insert a row for each event and add up later."
    }
}

fn level(database: &Database<'_>, part: &Part, what: &str, value: f64, limit: f64) -> Evidence {
    Evidence {
        phase: part.phase.clone(),
        ..evidence(database.title, what, value, "", Some(limit))
    }
}
