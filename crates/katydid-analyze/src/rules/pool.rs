//! # Connection pool too small
//!
//! **Symptom.** From some load on requests get slower and slower, while the database and all processors have time to spare.
//!
//! **Evidence.** At four of five looks in a phase as many sessions of the database were at work, and at no more than one look in ten were there more: a job of another
//! process. Twice as many requests and more were under way at endpoints that ask the database (by Little's law: requests per second times the
//! time of each). Their statements take a quarter of those sessions' time and more, or no transaction lasts longer than twice the slowest endpoint: so the sessions are
//! those of the requests, not of a report or of somebody in `psql`. No lock, no busy processors, and no connection that is held during other work explain it. Where sessions have names (`application_name`), those
//! of the application are counted whose sessions are nearest to what the endpoints' statements take; so another one's do not hide it.
//!
//! Where the pool tells it itself (`PgBouncer`, `HikariCP`, OpenTelemetry's metrics of pools, by `--watch pgbouncer:…` and `prometheus:…`): at a fifth of the looks and
//! more somebody waited for a connection while as many were in use as there may be, and no fewer requests were under way.
//!
//! **Cause.** The pool of connections has too few for what is asked of it, so requests wait for one.
//!
//! Where nothing is answered any more and the sessions are idle in open transactions, it is a deadlock: who has a connection waits for a thread, or for a second
//! connection, that those have who wait for the first.
//!
//! **Fix.** Connections needed are requests per second times the seconds for which each holds one, and twice the square root of that to spare. All
//! instances together must stay below `max_connections`; beyond a few times the database's processors more of them make nothing faster.
//!
//! **False alarms.** Where the database itself is the limit more connections make it worse: with busy processors nothing is said. It is
//! suspected only where its sessions do not wait for the service and the database's machine is not watched, or where they mostly wait for
//! disks or its inner locks. So it is where the application has idle sessions beside those at work: a background worker with one long
//! transaction looks like a pool of one. A generator that has few users by intention is seen, since no more requests are under way than
//! sessions.

use std::collections::BTreeMap;

use katydid_record::Finding;
use katydid_record::finding::{Evidence, Fix};
use katydid_record::timeline::Subject;

use super::case::{Case, Database, EndpointCase, levels, mean, mean_level};
use super::words::{evidence, figures, fix, percent};
use super::{Judged, Need, Rule, limits};
use crate::numbers::median;
use crate::target::{Part, table};

type Labels = BTreeMap<String, String>;

/// Its row.
pub const RULE: Rule = Rule {
    name: "pool",
    title: "Connection pool too small",
    of_target: true,
    alone: false,
    needs: None,
    judge,
};

/// What a pool tells of itself: who waits, what is used, how many there may be, and what to change.
struct Told {
    kind: &'static str,
    waiting: &'static str,
    used: &'static str,
    most: &'static str,
    fix: (&'static str, &'static str),
}

const TOLD: [Told; 4] = [
    Told {
        kind: "pgbouncer",
        waiting: "pool.clients_waiting",
        used: "pool.servers_active",
        most: "database.pool_size",
        fix: ("PgBouncer", "default_pool_size = "),
    },
    Told {
        kind: "prometheus",
        waiting: "hikaricp_connections_pending",
        used: "hikaricp_connections_active",
        most: "hikaricp_connections_max",
        fix: ("HikariCP", "spring.datasource.hikari.maximum-pool-size="),
    },
    Told {
        kind: "prometheus",
        waiting: "db_client_connection_pending_requests",
        used: "db_client_connection_count",
        most: "db_client_connection_max",
        fix: ("pool", "at most "),
    },
    Told {
        kind: "prometheus",
        waiting: "db_client_connections_pending_requests",
        used: "db_client_connections_usage",
        most: "db_client_connections_max",
        fix: ("pool", "at most "),
    },
];
/// Labels that say in which state connections are.
const STATES: [&str; 2] = ["db_client_connection_state", "state"];

/// Sessions at work by application, and the label of its name.
const OF_APPLICATION: (&str, &str) = ("sessions.application.busy", "application");
/// All sessions of an application.
const OPEN: &str = "sessions.application";
/// Where the number that is advised goes.
const OF_ALL: &str = ": of all processes together, divided by their number";
/// Names of the machine that katydid runs on, as addresses have them.
const HERE: [&str; 4] = ["", "localhost", "127.0.0.1", "::1"];

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
    /// Of one application, by its name; or of all.
    application: Option<&'c str>,
    part: &'c Part,
    /// Look by look.
    busy: Vec<f64>,
    /// The most, but for a look in ten.
    most: f64,
    /// At this share of the looks so many or more.
    share: f64,
    /// At this share more.
    above: f64,
}

/// A pool that is too small.
struct Narrow<'c> {
    found: Plateau<'c>,
    /// Endpoints that need a connection.
    users: Vec<&'c EndpointCase>,
    /// Their requests per second.
    per_second: f64,
    /// Their requests under way.
    under_way: f64,
    /// Their statements' seconds per second.
    asked: f64,
}

/// A pool that has told that it was full.
struct Full<'c> {
    of: &'c Told,
    subject: &'c Subject,
    /// The name of the pool, as its labels have it; or none.
    name: String,
    part: &'c Part,
    /// Share of the looks at which somebody waited and all were in use.
    share: f64,
    waiting: f64,
    most: f64,
    under_way: f64,
}

fn judge(case: &Case<'_>) -> Judged {
    let is_idle = !case.machine_is_full();
    let full = full(case);
    if is_idle
        && let Some(full) = full.iter().max_by(|a, b| a.share.total_cmp(&b.share))
        && full.share >= limits::POOL_TOLD
        && full.waiting >= limits::SHARE_OF_ENDPOINT * full.under_way
    {
        return Judged::Found(vec![told(case, full)]);
    }
    if let Some(blind) = Need::Calls.missing(case) {
        return Judged::Blind(blind);
    }
    let Some(narrow) = narrowest(case) else {
        return Judged::Silent;
    };
    let is_narrow = narrow.found.share >= limits::POOL_SHARE
        && narrow.under_way >= limits::POOL_TIMES * narrow.found.most
        && (is_of_requests(case, &narrow) || is_stuck(case, &narrow.found));
    if is_narrow && is_idle {
        return Judged::Found(vec![finding(case, &narrow)]);
    }
    Judged::Clear(format!(
        "at most {} sessions of {} at work, at {} of the looks, for {} requests under way",
        figures(narrow.found.most),
        narrow.found.application.unwrap_or("the database"),
        percent(narrow.found.share),
        figures(narrow.under_way)
    ))
}

/// The sessions at work are those of the requests, not of somebody in `psql`, of a report or a backup: statements of the requests take a good part of
/// their time, or no transaction lasts much longer than a request does.
fn is_of_requests(case: &Case<'_>, narrow: &Narrow<'_>) -> bool {
    if narrow.asked >= limits::POOL_ASKED * narrow.found.most {
        return true;
    }
    let subject = narrow.found.database.subject;
    let longest = levels(subject, "longest.transaction", None, narrow.found.part).and_then(median);
    let answered = narrow.users.iter().map(|of| of.mean_ms / 1e3);
    longest.is_some_and(|longest| longest <= limits::POOL_LONGEST * answered.fold(0.0, f64::max))
        && case.silent_s() < limits::STUCK_S
}

/// Nothing is answered any more, while the sessions are idle in open transactions.
fn is_stuck(case: &Case<'_>, found: &Plateau<'_>) -> bool {
    share_of(found, &["idle in transaction"]) >= limits::POOL_SHARE
        && case.silent_s() >= limits::STUCK_S
}

/// More connections would help, and not just move the queue into the database: its sessions wait for the service, or it has time to spare;
/// and the application has no other sessions that it could use.
fn is_sure(case: &Case<'_>, found: &Plateau<'_>) -> bool {
    let waits_for_service = share_of(found, &["idle in transaction", "client"]);
    let waits_within = share_of(found, &["io", "lwlock"]);
    let has_time =
        is_on_a_watched_machine(case, found.database.subject) && waits_within < limits::POOL_WITHIN;
    let enough = (limits::POOL_SPARE * found.most).max(1.0);
    (waits_for_service >= limits::POOL_IDLE || has_time)
        && spare(found).is_none_or(|idle| idle <= enough)
}

/// Its processors are seen.
fn is_on_a_watched_machine(case: &Case<'_>, database: &Subject) -> bool {
    let key = &database.watched.subject;
    let address = key.strip_prefix("postgres ").unwrap_or_default();
    let machine = address.rsplit_once(':').map_or("", |(machine, _)| machine);
    let is_here = HERE.contains(&machine) || machine.starts_with('/');
    let mut hosts = case
        .timeline
        .target
        .subjects
        .values()
        .filter(|of| of.plain("cpu.idle").is_some());
    hosts.any(|host| {
        let key = &host.watched.subject;
        if is_here {
            key == "host"
        } else {
            key.split([' ', '@', ':', '/']).any(|part| part == machine)
        }
    })
}

/// Sessions that were idle at the looks at which as many as ever were at work; `None` where that is not told.
fn spare(found: &Plateau<'_>) -> Option<f64> {
    let idle: Vec<f64> = match found.application {
        Some(application) => {
            let label = Some((OF_APPLICATION.1, application));
            let open = levels(found.database.subject, OPEN, label, found.part)?;
            let both = open.iter().zip(&found.busy);
            both.map(|(open, busy)| open - busy).collect()
        }
        None => found.database.sessions(&["idle"], found.part)?,
    };
    let looks = idle.into_iter().zip(&found.busy);
    let full = looks.filter(|(_, busy)| **busy >= found.most);
    median(full.map(|(idle, _)| idle).collect())
}

/// Connections that the server has for the application at most: what it allows, without those of others.
fn room(found: &Plateau<'_>) -> Option<f64> {
    let subject = found.database.subject;
    let allowed = subject.plain("connections.most")?.last()?;
    let all = mean_level(subject, "connections", None, found.part)?;
    let label = found.application.map(|of| (OF_APPLICATION.1, of));
    let own = label.and_then(|label| mean_level(subject, OPEN, Some(label), found.part));
    let others = (all - own.unwrap_or(found.most)).max(1.0);
    Some((allowed - others).floor().max(found.most))
}

fn narrowest<'c>(case: &'c Case<'_>) -> Option<Narrow<'c>> {
    let users: Vec<&EndpointCase> = case
        .endpoints
        .iter()
        .filter(|of| of.asks_a_database())
        .collect();
    let asked: f64 = users
        .iter()
        .map(|of| of.database_ms() / 1e3 * of.requests as f64)
        .sum::<f64>()
        / case.seconds();
    let all = case.databases.iter().flat_map(|database| {
        case.phases.iter().flat_map(move |part| {
            let own = application(database, part, asked);
            [None, own]
                .into_iter()
                .filter_map(move |of| plateau(database, of, part))
        })
    });
    let found = all.max_by(|a, b| {
        a.share
            .total_cmp(&b.share)
            .then(a.part.until.cmp(&b.part.until))
    })?;
    let of_users: f64 = users.iter().map(|of| of.seconds()).sum();
    // What has not ended by the end of the run is in nobody's response times.
    let seen = case
        .under_way(found.part)
        .map_or(0.0, |counts| mean(&counts));
    let seen = seen * of_users / case.request_seconds();
    Some(Narrow {
        per_second: users.iter().map(|of| of.requests as f64).sum::<f64>() / case.seconds(),
        under_way: seen.max(of_users / case.seconds()),
        asked,
        found,
        users,
    })
}

/// The one whose sessions at work are nearest to what the endpoints' statements take, where no other is about as near. `asked`: statements' seconds per second.
fn application<'c>(database: &'c Database<'c>, part: &Part, asked: f64) -> Option<&'c str> {
    let names = table::labelled(database.subject, OF_APPLICATION.0, OF_APPLICATION.1);
    let distance = |name: &'c str| {
        let busy = mean_level(
            database.subject,
            OF_APPLICATION.0,
            Some((OF_APPLICATION.1, name)),
            part,
        )?;
        (busy > 0.0 && asked > 0.0).then(|| ((busy / asked).ln().abs(), name))
    };
    let mut near: Vec<(f64, &str)> = names.into_iter().filter_map(distance).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (nearest, name) = near.first()?;
    let is_clear = near
        .get(1)
        .is_none_or(|(next, _)| next - nearest >= limits::POOL_APART.ln());
    is_clear.then_some(*name)
}

/// Labels that two series both have say the same.
fn agree(a: &Labels, b: &Labels) -> bool {
    a.iter()
        .all(|(key, value)| b.get(key).is_none_or(|other| other == value))
}

/// All pools that tell of themselves, in each phase.
fn full<'c>(case: &'c Case<'_>) -> Vec<Full<'c>> {
    let mut all = Vec::new();
    for of in &TOLD {
        for subject in case.watched(of.kind) {
            for (labels, waiting) in subject.named(of.waiting) {
                let is_used = |of: &Labels| {
                    let state = STATES.iter().find_map(|name| of.get(*name));
                    state.is_none_or(|state| state == "used")
                };
                let only = |name| {
                    let all = subject.named(name);
                    let mut own = all.filter(|(other, _)| agree(labels, other) && is_used(other));
                    own.next().filter(|_| own.next().is_none())
                };
                let (Some((_, used)), Some((_, most))) = (only(of.used), only(of.most)) else {
                    continue;
                };
                let Some(most) = most.last().filter(|most| *most > 0.0) else {
                    continue;
                };
                all.extend(case.phases.iter().filter_map(|part| {
                    let within = |at: u64| (part.from..part.until).contains(&at);
                    let waited = waiting.points().iter().filter(|(at, _)| within(*at));
                    // Of one look: one may begin later than the other.
                    let used_at = |at: &u64| {
                        let points = used.points();
                        let place = points.binary_search_by(|(other, _)| other.cmp(at)).ok()?;
                        Some(points[place].1)
                    };
                    let looks: Vec<(f64, f64)> = waited
                        .filter_map(|(at, waiting)| Some((*waiting, used_at(at)?)))
                        .collect();
                    let full = looks
                        .iter()
                        .filter(|(waiting, used)| *waiting > 0.0 && *used >= most);
                    let under_way = mean(&case.under_way(part)?);
                    let is_told = looks.len() >= limits::POOL_LOOKS && under_way >= most;
                    is_told.then(|| Full {
                        of,
                        subject,
                        name: labels.values().cloned().collect::<Vec<_>>().join(" "),
                        part,
                        share: full.count() as f64 / looks.len() as f64,
                        waiting: mean(
                            &looks
                                .iter()
                                .map(|(waiting, _)| *waiting)
                                .collect::<Vec<_>>(),
                        ),
                        most,
                        under_way,
                    })
                }));
            }
        }
    }
    all
}

fn told(case: &Case<'_>, full: &Full<'_>) -> Finding {
    let title = &full.subject.watched.title;
    let size = figures(super::enough(full.most, full.most + full.waiting));
    let mut hurt: Vec<&EndpointCase> = case.endpoints.iter().collect();
    if hurt.iter().any(|of| of.has_calls()) {
        hurt.retain(|of| of.asks_a_database());
    }
    let evidence = |what: &str, value: f64, limit: Option<f64>| Evidence {
        phase: full.part.phase.clone(),
        ..evidence(title, what, value, "", limit)
    };
    let waiting = full.waiting / full.under_way.max(full.waiting);
    let (place, setting) = full.of.fix;
    // Where processors are busy more connections make nothing faster: it has to be seen that they are not.
    let (confidence, basis) = super::sure(
        case.machine_busy().is_some(),
        "the pool's own numbers + requests under way + processors",
        "the pool's own numbers",
    );
    Finding {
        confidence,
        basis,
        endpoints: hurt.iter().map(|of| of.title.clone()).collect(),
        about: format!("{title} {}", full.name).trim().to_owned(),
        what: format!(
            "all {} connections are in use and {} wait for one, on average, at {} of the looks: {} of the requests under way",
            figures(full.most),
            figures(full.waiting),
            percent(full.share),
            percent(waiting)
        ),
        cost: hurt.first().map(|of| case.cost(of, of.mean_ms * waiting)),
        evidence: vec![
            evidence("waiting for a connection", full.waiting, None),
            evidence("connections at most", full.most, None),
            evidence(
                "share of looks at which all are in use and somebody waits",
                full.share,
                Some(limits::POOL_TOLD),
            ),
            evidence("requests under way", full.under_way, Some(full.most)),
        ],
        advice: format!(
            "Give the pool more connections: {size}, for those that are in use and those that wait, with twice the square root of that to spare."
        ),
        fixes: vec![fix(place, format!("{setting}{size}"))],
        check: "nobody should wait for a connection but at moments".into(),
        ..Finding::default()
    }
}

fn finding(case: &Case<'_>, narrow: &Narrow<'_>) -> Finding {
    let Narrow {
        found,
        users,
        per_second,
        under_way,
        ..
    } = narrow;
    let idle = share_of(found, &["idle in transaction"]);
    let silent_s = case.silent_s();
    let is_stuck = is_stuck(case, found);
    let stuck = if is_stuck {
        format!(
            ". Nothing was answered in the last {} s, and those sessions were idle in an open transaction: who has a connection waits for what those have \
             who wait for it",
            figures(silent_s)
        )
    } else {
        String::new()
    };
    let is_sure = is_sure(case, found);
    let wanted = super::enough(found.most, *under_way);
    let room = room(found).filter(|room| *room < wanted);
    let size = figures(room.unwrap_or(wanted));
    let waiting = 1.0 - found.most / under_way;
    let waits = |of: &EndpointCase| (of.mean_ms - of.database_ms()) * of.requests as f64;
    let mut hurt = users.clone();
    hurt.sort_by(|a, b| waits(b).total_cmp(&waits(a)));
    let evidence = |source: &str, what: &str, value: f64, limit: Option<f64>| Evidence {
        phase: found.part.phase.clone(),
        ..evidence(source, what, value, "", limit)
    };
    let title = found.database.title;
    Finding {
        confidence: super::strong_if(is_sure),
        basis: "sessions + requests under way".into(),
        endpoints: hurt.iter().map(|of| of.title.clone()).collect(),
        about: title.to_owned(),
        what: format!(
            "{} more than {} sessions of {} are at work, and so many at {} of the looks, while {} requests that need one are under \
             way: {} of their time they wait{stuck}",
            if found.above > 0.0 { "seldom" } else { "never" },
            figures(found.most),
            found.application.unwrap_or("the database"),
            percent(found.share),
            figures(*under_way),
            percent(waiting)
        ),
        cost: hurt.first().map(|of| {
            case.cost_in_all(
                of,
                of.mean_ms * waiting,
                under_way * case.seconds() * waiting,
            )
        }),
        evidence: vec![
            evidence(title, "sessions at work, at most", found.most, None),
            evidence(
                title,
                "share of looks with so many",
                found.share,
                Some(limits::POOL_SHARE),
            ),
            evidence(
                title,
                "share of looks with more",
                found.above,
                Some(limits::POOL_ABOVE),
            ),
            evidence(
                "generator",
                "requests under way that need one",
                *under_way,
                Some(limits::POOL_TIMES * found.most),
            ),
            evidence("generator", "requests per second", *per_second, None),
        ],
        is_not_of_statements: idle >= limits::POOL_IDLE,
        advice: if is_stuck {
            apart()
        } else {
            advice(narrow, &size, room.is_some(), is_sure)
        },
        fixes: fixes(&size, is_stuck),
        check: "the number of sessions at work should vary, below its limit".into(),
        ..Finding::default()
    }
}

fn apart() -> String {
    "Have no request wait for a thread or a second connection while it has one: close the session where it was opened, not in a dependency \
     that needs a thread of its own to end; and let the pool have as many connections as there are threads that ask it."
        .to_owned()
}

fn advice(narrow: &Narrow<'_>, size: &str, is_all: bool, is_sure: bool) -> String {
    let (busy, per_second) = (narrow.found.most, narrow.per_second);
    let all = if is_all {
        " More the server does not allow (max_connections)."
    } else {
        ""
    };
    let only = if is_sure {
        ""
    } else {
        " Only if the database has processors and disks to spare: else requests wait there instead."
    };
    format!(
        "Give the pool more connections: {size} in all processes of the service together, divided by their number for each. Now {} requests \
         per second each hold one for {} ms, which keeps {} busy (Little's law); this is for what waits now, with twice its square root to \
         spare.{all}{only}",
        figures(per_second),
        figures(busy / per_second * 1e3),
        figures(busy)
    )
}

fn fixes(size: &str, is_stuck: bool) -> Vec<Fix> {
    let all = if is_stuck {
        vec![
            (
                "FastAPI",
                "with Session(engine) as session: … in the handler, instead of Depends on a generator: its end needs one of the threads that wait".into(),
            ),
            (
                "SQLAlchemy",
                "create_engine(url, pool_size=40, max_overflow=0): as many as AnyIO has threads".into(),
            ),
        ]
    } else {
        vec![
            (
                "SQLAlchemy",
                format!("create_engine(url, pool_size={size}, max_overflow=0){OF_ALL}"),
            ),
            (
                "Django",
                format!("OPTIONS = {{\"pool\": {{\"max_size\": {size}}}}}{OF_ALL}"),
            ),
            (
                "node-postgres",
                format!("new Pool({{ max: {size} }}){OF_ALL}"),
            ),
        ]
    };
    all.into_iter()
        .map(|(place, text)| fix(place, text))
        .collect()
}

/// The share of the sessions at work that are of these classes, in the phase.
fn share_of(found: &Plateau<'_>, classes: &[&str]) -> f64 {
    let of = |classes: &[&str]| {
        let looks = found.database.sessions(classes, found.part);
        looks.map_or(0.0, |looks| mean(&looks))
    };
    of(classes) / of(&BUSY).max(f64::MIN_POSITIVE)
}

fn plateau<'c>(
    database: &'c Database<'c>,
    application: Option<&'c str>,
    part: &'c Part,
) -> Option<Plateau<'c>> {
    let (name, label) = OF_APPLICATION;
    let busy = match application {
        Some(application) => levels(database.subject, name, Some((label, application)), part)?,
        None => database.sessions(&BUSY, part)?,
    };
    if busy.len() < limits::POOL_LOOKS {
        return None;
    }
    let mut sorted = busy.clone();
    sorted.sort_by(f64::total_cmp);
    let strangers = (busy.len() as f64 * limits::POOL_ABOVE) as usize;
    let most = sorted[busy.len() - 1 - strangers];
    let share = |is_so: &dyn Fn(f64) -> bool| {
        busy.iter().filter(|count| is_so(**count)).count() as f64 / busy.len() as f64
    };
    let (reached, above) = (share(&|count| count >= most), share(&|count| count > most));
    (most > 0.0).then_some(Plateau {
        database,
        application,
        part,
        busy,
        most,
        share: reached,
        above,
    })
}
