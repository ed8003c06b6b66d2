//! Keys that a request is answered from, found and deleted for an experiment.
//!
//! Not an observer: nothing else in this crate changes a Redis server, and nobody but `--experiment cold` comes here, with a server that is declared
//! disposable. What keeps a value in a cache is known by what a request does with it: it reads the key, and where that is gone it writes it
//! anew. One key after another is taken away, and given back if the request does not write it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, mpsc};

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;

use super::keys::{Found, Words, first_part, is_single};
use super::trouble;
use super::{ANSWER_WITHIN, Redis};
use crate::observer::{Keys, Trouble};

/// Keys of a request that are tried.
const TRIED: usize = 10;
/// Commands that are heard between two steps.
const HEARD: usize = 20_000;
/// What katydid says itself when it has heard enough; all that came before has been told then.
const END: &str = "katydid heard enough";
/// Keys from which forms are learned.
const SAMPLE: usize = 1_000;

/// Commands that read a value; with several keys where `MGET` does.
const READS: [&str; 9] = [
    "get", "getex", "mget", "hget", "hmget", "hgetall", "smembers", "lrange", "json.get",
];
/// Commands that write one.
const WRITES: [&str; 13] = [
    "set", "setex", "psetex", "setnx", "getset", "mset", "hset", "hmset", "hsetnx", "sadd",
    "rpush", "lpush", "json.set",
];

type Key = Vec<u8>;

/// Takes keys away in the server of this address, as the user of that address.
pub struct Taker {
    at: Redis,
    search: Mutex<Search>,
}

#[derive(Default)]
struct Search {
    step: Step,
    found: Vec<Key>,
    forms: Vec<String>,
}

#[derive(Default)]
enum Step {
    /// Nothing is looked for.
    #[default]
    Rest,
    /// A request is made as always.
    AsItIs(Ear),
    /// A request is made without this key; these are left to be tried.
    Without(Ear, Copy, Vec<Key>),
}

/// What a key had, by which it can be given back.
struct Copy {
    key: Key,
    value: Vec<u8>,
    /// It is left so long, ms; 0 for ever.
    left_ms: i64,
}

/// Hears all commands that a server gets, until its end is among them.
struct Ear {
    /// Where it is dropped nobody listens any more.
    _stop: oneshot::Sender<()>,
    heard: mpsc::Receiver<Vec<String>>,
}

/// Which keys commands have read and written.
#[derive(Debug, Default, PartialEq)]
struct Used {
    read: BTreeSet<Key>,
    written: BTreeSet<Key>,
}

impl Taker {
    /// Nothing is connected before it is asked.
    pub fn new(at: Redis) -> Self {
        Self {
            at,
            search: Mutex::default(),
        }
    }

    fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut MultiplexedConnection) -> redis::RedisResult<T>,
    ) -> Result<T, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Trouble::lost)?;
        runtime.block_on(async {
            let mut connection = self.at.connect().await?;
            let done = work(&mut connection).await;
            done.map_err(|error| denied(&error))
        })
    }

    /// Takes the next key away that is there, and listens.
    fn try_next(&self, search: &mut Search, mut left: Vec<Key>) -> Result<bool, Trouble> {
        while let Some(key) = left.pop() {
            if let Some(copy) = self.with(async |to| take(to, key).await)? {
                search.step = Step::Without(Ear::open(&self.at)?, copy, left);
                return Ok(true);
            }
        }
        let found = search.found.clone();
        search.forms = self.with(async |to| forms(to, &found).await)?;
        Ok(false)
    }
}

fn denied(error: &redis::RedisError) -> Trouble {
    if trouble::is_denied(error) {
        may_not(error.detail().unwrap_or("NOPERM"))
    } else {
        trouble::of(error)
    }
}

fn may_not(what: &str) -> Trouble {
    Trouble::Refused {
        why: format!(
            "its user may not ({what}): --experiment cold needs one that may read, delete and restore keys"
        ),
        remedy: "ACL SETUSER katydid +monitor +echo +scan +dump +pttl +del +restore ~*".into(),
    }
}

impl Keys for Taker {
    fn search(&self) -> Result<bool, Trouble> {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut search.step) {
            Step::Rest => {
                search.found.clear();
                search.step = Step::AsItIs(Ear::open(&self.at)?);
                Ok(true)
            }
            Step::AsItIs(ear) => {
                let used = self.used(&ear)?;
                // What is written each time is no value that is kept: when it was seen last, how often.
                let candidates = used.read.difference(&used.written).take(TRIED);
                let candidates = candidates.cloned().collect();
                self.try_next(&mut search, candidates)
            }
            Step::Without(ear, copy, left) => {
                let used = self.used(&ear);
                let is_anew = used
                    .as_ref()
                    .is_ok_and(|used| used.written.contains(&copy.key));
                if is_anew {
                    search.found.push(copy.key);
                } else {
                    self.with(async |to| give_back(to, &copy).await)?;
                }
                used?;
                self.try_next(&mut search, left)
            }
        }
    }

    fn forms(&self) -> Vec<String> {
        let search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        search.forms.clone()
    }

    fn take(&self) -> Result<(), Trouble> {
        let search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        self.with(async |to| redis::cmd("DEL").arg(&search.found).query_async(to).await)
    }

    fn stop(&self) -> Result<(), Trouble> {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut search.step) {
            Step::Without(_, copy, _) => self.with(async |to| give_back(to, &copy).await),
            Step::Rest | Step::AsItIs(_) => Ok(()),
        }
    }
}

impl Taker {
    fn used(&self, ear: &Ear) -> Result<Used, Trouble> {
        self.with(async |to| redis::cmd("ECHO").arg(END).query_async::<()>(to).await)?;
        // Where it may not listen, the client is told nothing, not that it may not.
        let heard = ear.heard.recv_timeout(ANSWER_WITHIN);
        let heard = heard.map_err(|_| may_not("MONITOR told nothing"))?;
        let database = self.at.to.redis_settings().db();
        let mut used = Used::default();
        for line in heard {
            if let Some(command) = parsed(&line, database) {
                used.add(&command);
            }
        }
        Ok(used)
    }
}

impl Used {
    fn add(&mut self, command: &[Key]) {
        let Some((name, arguments)) = command.split_first() else {
            return;
        };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let step = match name.as_str() {
            "mget" => 1,
            "mset" => 2,
            _ => arguments.len().max(1),
        };
        let keys = arguments.iter().step_by(step).cloned();
        if READS.contains(&name.as_str()) {
            self.read.extend(keys);
        } else if WRITES.contains(&name.as_str()) {
            self.written.extend(keys);
        }
    }
}

/// Deletes a key and says what it had; `None` where it is not there.
async fn take(to: &mut MultiplexedConnection, key: Key) -> redis::RedisResult<Option<Copy>> {
    let (value, left_ms, _): (Option<Vec<u8>>, i64, i64) = redis::pipe()
        .atomic()
        .cmd("DUMP")
        .arg(&key)
        .cmd("PTTL")
        .arg(&key)
        .cmd("DEL")
        .arg(&key)
        .query_async(to)
        .await?;
    Ok(value.map(|value| Copy {
        key,
        value,
        left_ms: left_ms.max(0),
    }))
}

/// Puts a key back, unless somebody has made it anew.
async fn give_back(to: &mut MultiplexedConnection, copy: &Copy) -> redis::RedisResult<()> {
    let done: redis::RedisResult<()> = redis::cmd("RESTORE")
        .arg(&copy.key)
        .arg(copy.left_ms)
        .arg(&copy.value)
        .query_async(to)
        .await;
    match done {
        Err(error) if error.code() == Some("BUSYKEY") => Ok(()),
        done => done,
    }
}

/// Forms of keys: of what they have, only what many share, and what stands before the first separator.
async fn forms(to: &mut MultiplexedConnection, keys: &[Key]) -> redis::RedisResult<Vec<String>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (_, sample): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
        .arg(0)
        .arg("COUNT")
        .arg(SAMPLE)
        .query_async(to)
        .await?;
    let found = |key: &Key| Found {
        key: String::from_utf8_lossy(key).into_owned(),
        kind: String::new(),
        forever: false,
        bytes: None,
    };
    let words = Words::learn(&sample.iter().map(found).collect::<Vec<_>>());
    let form = |key: &Key| {
        let key = String::from_utf8_lossy(key);
        let first = first_part(&key).0;
        let also = if is_single(&key) { "" } else { first };
        words.template_with(&key, &[also])
    };
    let forms: BTreeSet<String> = keys.iter().map(form).collect();
    Ok(forms.into_iter().collect())
}

impl Ear {
    /// Listens from now on.
    fn open(at: &Redis) -> Result<Self, Trouble> {
        let client = at.client()?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let (tell, heard) = mpsc::channel();
        let listen = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    let _ = tell.send(runtime.block_on(hear(client, stopped, ready)));
                }
                Err(error) => {
                    let _ = ready.send(Err(Trouble::lost(error)));
                }
            }
        };
        std::thread::Builder::new()
            .name("katydid-monitor".into())
            .spawn(listen)
            .map_err(Trouble::lost)?;
        is_ready.recv().map_err(Trouble::lost)??;
        Ok(Self { _stop: stop, heard })
    }
}

async fn hear(
    client: redis::Client,
    mut stopped: oneshot::Receiver<()>,
    ready: mpsc::Sender<Result<(), Trouble>>,
) -> Vec<String> {
    let mut heard = Vec::new();
    let mut monitor = match client.get_async_monitor().await {
        Ok(monitor) => monitor,
        Err(error) => {
            let _ = ready.send(Err(denied(&error)));
            return heard;
        }
    };
    let _ = ready.send(Ok(()));
    let mut lines = monitor.on_message::<String>();
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            _ = &mut stopped => None,
        };
        match line {
            Some(line) if line.contains(END) => break,
            Some(line) if heard.len() < HEARD => heard.push(line),
            Some(_) => {}
            None => break,
        }
    }
    heard
}

/// A command and its arguments, of this database: `1700000000.123456 [0 127.0.0.1:60866] "get" "a\x00b"`.
fn parsed(line: &str, database: i64) -> Option<Vec<Key>> {
    let (_, rest) = line.split_once(" [")?;
    let (number, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once("] ")?;
    if number.parse() != Ok(database) {
        return None;
    }
    let mut words = Vec::new();
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => words.push(quoted(&mut bytes)?),
            b' ' => {}
            _ => return None,
        }
    }
    Some(words)
}

fn quoted(bytes: &mut std::str::Bytes<'_>) -> Option<Key> {
    let mut word = Vec::new();
    loop {
        match bytes.next()? {
            b'"' => return Some(word),
            b'\\' => word.push(match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'a' => 7,
                b'b' => 8,
                b'x' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
                other => other,
            }),
            other => word.push(other),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| value.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_a_server_tells_them() {
        let words = |line| {
            let all = parsed(line, 2)?;
            Some(
                all.iter()
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            words(r#"1700000000.123456 [2 127.0.0.1:60866] "SET" "a \"b\"\\" "" "\x41\n""#),
            Some(["SET", "a \"b\"\\", "", "A\n"].map(str::to_owned).to_vec())
        );
        assert_eq!(words(r#"1.2 [0 127.0.0.1:1] "get" "a""#), None);
        for broken in ["", "OK", r#"1.2 [2 x] "get"#, r#"1.2 [2 x] "get" "\x4"#] {
            assert_eq!(words(broken), None, "{broken}");
        }
    }

    #[test]
    fn keys_that_were_read_and_written() {
        let mut used = Used::default();
        for command in [
            &["MGET", "a", "b"][..],
            &["get", "c"],
            &["HGET", "h", "field"],
            &["MSET", "a", "1", "d", "2"],
            &["set", "e", "v", "NX"],
            &["expire", "f", "9"],
        ] {
            let command: Vec<Key> = command
                .iter()
                .map(|word| word.as_bytes().to_vec())
                .collect();
            used.add(&command);
        }
        let all = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        let expected = Used {
            read: all(&["a", "b", "c", "h"]),
            written: all(&["a", "d", "e"]),
        };
        assert_eq!(used, expected);
    }
}
