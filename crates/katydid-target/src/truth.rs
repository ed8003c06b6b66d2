//! What really happened, as plain data: the shapes of `/_truth` and `/_truth/requests`.
//! Knows nothing of how it is collected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything counted since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// When the target started, monotonic nanoseconds.
    pub started_ns: u64,
    /// When this was read, monotonic nanoseconds.
    pub now_ns: u64,
    /// Connections.
    pub connections: ConnectionTruth,
    /// Sum over all paths.
    pub total: PathTruth,
    /// By path without its query; paths with an `{id}` in the list of routes are one.
    pub paths: BTreeMap<String, PathTruth>,
    /// Requests that could not be parsed, or were refused before their body was read.
    pub refused: u64,
    /// Freezes, oldest first, at most 1,000.
    pub freezes: Vec<FreezeTruth>,
    /// The log of requests.
    pub log: LogTruth,
}

/// Connections of a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionTruth {
    /// Accepted since the start or reset.
    pub accepted: u64,
    /// Open now.
    pub open: u64,
    /// Of the accepted, those that were reset at once (`/reset?at=accept`).
    pub reset_at_accept: u64,
}

/// Requests of one path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathTruth {
    /// Requests read to their end.
    pub requests: u64,
    /// Of them, those whose answer was handed to the kernel to the last byte.
    pub served: u64,
    /// Of them, those whose connection ended first, by the client or on purpose.
    pub unanswered: u64,
    /// Served with a status of 400 or more.
    pub errors: u64,
    /// Bytes of requests, heads included.
    pub bytes_in: u64,
    /// Bytes of answers handed to the kernel, heads included.
    pub bytes_out: u64,
    /// Requests by method.
    pub methods: BTreeMap<String, u64>,
    /// Served by status; 0 is an answer that is not HTTP.
    pub statuses: BTreeMap<u16, u64>,
}

/// One stop of the world, monotonic nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FreezeTruth {
    /// First instant frozen.
    pub from_ns: u64,
    /// First instant not frozen.
    pub until_ns: u64,
}

/// State of the log of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogTruth {
    /// Whether requests are logged at all.
    pub enabled: bool,
    /// Requests kept.
    pub kept: u64,
    /// Requests dropped because the log was full.
    pub dropped: u64,
    /// Requests kept at most.
    pub cap: u64,
}

/// One request as the server saw it; instants are monotonic nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestTruth {
    /// The client's `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// As in [`Truth::paths`].
    pub path: String,
    /// 0 when nothing was sent, or nothing that is HTTP.
    pub status: u16,
    /// The first byte was read.
    pub first_byte_read_ns: u64,
    /// The request was fully read; for a pipelined one, its turn had come.
    pub request_read_ns: u64,
    /// Just before the first byte was handed to the kernel: no client can have seen it earlier.
    pub first_byte_written_ns: u64,
    /// Just before the last byte was handed to the kernel.
    pub last_byte_written_ns: u64,
    /// Nanoseconds between request and last byte that were meant.
    pub intended_ns: u64,
    /// Whether the answer was written to its end.
    pub complete: bool,
}

impl RequestTruth {
    /// What the server took beyond what was meant, in nanoseconds; negative if it was early.
    pub fn excess_ns(&self) -> i64 {
        let took = i128::from(self.last_byte_written_ns) - i128::from(self.request_read_ns);
        i64::try_from(took - i128::from(self.intended_ns)).unwrap_or(i64::MAX)
    }
}

impl PathTruth {
    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.served += other.served;
        self.unanswered += other.unanswered;
        self.errors += other.errors;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (method, count) in &other.methods {
            *self.methods.entry(method.clone()).or_default() += count;
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}
