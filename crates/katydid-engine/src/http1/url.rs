//! Takes a URL apart the way `requests` and urllib3 do, so that a script reaches the same place through
//! either.
//!
//! Paths lose their dot segments; what may not stand in a path or query is percent-encoded; what is encoded
//! already stays
//! so, in upper case, unless it need not be (`%7E` becomes `~`). Nothing is resolved, and no name is turned
//! into punycode.

use std::fmt;
use std::net::Ipv6Addr;

use thiserror::Error;

/// How the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain TCP, port 80 by default.
    Http,
    /// TLS, port 443 by default.
    Https,
}

/// Whom to connect to: requests with equal origins can share connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Scheme.
    pub scheme: Scheme,
    /// Lower-case name or address; IPv6 addresses without brackets.
    pub host: String,
    /// Port, never 0.
    pub port: u16,
}

/// An absolute `http` or `https` URL, ready to be requested. `Debug` hides the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Whom to connect to.
    pub origin: Origin,
    /// `path?query` for the request line: ASCII, percent-encoded, starts with `/`.
    pub target: String,
    /// User and password, percent-decoded; only if there is a colon between them, as in `requests`.
    pub credentials: Option<(String, String)>,
}

/// Why a URL cannot be requested. Does not repeat the URL, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// It does not start with `http://` or `https://`.
    #[error("cannot use the URL: it must start with http:// or https://")]
    Scheme,
    /// There is no host, or one that cannot be a host.
    #[error("cannot use the URL: it has no valid host")]
    Host,
    /// The host holds non-ASCII characters.
    #[error("cannot use the URL: write the host in its ASCII form (xn--…)")]
    NonAsciiHost,
    /// The port is no number up to 65535.
    #[error("cannot use the URL: its port is not a number up to 65535")]
    Port,
}

impl Scheme {
    /// 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// Value of the `Host` header: brackets around IPv6, the port only if it is not the default one.
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host_header())
    }
}

impl Url {
    /// Parses an absolute URL. Leading white space is dropped, and so is the fragment.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = url.trim_start();
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(UrlError::Scheme),
        };
        let (authority, rest) =
            rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
        let (userinfo, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = parse_host_port(host_port)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let credentials = userinfo
            .split_once(':')
            .filter(|(user, password)| !user.is_empty() || !password.is_empty())
            .map(|(user, password)| (unquote(user), unquote(password)));
        let origin = Origin {
            scheme,
            host,
            port: port.unwrap_or_else(|| scheme.default_port()),
        };
        Ok(Self {
            origin,
            target: target(path, query),
            credentials,
        })
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "…");
        let mut out = f.debug_struct("Url");
        out.field("origin", &self.origin)
            .field("target", &self.target)
            .field("credentials", &credentials)
            .finish()
    }
}

fn parse_host_port(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(UrlError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        let port = if after.is_empty() {
            ""
        } else {
            after.strip_prefix(':').ok_or(UrlError::Host)?
        };
        (host, port)
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        if !host.is_ascii() {
            return Err(UrlError::NonAsciiHost);
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b);
        if host.is_empty() || host.starts_with(['*', '.']) || !host.bytes().all(legal) {
            return Err(UrlError::Host);
        }
        (host, port)
    };
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    let digits = port.trim_start_matches('0');
    let port = if digits.is_empty() {
        None
    } else {
        Some(digits.parse().map_err(|_| UrlError::Port)?)
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn target(path: &str, query: &str) -> String {
    let mut out = String::with_capacity(path.len() + query.len() + 2);
    let path = without_dot_segments(path);
    if !path.starts_with('/') {
        out.push('/');
    }
    quote(&mut out, &path, "@/");
    if !query.is_empty() {
        out.push('?');
        quote(&mut out, query, "@/?");
    }
    out
}

/// RFC 3986, section 5.2.4, with the corner cases of urllib3.
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    if path.starts_with('/') && kept.first().is_none_or(|first| !first.is_empty()) {
        kept.insert(0, "");
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    kept.join("/")
}

/// Percent-encodes what is neither unreserved, a sub-delimiter, a colon, nor in `also`. If each `%` in
/// `text` starts an
/// escape, these are kept (and undone where they hide an unreserved character); else each `%` is a
/// character to be encoded.
fn quote(out: &mut String, text: &str, also: &str) {
    let bytes = text.as_bytes();
    let escape_at = |at: usize| match bytes[at..] {
        [b'%', high, low, ..] => Some((hex(high)? << 4) | hex(low)?),
        _ => None,
    };
    let keep_escapes = (0..bytes.len())
        .filter(|&at| bytes[at] == b'%')
        .all(|at| escape_at(at).is_some());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let escaped = if keep_escapes { escape_at(at) } else { None };
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            Some(byte) if is_unreserved(byte) => out.push(char::from(byte)),
            Some(byte) => push_escape(out, byte),
            None if is_unreserved(byte)
                || b"!$&'()*+,;=:".contains(&byte)
                || also.as_bytes().contains(&byte) =>
            {
                out.push(char::from(byte));
            }
            None => push_escape(out, byte),
        }
    }
}

fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Percent-decodes; broken escapes stay, bytes that are not UTF-8 are replaced.
fn unquote(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (first, rest) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push((hex(*high).unwrap_or_default() << 4) | hex(*low).unwrap_or_default());
                bytes = after;
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
