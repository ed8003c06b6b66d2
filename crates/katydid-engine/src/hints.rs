//! What a response says of itself in its headers: `Server-Timing`, `X-Cache`, `Age`, `X-Runtime`, `Retry-After`.
//!
//! Read only where one of them is there. It knows texts and times, not what they mean for the target.

use katydid_record::frame::Hint;

use crate::http1::ResponseHead;

/// Different hints of one endpoint in one window; a server that makes up names is not followed.
pub const HINTS: usize = 16;
/// Characters of a metric's name.
const NAME: usize = 32;

/// Whether a header of this name is a hint.
#[inline]
pub fn is_hint(name: &[u8]) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    match name.len() {
        3 => is("age"),
        7 => is("x-cache"),
        9 => is("x-runtime"),
        11 => is("retry-after"),
        13 => is("server-timing"),
        _ => false,
    }
}

/// Counts the hints of a response into those of a window.
pub fn count(head: &ResponseHead, into: &mut Vec<Hint>) {
    for (name, value) in head.headers().filter(|(name, _)| is_hint(name)) {
        let Ok(value) = std::str::from_utf8(value) else {
            continue;
        };
        match name.len() {
            3 => one(into, "Age", None, seconds(value)),
            7 => one(into, "X-Cache", Some(cache(value)), None),
            9 => one(into, "X-Runtime", None, seconds(value)),
            11 => one(into, "Retry-After", None, seconds(value)),
            _ => timings(into, value),
        }
    }
}

/// A number of seconds, in µs. `Retry-After` may be a date instead, which has none.
fn seconds(value: &str) -> Option<u64> {
    let seconds: f64 = value.trim().parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1e6) as u64)
}

/// `HIT`, `MISS`, or another first word: Varnish, Fastly and Amazon's write more behind it.
fn cache(value: &str) -> &str {
    let between = |c: char| !c.is_ascii_alphanumeric();
    let words: Vec<&str> = value
        .split(between)
        .filter(|word| !word.is_empty())
        .collect();
    // Amazon's: `Hit from cloudfront`; Fastly's shields: `MISS, HIT`, of which the last answered.
    let known = |word: &&&str| ["hit", "miss"].iter().any(|k| word.eq_ignore_ascii_case(k));
    let last_known = words.iter().rev().find(known);
    last_known.or(words.first()).copied().unwrap_or("?")
}

/// W3C Server Timing: `db;dur=53.2;desc="…", app;dur=47`. Durations are in ms.
fn timings(into: &mut Vec<Hint>, value: &str) {
    for metric in value.split(',') {
        let mut parts = metric.split(';').map(str::trim);
        let Some(name) = parts.next().filter(|name| !name.is_empty()) else {
            continue;
        };
        let duration = parts.find_map(|part| {
            let (key, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            key.trim()
                .eq_ignore_ascii_case("dur")
                .then(|| value.parse::<f64>().ok())?
        });
        let duration = duration.filter(|ms| ms.is_finite() && *ms >= 0.0);
        let duration = duration.map(|ms| (ms * 1e3) as u64);
        let is_token = name.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if is_token && name.len() <= NAME {
            one(into, "Server-Timing", Some(name), duration);
        }
    }
}

fn one(into: &mut Vec<Hint>, header: &str, detail: Option<&str>, us: Option<u64>) {
    let detail = detail.unwrap_or_default();
    let known = into
        .iter_mut()
        .find(|hint| hint.header == header && hint.detail.eq_ignore_ascii_case(detail));
    if let Some(hint) = known {
        hint.count += 1;
        hint.sum_us = hint.sum_us.saturating_add(us.unwrap_or(0));
    } else if into.len() < HINTS {
        let detail: String = detail.chars().take(NAME).collect();
        into.push(Hint {
            header: header.to_owned(),
            detail: if header == "X-Cache" {
                detail.to_ascii_uppercase()
            } else {
                detail
            },
            count: 1,
            sum_us: us.unwrap_or(0),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{Limits, RequestKind, ResponseParser};

    fn check(headers: &str, expected: &[(&str, &str, u64, u64)]) {
        let mut parser = ResponseParser::new(Limits::default());
        parser.begin(RequestKind::Plain);
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{headers}\r\n");
        parser
            .advance(text.as_bytes(), &mut Vec::new())
            .expect("a head");
        let mut hints = Vec::new();
        count(parser.head(), &mut hints);
        assert_eq!(parser.head().has_hints(), !headers.is_empty());
        let found: Vec<_> = hints
            .iter()
            .map(|h| (h.header.as_str(), h.detail.as_str(), h.count, h.sum_us))
            .collect();
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn what_servers_send() {
        check("", &[]);
        check(
            "Server-Timing: db;dur=53.5, app;desc=\"x y\";dur=\"47\", miss\r\nserver-timing: db;dur=6.5\r\n",
            &[
                ("Server-Timing", "db", 2, 60_000),
                ("Server-Timing", "app", 1, 47_000),
                ("Server-Timing", "miss", 1, 0),
            ],
        );
        check("X-Runtime: 0.0125\r\n", &[("X-Runtime", "", 1, 12_500)]);
        check(
            "X-Cache: Hit from cloudfront\r\n",
            &[("X-Cache", "HIT", 1, 0)],
        );
        check("X-Cache: MISS, HIT\r\n", &[("X-Cache", "HIT", 1, 0)]);
        check("X-Cache: TCP_MISS from x\r\n", &[("X-Cache", "MISS", 1, 0)]);
        check("Age: 120\r\n", &[("Age", "", 1, 120_000_000)]);
        check("Retry-After: 3\r\n", &[("Retry-After", "", 1, 3_000_000)]);
        check(
            "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
            &[("Retry-After", "", 1, 0)],
        );
    }

    #[test]
    fn what_is_no_number_or_too_much_is_not_followed() {
        check("X-Runtime: -1\r\n", &[("X-Runtime", "", 1, 0)]);
        check("Server-Timing: ;dur=4, ,\r\n", &[]);
        let long = "n".repeat(33);
        check(&format!("Server-Timing: {long};dur=4\r\n"), &[]);
        let many: Vec<String> = (0..HINTS + 5).map(|n| format!("m{n}")).collect();
        let mut parser = ResponseParser::new(Limits::default());
        parser.begin(RequestKind::Plain);
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer-Timing: {}\r\n\r\n",
            many.join(",")
        );
        parser
            .advance(text.as_bytes(), &mut Vec::new())
            .expect("a head");
        let mut hints = Vec::new();
        count(parser.head(), &mut hints);
        assert_eq!(hints.len(), HINTS);
    }
}
