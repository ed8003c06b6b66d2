//! What a request carries so that the target's spans of it can be found again, in the form of W3C Trace Context.
//!
//! The id says which run, process, phase and endpoint it is of: so a span that comes needs no table to be counted.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::frame::{EndpointId, PhaseId, SOURCES_PER_PROCESS, SourceId};

/// How requests are traced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracing {
    /// Share of the requests whose spans are asked for, above 0 and up to 1. The others carry an id too, with the flag that says "not
    /// this one": without any, a target decides for itself, and usually records.
    pub share: f64,
    /// What the run's ids begin with.
    pub run: u32,
}

/// A trace id of ours. From the left: 32 bits run, 8 process, 16 phase, 16 endpoint, 56 at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId {
    high: u64,
    low: NonZeroU64,
}

/// Bits of the id that are random: as many as W3C's flag "random" promises.
const RANDOM: u32 = 56;

impl TraceId {
    /// The id of a request; `None` where a number is too large to have a place in it.
    pub fn new(
        run: u32,
        process: u32,
        phase: PhaseId,
        endpoint: EndpointId,
        random: u64,
    ) -> Option<Self> {
        let process = u8::try_from(process).ok()?;
        let endpoint = u16::try_from(endpoint).ok()?;
        let phase = u16::try_from(phase).unwrap_or(u16::MAX);
        let high = u64::from(run) << 32
            | u64::from(process) << 24
            | u64::from(phase) << 8
            | u64::from(endpoint >> 8);
        let low = u64::from(endpoint & 0xff) << RANDOM | random & ((1 << RANDOM) - 1);
        NonZeroU64::new(low).map(|low| Self { high, low })
    }

    /// From its 16 bytes; `None` where the second half is zero, which ours never is.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (high, low) = bytes.split_at_checked(8)?;
        Some(Self {
            high: u64::from_be_bytes(high.try_into().ok()?),
            low: NonZeroU64::new(u64::from_be_bytes(low.try_into().ok()?))?,
        })
    }

    /// The run that it is of, if it is one of ours.
    pub fn run(self) -> u32 {
        (self.high >> 32) as u32
    }

    /// The source that knows its endpoint: that of its process's I/O thread.
    pub fn source(self) -> SourceId {
        (self.high >> 24 & 0xff) as u32 * SOURCES_PER_PROCESS
    }

    /// The phase in which the request was sent.
    pub fn phase(self) -> PhaseId {
        (self.high >> 8 & 0xffff) as PhaseId
    }

    /// The endpoint of the request.
    pub fn endpoint(self) -> EndpointId {
        ((self.high & 0xff) << 8 | self.low.get() >> RANDOM) as EndpointId
    }

    /// The id of the request itself, as the parent of what the target does for it.
    pub fn parent(self) -> u64 {
        self.low.get()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a trace id has 32 hexadecimal digits";
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let whole = u128::from_str_radix(text, 16).map_err(|_| wrong)?;
        Self::from_bytes(&whole.to_be_bytes()).ok_or(wrong)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_says_what_it_was_made_of(
            run: u32, process in 0..=255_u32, phase in 0..=65_535_u32, endpoint in 0..=65_535_u32, random in 1_u64..,
        ) {
            prop_assume!(random << 8 != 0);
            let id = TraceId::new(run, process, phase, endpoint, random).unwrap();
            prop_assert_eq!(id.run(), run);
            prop_assert_eq!(id.source(), process * SOURCES_PER_PROCESS);
            prop_assert_eq!(id.phase(), phase);
            prop_assert_eq!(id.endpoint(), endpoint);
            let text = id.to_string();
            prop_assert_eq!(text.len(), 32);
            prop_assert_eq!(text.parse::<TraceId>(), Ok(id));
            prop_assert_eq!(format!("{:016x}", id.parent()), &text[16..]);
        }
    }

    #[test]
    fn what_has_no_place_has_no_id() {
        assert_eq!(TraceId::new(1, 256, 0, 0, 1), None);
        assert_eq!(TraceId::new(1, 0, 0, 65_536, 1), None);
        assert!(TraceId::new(1, 0, 70_000, 0, 1).is_some());
        assert!("00".parse::<TraceId>().is_err());
        assert!(
            "+0000000000000000000000000000001"
                .parse::<TraceId>()
                .is_err()
        );
    }
}
