//! Which keys are queues, and how long they are. Queues of RQ, Sidekiq, Celery and `BullMQ` are known even while they are empty.

use std::collections::{BTreeMap, BTreeSet};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value, cmd, from_redis_value};

use super::flow::Flow;
use super::keys::{self, Found, HIDDEN, Words};

/// Queues of one library or form that are looked at, and all of them.
const QUEUES: usize = 20;
const ALL: usize = 100;
/// Groups of a stream that are told by name: more are probably one for each user or machine.
const GROUPS: usize = 3;
/// What queues are called: kept in a name wherever it stands.
const USUAL: &[&str] = &[
    "bull",
    "celery",
    "dead",
    "default",
    "delayed",
    "email",
    "emails",
    "event",
    "events",
    "failed",
    "feed",
    "high",
    "inbox",
    "incoming",
    "job",
    "jobs",
    "log",
    "logs",
    "low",
    "mail",
    "mailer",
    "mailers",
    "messages",
    "notifications",
    "orders",
    "outbox",
    "outgoing",
    "pending",
    "queue",
    "queues",
    "ready",
    "results",
    "retry",
    "schedule",
    "scheduled",
    "stream",
    "streams",
    "task",
    "tasks",
    "wait",
    "waiting",
    "webhooks",
    "work",
];

/// Keys and what they are.
#[derive(Debug, Default)]
pub struct Queues {
    known: BTreeMap<String, Known>,
    /// Names in the sets of RQ and Sidekiq: prefix and name.
    listed: BTreeSet<(&'static str, String)>,
    /// Keys of a form in the sample.
    members: BTreeMap<(String, &'static str), u64>,
    /// Lookups of existing keys that the server has counted because of us.
    pub own_hits: f64,
    /// Of missing ones.
    pub own_misses: f64,
}

#[derive(Debug)]
struct Known {
    /// `list` or `stream`.
    kind: &'static str,
    /// As it may be told: a name, or the form that it shares with others.
    shown: String,
    flow: Flow,
}

impl Known {
    fn new(kind: &'static str, shown: String) -> Self {
        Self {
            kind,
            shown,
            flow: Flow::default(),
        }
    }

    /// What comes and goes is told of lists that have a name of their own.
    fn is_followed(&self) -> bool {
        self.kind == "list" && !self.shown.contains('{')
    }
}

/// What one queue has, or all that are looked at of one form.
#[derive(Debug, Default)]
pub struct Depth {
    /// Its name as it may be told.
    pub name: String,
    /// `list` or `stream`.
    pub kind: &'static str,
    /// Entries.
    pub length: f64,
    /// Of a form: the keys of the sample that have it; of these at most 20 are added up.
    pub lists: Option<f64>,
    /// Entries that have come, and gone, since it was first looked at.
    pub flow: Option<(f64, f64)>,
    /// Of a stream, by group: delivered and not confirmed, not yet delivered.
    pub groups: BTreeMap<String, (Option<f64>, Option<f64>)>,
}

/// A queue's name as it may be told. Of many alike, made by a program, it is one for each user, perhaps.
fn told(name: &str, is_many: bool) -> String {
    if is_many && !USUAL.contains(&name) {
        HIDDEN.to_owned()
    } else {
        keys::without_numbers(name)
    }
}

impl Queues {
    /// Finds the queues of a sample: those of known libraries by their names, any other list or stream by its form. A list is told by
    /// its key only where no other key could be of its form.
    pub fn learn(&mut self, found: &[Found], words: &Words) {
        let mut families: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for (prefix, name) in &self.listed {
            families.entry((prefix, "")).or_default().insert(name);
        }
        let of_library: Vec<_> = found
            .iter()
            .filter_map(|found| library(&found.key))
            .collect();
        for (prefix, name, suffix) in of_library {
            families.entry((prefix, suffix)).or_default().insert(name);
        }
        let mut chosen = Vec::new();
        for ((prefix, suffix), names) in &families {
            let is_many = names.len() > QUEUES;
            for name in names {
                let told = told(name, is_many);
                chosen.push((
                    format!("{prefix}{name}{suffix}"),
                    "list",
                    format!("{prefix}{told}{suffix}"),
                ));
            }
        }
        let is_unknown = |key: &str| keys::is_single(key) && !USUAL.contains(&key);
        let is_lone = found.iter().filter(|found| is_unknown(&found.key)).count() == 1;
        for Found { key, kind, .. } in found {
            let kind = match kind.as_str() {
                "list" => "list",
                "stream" => "stream",
                _ => continue,
            };
            let shown = if is_lone && is_unknown(key) {
                keys::without_numbers(key)
            } else {
                words.template_with(key, USUAL)
            };
            chosen.push((key.clone(), kind, shown));
        }
        self.members.clear();
        let mut seen = BTreeSet::new();
        for (key, kind, shown) in chosen {
            if seen.insert(key.clone()) {
                *self.members.entry((shown.clone(), kind)).or_default() += 1;
                self.add(key, Known::new(kind, shown));
            }
        }
    }

    /// Adds what a set of RQ or Sidekiq names and was not known: many a queue is made by its first entry, in the middle of the load.
    pub fn learn_listed(&mut self) {
        for (prefix, name) in self.listed.clone() {
            let key = format!("{prefix}{name}");
            if self.known.contains_key(&key) {
                continue;
            }
            let alike = self.listed.iter().filter(|(of, _)| *of == prefix).count();
            let shown = format!("{prefix}{}", told(&name, alike > QUEUES));
            *self.members.entry((shown.clone(), "list")).or_default() += 1;
            self.add(key, Known::new("list", shown));
        }
    }

    fn add(&mut self, key: String, known: Known) {
        let same = |other: &&Known| other.shown == known.shown && other.kind == known.kind;
        let alike = self.known.values().filter(same).count();
        if alike < QUEUES && self.known.len() < ALL {
            self.known.entry(key).or_insert(known);
        }
    }

    /// Asks RQ's and Sidekiq's sets for queues.
    pub async fn ask(&mut self, to: &mut MultiplexedConnection) {
        for (set, prefix) in [("rq:queues", "rq:queue:"), ("queues", "queue:")] {
            let names: Result<Vec<String>, _> = cmd("SMEMBERS").arg(set).query_async(to).await;
            let Ok(names) = names else { continue };
            if names.is_empty() {
                self.own_misses += 1.0;
            } else {
                self.own_hits += 1.0;
            }
            for name in names.into_iter().take(ALL) {
                let name = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
                self.listed.insert((prefix, name));
            }
        }
    }

    /// How long they are now; whether it is looked at what comes and goes.
    pub async fn depths(
        &mut self,
        to: &mut MultiplexedConnection,
        follows: bool,
    ) -> Result<Vec<Depth>, RedisError> {
        if self.known.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = Pipeline::new();
        let mut ends = Vec::new();
        for (key, known) in &self.known {
            let kind = known.kind;
            asked.add_command(length(key, kind));
            let is_followed = follows && known.is_followed();
            ends.push(if is_followed {
                known.flow.ask(key, &mut asked)
            } else {
                0
            });
            if kind == "stream" {
                let mut groups = cmd("XINFO");
                groups.arg("GROUPS").arg(key);
                asked.add_command(groups);
            }
        }
        let mut answers = to
            .send_packed_commands(&asked, 0, asked.len())
            .await?
            .into_iter();
        let mut depths: BTreeMap<(&str, &str), Depth> = BTreeMap::new();
        for (known, ends) in self.known.values_mut().zip(ends) {
            let (kind, shown, flow) = (known.kind, &known.shown, &mut known.flow);
            let length = answers
                .next()
                .and_then(|value| from_redis_value(value).ok());
            let at_ends: Vec<Value> = answers.by_ref().take(ends).collect();
            let groups = (kind == "stream").then(|| answers.next()).flatten();
            let exists =
                length.is_some_and(|length: f64| length > 0.0) || is_array(groups.as_ref());
            let lookups = 1.0 + ends as f64 + f64::from(u8::from(kind == "stream"));
            *(if exists {
                &mut self.own_hits
            } else {
                &mut self.own_misses
            }) += lookups;
            let Some(length) = length else { continue };
            let depth = depths.entry((shown, kind)).or_default();
            (depth.name, depth.kind) = (shown.clone(), kind);
            depth.length += length;
            if flow.learn(length, at_ends) {
                depth.flow = Some((flow.came, flow.went));
            }
            if shown.contains('{') {
                let members = self.members.get(&(shown.clone(), kind));
                depth.lists = members.map(|members| *members as f64);
            } else if let Some(groups) = groups {
                depth.groups = read_groups(groups);
            }
        }
        Ok(depths.into_values().collect())
    }
}

/// A queue of a library, by a key that only such a queue has: what comes before its name, the name, and what comes after.
fn library(key: &str) -> Option<(&'static str, &str, &'static str)> {
    if let Some(name) = key.strip_prefix("rq:queue:") {
        return Some(("rq:queue:", name, ""));
    }
    if let Some(name) = key.strip_prefix("_kombu.binding.") {
        // What workers tell each other is no work.
        let is_talk = name.contains("pidbox") || name.starts_with("celeryev");
        return (!is_talk).then_some(("", name, ""));
    }
    let (name, of) = key.strip_prefix("bull:")?.rsplit_once(':')?;
    match of {
        "meta" | "wait" => Some(("bull:", name, ":wait")),
        "active" => Some(("bull:", name, ":active")),
        "paused" => Some(("bull:", name, ":paused")),
        _ => None,
    }
}

fn length(key: &str, kind: &str) -> Cmd {
    let mut asked = cmd(if kind == "stream" { "XLEN" } else { "LLEN" });
    asked.arg(key);
    asked
}

fn is_array(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Array(_)))
}

/// Groups by their names without numbers; where there are many, all as one.
fn read_groups(value: Value) -> BTreeMap<String, (Option<f64>, Option<f64>)> {
    let mut read = BTreeMap::new();
    let Ok(groups) = from_redis_value::<Vec<BTreeMap<String, Value>>>(value) else {
        return read;
    };
    let is_many = groups.len() > GROUPS;
    for mut group in groups {
        let mut number = |name: &str| group.remove(name).and_then(|v| from_redis_value(v).ok());
        let (pending, lag): (Option<f64>, Option<f64>) = (number("pending"), number("lag"));
        let name: Option<String> = group.remove("name").and_then(|v| from_redis_value(v).ok());
        let Some(name) = name else { continue };
        let name = if is_many {
            HIDDEN.to_owned()
        } else {
            keys::without_numbers(&name)
        };
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        let sums = read.entry(name).or_insert((Some(0.0), Some(0.0)));
        *sums = (both(sums.0, pending), both(sums.1, lag));
    }
    read
}
