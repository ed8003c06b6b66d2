//! Totals of one endpoint.

use std::collections::BTreeMap;

use super::FAILURES_PER_ENDPOINT;
use super::newest::keep_newest;
use crate::frame::{Cause, EndpointWindow, RunTime};
use crate::histogram::{Histogram, Sparse};

/// Seconds of recent windows kept per endpoint, for "current" numbers.
const RECENT_SECONDS: u64 = 20;
/// Different hints of one endpoint.
const HINTS_PER_ENDPOINT: usize = 32;
const SECOND_US: u64 = 1_000_000;

/// One failure of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureTotals {
    /// How often.
    pub count: u64,
    /// Start of the first window that had it, µs.
    pub first: RunTime,
    /// End of the last, µs.
    pub last: RunTime,
}

/// One recent second of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Requests that ended.
    pub ended: u64,
    /// Of these, failed.
    pub failed: u64,
    /// asked → done of all that ended.
    pub asked: Sparse,
}

/// Totals of one endpoint. Histograms are in µs.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// Ended well.
    pub ok: u64,
    /// Ended badly.
    pub failed: u64,
    /// Given up in flight.
    pub aborted: u64,
    /// Slots whose user was busy with the target.
    pub blocked: u64,
    /// Slots that the generator missed.
    pub missed: u64,
    /// Completed but not judged.
    pub unjudged: u64,
    /// Counted without a time.
    pub untimed: u64,
    /// Of those that ended, with a trace id whose spans were asked for.
    pub traced: u64,
    /// Time that those of them took that went well, from send, µs.
    pub traced_us: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Decoded body bytes.
    pub content_bytes: u64,
    /// Successes: due → done.
    pub from_due: Histogram,
    /// Successes: send → done.
    pub from_send: Histogram,
    /// Failures: due → done.
    pub failed_from_due: Histogram,
    /// All that ended: asked → done.
    pub from_asked: Histogram,
    /// Times to connect.
    pub connect: Histogram,
    /// TLS handshakes.
    pub tls: Histogram,
    /// Aborted: due → given up.
    pub aborted_age: Histogram,
    /// Failures by cause and text.
    pub failures: BTreeMap<(Cause, String), FailureTotals>,
    /// What responses said of themselves: by header and detail how often, and the sum of its times in µs.
    pub hints: BTreeMap<(String, String), (u64, u64)>,
    /// The last seconds, by second of the run.
    pub recent: BTreeMap<u64, Recent>,
    /// End of the last window in which something ended, µs.
    pub last: RunTime,
}

impl Endpoint {
    /// Requests that ended, well or badly.
    pub fn ended(&self) -> u64 {
        self.ok + self.failed
    }

    /// Totals of one window alone; failures' texts are not in it.
    pub fn of(window: &EndpointWindow) -> Self {
        let mut endpoint = Self::default();
        endpoint.add(0, 0, window, &[]);
        endpoint
    }

    pub(super) fn add(
        &mut self,
        at: RunTime,
        span: u64,
        window: &EndpointWindow,
        failures: &[((Cause, String), u64)],
    ) {
        self.count(window);
        self.from_due.add(&window.from_due);
        self.from_send.add(&window.from_send);
        self.failed_from_due.add(&window.failed_from_due);
        self.connect.add(&window.connect);
        self.tls.add(&window.tls);
        self.aborted_age.add(&window.aborted_age);
        let asked = asked(window);
        self.from_asked.add(&asked);
        for (failure, count) in failures {
            self.add_failure(
                failure,
                &FailureTotals {
                    count: *count,
                    first: at,
                    last: at + span,
                },
            );
        }
        for hint in &window.hints {
            let key = (hint.header.clone(), hint.detail.clone());
            self.add_hint(&key, (hint.count, hint.sum_us));
        }
        if window.ok + window.failed > 0 {
            self.last = self.last.max(at + span);
            let recent = self.recent.entry(at / SECOND_US).or_default();
            recent.ended += window.ok + window.failed;
            recent.failed += window.failed;
            recent.asked.merge(&asked);
            keep_newest(&mut self.recent, RECENT_SECONDS + 1);
        }
    }

    fn count(&mut self, window: &EndpointWindow) {
        self.ok += window.ok;
        self.failed += window.failed;
        self.aborted += window.aborted;
        self.blocked += window.blocked;
        self.missed += window.missed;
        self.unjudged += window.unjudged;
        self.untimed += window.untimed;
        self.traced += window.traced;
        self.traced_us += window.traced_us;
        self.bytes_in += window.bytes_in;
        self.bytes_out += window.bytes_out;
        self.content_bytes += window.content_bytes;
    }

    fn add_hint(&mut self, key: &(String, String), (count, sum_us): (u64, u64)) {
        if self.hints.len() >= HINTS_PER_ENDPOINT && !self.hints.contains_key(key) {
            return;
        }
        let totals = self.hints.entry(key.clone()).or_default();
        totals.0 += count;
        totals.1 = totals.1.saturating_add(sum_us);
    }

    fn add_failure(&mut self, failure: &(Cause, String), more: &FailureTotals) {
        if let Some(known) = self.failures.get_mut(failure) {
            known.count += more.count;
            known.first = known.first.min(more.first);
            known.last = known.last.max(more.last);
            return;
        }
        let key = if self.failures.len() < FAILURES_PER_ENDPOINT {
            failure.clone()
        } else {
            (Cause::Other, "(other failures)".to_owned())
        };
        let totals = self.failures.entry(key).or_insert(FailureTotals {
            count: 0,
            ..more.clone()
        });
        totals.count += more.count;
    }

    /// Adds another endpoint's totals.
    pub fn merge(&mut self, other: &Endpoint) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.aborted += other.aborted;
        self.blocked += other.blocked;
        self.missed += other.missed;
        self.unjudged += other.unjudged;
        self.untimed += other.untimed;
        self.traced += other.traced;
        self.traced_us += other.traced_us;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.content_bytes += other.content_bytes;
        self.from_due.merge(&other.from_due);
        self.from_send.merge(&other.from_send);
        self.failed_from_due.merge(&other.failed_from_due);
        self.from_asked.merge(&other.from_asked);
        self.connect.merge(&other.connect);
        self.tls.merge(&other.tls);
        self.aborted_age.merge(&other.aborted_age);
        self.last = self.last.max(other.last);
        for (failure, totals) in &other.failures {
            self.add_failure(failure, totals);
        }
        for (key, totals) in &other.hints {
            self.add_hint(key, *totals);
        }
        for (second, more) in &other.recent {
            let recent = self.recent.entry(*second).or_default();
            recent.ended += more.ended;
            recent.failed += more.failed;
            recent.asked.merge(&more.asked);
        }
        keep_newest(&mut self.recent, RECENT_SECONDS + 1);
    }
}

/// asked → done of a window: apart where it is known apart, else due was asking.
fn asked(window: &EndpointWindow) -> Sparse {
    if let Some(asked) = &window.from_asked {
        return asked.clone();
    }
    let mut all = window.from_due.clone();
    all.merge(&window.failed_from_due);
    all
}
