//! The HTTP/1.1 client codec: bytes in, responses out, and the other way round.
//!
//! A pure state machine: it owns no socket, reads no clock, knows no user, follows no redirect, keeps no
//! cookie and does
//! not decode bodies (that is [`crate::decode`]). The connection that drives it owns the read buffer and
//! decides what
//! a failure means.
//!
//! - [`ResponseParser`] turns what was read into a [`ResponseHead`] and pieces of body;
//! - [`encode_request`], [`HeaderBlock`] and [`encode_chunk`] write requests;
//! - [`Url`] takes a URL apart the way `requests` does.
//!
//! # What is tolerated, and what is not
//!
//! Where RFC 9112 leaves a choice, what `requests` users rely on wins, as long as it is never ambiguous
//! where a message ends.
//!
//! | input | verdict |
//! |---|---|
//! | bare LF at the end of the status line or a header line | accepted |
//! | blank lines before the status line | skipped; they count against [`Limits::head_bytes`] |
//! | a status line without reason phrase | accepted |
//! | folded header lines (obs-fold) | accepted, joined with spaces |
//! | white space between header name and colon | accepted, removed |
//! | a bare CR, NUL or other control byte in a header | [`ProtocolError::ParseHead`] |
//! | a version other than HTTP/1.0 and HTTP/1.1 | [`ProtocolError::ParseHead`] |
//! | 1xx but 101 | skipped; they count against [`Limits::head_bytes`] |
//! | 101 that was not asked for | [`ProtocolError::UnexpectedUpgrade`] |
//! | Content-Length repeated with one value | accepted |
//! | Content-Length that differs, is signed, empty or over 64 bits | [`ProtocolError::ParseContentLength`], where it matters |
//! | Transfer-Encoding with Content-Length | Transfer-Encoding wins, connection not reused |
//! | Transfer-Encoding in HTTP/1.0 | obeyed, connection not reused |
//! | `Transfer-Encoding: identity` | as if absent |
//! | a Transfer-Encoding whose last coding is not `chunked` | body ends with the connection |
//! | codings before `chunked` (`gzip, chunked`) | the body is handed over still coded |
//! | chunk extensions, spaces after the chunk size, leading zeros | accepted, ignored |
//! | bare LF, or a bare CR, in the chunked framing | an error |
//! | trailers | skipped unread, so that a malformed field in them is not noticed |
//! | bytes after a complete message | the message stands, the connection is not reused |

mod chunked;
mod error;
mod head;
mod request;
mod response;
mod url;

pub use error::ProtocolError;
pub use head::ResponseHead;
pub use request::{
    Body, EncodeError, HeaderBlock, Request, encode_chunk, encode_last_chunk, encode_request,
};
pub use response::{BodySink, Eof, Progress, RequestKind, ResponseParser, Step};
pub use url::{Origin, Scheme, Url, UrlError};

/// Caps on what a server may send, so that no response grows memory without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of status line and headers, blank line included; skipped 1xx heads add to it. Trailers have as
    /// much again.
    pub head_bytes: usize,
    /// Header lines in one head.
    pub header_count: usize,
    /// Bytes of body after transfer decoding, before content decoding.
    pub body_bytes: u64,
    /// Bytes of one chunk-size line, extensions included.
    pub chunk_line: usize,
}

impl Default for Limits {
    /// 64 KiB of head, 128 headers, 64 MiB of body, 4 KiB of chunk line.
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            header_count: 128,
            body_bytes: 64 << 20,
            chunk_line: 4 << 10,
        }
    }
}
