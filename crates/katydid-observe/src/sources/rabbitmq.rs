//! `RabbitMQ`, as its management API tells it: queues, totals, and the nodes with their limits.
//!
//! Names of queues are told where they are few; where a program makes them, one for each user perhaps, their form is.

use std::collections::BTreeMap;
use std::time::Duration;

use katydid_record::{Sight, Watched};
use serde_json::Value;

use super::http::{self, To};
use super::redis::keys;
use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Source, Trouble};

/// As often as the server renews its statistics.
const EVERY: Duration = Duration::from_secs(5);
/// Queues that are read.
const QUEUES: usize = 200;
/// More than so many that begin alike are told as one.
const ALIKE: usize = 20;
const TAG: &str = "rabbitmqctl set_user_tags USER monitoring";
const USUAL: &str = "rabbitmq:http://user:password@host:15672";

struct Rabbit {
    to: To,
    subject: String,
}

/// Reads an address: `rabbitmq:http://user:password@host:15672`.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let to = To::read(&address.rest)
        .map_err(|_| format!("write the address of its management API: {USUAL}"))?;
    let subject = format!("rabbitmq {}", to.place());
    Ok(Box::new(Rabbit { to, subject }))
}

/// Its own protocol is not what is watched.
pub fn amqp(_: &Address) -> Result<Box<dyn Source>, String> {
    Err(format!(
        "RabbitMQ is watched through its management API; write {USUAL}"
    ))
}

impl Source for Rabbit {
    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async {
            let overview = ask(&self.to, "overview").await?;
            let version = overview["rabbitmq_version"].as_str().ok_or_else(|| {
                refused(
                    "it does not answer as the management API of RabbitMQ does",
                    USUAL,
                )
            })?;
            let mut sights = vec![Sight::seen("totals")];
            sights[0].note = "the server renews them every 5 s".into();
            for what in ["queues", "nodes"] {
                sights.push(match ask(&self.to, &path(what)).await {
                    Ok(_) => Sight::seen(what),
                    Err(Trouble::Refused { why, remedy }) => Sight::blind(what, why, remedy),
                    Err(lost) => return Err(lost),
                });
            }
            let count = overview["object_totals"]["queues"].as_u64().unwrap_or(0);
            if count as usize > QUEUES {
                let note = format!("the first {QUEUES} of {count} queues are watched");
                sights.push(Sight::blind("all queues", note, ""));
            }
            let observer = Watching {
                to: self.to.clone(),
                watched: Watched {
                    subject: self.subject.clone(),
                    kind: "rabbitmq".into(),
                    title: format!("RabbitMQ {version}"),
                    every_ms: EVERY.as_millis() as u64,
                    sights,
                },
            };
            Ok(Box::new(observer) as Box<dyn Observer>)
        })
    }
}

fn path(what: &str) -> String {
    match what {
        "queues" => format!("queues?page=1&page_size={QUEUES}&pagination=true"),
        "nodes" => {
            let columns: Vec<&str> = NODE.iter().map(|row| row.1).collect();
            format!("nodes?columns=name,{}", columns.join(","))
        }
        what => what.to_owned(),
    }
}

async fn ask(to: &To, what: &str) -> Result<Value, Trouble> {
    let path = format!("{}/api/{what}", to.path.trim_end_matches('/'));
    let body = http::get(to, &path).await.map_err(explained)?;
    serde_json::from_slice(&body)
        .map_err(|_| refused("its answer is not that of the management API", USUAL))
}

/// What an error means here.
fn explained(trouble: Trouble) -> Trouble {
    let text = trouble.to_string();
    let has = |word: &str| text.contains(word);
    if has("user or password") {
        return refused(
            "it does not accept this user or password, or the user has no tag for the management API",
            TAG,
        );
    }
    if has("does not speak HTTP") {
        return refused(
            "it does not speak HTTP: that is perhaps the port of AMQP, and not that of the management API",
            USUAL,
        );
    }
    if has("refused") {
        return Trouble::lost(
            "nobody listens there; is the management plugin on? rabbitmq-plugins enable rabbitmq_management",
        );
    }
    if has("404") {
        return refused(
            "there is no management API at this address",
            "rabbitmq-plugins enable rabbitmq_management",
        );
    }
    trouble
}

fn refused(why: &str, remedy: &str) -> Trouble {
    Trouble::Refused {
        why: why.into(),
        remedy: remedy.into(),
    }
}

struct Watching {
    to: To,
    watched: Watched,
}

/// Series, field.
const TOTALS: [(&str, &str); 6] = [
    ("published", "publish"),
    ("delivered", "deliver_get"),
    ("acked", "ack"),
    ("redelivered", "redeliver"),
    ("unroutable.dropped", "drop_unroutable"),
    ("unroutable.returned", "return_unroutable"),
];
/// Series, field, unit.
const NODE: [(&str, &str, &str); 11] = [
    ("node.fds", "fd_used", ""),
    ("node.fds.max", "fd_total", ""),
    ("node.sockets", "sockets_used", ""),
    ("node.sockets.max", "sockets_total", ""),
    ("node.memory", "mem_used", "bytes"),
    ("node.memory.max", "mem_limit", "bytes"),
    ("node.memory.alarm", "mem_alarm", ""),
    ("node.disk.free", "disk_free", "bytes"),
    ("node.disk.free.min", "disk_free_limit", "bytes"),
    ("node.disk.alarm", "disk_free_alarm", ""),
    ("node.run_queue", "run_queue", ""),
];

fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_bool().map(|is| f64::from(u8::from(is))))
}

impl Watching {
    fn may(&self, what: &str) -> bool {
        let mut sights = self.watched.sights.iter();
        sights.any(|sight| sight.what == what && sight.seen)
    }

    async fn once(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let read = batch.begin();
        let overview = ask(&self.to, "overview").await?;
        for (name, field) in TOTALS {
            if let Some(value) = overview["message_stats"][field].as_f64() {
                batch.counter(name, "", &[], value);
            }
        }
        for (name, part, field) in [
            ("ready", "queue_totals", "messages_ready"),
            ("unacked", "queue_totals", "messages_unacknowledged"),
            ("queues", "object_totals", "queues"),
            ("consumers", "object_totals", "consumers"),
            ("connections", "object_totals", "connections"),
            ("channels", "object_totals", "channels"),
        ] {
            if let Some(value) = overview[part][field].as_f64() {
                batch.gauge(name, "", &[], value);
            }
        }
        batch.end(read);
        if self.may("nodes") {
            let read = batch.begin();
            let nodes = ask(&self.to, &path("nodes")).await?;
            for node in nodes.as_array().into_iter().flatten() {
                let labels = [("node", node["name"].as_str().unwrap_or_default())];
                for (name, field, unit) in NODE {
                    if let Some(value) = number(&node[field]) {
                        batch.gauge(name, unit, &labels, value);
                    }
                }
            }
            batch.end(read);
        }
        if self.may("queues") {
            let read = batch.begin();
            let page = ask(&self.to, &path("queues")).await?;
            let queues = page["items"].as_array().map_or(&[][..], Vec::as_slice);
            tell_queues(queues, batch);
            batch.end(read);
        }
        Ok(())
    }
}

fn tell_queues(queues: &[Value], batch: &mut Batch) {
    let names: Vec<&str> = queues.iter().map(name_of).collect();
    let mut seen: BTreeMap<(&str, String), Vec<&Value>> = BTreeMap::new();
    for (queue, shown) in queues.iter().zip(told(&names)) {
        let vhost = queue["vhost"].as_str().unwrap_or_default();
        seen.entry((vhost, shown)).or_default().push(queue);
    }
    for ((vhost, shown), alike) in seen {
        let labels = [("queue", shown.as_str()), ("vhost", vhost)];
        let sum = |read: &dyn Fn(&Value) -> Option<f64>| {
            let values: Vec<f64> = alike.iter().filter_map(|queue| read(queue)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>())
        };
        if shown.contains('{') {
            batch.gauge("queue.queues", "", &labels, alike.len() as f64);
        }
        for (name, field) in [
            ("queue.ready", "messages_ready"),
            ("queue.unacked", "messages_unacknowledged"),
            ("queue.consumers", "consumers"),
        ] {
            if let Some(value) = sum(&|queue| queue[field].as_f64()) {
                batch.gauge(name, "", &labels, value);
            }
        }
        // Without consumers it says nothing.
        let busy = |queue: &Value| {
            let consumers = queue["consumers"].as_u64().unwrap_or(0);
            queue["consumer_utilisation"]
                .as_f64()
                .filter(|_| consumers > 0)
        };
        if let ([queue], false) = (&alike[..], shown.contains('{'))
            && let Some(value) = busy(queue)
        {
            batch.gauge("queue.utilisation", "", &labels, value);
        }
        for (name, field) in &TOTALS[..4] {
            if let Some(value) = sum(&|queue| queue["message_stats"][field].as_f64()) {
                batch.counter(&format!("queue.{name}"), "", &labels, value);
            }
        }
    }
}

fn name_of(queue: &Value) -> &str {
    queue["name"].as_str().unwrap_or_default()
}

/// Names as they may be told: of many that differ in their first part, or in what comes after it, only what they share.
fn told(names: &[&str]) -> Vec<String> {
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rests: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        let (first, rest) = keys::first_part(name);
        // Of names of one part each, that part is what differs.
        *rests.entry(rest).or_default() += 1;
        if !rest.is_empty() {
            *firsts.entry(first).or_default() += 1;
        }
    }
    let tell = |name: &&str| {
        let (first, rest) = keys::first_part(name);
        if name.starts_with("amq.gen") {
            return format!("amq.gen-{}", keys::HIDDEN);
        }
        let first_is_many = rests.get(rest).is_some_and(|count| *count > ALIKE);
        let rest_is_many = firsts.get(first).is_some_and(|count| *count > ALIKE);
        let part = |part: &str, is_many: bool| {
            if is_many && !part.is_empty() {
                keys::HIDDEN.to_owned()
            } else {
                keys::without_numbers(part)
            }
        };
        part(first, first_is_many) + &part(rest, rest_is_many)
    };
    names.iter().map(tell).collect()
}

impl Observer for Watching {
    fn watched(&self) -> Watched {
        self.watched.clone()
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(self.once(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_where_they_are_few() {
        let few = [
            "orders",
            "mail.out",
            "mail.in",
            "amq.gen-JzTY20BRgKO",
            "q42",
            "a@b.org",
        ];
        let expected = [
            "orders",
            "mail.out",
            "mail.in",
            "amq.gen-{…}",
            "q{n}",
            "{…}.org",
        ];
        assert_eq!(told(&few), expected);
        let many: Vec<String> = ('a'..='z').map(|c| format!("inbox.{c}lice")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).chain(["orders"]).collect();
        let told_many = told(&many);
        assert_eq!((&*told_many[0], &*told_many[26]), ("inbox{…}", "orders"));
        let many: Vec<String> = ('a'..='z').map(|c| format!("{c}lice.inbox")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(told(&many).iter().all(|name| name == "{…}.inbox"));
        let many: Vec<String> = ('a'..='z').map(|c| format!("{c}lice")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(told(&many).iter().all(|name| name == "{…}"));
    }
}
