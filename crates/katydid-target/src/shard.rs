//! The counts of one reactor thread. A reactor holds its shard for a whole batch of events, so
//! counting costs no lock per request, and a reader that got an answer finds it counted.
//! Knows requests as numbers, not as bytes.

use std::collections::HashMap;

use crate::truth::{PathTruth, RequestTruth, Truth};

/// Distinct paths counted apart, at most; the rest is `(other)`.
const PATH_CAP: usize = 1_000;

const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "other",
];

/// A request between its last byte read and the end of its answer.
#[derive(Debug, Default)]
pub struct Exchange {
    /// From [`Shard::begin`]; `None` for what is not counted.
    pub path: Option<usize>,
    /// Status of the answer.
    pub status: u16,
    /// The connection stays afterwards.
    pub keep_alive: bool,
    /// `X-Request-Id`, kept only when requests are logged.
    pub id: Option<Box<str>>,
    /// See [`RequestTruth`]; here and below, 0 is "not yet".
    pub first_read: u64,
    /// Fully read.
    pub read: u64,
    /// First byte written.
    pub first_write: u64,
    /// Last byte written.
    pub last_write: u64,
    /// Delay meant.
    pub intended: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

#[derive(Default)]
struct PathCounts {
    path: String,
    requests: u64,
    served: u64,
    unanswered: u64,
    bytes_in: u64,
    bytes_out: u64,
    methods: [u64; METHODS.len()],
    /// A handful at most; the usual one is first.
    statuses: Vec<(u16, u64)>,
}

struct Logged {
    path: usize,
    exchange: Exchange,
    complete: bool,
}

/// The counts of one reactor thread.
#[derive(Default)]
pub struct Shard {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open.
    pub open: u64,
    /// Connections reset at accept.
    pub reset_at_accept: u64,
    /// Requests refused.
    pub refused: u64,
    paths: Vec<PathCounts>,
    index: HashMap<String, usize>,
    log: Vec<Logged>,
    log_cap: usize,
    dropped: u64,
}

impl Shard {
    /// An empty shard that logs so many requests, none if 0.
    pub fn new(log_cap: usize) -> Self {
        Self {
            log_cap,
            ..Self::default()
        }
    }

    /// Whether requests are logged.
    pub fn logs(&self) -> bool {
        self.log_cap > 0
    }

    /// Counts a request that was fully read; the answer goes into [`Exchange::path`].
    pub fn begin(&mut self, path: &str, method: &str, bytes_in: usize) -> usize {
        let at = self.find(path);
        let counts = &mut self.paths[at];
        counts.requests += 1;
        counts.bytes_in += bytes_in as u64;
        let method = METHODS.iter().position(|name| *name == method);
        counts.methods[method.unwrap_or(METHODS.len() - 1)] += 1;
        at
    }

    /// Counts the end of an exchange, complete or not.
    pub fn end(&mut self, exchange: Exchange, complete: bool) {
        let Some(path) = exchange.path else { return };
        let counts = &mut self.paths[path];
        counts.bytes_out += exchange.bytes_out;
        if complete {
            counts.served += 1;
            match counts
                .statuses
                .iter_mut()
                .find(|(status, _)| *status == exchange.status)
            {
                Some((_, count)) => *count += 1,
                None => counts.statuses.push((exchange.status, 1)),
            }
        } else {
            counts.unanswered += 1;
        }
        if self.log.len() < self.log_cap {
            self.log.push(Logged {
                path,
                exchange,
                complete,
            });
        } else if self.logs() {
            self.dropped += 1;
        }
    }

    /// Forgets everything but open connections and the names of paths, which exchanges under way
    /// still refer to.
    pub fn reset(&mut self) {
        for counts in &mut self.paths {
            *counts = PathCounts {
                path: std::mem::take(&mut counts.path),
                ..PathCounts::default()
            };
        }
        self.log = Vec::new();
        self.dropped = 0;
        self.accepted = 0;
        self.reset_at_accept = 0;
        self.refused = 0;
    }

    /// Adds this shard's counts to a truth.
    pub fn add_to(&self, truth: &mut Truth) {
        truth.connections.accepted += self.accepted;
        truth.connections.open += self.open;
        truth.connections.reset_at_accept += self.reset_at_accept;
        truth.refused += self.refused;
        truth.log.enabled |= self.logs();
        truth.log.kept += self.log.len() as u64;
        truth.log.dropped += self.dropped;
        truth.log.cap += self.log_cap as u64;
        for counts in self.paths.iter().filter(|counts| counts.requests > 0) {
            let path = counts.truth();
            truth.total.add(&path);
            truth
                .paths
                .entry(counts.path.clone())
                .or_default()
                .add(&path);
        }
    }

    /// Logged requests from the `from`-th on, in the order they ended.
    pub fn requests(&self, from: usize) -> impl Iterator<Item = RequestTruth> + '_ {
        self.log.iter().skip(from).map(|logged| {
            let exchange = &logged.exchange;
            RequestTruth {
                id: exchange.id.as_deref().map(str::to_owned),
                path: self.paths[logged.path].path.clone(),
                status: exchange.status,
                first_byte_read_ns: exchange.first_read,
                request_read_ns: exchange.read,
                first_byte_written_ns: exchange.first_write,
                last_byte_written_ns: exchange.last_write,
                intended_ns: exchange.intended,
                complete: logged.complete,
            }
        })
    }

    /// Requests logged.
    pub fn logged(&self) -> usize {
        self.log.len()
    }

    fn find(&mut self, path: &str) -> usize {
        if let Some(at) = self.index.get(path) {
            return *at;
        }
        if self.paths.len() >= PATH_CAP && path != "(other)" {
            return self.find("(other)");
        }
        let at = self.paths.len();
        self.paths.push(PathCounts {
            path: path.to_owned(),
            ..PathCounts::default()
        });
        self.index.insert(path.to_owned(), at);
        at
    }
}

impl PathCounts {
    fn truth(&self) -> PathTruth {
        let errors = self.statuses.iter().filter(|(status, _)| *status >= 400);
        PathTruth {
            requests: self.requests,
            served: self.served,
            unanswered: self.unanswered,
            errors: errors.map(|(_, count)| count).sum(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            methods: METHODS
                .iter()
                .zip(self.methods)
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| ((*name).to_owned(), count))
                .collect(),
            statuses: self.statuses.iter().copied().collect(),
        }
    }
}
