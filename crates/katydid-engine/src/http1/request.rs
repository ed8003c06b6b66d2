//! Writes requests: the head, with framing headers that fit the body, and chunks for bodies of unknown
//! length.
//!
//! Nothing that would let a name, a value or a target smuggle in a second header or request is written.
//! `Host`, cookies and
//! everything else a client adds are the caller's.

use thiserror::Error;

/// Header lines that were validated once and are copied into every request of a session or an origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBlock(Vec<u8>);

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Any token; sent as it is.
    pub method: &'a str,
    /// `path?query`, or `host:port` for CONNECT, already percent-encoded.
    pub target: &'a str,
    /// Header lines written first, for instance `Host` and the session's defaults.
    pub block: &'a HeaderBlock,
    /// More headers: name and value.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The body.
    pub body: Body<'a>,
}

/// What follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Nothing. `Content-Length: 0` all the same, except for GET, HEAD, CONNECT and TRACE, as `requests`
    /// does.
    None,
    /// These bytes, appended to the head. Empty ones are the same as [`Body::None`].
    Bytes(&'a [u8]),
    /// That many bytes, which the caller writes itself.
    Length(u64),
    /// Chunks, which the caller writes with [`encode_chunk`] and [`encode_last_chunk`].
    Chunked,
}

/// Why a request could not be written. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The method is empty or holds a character that no token may hold.
    #[error("cannot write the request: {0:?} is not a method")]
    Method(String),
    /// The target is empty or holds a space, a control or a non-ASCII character.
    #[error("cannot write the request: {0:?} is not a request target")]
    Target(String),
    /// The header name is empty or holds a character that no token may hold.
    #[error("cannot write the request: {0:?} is not a header name")]
    HeaderName(String),
    /// The header value holds CR, LF or NUL.
    #[error("cannot write the request: the value of header {name:?} holds a line break or NUL")]
    HeaderValue {
        /// Name of the header; its value may be a secret.
        name: String,
    },
}

impl HeaderBlock {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one header line. `Content-Length` and `Transfer-Encoding` are left out: the body decides them.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
        push_header(&mut self.0, name, value)
    }

    /// The lines, each with its CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Appends the request to `out`, which is left as it was on error.
pub fn encode_request(out: &mut Vec<u8>, request: &Request<'_>) -> Result<(), EncodeError> {
    let start = out.len();
    let result = encode(out, request);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn encode(out: &mut Vec<u8>, request: &Request<'_>) -> Result<(), EncodeError> {
    let Request {
        method,
        target,
        block,
        headers,
        body,
    } = *request;
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(EncodeError::Method(method.to_owned()));
    }
    if target.is_empty() || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(EncodeError::Target(target.to_owned()));
    }
    let appended = if let Body::Bytes(bytes) = body {
        bytes
    } else {
        &[]
    };
    out.reserve(method.len() + target.len() + block.0.len() + appended.len() + 64);
    for part in [
        method.as_bytes(),
        b" ",
        target.as_bytes(),
        b" HTTP/1.1\r\n",
        &block.0,
    ] {
        out.extend_from_slice(part);
    }
    for (name, value) in headers {
        push_header(out, name, value)?;
    }
    match body {
        Body::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Body::Length(length) => push_content_length(out, method, length),
        Body::None | Body::Bytes(_) => push_content_length(out, method, appended.len() as u64),
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(appended);
    Ok(())
}

/// Appends one chunk. An empty one would end the body, so nothing is written for it.
pub fn encode_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut size = data.len();
    while size > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[size % 16];
        size /= 16;
    }
    for part in [&digits[at..], b"\r\n", data, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Appends the end of a chunked body.
pub fn encode_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

fn push_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    let lossy = || String::from_utf8_lossy(name).into_owned();
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(EncodeError::HeaderName(lossy()));
    }
    if value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(EncodeError::HeaderValue { name: lossy() });
    }
    if name.eq_ignore_ascii_case(b"content-length")
        || name.eq_ignore_ascii_case(b"transfer-encoding")
    {
        return Ok(());
    }
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
    Ok(())
}

fn push_content_length(out: &mut Vec<u8>, method: &str, length: u64) {
    if length == 0 && matches!(method, "GET" | "HEAD" | "CONNECT" | "TRACE") {
        return;
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = length;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    for part in [b"Content-Length: ", &digits[at..], b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
