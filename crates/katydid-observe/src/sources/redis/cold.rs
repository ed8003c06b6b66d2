//! Keys that a request is answered from, found and moved aside for an experiment.
//!
//! Not an observer: nothing else in this crate changes a Redis server, and nobody but `--experiment cold` comes here, with a server that is declared
//! disposable. What keeps a value in a cache is known by what a request does with it: it reads the key, each time and nothing else, and where that
//! is gone it writes it anew. One key after another is moved aside (`RENAMENX`), so that its value and its time to live stay in the server whatever
//! becomes of katydid; at the end all are moved back over what stands there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::keys::{Found, Words, first_part, is_single};
use super::trouble;
use super::{ANSWER_WITHIN, Redis};
use crate::observer::{Keys, Trouble};

/// Keys of a request that are tried.
const TRIED: usize = 10;
/// How often a request is heard as it is: what it reads each time is its own.
const AS_IT_IS: u32 = 2;
/// How long is listened while nothing is asked: what comes then is somebody else's.
const IDLE: Duration = Duration::from_millis(400);
/// Keys that are told apart between two steps.
const HEARD: usize = 20_000;
/// What katydid says itself when it has heard enough; all that came before has been told then.
const END: &str = "katydid heard enough";
/// Before the name of a key that was moved aside.
const ASIDE: &[u8] = b"katydid:cold:";
/// Keys from which forms are learned.
const SAMPLE: usize = 1_000;
/// So many of them begin alike where their beginning is no name.
const ALIKE: usize = 5;

/// Commands that read a whole value, and those that only ask about it.
const READS: [&str; 3] = ["get", "getex", "mget"];
const ASKS: [&str; 6] = ["exists", "ttl", "pttl", "type", "strlen", "touch"];
/// Commands that write a whole value.
const WRITES: [&str; 6] = ["set", "setex", "psetex", "setnx", "getset", "mset"];

type Key = Vec<u8>;

/// Moves keys aside in the server of this address, as the user of that address.
pub struct Taker {
    at: Redis,
    search: Mutex<Search>,
}

#[derive(Default)]
struct Search {
    step: Step,
    /// What others use.
    others: BTreeSet<Key>,
    /// What was used at each of the requests made as always.
    as_it_is: Vec<Used>,
    /// Moved aside by now.
    aside: BTreeSet<Key>,
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
    Without(Ear, Key, Vec<Key>),
}

/// Hears all commands that a server gets, until its end is among them.
struct Ear {
    /// Where it is dropped nobody listens any more.
    _stop: oneshot::Sender<()>,
    heard: mpsc::Receiver<Used>,
}

/// What commands have done with keys.
#[derive(Clone, Debug, Default, PartialEq)]
struct Used {
    read: BTreeSet<Key>,
    written: BTreeSet<Key>,
    /// Otherwise: counted up, expired, pushed to.
    changed: BTreeSet<Key>,
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

    /// What somebody else uses, and what an earlier experiment has left aside is moved back.
    fn begin(&self, search: &mut Search) -> Result<Step, Trouble> {
        *search = Search::default();
        self.with(async |to| {
            for key in left_aside(to).await? {
                move_back(to, &key, false).await?;
            }
            Ok(())
        })?;
        let ear = Ear::open(&self.at)?;
        std::thread::sleep(IDLE);
        let Used {
            read,
            written,
            changed,
        } = self.used(&ear)?;
        search.others = read.into_iter().chain(written).chain(changed).collect();
        Ok(Step::AsItIs(Ear::open(&self.at)?))
    }

    /// What a request reads each time and does nothing else with, nor does anybody else.
    fn candidates(search: &Search) -> Result<Vec<Key>, Trouble> {
        let Some((first, more)) = search.as_it_is.split_first() else {
            return Ok(Vec::new());
        };
        let is_own = |key: &&Key| {
            more.iter().all(|used| used.read.contains(*key))
                && !search.others.contains(*key)
                && !key.starts_with(ASIDE)
                && search
                    .as_it_is
                    .iter()
                    .all(|used| !used.written.contains(*key) && !used.changed.contains(*key))
        };
        let all: Vec<Key> = first.read.iter().filter(is_own).cloned().collect();
        if all.len() > TRIED {
            return Err(Trouble::lost(format!(
                "a request reads {} keys; what it is answered from is looked for among {TRIED} at most",
                all.len()
            )));
        }
        Ok(all)
    }

    /// Moves the next key aside that is there, and listens.
    fn try_next(&self, search: &mut Search, mut left: Vec<Key>) -> Result<bool, Trouble> {
        while let Some(key) = left.pop() {
            search.aside.insert(key.clone());
            if self.with(async |to| move_aside(to, &key).await)? {
                search.step = Step::Without(Ear::open(&self.at)?, key, left);
                return Ok(true);
            }
            search.aside.remove(&key);
        }
        let found = search.found.clone();
        search.forms = self.with(async |to| forms(to, &found).await)?;
        Ok(false)
    }

    fn used(&self, ear: &Ear) -> Result<Used, Trouble> {
        self.with(async |to| redis::cmd("ECHO").arg(END).query_async::<()>(to).await)?;
        // Where it may not listen, the client is told nothing, not that it may not.
        let heard = ear.heard.recv_timeout(ANSWER_WITHIN);
        heard.map_err(|_| may_not("MONITOR told nothing"))
    }

    /// Moves a key back over what stands in its place now.
    fn give_back(&self, search: &mut Search, key: &Key) -> Result<(), Trouble> {
        self.with(async |to| move_back(to, key, true).await)?;
        search.aside.remove(key);
        Ok(())
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
            "its user may not ({what}): --experiment cold needs one that may read, move and delete keys"
        ),
        remedy: "ACL SETUSER katydid +monitor +echo +scan +rename +renamenx +del ~*".into(),
    }
}

impl Keys for Taker {
    fn search(&self) -> Result<bool, Trouble> {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut search.step) {
            Step::Rest => {
                search.step = self.begin(&mut search)?;
                Ok(true)
            }
            Step::AsItIs(ear) => {
                let used = self.used(&ear)?;
                search.as_it_is.push(used);
                if (search.as_it_is.len() as u32) < AS_IT_IS {
                    search.step = Step::AsItIs(Ear::open(&self.at)?);
                    return Ok(true);
                }
                let candidates = Self::candidates(&search)?;
                self.try_next(&mut search, candidates)
            }
            Step::Without(ear, key, left) => {
                let used = self.used(&ear);
                let is_anew = used
                    .as_ref()
                    .is_ok_and(|used| used.written.contains(&key) && !used.changed.contains(&key));
                if is_anew {
                    // What it was is moved back at the end: it may be more than a value that is computed.
                    search.found.push(key);
                } else {
                    self.give_back(&mut search, &key)?;
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
        search.step = Step::Rest;
        let aside = search.aside.clone();
        let mut done = Ok(());
        for key in aside {
            let moved = self.give_back(&mut search, &key);
            done = done.and(moved);
        }
        done
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
        let is_full = self.read.len() + self.written.len() + self.changed.len() >= HEARD;
        if is_full || ASKS.contains(&name.as_str()) {
            return;
        }
        let keys = arguments.iter().step_by(step).cloned();
        if READS.contains(&name.as_str()) {
            self.read.extend(keys);
        } else if WRITES.contains(&name.as_str()) {
            self.written.extend(keys);
        } else {
            // Whatever it does: of some commands more arguments are keys.
            self.changed.extend(arguments.iter().cloned());
        }
    }
}

fn aside(key: &[u8]) -> Key {
    [ASIDE, key].concat()
}

/// False: it is not there.
async fn move_aside(to: &mut MultiplexedConnection, key: &Key) -> redis::RedisResult<bool> {
    let moved: redis::RedisResult<bool> = redis::cmd("RENAMENX")
        .arg(key)
        .arg(aside(key))
        .query_async(to)
        .await;
    match moved {
        Err(error) if is_missing(&error) => Ok(false),
        moved => moved,
    }
}

/// `over`: also where somebody has made it anew.
async fn move_back(
    to: &mut MultiplexedConnection,
    key: &Key,
    over: bool,
) -> redis::RedisResult<()> {
    let rename = if over { "RENAME" } else { "RENAMENX" };
    let moved: redis::RedisResult<redis::Value> = redis::cmd(rename)
        .arg(aside(key))
        .arg(key)
        .query_async(to)
        .await;
    match moved {
        Ok(redis::Value::Int(0)) => redis::cmd("DEL").arg(aside(key)).query_async(to).await,
        Ok(_) => Ok(()),
        // It has expired meanwhile.
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &redis::RedisError) -> bool {
    error
        .to_string()
        .to_ascii_lowercase()
        .contains("no such key")
}

/// Keys that an experiment which was killed has left aside.
async fn left_aside(to: &mut MultiplexedConnection) -> redis::RedisResult<Vec<Key>> {
    let mut all = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, found): (u64, Vec<Key>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg([ASIDE, b"*"].concat())
            .arg("COUNT")
            .arg(SAMPLE)
            .query_async(to)
            .await?;
        all.extend(found.iter().map(|key| key[ASIDE.len()..].to_vec()));
        cursor = next;
        if cursor == 0 {
            return Ok(all);
        }
    }
}

/// Forms of keys: of what they have, only what many share.
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
    let text = |key: &Key| String::from_utf8_lossy(key).into_owned();
    let found = |key: &Key| Found {
        key: text(key),
        kind: String::new(),
        forever: false,
        bytes: None,
    };
    let words = Words::learn(&sample.iter().map(found).collect::<Vec<_>>());
    let begins_alike = |first: &str| {
        let alike = sample
            .iter()
            .filter(|key| first_part(&text(key)).0 == first);
        alike.count() >= ALIKE
    };
    let form = |key: &Key| {
        let key = text(key);
        let first = first_part(&key).0;
        let is_told = !is_single(&key) && begins_alike(first);
        words.template_with(&key, &[if is_told { first } else { "" }])
    };
    let forms: BTreeSet<String> = keys.iter().map(form).collect();
    Ok(forms.into_iter().collect())
}

impl Ear {
    /// Listens from now on.
    fn open(at: &Redis) -> Result<Self, Trouble> {
        let client = at.client()?;
        let database = at.to.redis_settings().db();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let (tell, heard) = mpsc::channel();
        let listen = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    let _ = tell.send(runtime.block_on(hear(client, database, stopped, ready)));
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
    database: i64,
    mut stopped: oneshot::Receiver<()>,
    ready: mpsc::Sender<Result<(), Trouble>>,
) -> Used {
    let mut used = Used::default();
    let opened = timeout(ANSWER_WITHIN, client.get_async_monitor()).await;
    let mut monitor = match opened {
        Ok(Ok(monitor)) => monitor,
        Ok(Err(error)) => {
            let _ = ready.send(Err(denied(&error)));
            return used;
        }
        Err(late) => {
            let _ = ready.send(Err(Trouble::lost(format!("MONITOR: {late}"))));
            return used;
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
            Some(line) => {
                if let Some(command) = parsed(&line, database) {
                    used.add(&command);
                }
            }
            None => break,
        }
    }
    used
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
            &["TTL", "g"],
            &["INCR", "n"],
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
            read: all(&["a", "b", "c"]),
            written: all(&["a", "d", "e"]),
            changed: all(&["n", "f", "9"]),
        };
        assert_eq!(used, expected);
    }
}
