//! What the target's spans say: calls by endpoint and phase, and the spans of the slowest traced requests. Bounded.

use std::collections::BTreeMap;

use super::{EndpointKey, Example};
use crate::frame::PhaseId;
use crate::spans::{Called, EndpointCalls, SeenSpan, TraceSpans};
use crate::trace::TraceId;

/// Different calls kept per endpoint and phase.
const CALLS: usize = 200;
/// Pairs of endpoint and phase.
const ENDPOINTS: usize = 20_000;
/// Requests whose spans are kept, and spans of one.
const TRACES: usize = 5_000;
const SPANS: usize = 200;

/// Something that the target calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// `db`, `http`, `messaging` or `rpc`.
    pub about: String,
    /// `postgresql`, `redis`…, or empty.
    pub system: String,
    /// The statement, without literals; empty where spans do not say.
    pub text: String,
}

/// How often something was called, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// How often.
    pub count: u64,
    /// Sum of times, µs.
    pub sum_us: u64,
    /// Of these, failed.
    pub failed: u64,
}

/// What spans say of an endpoint in a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Traced requests whose first span came.
    pub requests: u64,
    /// Sum of the times of these first spans, µs.
    pub served_us: u64,
    /// All spans.
    pub spans: u64,
    /// What was called.
    pub calls: BTreeMap<CallKey, CallTotals>,
}

impl Calls {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.served_us += other.served_us;
        self.spans += other.spans;
        for (key, totals) in &other.calls {
            self.calls.entry(key.clone()).or_default().merge(*totals);
        }
    }

    /// All calls of this kind together.
    pub fn about(&self, about: &str) -> CallTotals {
        let mut all = CallTotals::default();
        let calls = self.calls.iter().filter(|(key, _)| key.about == about);
        calls.for_each(|(_, totals)| all.merge(*totals));
        all
    }
}

impl CallTotals {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum_us += other.sum_us;
        self.failed += other.failed;
    }
}

/// The spans of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceSeen {
    /// By their beginning.
    pub spans: Vec<SeenSpan>,
    /// Spans that came and are not among them.
    pub left_out: u32,
}

/// What the target's spans say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// By phase and endpoint.
    pub calls: BTreeMap<(PhaseId, EndpointKey), Calls>,
    /// The slowest traced requests by endpoint, whether they went well or not.
    pub examples: BTreeMap<EndpointKey, Vec<Example>>,
    /// Spans of those that are or were among them.
    pub spans: BTreeMap<TraceId, TraceSeen>,
}

impl Traces {
    /// Whether this request is among those that are looked at.
    pub fn wants(&self, trace: TraceId) -> bool {
        let mut examples = self.examples.values().flatten();
        examples.any(|example| example.request.trace == Some(trace))
    }

    /// By endpoint, over all phases.
    pub fn by_endpoint(&self) -> BTreeMap<&EndpointKey, Calls> {
        let mut all: BTreeMap<&EndpointKey, Calls> = BTreeMap::new();
        for ((_, endpoint), calls) in &self.calls {
            all.entry(endpoint).or_default().merge(calls);
        }
        all
    }

    pub(super) fn add_example(&mut self, endpoint: &EndpointKey, example: &Example) {
        let list = self.examples.entry(endpoint.clone()).or_default();
        example.clone().keep_in(list, Example::slower_first);
    }

    /// False: something was left out.
    pub(super) fn add_calls(
        &mut self,
        phase: PhaseId,
        endpoint: &EndpointKey,
        counts: &EndpointCalls,
        known: &[(CallKey, Called)],
    ) -> bool {
        let key = (phase, endpoint.clone());
        if self.calls.len() >= ENDPOINTS && !self.calls.contains_key(&key) {
            return false;
        }
        let calls = self.calls.entry(key).or_default();
        calls.requests += counts.requests;
        calls.served_us += counts.served_us;
        calls.spans += counts.spans;
        let mut is_whole = true;
        for (call, counted) in known {
            if calls.calls.len() >= CALLS && !calls.calls.contains_key(call) {
                is_whole = false;
                continue;
            }
            calls
                .calls
                .entry(call.clone())
                .or_default()
                .merge(CallTotals {
                    count: counted.count,
                    sum_us: counted.sum_us,
                    failed: counted.failed,
                });
        }
        is_whole
    }

    /// False: something was left out.
    pub(super) fn add_spans(&mut self, more: &TraceSpans) -> bool {
        if self.spans.len() >= TRACES && !self.spans.contains_key(&more.trace) {
            return false;
        }
        let seen = self.spans.entry(more.trace).or_default();
        seen.left_out += more.left_out;
        seen.spans.extend(more.spans.iter().cloned());
        seen.spans.sort();
        seen.spans.dedup();
        seen.left_out += seen.spans.len().saturating_sub(SPANS) as u32;
        seen.spans.truncate(SPANS);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_request_come_together_in_any_order_and_once() {
        let trace = TraceId::new(1, 0, 0, 3, 9).unwrap();
        let span = |start_us| SeenSpan {
            start_us,
            id: start_us,
            ..SeenSpan::default()
        };
        let frame = |spans: &[u64]| TraceSpans {
            trace,
            spans: spans.iter().copied().map(span).collect(),
            left_out: 0,
        };
        let mut traces = Traces::default();
        assert!(traces.add_spans(&frame(&[30, 10])));
        assert!(traces.add_spans(&frame(&[20, 30])));
        let starts = traces.spans[&trace].spans.iter().map(|span| span.start_us);
        assert_eq!(starts.collect::<Vec<_>>(), [10, 20, 30]);
        let many: Vec<u64> = (100..400).collect();
        traces.add_spans(&frame(&many));
        let seen = &traces.spans[&trace];
        assert_eq!((seen.spans.len(), seen.left_out), (SPANS, 103));
    }
}
