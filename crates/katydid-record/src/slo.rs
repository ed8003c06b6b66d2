//! Objectives: what share of requests may be bad, and which requests are. They count; they do not judge.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::frame::{EndpointWindow, Kind};
use crate::plan::Plan;
use crate::timeline::EndpointKey;

/// One objective, as the plan has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// As it was written.
    pub text: String,
    /// The requests it is about: a name, or method and name, of endpoints of any kind. `None`: all requests.
    pub endpoint: Option<String>,
    /// Only reads, or only writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The phases it is about, by name or by kind. `None`: all but ramps.
    pub phase: Option<String>,
    /// What is asked for.
    pub limit: Limit,
}

/// What an objective asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `p95 < 300ms`: at least this share ends well within so long.
    Within {
        /// 0.95 for p95.
        share: f64,
        /// From due, µs.
        limit_us: u64,
    },
    /// `errors < 1%`: less than this share fails.
    Errors {
        /// 0.01 for 1 %.
        share: f64,
    },
}

impl Limit {
    /// The share of requests that may be bad.
    pub fn budget(&self) -> f64 {
        match self {
            Limit::Within { share, .. } => 1.0 - share,
            Limit::Errors { share } => *share,
        }
    }
}

impl Slo {
    /// Whether the requests of this endpoint are counted.
    pub fn covers(&self, key: &EndpointKey, plan: &Plan) -> bool {
        match &self.endpoint {
            None if self.access.is_some() => plan.access(key) == self.access,
            // Of flows only the arrivals that made no request.
            None => !matches!(key.kind, Kind::Job),
            Some(wanted) => key.is_called(wanted),
        }
    }

    /// What a window of one of its endpoints counts.
    pub fn tally(&self, key: &EndpointKey, window: &EndpointWindow) -> Tally {
        if key.kind == Kind::Flow && self.endpoint.is_none() {
            let blocked = match self.limit {
                Limit::Within { .. } => window.blocked,
                Limit::Errors { .. } => 0,
            };
            return Tally {
                total: blocked,
                blocked,
                ..Tally::default()
            };
        }
        match self.limit {
            Limit::Errors { .. } => Tally {
                total: window.ok + window.failed,
                failed: window.failed,
                ..Tally::default()
            },
            Limit::Within { limit_us, .. } => {
                let slow = window.from_due.count_above(limit_us);
                let aborted = window.aborted_age.count_above(limit_us);
                Tally {
                    total: window.ok + window.failed + window.blocked + aborted,
                    slow,
                    failed: window.failed,
                    blocked: window.blocked,
                    aborted,
                }
            }
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Requests counted for an objective, and why some of them are bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that have an outcome: not those given up before the limit, which might still have kept it.
    pub total: u64,
    /// Ended well, over the limit.
    pub slow: u64,
    /// Ended badly.
    pub failed: u64,
    /// Never made, because every allowed user was busy with the target.
    pub blocked: u64,
    /// Given up in flight, over the limit by then.
    pub aborted: u64,
}

impl Tally {
    /// Bad ones of any sort.
    pub fn bad(&self) -> u64 {
        self.slow + self.failed + self.blocked + self.aborted
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Tally) {
        self.total += other.total;
        self.slow += other.slow;
        self.failed += other.failed;
        self.blocked += other.blocked;
        self.aborted += other.aborted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    fn slo(endpoint: Option<&str>, limit: Limit) -> Slo {
        Slo {
            text: String::new(),
            endpoint: endpoint.map(str::to_owned),
            access: None,
            phase: None,
            limit,
        }
    }

    fn histogram(values_us: &[u64]) -> crate::Sparse {
        let mut h = Histogram::default();
        values_us.iter().for_each(|us| h.record(*us));
        h.cut()
    }

    #[test]
    fn what_is_bad() {
        let window = EndpointWindow {
            ok: 3,
            failed: 2,
            blocked: 5,
            aborted: 2,
            from_due: histogram(&[299_000, 300_000, 330_000]),
            aborted_age: histogram(&[10_000, 900_000]),
            ..EndpointWindow::default()
        };
        let within = slo(
            None,
            Limit::Within {
                share: 0.95,
                limit_us: 300_000,
            },
        );
        let tally = within.tally(&EndpointKey::default(), &window);
        assert_eq!(
            tally,
            Tally {
                total: 11,
                slow: 1,
                failed: 2,
                blocked: 5,
                aborted: 1
            }
        );
        assert_eq!(tally.bad(), 9);
        let errors =
            slo(None, Limit::Errors { share: 0.01 }).tally(&EndpointKey::default(), &window);
        assert_eq!((errors.total, errors.bad()), (5, 2));
    }

    #[test]
    fn whom_it_covers() {
        let key = |kind, method: &str, name: &str| EndpointKey {
            kind,
            method: method.to_owned(),
            name: name.to_owned(),
            tagged: None,
        };
        let get = key(Kind::Request, "GET", "/a b");
        let flow = key(Kind::Flow, "", "Shopper");
        let check = |wanted: Option<&str>, expected: [bool; 2]| {
            let slo = slo(wanted, Limit::Errors { share: 0.1 });
            let plan = Plan::default();
            let found = [slo.covers(&get, &plan), slo.covers(&flow, &plan)];
            assert_eq!(found, expected, "{wanted:?}");
        };
        check(None, [true, true]);
        check(Some("/a b"), [true, false]);
        check(Some("GET /a b"), [true, false]);
        check(Some("get /a b"), [true, false]);
        check(Some("POST /a b"), [false, false]);
        check(Some("GET/a b"), [false, false]);
        check(Some("/a"), [false, false]);
        check(Some("Shopper"), [false, true]);
    }
}
