//! Which keys are queues, and how long they are. Queues of RQ, Sidekiq, Celery and `BullMQ` are known even while they are empty.

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value, cmd, from_redis_value};

use super::keys::Words;

/// Queues that are looked at.
pub const QUEUES: usize = 20;

/// Keys and what they are: `list` or `stream`.
#[derive(Debug, Default)]
pub struct Queues {
    known: BTreeMap<String, (&'static str, String)>,
    /// Lookups of existing keys that the server has counted because of us.
    pub own_hits: f64,
    /// Of missing ones.
    pub own_misses: f64,
}

/// What one queue has.
pub struct Depth {
    /// Its name as it may be told.
    pub name: String,
    /// `list` or `stream`.
    pub kind: &'static str,
    /// Entries.
    pub length: f64,
    /// Of a stream: group, delivered and not confirmed, not yet delivered.
    pub groups: Vec<(String, Option<f64>, Option<f64>)>,
}

impl Queues {
    /// Takes a key for a queue if its type and name say so. What has numbers in its name, as one queue for each user, is told by
    /// its form.
    pub fn consider(&mut self, key: &str, kind: &str, words: &Words) {
        if let Some(name) = key
            .strip_prefix("bull:")
            .and_then(|k| k.strip_suffix(":meta"))
        {
            return self.add(format!("bull:{name}:wait"), "list", None);
        }
        if let Some(name) = key.strip_prefix("_kombu.binding.") {
            return self.add(name.to_owned(), "list", None);
        }
        let kind = match kind {
            "list" => "list",
            "stream" => "stream",
            _ => return,
        };
        let has_ids = key.bytes().any(|b| b.is_ascii_digit() || b == b'@') || key.len() > 80;
        self.add(key.to_owned(), kind, has_ids.then(|| words.template(key)));
    }

    fn add(&mut self, key: String, kind: &'static str, shown: Option<String>) {
        if self.known.len() < QUEUES || self.known.contains_key(&key) {
            let name = shown.unwrap_or_else(|| key.clone());
            self.known.entry(key).or_insert((kind, name));
        }
    }

    /// Asks RQ's and Sidekiq's sets for queues.
    pub async fn ask(&mut self, to: &mut MultiplexedConnection) {
        for (set, prefix) in [("rq:queues", ""), ("queues", "queue:")] {
            let names: Result<Vec<String>, _> = cmd("SMEMBERS").arg(set).query_async(to).await;
            let Ok(names) = names else { continue };
            if names.is_empty() {
                self.own_misses += 1.0;
            } else {
                self.own_hits += 1.0;
            }
            let names = names.iter().take(QUEUES);
            names.for_each(|name| self.add(format!("{prefix}{name}"), "list", None));
        }
    }

    /// How long they are now.
    pub async fn depths(
        &mut self,
        to: &mut MultiplexedConnection,
    ) -> Result<Vec<Depth>, RedisError> {
        if self.known.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = Pipeline::new();
        for (key, (kind, _)) in &self.known {
            asked.add_command(length(key, kind));
            if *kind == "stream" {
                let mut groups = cmd("XINFO");
                groups.arg("GROUPS").arg(key);
                asked.add_command(groups);
            }
        }
        let mut answers = to
            .send_packed_commands(&asked, 0, asked.len())
            .await?
            .into_iter();
        let mut depths = Vec::new();
        for (kind, name) in self.known.values() {
            let length = answers
                .next()
                .and_then(|value| from_redis_value(value).ok());
            let groups = (*kind == "stream").then(|| answers.next()).flatten();
            let exists =
                length.is_some_and(|length: f64| length > 0.0) || is_array(groups.as_ref());
            let lookups = if *kind == "stream" { 2.0 } else { 1.0 };
            *(if exists {
                &mut self.own_hits
            } else {
                &mut self.own_misses
            }) += lookups;
            if let Some(length) = length {
                depths.push(Depth {
                    name: name.clone(),
                    kind,
                    length,
                    groups: groups.map(read_groups).unwrap_or_default(),
                });
            }
        }
        Ok(depths)
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

fn read_groups(value: Value) -> Vec<(String, Option<f64>, Option<f64>)> {
    let Ok(groups) = from_redis_value::<Vec<BTreeMap<String, Value>>>(value) else {
        return Vec::new();
    };
    let read = |mut group: BTreeMap<String, Value>| {
        let mut number = |name: &str| group.remove(name).and_then(|v| from_redis_value(v).ok());
        let (pending, lag) = (number("pending"), number("lag"));
        let name = group
            .remove("name")
            .and_then(|v| from_redis_value(v).ok())?;
        Some((name, pending, lag))
    };
    groups.into_iter().take(QUEUES).filter_map(read).collect()
}
