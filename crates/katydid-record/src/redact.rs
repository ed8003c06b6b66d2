//! Masks secrets in texts that leave the process: command lines, failure texts, exception messages.
//!
//! It works on patterns, so it is a second line of defence: what is known to be secret must not be
//! put into a text to begin with. Masking twice changes nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use crate::frame::{Body, Frame, Mark, Name};
use crate::manifest::Manifest;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// Parts of a key that make its value a secret.
const SECRET_KEY: &str = r"[\w.\-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key|credential|signature|session[_\-]?id|sessionid|csrf)[\w.\-]*";

static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // scheme://user:password@host
        (r"([A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@]*):[^\s/@]+@".to_owned(), "$1:***@"),
        // Headers whose whole value is secret, up to the end of the line or the closing quote.
        (
            r#"(?i)\b((?:proxy-)?authorization|cookie|set-cookie|x-api-key|x-auth-token)(["']?\s*[:=]\s*["']?)[^"'\r\n]+"#.to_owned(),
            "$1$2***",
        ),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/\-]{6,}=*".to_owned(), "$1 ***"),
        // "key": "value with spaces"
        (format!(r#"(?i)(["']{SECRET_KEY}["']\s*:\s*)(["'])(?:[^"'\\]|\\.)*(["'])"#), "$1$2***$3"),
        // key=value, key: value
        (format!(r#"(?i)\b({SECRET_KEY}["']?\s*[=:]\s*["']?)[^\s&;,"'}}\)\]]+"#), "$1***"),
    ]
    .into_iter()
    .filter_map(|(pattern, mask)| Some((Regex::new(&pattern).ok()?, mask)))
    .collect()
});

static SECRET_FLAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("(?i)^--?{SECRET_KEY}$")).ok());

/// The text with secrets masked; borrowed when nothing had to be.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for (rule, mask) in RULES.iter() {
        if rule.is_match(&text) {
            let masked = rule.replace_all(&text, |found: &Captures<'_>| {
                let mut out = String::new();
                found.expand(mask, &mut out);
                out
            });
            text = Cow::Owned(masked.into_owned());
        }
    }
    text
}

/// A command line with secrets masked, also where a flag's value is a word of its own.
pub fn redact_argv<S: AsRef<str>>(argv: &[S]) -> Vec<String> {
    let mut secret_next = false;
    argv.iter()
        .map(|word| {
            let word = word.as_ref();
            if std::mem::take(&mut secret_next) && !word.starts_with('-') {
                return MASK.to_owned();
            }
            secret_next = SECRET_FLAG.as_ref().is_some_and(|flag| flag.is_match(word));
            redact(word).into_owned()
        })
        .collect()
}

/// Masks secrets in a frame's texts. To be called once, before the frame is folded and written, so
/// that the live view and the record agree. The writer does it again, in case it was forgotten.
pub fn redact_frame(frame: &mut Frame) {
    let mask = |text: &mut String| {
        if let Cow::Owned(masked) = redact(text) {
            *text = masked;
        }
    };
    match &mut frame.body {
        Body::Names(names) => names.iter_mut().for_each(|name| match name {
            Name::Endpoint { name, .. } => mask(name),
            Name::Failure { text, .. } => mask(text),
            Name::Series { .. } => {}
        }),
        Body::Mark(Mark::Exception { message, traceback }) => {
            mask(message);
            mask(traceback);
        }
        Body::Mark(Mark::Warning { text }) => mask(text),
        Body::Mark(Mark::Lost { what }) => mask(what),
        Body::Facts(facts) => facts.iter_mut().for_each(|fact| mask(&mut fact.text)),
        Body::Exemplars(exemplars) => {
            exemplars.iter_mut().filter_map(|exemplar| exemplar.shape.as_mut()).for_each(mask);
        }
        _ => {}
    }
}

/// Masks secrets in a manifest's texts.
pub fn redact_manifest(manifest: &mut Manifest) {
    manifest.argv = redact_argv(&manifest.argv);
    if let Some(host) = &mut manifest.plan.host {
        *host = redact(host).into_owned();
    }
    for (name, value) in &mut manifest.plan.options {
        if SECRET_FLAG.as_ref().is_some_and(|flag| flag.is_match(&format!("--{name}"))) && !value.is_null() {
            *value = MASK.into();
        } else if let serde_json::Value::String(text) = value {
            *text = redact(text).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_secrets() {
        let cases = [
            ("postgres://app:hunter2@db:5432/shop", "postgres://app:***@db:5432/shop"),
            ("GET http://h/x?token=abc&page=2 failed", "GET http://h/x?token=***&page=2 failed"),
            ("/login?user=a&password=s3cret", "/login?user=a&password=***"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
            ("{'Authorization': 'Token abcdef'}", "{'Authorization': '***'}"),
            ("sent Bearer eyJhbGciOi.J9.x_y-z to it", "sent Bearer *** to it"),
            ("Cookie: sid=abc; theme=dark", "Cookie: ***"),
            (r#"{"api_key": "a b c", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            ("client_secret: xyz, ok", "client_secret: ***, ok"),
            ("AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=***"),
        ];
        for (input, expected) in cases {
            assert_eq!(redact(input), expected);
            assert_eq!(redact(expected), expected, "masking twice changes nothing");
        }
    }

    #[test]
    fn leaves_the_rest_alone() {
        for text in ["404 Client Error: Not Found", "GET /api/tokens/[id]", "http://host:8080/a@b", "basic tests", ""] {
            assert!(matches!(redact(text), Cow::Borrowed(_)), "{text}: {}", redact(text));
        }
    }

    #[test]
    fn masks_flags_with_a_value_of_their_own() {
        let argv = ["katydid", "-H", "https://u:p@h", "--db-password", "hunter2", "--api-key=k", "-u", "5"];
        assert_eq!(
            redact_argv(&argv),
            ["katydid", "-H", "https://u:***@h", "--db-password", "***", "--api-key=***", "-u", "5"]
        );
    }
}
