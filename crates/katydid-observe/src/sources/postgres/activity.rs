//! Sessions: what they do and wait for, and who keeps whom waiting. From `pg_stat_activity`, versions 13–18.
//!
//! Only counts are kept. Texts are read only of sessions that wait for a lock and of those that hold it, and stripped of all values.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio_postgres::{Client, Error, Statement};

use super::scrub::{scrub, short};
use crate::batch::Batch;

/// Applications that are told apart; the rest are one.
const APPLICATIONS: usize = 20;
/// Pairs of a statement that waits and one that it waits for.
const PAIRS: usize = 60;

/// All classes: each is told at every look, so that none is a gap.
const CLASSES: &[&str] = &[
    "running",
    "lock",
    "lwlock",
    "io",
    "ipc",
    "client",
    "other wait",
    "idle in transaction",
    "idle",
    "hidden",
];

/// Classes that do nothing for anybody, as far as is seen.
const REST: [&str; 2] = ["idle", "hidden"];

/// Without `pg_monitor`, of other users' sessions only database, role and number are there: `hidden`.
const SQL: &str = "SELECT /* katydid */ CASE \
    WHEN state IS NULL OR state = 'disabled' THEN 'hidden' \
    WHEN state = 'idle' THEN 'idle' \
    WHEN state LIKE 'idle in transaction%' THEN 'idle in transaction' \
    WHEN wait_event_type IS NULL THEN 'running' \
    WHEN wait_event_type IN ('Lock', 'LWLock', 'IO', 'IPC', 'Client') THEN lower(wait_event_type) \
    ELSE 'other wait' END, \
    CASE WHEN datname = current_database() THEN coalesce(application_name, '') END, count(*), \
    coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8, \
    coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) \
             FILTER (WHERE state <> 'idle' AND state NOT LIKE 'idle in%'), 0)::float8, \
    coalesce(max(extract(epoch FROM clock_timestamp() - state_change)) \
             FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float8 \
    FROM pg_stat_activity \
    WHERE pid <> pg_backend_pid() AND datid IS NOT NULL \
      AND (backend_type = 'client backend' OR backend_type IS NULL) \
    GROUP BY 1, 2";

/// Asked only when somebody waits: `pg_blocking_pids` holds up the lock manager.
const BLOCKING: &str = "SELECT /* katydid */ w.pid, coalesce(w.query, ''), \
    coalesce(extract(epoch FROM clock_timestamp() - w.query_start), 0)::float8, \
    u.pid, coalesce(b.query, ''), coalesce(b.state, 'unknown'), coalesce(w.wait_event, '') \
    FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) u(pid) \
    LEFT JOIN pg_stat_activity b ON b.pid = u.pid \
    WHERE w.wait_event_type = 'Lock' AND w.datname = current_database() LIMIT 500";

/// What reads them.
pub struct Activity {
    read: Statement,
    blocking: Statement,
    most: f64,
    applications: BTreeSet<String>,
    pairs: HashSet<String>,
}

/// Somebody waits for somebody.
struct Wait {
    waiter: i32,
    waits_in: String,
    seconds: f64,
    blocker: i32,
    holds_in: String,
    state: String,
    /// What kind of lock, as the server calls it: `transactionid`, `tuple`, `relation`, `advisory`, `extend`…
    lock: String,
}

impl Activity {
    /// `most`: connections that users may have.
    pub async fn open(client: &Client, most: f64) -> Result<Self, Error> {
        Ok(Self {
            read: client.prepare(SQL).await?,
            blocking: client.prepare(BLOCKING).await?,
            most,
            applications: BTreeSet::new(),
            pairs: HashSet::new(),
        })
    }

    /// Looks at all sessions.
    pub async fn look(&mut self, client: &Client, batch: &mut Batch) -> Result<(), Error> {
        let read = batch.begin();
        let result = self.read(client, batch).await;
        batch.end(read);
        result
    }

    async fn read(&mut self, client: &Client, batch: &mut Batch) -> Result<(), Error> {
        let rows = client.query(&self.read, &[]).await?;
        let mut classes: BTreeMap<&str, f64> = CLASSES.iter().map(|class| (*class, 0.0)).collect();
        // All sessions, and those at work.
        let mut applications: BTreeMap<String, (f64, f64)> = self
            .applications
            .iter()
            .map(|name| (name.clone(), (0.0, 0.0)))
            .collect();
        // katydid's own is one, too.
        let (mut all, mut longest) = (1.0, [0.0_f64; 3]);
        for row in rows {
            let (class, application): (&str, Option<&str>) = (row.get(0), row.get(1));
            let count = row.get::<_, i64>(2) as f64;
            all += count;
            let Some(application) = application else {
                continue;
            };
            if let Some(known) = CLASSES.iter().find(|known| **known == class) {
                *classes.entry(*known).or_default() += count;
            }
            let (open, busy) = applications
                .entry(self.application(application))
                .or_default();
            *open += count;
            *busy += if REST.contains(&class) { 0.0 } else { count };
            for (place, longest) in longest.iter_mut().enumerate() {
                *longest = longest.max(row.get(3 + place));
            }
        }
        for (class, count) in &classes {
            batch.gauge("sessions", "", &[("class", class)], *count);
        }
        for (application, (open, busy)) in &applications {
            let labels = [("application", application.as_str())];
            batch.gauge("sessions.application", "", &labels, *open);
            batch.gauge("sessions.application.busy", "", &labels, *busy);
        }
        batch.gauge("connections", "", &[], all);
        batch.gauge("connections.most", "", &[], self.most);
        batch.gauge("longest.transaction", "s", &[], longest[0]);
        batch.gauge("longest.query", "s", &[], longest[1]);
        batch.gauge("longest.idle_in_transaction", "s", &[], longest[2]);
        let waits = if classes["lock"] > 0.0 {
            self.waits(client).await?
        } else {
            Vec::new()
        };
        self.tell_waits(batch, &waits);
        Ok(())
    }

    /// Names are given by clients: some put numbers of processes in there.
    fn application(&mut self, name: &str) -> String {
        let name = if name.is_empty() { "(no name)" } else { name };
        if !self.applications.contains(name) && self.applications.len() >= APPLICATIONS {
            return "(others)".to_owned();
        }
        self.applications.insert(name.to_owned());
        name.to_owned()
    }

    async fn waits(&self, client: &Client) -> Result<Vec<Wait>, Error> {
        let rows = client.query(&self.blocking, &[]).await?;
        let wait = |row: &tokio_postgres::Row| Wait {
            waiter: row.get(0),
            waits_in: scrub(row.get(1)),
            seconds: row.get(2),
            blocker: row.get(3),
            holds_in: scrub(row.get(4)),
            state: row.get(5),
            lock: row.get(6),
        };
        Ok(rows.iter().map(wait).collect())
    }

    fn tell_waits(&mut self, batch: &mut Batch, waits: &[Wait]) {
        let waiters: BTreeSet<i32> = waits.iter().map(|wait| wait.waiter).collect();
        let roots = waits.iter().filter(|wait| !waiters.contains(&wait.blocker));
        let idle = roots.filter(|wait| wait.state.starts_with("idle in transaction"));
        let idle: BTreeSet<i32> = idle.map(|wait| wait.blocker).collect();
        let longest = waits.iter().map(|wait| wait.seconds).fold(0.0, f64::max);
        batch.gauge("lock.waiters", "", &[], waiters.len() as f64);
        batch.gauge("lock.longest", "s", &[], longest);
        batch.gauge("lock.idle_blockers", "", &[], idle.len() as f64);
        let mut pairs: BTreeMap<String, (BTreeSet<i32>, f64)> = BTreeMap::new();
        for wait in waits {
            let pair = short(&format!(
                "{}\n{}\n{}\n{}",
                wait.waits_in, wait.state, wait.holds_in, wait.lock
            ));
            if !self.pairs.contains(&pair) && self.pairs.len() >= PAIRS {
                continue;
            }
            self.tell_texts(batch, &pair, wait);
            let (waiters, longest) = pairs.entry(pair).or_default();
            waiters.insert(wait.waiter);
            *longest = longest.max(wait.seconds);
        }
        for (pair, (waiters, longest)) in pairs {
            batch.gauge(
                "blocking.waiters",
                "",
                &[("pair", &pair)],
                waiters.len() as f64,
            );
            batch.gauge("blocking.wait", "s", &[("pair", &pair)], longest);
        }
    }

    fn tell_texts(&mut self, batch: &mut Batch, pair: &str, wait: &Wait) {
        if !self.pairs.insert(pair.to_owned()) {
            return;
        }
        let Wait {
            waits_in,
            holds_in,
            state,
            lock,
            ..
        } = wait;
        batch.fact(
            "blocking",
            pair,
            &format!("{waits_in} waits for a session that is {state}, last with {holds_in}"),
        );
        batch.fact("blocking.waiter", pair, waits_in);
        batch.fact("blocking.holder", pair, holds_in);
        batch.fact("blocking.state", pair, state);
        batch.fact("blocking.lock", pair, lock);
    }
}
