//! The head of a response: status, headers, and what they say about framing and reuse.
//!
//! The bytes are kept as one block and looked up lazily: most scripts read the status and perhaps one
//! header, so an index
//! would cost every response an allocation for nothing. What the engine itself needs is noted while parsing.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::{Limits, ProtocolError};
use crate::decode::Encodings;

/// Headers parsed on the stack; only a raised `Limits::header_count` ever needs more.
const ON_STACK: usize = 128;

/// Status line and headers of one response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // what its headers say, each by itself
pub struct ResponseHead {
    /// From `HTTP/1.` to the blank line, as received, save that folded lines are joined.
    raw: Vec<u8>,
    status: u16,
    minor_version: u8,
    content_length: ContentLength,
    transfer: Transfer,
    close: bool,
    keep_alive: bool,
    set_cookie: bool,
    hints: bool,
    encodings: Encodings,
}

/// What the `Content-Length` lines say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ContentLength {
    #[default]
    Absent,
    Known(u64),
    Invalid,
}

/// What the `Transfer-Encoding` lines say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transfer {
    #[default]
    Absent,
    Chunked,
    /// A coding other than `chunked` comes last: only the end of the connection ends the body.
    Other,
}

impl ResponseHead {
    /// Status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Minor version: 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// Reason phrase, as sent; may be empty and need not be UTF-8.
    pub fn reason(&self) -> &[u8] {
        let line = self.raw.split(|&b| b == b'\n').next().unwrap_or_default();
        trim(line.get("HTTP/1.1 200".len()..).unwrap_or_default())
    }

    /// The number in `Content-Length`, if there is exactly one. For HEAD and 304 it says what was not sent.
    pub fn content_length(&self) -> Option<u64> {
        match self.content_length {
            ContentLength::Known(length) => Some(length),
            ContentLength::Absent | ContentLength::Invalid => None,
        }
    }

    /// What the version and the `Connection` headers say about reuse. Framing has a say too: see
    /// [`super::ResponseParser::reusable`].
    pub fn keep_alive(&self) -> bool {
        !self.close && (self.minor_version == 1 || self.keep_alive)
    }

    /// Whether there is a `Set-Cookie` header.
    pub fn has_set_cookie(&self) -> bool {
        self.set_cookie
    }

    /// Whether one of [`crate::hints`] is there.
    pub fn has_hints(&self) -> bool {
        self.hints
    }

    /// What `Content-Encoding` says, in the order in which it was applied.
    pub fn encodings(&self) -> Encodings {
        self.encodings
    }

    /// Value of the first `Location` header.
    pub fn location(&self) -> Option<&[u8]> {
        self.get("location")
    }

    /// Value of the first header of that name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(have, _)| have.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// All headers in the order and the spelling in which they were sent, repeated ones repeated. Names are
    /// ASCII; values are
    /// stripped of surrounding white space and may hold bytes over 127.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.raw.split(|&b| b == b'\n').skip(1);
        lines
            .take_while(|line| !matches!(line, [] | [b'\r']))
            .filter_map(|line| {
                let colon = line.iter().position(|&b| b == b':')?;
                Some((trim(&line[..colon]), trim(&line[colon + 1..])))
            })
    }

    /// Status line, headers and the blank line as one block.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn transfer(&self) -> Transfer {
        self.transfer
    }

    pub(super) fn length(&self) -> ContentLength {
        self.content_length
    }

    /// Forgets everything but the allocation.
    pub(super) fn clear(&mut self) {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        *self = Self {
            raw,
            ..Self::default()
        };
    }

    /// Parses a head at the start of `buf` (no blank lines before it) into `self`, which is clear.
    /// Returns its length, or `None` if it is not complete.
    pub(super) fn parse(
        &mut self,
        buf: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let mut slots = [const { MaybeUninit::uninit() }; ON_STACK];
        let slots = &mut slots[..limits.header_count.min(ON_STACK)];
        match self.parse_with(&ParserConfig::default(), buf, slots) {
            Err(_) => self.parse_tolerant(buf, limits),
            ok => ok.map_err(ProtocolError::ParseHead),
        }
    }

    /// Second try, with everything that is tolerated and as many headers as allowed: off the usual path.
    #[cold]
    fn parse_tolerant(
        &mut self,
        buf: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let mut config = ParserConfig::default();
        config
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true);
        let mut slots = vec![MaybeUninit::uninit(); limits.header_count];
        let length = self
            .parse_with(&config, buf, &mut slots)
            .map_err(|error| match error {
                httparse::Error::TooManyHeaders => ProtocolError::TooManyHeaders {
                    limit: limits.header_count,
                },
                other => ProtocolError::ParseHead(other),
            })?;
        unfold(&mut self.raw);
        Ok(length)
    }

    fn parse_with<'b>(
        &mut self,
        config: &ParserConfig,
        buf: &'b [u8],
        slots: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<Option<usize>, httparse::Error> {
        let mut response = httparse::Response::new(&mut []);
        let Status::Complete(length) =
            config.parse_response_with_uninit_headers(&mut response, buf, slots)?
        else {
            return Ok(None);
        };
        self.status = response.code.unwrap_or_default();
        self.minor_version = response.version.unwrap_or_default();
        for header in response.headers.iter() {
            self.note(header.name.as_bytes(), header.value);
        }
        self.raw.extend_from_slice(&buf[..length]);
        Ok(Some(length))
    }

    /// Notes what the engine needs from one header.
    #[inline]
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            10 if is("connection") => {
                for token in tokens(value) {
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            10 if is("set-cookie") => self.set_cookie = true,
            14 if is("content-length") => self.note_content_length(value),
            16 if is("content-encoding") => self.encodings.add(value),
            17 if is("transfer-encoding") => {
                self.transfer = match tokens(value).next_back().unwrap_or_default() {
                    last if last.eq_ignore_ascii_case(b"chunked") => Transfer::Chunked,
                    last if last.eq_ignore_ascii_case(b"identity") => self.transfer,
                    _ => Transfer::Other,
                }
            }
            _ => self.hints |= crate::hints::is_hint(name),
        }
    }

    fn note_content_length(&mut self, value: &[u8]) {
        for token in tokens(value) {
            self.content_length = match (self.content_length, decimal(token)) {
                (ContentLength::Absent, Some(length)) => ContentLength::Known(length),
                (ContentLength::Known(first), Some(length)) if first == length => {
                    ContentLength::Known(first)
                }
                _ => ContentLength::Invalid,
            }
        }
    }
}

/// Elements of a comma-separated header value, trimmed; an empty value has one empty element.
fn tokens(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim)
}

/// Digits only: no sign, no space, at most 64 bits.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, &b| {
        let digit = if b.is_ascii_digit() {
            b - b'0'
        } else {
            return None;
        };
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Joins folded header lines: the line break before a space or tab becomes spaces.
fn unfold(raw: &mut [u8]) {
    for at in 1..raw.len().saturating_sub(1) {
        if raw[at] == b'\n' && matches!(raw[at + 1], b' ' | b'\t') {
            raw[at] = b' ';
            if raw[at - 1] == b'\r' {
                raw[at - 1] = b' ';
            }
        }
    }
}

/// Without white space at both ends; line breaks count, for they are part of a folded value.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}
