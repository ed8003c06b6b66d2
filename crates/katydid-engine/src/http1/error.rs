//! Why a response could not be read. Closed: the caller maps each variant to a failure cause.

use thiserror::Error;

/// What failed while a response was being read. The connection cannot be used again after any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The status line or a header is not HTTP/1.x.
    #[error("cannot parse the response head: {0}")]
    ParseHead(httparse::Error),
    /// The status code is below 100.
    #[error("cannot parse the response head: status {0} is not a status code")]
    ParseStatus(u16),
    /// Status line and headers are longer than `Limits::head_bytes`.
    #[error("cannot read the response head: longer than {limit} bytes")]
    HeadTooLong {
        /// The cap that was hit, in bytes.
        limit: usize,
    },
    /// More header lines than `Limits::header_count`.
    #[error("cannot read the response head: more than {limit} headers")]
    TooManyHeaders {
        /// The cap that was hit, in lines.
        limit: usize,
    },
    /// `Content-Length` is no number, or several of them disagree.
    #[error("cannot parse Content-Length: not one number")]
    ParseContentLength,
    /// `101 Switching Protocols` in answer to a request that asked for none.
    #[error("cannot switch protocols: 101 was not asked for")]
    UnexpectedUpgrade,
    /// A chunk-size line holds no hexadecimal size, one over 64 bits, or does not end with CRLF.
    #[error("cannot parse a chunk size")]
    ParseChunkSize,
    /// A chunk-size line is longer than `Limits::chunk_line`.
    #[error("cannot read a chunk size: line longer than {limit} bytes")]
    ChunkLineTooLong {
        /// The cap that was hit, in bytes.
        limit: usize,
    },
    /// The data of a chunk is not followed by CRLF.
    #[error("cannot find the end of a chunk")]
    ParseChunkEnd,
    /// The trailer section is not made of lines that end with CRLF.
    #[error("cannot parse the trailers of a chunked body")]
    ParseTrailers,
    /// The trailer section is longer than `Limits::head_bytes`.
    #[error("cannot read the trailers of a chunked body: longer than {limit} bytes")]
    TrailersTooLong {
        /// The cap that was hit, in bytes.
        limit: usize,
    },
    /// The body is, or says that it will be, longer than `Limits::body_bytes`. The head is readable.
    #[error("cannot keep the response body: longer than {limit} bytes")]
    TooLarge {
        /// The cap that was hit, in bytes.
        limit: u64,
    },
    /// The connection ended in the middle of the head.
    #[error("cannot read the response head: the connection was closed in the middle")]
    TruncatedHead,
    /// The connection ended in the middle of the body. The head is readable.
    #[error("cannot read the response body: the connection was closed after {received} bytes")]
    TruncatedBody {
        /// Body bytes that had arrived.
        received: u64,
    },
}
