//! A server that is being watched: its looks.

mod survey;

use std::collections::{BTreeMap, BTreeSet};

use katydid_record::{Sight, Watched};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value, cmd, from_redis_value};

use super::info::Info;
use super::keys::Words;
use super::queues::Queues;
use super::trouble;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Trouble};

const SECTIONS: [&str; 11] = [
    "server",
    "stats",
    "memory",
    "clients",
    "cpu",
    "commandstats",
    "errorstats",
    "keyspace",
    "persistence",
    "replication",
    "cluster",
];
/// Commands with series of their own.
const COMMANDS: usize = 60;
/// Looks between two readings of the slow log, and of the sets that name queues.
const SELDOM: u64 = 5;
/// Entries of the slow log that are read at most.
const SLOW: u64 = 128;
const USER: &str = "ACL SETUSER katydid on >PASSWORD ~* +info +slowlog|get +slowlog|len +latency|latest +scan +pttl +type +memory|usage +object +config|get +llen +xlen +xinfo +smembers";
/// What is taken on besides, to tell how much comes into a list and goes out of it. It may read entries.
const FLOW: &str = "ACL SETUSER katydid +lindex +lpos";
/// A key that nobody has.
const NO_KEY: &str = "katydid:none";
/// Totals that never fall but when they begin anew. The last is our own doing, and grows in each look.
const TOTALS: [&str; 4] = [
    "total_commands_processed",
    "keyspace_hits",
    "keyspace_misses",
    "total_net_input_bytes",
];

/// A connected server.
pub struct Server {
    to: MultiplexedConnection,
    watched: Watched,
    run: String,
    /// It was another one when it was seen last.
    is_new: bool,
    /// It takes several sections at once; before Redis 7 it does not.
    many: bool,
    before: BTreeMap<&'static str, f64>,
    commands: BTreeSet<String>,
    slow_id: Option<u64>,
    slow: BTreeMap<String, (u64, u64)>,
    words: Words,
    queues: Queues,
}

impl Server {
    /// Finds out what it is and what this user may see.
    pub async fn meet(
        to: MultiplexedConnection,
        subject: &str,
        run: Option<String>,
    ) -> Result<Self, Trouble> {
        let mut server = Self {
            to,
            watched: Watched::default(),
            run: String::new(),
            is_new: false,
            many: true,
            before: BTreeMap::new(),
            commands: BTreeSet::new(),
            slow_id: None,
            slow: BTreeMap::new(),
            words: Words::default(),
            queues: Queues::default(),
        };
        let info = server.info().await?;
        if info.text("redis_version").is_empty() {
            return Err(Trouble::Refused {
                why: "it does not answer as Redis does; is the port right?".into(),
                remedy: String::new(),
            });
        }
        info.text("run_id").clone_into(&mut server.run);
        server.is_new = run.is_some_and(|run| run != server.run);
        server.watched = Watched {
            subject: subject.to_owned(),
            kind: "redis".into(),
            title: format!(
                "{}, {}",
                info.product(),
                info.text("redis_mode").trim_start()
            ),
            every_ms: 1_000,
            sights: server.sights(&info).await,
        };
        if let Some(mode) = ["server_mode", "redis_mode"]
            .iter()
            .map(|name| info.text(name))
            .find(|mode| !mode.is_empty())
        {
            server.watched.title = format!("{}, {mode}", info.product());
        }
        Ok(server)
    }

    /// What tells one start of the server from another.
    pub fn run(&self) -> &str {
        &self.run
    }

    async fn info(&mut self) -> Result<Info, Trouble> {
        let mut asked = cmd("INFO");
        if self.many {
            SECTIONS.iter().for_each(|section| {
                asked.arg(section);
            });
        } else {
            asked.arg("all");
        }
        let answer: Result<String, RedisError> = asked.query_async(&mut self.to).await;
        match answer {
            Ok(text) => Ok(Info::read(&text)),
            Err(error) if trouble::is_denied(&error) => Err(Trouble::Refused {
                why: "its user may not ask for INFO".into(),
                remedy: USER.into(),
            }),
            Err(error) if self.many && error.to_string().contains("syntax") => {
                self.many = false;
                Box::pin(self.info()).await
            }
            Err(error) => Err(trouble::of(&error)),
        }
    }

    async fn sights(&mut self, info: &Info) -> Vec<Sight> {
        let mut sights = vec![Sight::seen("statistics")];
        let checks = [
            ("slow log", vec!["SLOWLOG", "LEN"], USER),
            ("keys", vec!["SCAN", "0", "COUNT", "1"], USER),
            ("settings", vec!["CONFIG", "GET", "appendfsync"], USER),
            ("flow of queues", vec!["LPOS", NO_KEY, ""], FLOW),
        ];
        for (what, words, remedy) in checks {
            let mut asked = cmd(words[0]);
            words[1..].iter().for_each(|word| {
                asked.arg(word);
            });
            let answer: Result<Value, RedisError> = asked.query_async(&mut self.to).await;
            sights.push(match answer {
                Ok(_) => Sight::seen(what),
                Err(error) if trouble::is_denied(&error) => {
                    Sight::blind(what, format!("its user may not use {}", words[0]), remedy)
                }
                Err(_) => Sight::blind(
                    what,
                    format!("the server does not know {}: it may be renamed", words[0]),
                    "",
                ),
            });
        }
        if info.number("cluster_enabled") == Some(1.0) {
            let note = "only this node of the cluster is watched; name each of them";
            sights.push(Sight::blind("cluster", note, ""));
        }
        if info.text("role") == "slave" {
            let note = "it is a replica: reads of the primary are not seen here";
            sights.push(Sight::blind("primary", note, ""));
        }
        sights
    }

    fn may(&self, what: &str) -> bool {
        let mut sights = self.watched.sights.iter();
        sights.any(|sight| sight.what == what && sight.seen)
    }

    /// What was thought to be seen is refused: it is not asked for again.
    fn lose_sight(&mut self, what: &str, error: &RedisError, batch: &mut Batch) {
        let note = if trouble::is_denied(error) {
            "its user may not use what this needs".to_owned()
        } else {
            trouble::of(error).to_string()
        };
        for sight in &mut self.watched.sights {
            if sight.what == what {
                *sight = Sight::blind(what, note.as_str(), USER);
            }
        }
        batch.announce(self.watched.clone());
    }

    /// Whether its totals began anew since the look before.
    fn is_reset(&mut self, info: &Info) -> bool {
        let mut is_reset = false;
        for name in TOTALS {
            if let Some(now) = info.number(name) {
                let before = self.before.insert(name, now);
                is_reset |= before.is_some_and(|before| now < before);
            }
        }
        is_reset
    }

    async fn once(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        if std::mem::take(&mut self.is_new) {
            batch.restarted("the server was started anew");
        }
        self.counters(batch).await?;
        self.others(batch).await
    }

    async fn counters(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let mut read = batch.begin();
        let mut info = self.info().await?;
        if self.is_reset(&info) {
            batch.restarted("its statistics were reset (CONFIG RESETSTAT)");
            (self.queues.own_hits, self.queues.own_misses) = (0.0, 0.0);
            read = batch.begin();
            info = self.info().await?;
            self.is_reset(&info);
        }
        self.tell(&info, batch);
        batch.end(read);
        Ok(())
    }

    async fn others(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        if batch.is_due(SELDOM) {
            self.queues.ask(&mut self.to).await;
            self.queues.learn_listed();
        }
        let read = batch.begin();
        let follows = self.may("flow of queues");
        let depths = self.queues.depths(&mut self.to, follows).await;
        for depth in depths.map_err(|error| trouble::of(&error))? {
            let labels = [("queue", depth.name.as_str()), ("type", depth.kind)];
            batch.gauge("queue.length", "", &labels, depth.length);
            if let Some(lists) = depth.lists {
                batch.gauge("queue.lists", "", &labels, lists);
            }
            if let Some((came, went)) = depth.flow {
                batch.counter("queue.came", "", &labels, came);
                batch.counter("queue.went", "", &labels, went);
            }
            for (group, (pending, lag)) in &depth.groups {
                let labels = [("queue", depth.name.as_str()), ("group", group)];
                let values = [("queue.pending", pending), ("queue.lag", lag)];
                for (name, value) in values {
                    if let Some(value) = value {
                        batch.gauge(name, "", &labels, *value);
                    }
                }
            }
        }
        batch.end(read);
        if self.may("slow log") && batch.is_due(SELDOM) {
            match self.slow_log(batch).await {
                Err(error) if error.is_io_error() => return Err(trouble::of(&error)),
                Err(error) => self.lose_sight("slow log", &error, batch),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn tell(&mut self, info: &Info, batch: &mut Batch) {
        let own = [
            ("keyspace.hits", "keyspace_hits", self.queues.own_hits),
            ("keyspace.misses", "keyspace_misses", self.queues.own_misses),
        ];
        for (name, field, own) in own {
            if let Some(value) = info.number(field) {
                batch.counter(name, "", &[], (value - own).max(0.0));
            }
        }
        for (name, field, unit) in COUNTERS {
            if let Some(value) = info.number(field) {
                batch.counter(name, unit, &[], value);
            }
        }
        for (name, field, unit) in GAUGES {
            if let Some(value) = info.number(field) {
                batch.gauge(name, unit, &[], value);
            }
        }
        let both = |user: &str, sys: &str| Some(info.number(user)? + info.number(sys)?);
        if let Some(cpu) = both("used_cpu_user", "used_cpu_sys") {
            batch.counter("cpu", "s", &[], cpu);
        }
        if let Some(cpu) = both("used_cpu_user_main_thread", "used_cpu_sys_main_thread") {
            batch.counter("cpu.main", "s", &[], cpu);
        }
        for (db, parts) in info.parts("db") {
            if db.parse::<u32>().is_err() {
                continue;
            }
            for (name, part) in [("keys", "keys"), ("keys.expiring", "expires")] {
                if let Some(value) = parts.get(part) {
                    batch.gauge(name, "", &[("db", db)], *value);
                }
            }
        }
        self.tell_commands(info, batch);
    }

    fn tell_commands(&mut self, info: &Info, batch: &mut Batch) {
        let mut commands = info.parts("cmdstat_");
        commands.sort_by(|a, b| {
            let calls = |parts: &BTreeMap<&str, f64>| parts.get("calls").copied().unwrap_or(0.0);
            calls(&b.1).total_cmp(&calls(&a.1))
        });
        for (command, parts) in commands {
            if self.commands.len() >= COMMANDS && !self.commands.contains(command) {
                continue;
            }
            self.commands.insert(command.to_owned());
            let labels = [("command", command)];
            for (name, part, unit, factor) in [
                ("command.calls", "calls", "", 1.0),
                ("command.time", "usec", "s", 1e-6),
                ("command.failed", "failed_calls", "", 1.0),
                ("command.rejected", "rejected_calls", "", 1.0),
            ] {
                if let Some(value) = parts.get(part) {
                    batch.counter(name, unit, &labels, value * factor);
                }
            }
        }
    }

    async fn slow_log(&mut self, batch: &mut Batch) -> Result<(), RedisError> {
        let read = batch.begin_every(SELDOM as u32);
        let newest = self.slow_entries(1).await?.first().map(|entry| entry.0);
        let count = newest.map_or(self.slow_id.unwrap_or(0), |id| id + 1);
        let known = self.slow_id.unwrap_or(count);
        batch.counter("slowlog.entries", "", &[], count as f64);
        batch.end(read);
        if count > known {
            for (id, took_us, about) in self.slow_entries((count - known).min(SLOW)).await? {
                if id >= known && (self.slow.len() < 100 || self.slow.contains_key(&about)) {
                    let (count, longest) = self.slow.entry(about).or_default();
                    (*count, *longest) = (*count + 1, (*longest).max(took_us));
                }
            }
            for (about, (count, longest)) in &self.slow {
                let text = serde_json::json!({"count": count, "longest_us": longest});
                batch.fact("slow", about, &text.to_string());
            }
        }
        self.slow_id = Some(count);
        Ok(())
    }

    /// Number, time in µs, and the command with its key's form; what else was said in it is dropped here.
    async fn slow_entries(&mut self, count: u64) -> Result<Vec<(u64, u64, String)>, RedisError> {
        let answer: Result<Vec<Vec<Value>>, RedisError> = cmd("SLOWLOG")
            .arg("GET")
            .arg(count)
            .query_async(&mut self.to)
            .await;
        let entries = answer?;
        let read = |entry: Vec<Value>| {
            let mut parts = entry.into_iter();
            let id = from_redis_value(parts.next()?).ok()?;
            let took = from_redis_value(parts.nth(1)?).ok()?;
            let words: Vec<Vec<u8>> = from_redis_value(parts.next()?).ok()?;
            Some((id, took, self.about(&words)))
        };
        Ok(entries.into_iter().filter_map(read).collect())
    }

    fn about(&self, words: &[Vec<u8>]) -> String {
        let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        let name = words.first().map(text).unwrap_or_default().to_uppercase();
        let has_key = [
            "GET", "SET", "RANGE", "ALL", "MEMBERS", "DEL", "PUSH", "POP", "INTER", "UNION",
        ]
        .iter()
        .any(|part| name.ends_with(part) || name.starts_with(part));
        match words.get(1) {
            Some(key) if has_key => format!("{name} {}", self.words.template(&text(key))),
            _ => name,
        }
    }
}

/// Series, field, unit.
const COUNTERS: [(&str, &str, &str); 9] = [
    ("keys.expired", "expired_keys", ""),
    ("keys.evicted", "evicted_keys", ""),
    ("commands", "total_commands_processed", ""),
    ("connections", "total_connections_received", ""),
    ("connections.rejected", "rejected_connections", ""),
    ("errors", "total_error_replies", ""),
    ("expiry.cut_short", "expired_time_cap_reached_count", ""),
    ("net.in", "total_net_input_bytes", "bytes"),
    ("net.out", "total_net_output_bytes", "bytes"),
];

/// Series, field, unit.
const GAUGES: [(&str, &str, &str); 9] = [
    ("memory.used", "used_memory", "bytes"),
    ("memory.max", "maxmemory", "bytes"),
    ("memory.rss", "used_memory_rss", "bytes"),
    ("memory.fragmentation", "mem_fragmentation_ratio", ""),
    ("clients", "connected_clients", ""),
    ("clients.blocked", "blocked_clients", ""),
    ("clients.max", "maxclients", ""),
    ("replicas", "connected_slaves", ""),
    ("saving", "rdb_bgsave_in_progress", ""),
];

impl Observer for Server {
    fn watched(&self) -> Watched {
        self.watched.clone()
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(self.once(batch))
    }

    fn count<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(self.counters(batch))
    }

    fn survey<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(self.survey_all(batch))
    }
}
