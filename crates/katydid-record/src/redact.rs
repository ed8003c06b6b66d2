//! Takes secrets out of texts before they reach a run directory, a report or a log.

/// Stands for what was taken out.
pub const MASK: &str = "***";

/// Words that, as a key before `=` or `:`, or as a flag, announce a secret.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "authorization",
    "cookie",
    "session",
    "credential",
    "private_key",
    "signature",
];

/// The text without passwords in URLs, values of secret-looking keys, and bearer or basic credentials.
pub fn redact(text: &str) -> String {
    let text = mask_userinfo(text);
    let text = mask_schemes(&text);
    mask_values(&text, false)
}

/// As [`redact`], of an SQL statement whose literals are taken out already: `$1` after a secret-looking column is no secret, and `::` is a
/// cast. Only for such: elsewhere `$1` may be somebody's password.
pub fn redact_statement(text: &str) -> String {
    let text = mask_userinfo(text);
    let text = mask_schemes(&text);
    mask_values(&text, true)
}

/// A command line: as [`redact`], and the value of a secret-looking flag or of a request's body is masked whole.
pub fn redact_argv(argv: &[String]) -> Vec<String> {
    let mut hidden_follows = false;
    argv.iter()
        .map(|word| {
            let masked = match word.split_once('=') {
                _ if hidden_follows => MASK.to_owned(),
                Some((flag, _)) if is_body(flag) => format!("{flag}={MASK}"),
                _ if word.starts_with("-d") && !word.starts_with("--") && word.len() > 2 => {
                    format!("-d{MASK}")
                }
                _ => redact(word),
            };
            let flag = word.starts_with('-') && !word.contains('=');
            hidden_follows = flag && (is_secret(word) || is_body(word));
            masked
        })
        .collect()
}

/// `katydid attack`'s flag for a body, which may hold anything of anybody.
fn is_body(flag: &str) -> bool {
    matches!(flag, "-d" | "--data")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|secret| key.contains(secret))
}

/// `scheme://user:password@host` keeps its user.
fn mask_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((userinfo, host)) => {
                let user = userinfo.split(':').next().unwrap_or_default();
                let mask = if userinfo.contains(':') {
                    format!("{user}:{MASK}@")
                } else {
                    format!("{MASK}@")
                };
                out.push_str(&mask);
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `Bearer xyz`, `Basic xyz`.
fn mask_schemes(text: &str) -> String {
    let mut out = text.to_owned();
    for scheme in ["Bearer ", "Basic ", "bearer ", "basic "] {
        let mut from = 0;
        while let Some(at) = out[from..].find(scheme).map(|at| at + from + scheme.len()) {
            let end = out[at..]
                .find(|c: char| !is_credential(c))
                .map_or(out.len(), |end| at + end);
            if end - at >= 8 {
                out.replace_range(at..end, MASK);
                from = at + MASK.len();
            } else {
                from = at;
            }
        }
    }
    out
}

fn is_credential(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=._-~".contains(c)
}

/// Whether it is `$1`, `$2`…, cast or not.
fn is_placeholder(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else {
        return false;
    };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < rest.len() && (after.is_empty() || after.starts_with("::"))
}

/// `key=value`, `key: value`, `"key": "value"` where the key looks secret.
fn mask_values(text: &str, is_statement: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        if is_statement && before.ends_with(':') && after.starts_with(':') {
            out.push(':');
            rest = &after[1..];
            continue;
        }
        let key_end = before[..at].trim_end_matches(['"', '\'', ' ']);
        let key_start = key_end
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)))
            .map_or(0, |i| {
                i + key_end[i..].chars().next().map_or(1, char::len_utf8)
            });
        rest = after;
        if !is_secret(&key_end[key_start..]) || after.starts_with("//") {
            continue;
        }
        let lead = after.len() - after.trim_start_matches([' ', '"', '\'']).len();
        out.push_str(&after[..lead]);
        let value = &after[lead..];
        let line_wide = before.ends_with(':') && is_header(&key_end[key_start..]);
        let stop = if line_wide { "\r\n" } else { " &;,\"'\r\n)}]" };
        let end = value
            .find(|c: char| stop.contains(c))
            .unwrap_or(value.len());
        if is_statement && is_placeholder(&value[..end]) {
            out.push_str(&value[..end]);
        } else if end > 0 {
            out.push_str(MASK);
        }
        rest = &value[end..];
    }
    out.push_str(rest);
    out
}

/// Headers whose value reaches to the end of the line.
fn is_header(key: &str) -> bool {
    [
        "cookie",
        "set-cookie",
        "authorization",
        "proxy-authorization",
    ]
    .iter()
    .any(|h| key.eq_ignore_ascii_case(h))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(redact(input), expected, "{input}");
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        check(
            "postgres://app:s3cret@db:5432/shop?x=1",
            "postgres://app:***@db:5432/shop?x=1",
        );
        check("http://tok@h/", "http://***@h/");
        check(
            "GET http://127.0.0.1:8000/orders?page=2",
            "GET http://127.0.0.1:8000/orders?page=2",
        );
        check(
            "/login?user=a&password=hunter2&x=1",
            "/login?user=a&password=***&x=1",
        );
        check("Authorization: Bearer abc.def-ghi", "Authorization: ***");
        check("sent Bearer abcdefghij to it", "sent Bearer *** to it");
        check(
            r#"{"token": "abc", "id": 3}"#,
            r#"{"token": "***", "id": 3}"#,
        );
        check("Set-Cookie: shop_session=abc; Path=/", "Set-Cookie: ***");
        check("plain: text = 3", "plain: text = 3");
        check("é=ü password=ü", "é=ü password=***");
    }

    #[test]
    fn placeholders_of_a_statement_are_no_secrets() {
        let check = |input: &str, expected: &str| {
            assert_eq!(redact_statement(input), expected, "{input}");
        };
        for same in [
            "SELECT id FROM session WHERE session_id = $1",
            "UPDATE app SET token=$12, password = $2 WHERE id = $3",
            "SELECT a FROM b WHERE (token = $1::uuid)",
            "WHERE session_id = $1 AND token=$2::text",
            "SELECT token::text, cookie::text, name FROM b",
        ] {
            check(same, same);
        }
        check("WHERE session_id = hunter2", "WHERE session_id = ***");
        check("WHERE token = '$1x'", "WHERE token = '***'");
        check("WHERE token = $ecret", "WHERE token = ***");
        check("WHERE password=$1abc", "WHERE password=***");
        check("WHERE token = $1$2", "WHERE token = ***");
        check("token: $1, b", "token: $1, b");
        check(
            "dblink('postgres://app:s3cret@db/shop', $1)",
            "dblink('postgres://app:***@db/shop', $1)",
        );
        // Elsewhere nobody knows what it is.
        assert_eq!(redact("/login?password=$1&x=1"), "/login?password=***&x=1");
    }

    #[test]
    fn flags_announce_their_value() {
        let argv = ["-f", "x.py", "--api-token", "abc", "-u", "3"].map(String::from);
        assert_eq!(
            redact_argv(&argv),
            ["-f", "x.py", "--api-token", "***", "-u", "3"]
        );
        let argv = ["attack", "-d", "Ann", "--data=Bob", "-dEve", "-t", "1s"].map(String::from);
        assert_eq!(
            redact_argv(&argv),
            ["attack", "-d", "***", "--data=***", "-d***", "-t", "1s"]
        );
    }
}
