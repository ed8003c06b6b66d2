//! Gives requests a `traceparent` header (W3C Trace Context, level 1), by which the target's spans of them can be found.
//!
//! It knows request bytes and ids; who receives spans is not its business.

use std::fmt::Write as _;

use katydid_record::{EndpointId, PhaseId, TraceId, Tracing};

use crate::message::Payload;

/// Requests of each endpoint that are asked for whatever the share is: without them a rare endpoint would stay unseen in a short run.
const FIRST: u32 = 20;
const NAME: &[u8] = b"traceparent:";

/// Marks the requests of one process.
pub(crate) struct Tracer {
    tracing: Tracing,
    process: u32,
    random: fastrand::Rng,
    /// By endpoint, how many were asked for as the first.
    first: Vec<u32>,
    /// Its memory is used again.
    line: String,
}

impl Tracer {
    pub fn new(tracing: Tracing, process: u32) -> Self {
        Self {
            tracing,
            process,
            random: fastrand::Rng::new(),
            first: Vec::new(),
            line: String::new(),
        }
    }

    /// Writes the header into a request that has none of its own. The id is given back where spans are asked for.
    pub fn mark(
        &mut self,
        payload: &mut Payload,
        endpoint: EndpointId,
        phase: PhaseId,
    ) -> Option<TraceId> {
        let Tracing { share, run } = self.tracing;
        let random = self.random.u64(1..);
        let id = TraceId::new(run, self.process, phase, endpoint, random)?;
        let place = place_for_it(payload.as_bytes())?;
        let is_asked = self.is_among_the_first(endpoint) || self.random.f64() < share;
        self.line.clear();
        let (parent, flag) = (id.parent(), u8::from(is_asked));
        // Writing to a string cannot fail.
        let _ = write!(
            self.line,
            "traceparent: 00-{id}-{parent:016x}-{flag:02}\r\n"
        );
        let line = self.line.as_bytes();
        match payload {
            Payload::Own(bytes) => {
                bytes.splice(place..place, line.iter().copied());
            }
            Payload::Shared(bytes) => {
                let (before, after) = bytes.split_at(place);
                *payload = Payload::Own([before, line, after].concat());
            }
        }
        is_asked.then_some(id)
    }
}

impl Tracer {
    fn is_among_the_first(&mut self, endpoint: EndpointId) -> bool {
        let place = endpoint as usize;
        if self.tracing.share <= 0.0 {
            return false;
        }
        if place >= self.first.len() {
            self.first.resize(place + 1, 0);
        }
        let count = &mut self.first[place];
        let is_first = *count < FIRST;
        *count += u32::from(is_first);
        is_first
    }
}

/// Behind the request line; `None` where the script has set the header itself.
fn place_for_it(bytes: &[u8]) -> Option<usize> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let place = lines.next()?.len();
    let mut head = lines.take_while(|line| !matches!(*line, b"\r\n" | b"\n"));
    let is_it = |line: &[u8]| {
        line.get(..NAME.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(NAME))
    };
    (!head.any(is_it)).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /orders HTTP/1.1\r\nHost: x\r\n\r\ntraceparent: not a header\r\n";

    fn marked(mut payload: Payload, share: f64) -> (Option<TraceId>, String) {
        let mut tracer = Tracer::new(Tracing { share, run: 0xabcd }, 2);
        let id = tracer.mark(&mut payload, 7, 3);
        let bytes = payload.as_bytes().to_vec();
        (id, String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn the_header_stands_behind_the_request_line_and_says_whose_it_is() {
        let payloads = [
            Payload::Own(REQUEST.to_vec()),
            Payload::Shared(REQUEST.into()),
        ];
        for payload in payloads {
            let (id, text) = marked(payload, 1.0);
            let id = id.expect("all are asked for");
            assert_eq!((id.run(), id.phase(), id.endpoint()), (0xabcd, 3, 7));
            assert_eq!(id.source(), 32);
            let parent = format!("{:016x}", id.parent());
            let line = format!("traceparent: 00-{id}-{parent}-01\r\n");
            let (begin, end) = REQUEST.split_at(23);
            let expected = [begin, line.as_bytes(), end].concat();
            assert_eq!(text.as_bytes(), expected);
        }
    }

    #[test]
    fn what_is_not_asked_for_says_so() {
        let (id, text) = marked(Payload::Own(REQUEST.to_vec()), 0.0);
        assert_eq!(id, None);
        assert!(text.contains("-00\r\nHost: x"), "{text}");
    }

    #[test]
    fn the_first_of_each_endpoint_are_asked_for() {
        let tracing = Tracing {
            share: f64::MIN_POSITIVE,
            run: 1,
        };
        let mut tracer = Tracer::new(tracing, 0);
        let mut asked = |endpoint| {
            let marked = |_| tracer.mark(&mut Payload::Own(REQUEST.to_vec()), endpoint, 1);
            (0..50).filter_map(marked).count()
        };
        assert_eq!([asked(3), asked(0), asked(3)], [20, 20, 0]);
    }

    #[test]
    fn a_header_of_the_script_stays() {
        let own = "GET / HTTP/1.1\r\nHost: x\r\nTraceParent: mine\r\n\r\n";
        let (id, text) = marked(Payload::Own(own.as_bytes().to_vec()), 1.0);
        assert_eq!((id, text.as_str()), (None, own));
    }
}
