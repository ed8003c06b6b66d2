//! From bytes to a request: head, framing of the body, whether the connection stays.
//! Sans I/O; knows neither sockets nor behaviours.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use crate::query::Query;
use crate::reply::Peer;

/// Headers of a request at most.
pub const MAX_HEADERS: usize = 100;

/// Bytes of a request head at most.
pub const MAX_HEAD: usize = 64 * 1024;

/// Room for parsed headers, left uninitialised because filling it costs more than parsing.
pub type HeaderRoom<'b> = [MaybeUninit<Header<'b>>; MAX_HEADERS];

/// How the body's end is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    /// After so many bytes; none when there is no body.
    Length(usize),
    /// By chunks.
    Chunked,
}

/// A request, borrowed from the connection's buffer.
pub struct Request<'b> {
    /// As sent.
    pub method: &'b str,
    /// Path without the query.
    pub path: &'b str,
    /// What follows the `?`, or nothing.
    pub query: &'b str,
    /// As sent.
    pub headers: &'b [Header<'b>],
    /// Empty until the connection has read it.
    pub body: &'b [u8],
    /// How the body's end is found.
    pub framing: Framing,
    /// Bytes of the head.
    pub head_len: usize,
    /// What an answer has to respect.
    pub peer: Peer,
    /// When it was fully read, monotonic nanoseconds.
    pub read_at: u64,
}

/// A request that cannot be understood; the status to refuse it with.
#[derive(Debug, PartialEq)]
pub struct Refused(pub u16);

impl<'b> Request<'b> {
    /// Parses the head at the start of `bytes`; `None` when more is needed.
    pub fn parse(bytes: &'b [u8], room: &'b mut HeaderRoom<'b>) -> Result<Option<Self>, Refused> {
        let mut raw = httparse::Request::new(&mut []);
        let head_len = match raw.parse_with_uninit_headers(bytes, room) {
            Ok(Status::Complete(head_len)) => head_len,
            Ok(Status::Partial) if bytes.len() > MAX_HEAD => return Err(Refused(431)),
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Refused(431)),
            Err(_) => return Err(Refused(400)),
        };
        let (Some(method), Some(target), Some(version)) = (raw.method, raw.path, raw.version)
        else {
            return Err(Refused(400));
        };
        let (path, query) = origin_form(target);
        let headers: &'b [Header<'b>] = raw.headers;
        Ok(Some(Self {
            method,
            path,
            query,
            headers,
            body: &[],
            framing: framing(headers)?,
            head_len,
            peer: Peer {
                keep_alive: keep_alive(headers, version),
                http10: version == 0,
                head: method == "HEAD",
            },
            read_at: 0,
        }))
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'b str> {
        find(self.headers, name)
    }

    /// The parsed query string.
    pub fn params(&self) -> Query<'b> {
        Query::parse(self.query)
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        !self.peer.http10
            && self
                .header("expect")
                .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }
}

/// Path and query of a request target, which a proxy's client sends with scheme and host.
fn origin_form(target: &str) -> (&str, &str) {
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    target.split_once('?').unwrap_or((target, ""))
}

fn find<'b>(headers: &[Header<'b>], name: &str) -> Option<&'b str> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

fn framing(headers: &[Header<'_>]) -> Result<Framing, Refused> {
    let mut length: Option<usize> = None;
    let mut chunked = false;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = header.value.trim_ascii();
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(Refused(400));
            }
            let said = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or(Refused(413))?;
            if length.is_some_and(|before| before != said) {
                return Err(Refused(400));
            }
            length = Some(said);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !header.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refused(501));
            }
            chunked = true;
        }
    }
    match (chunked, length) {
        // Both is how requests are smuggled past proxies.
        (true, Some(_)) => Err(Refused(400)),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

fn keep_alive(headers: &[Header<'_>], version: u8) -> bool {
    let Some(said) = find(headers, "connection") else {
        return version == 1;
    };
    let has = |token: &str| {
        said.split(',')
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    };
    if version == 1 {
        !has("close")
    } else {
        has("keep-alive")
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, MAX_HEADERS, Refused, Request};
    use std::mem::MaybeUninit;

    fn check(head: &str, expected: &Result<Option<(&str, &str, Framing, bool)>, Refused>) {
        let mut room = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let got = Request::parse(head.as_bytes(), &mut room);
        let got =
            got.map(|request| request.map(|r| (r.path, r.query, r.framing, r.peer.keep_alive)));
        assert_eq!(&got, expected, "{head:?}");
    }

    #[test]
    fn heads() {
        let none = Framing::Length(0);
        check(
            "GET /a?b=c HTTP/1.1\r\n\r\n",
            &Ok(Some(("/a", "b=c", none, true))),
        );
        check("GET / HTTP/1.0\r\n\r\n", &Ok(Some(("/", "", none, false))));
        check(
            "GET http://h:1/x HTTP/1.1\r\nConnection: a, Close\r\n\r\n",
            &Ok(Some(("/x", "", none, false))),
        );
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            &Ok(Some(("/", "", Framing::Chunked, true))),
        );
        check("GET / HT", &Ok(None));
        check("\x01", &Err(Refused(400)));
        check(
            "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            &Err(Refused(400)),
        );
        check(
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            &Err(Refused(400)),
        );
        check(
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            &Err(Refused(501)),
        );
    }
}
