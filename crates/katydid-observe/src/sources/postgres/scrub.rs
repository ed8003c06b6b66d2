//! Texts of statements without anybody's data: no literals, no comments, lists of any length alike.

use std::fmt::Write;

use katydid_record::redact::redact_statement;

/// One word of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// An identifier, a keyword, an operator, a bracket.
    Word(&'a str),
    /// A literal or a parameter.
    Value,
    /// White space or a comment.
    Space,
}

/// The statement with `$1`, `$2`… where there were values. Statements that differ in literals or in the length of lists become the
/// same text. What the server did not normalise is (texts of utility statements, and of running ones).
pub fn scrub(statement: &str) -> String {
    let tokens = collapse(&words(statement));
    let mut out = String::with_capacity(statement.len());
    let (mut values, mut is_spaced) = (0, false);
    for token in tokens {
        if token == Token::Space {
            is_spaced = true;
            continue;
        }
        if std::mem::take(&mut is_spaced) && !out.is_empty() {
            out.push(' ');
        }
        if let Token::Word(word) = token {
            out.push_str(word);
        } else {
            values += 1;
            // Writing to a string cannot fail.
            let _ = write!(out, "${values}");
        }
    }
    redact_statement(&utility(out.trim_end_matches(['.', ';', ' '])))
}

/// A short name that stays the same from run to run: 8 hexadecimal digits of FNV-1a.
pub fn short(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// Of some utility statements the words are values, or names made up by a driver.
fn utility(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let cut = |at: usize| format!("{} …", text[..at].trim_end());
    for verb in [
        "savepoint ",
        "release savepoint ",
        "release ",
        "rollback to ",
        "deallocate ",
        "close ",
        "notify ",
        "prepare transaction ",
        "commit prepared ",
        "rollback prepared ",
    ] {
        if lower.starts_with(verb) {
            return cut(verb.len());
        }
    }
    if lower.starts_with("set ") {
        let value = [lower.find(" to "), lower.find('=')];
        if let Some(at) = value.into_iter().flatten().min() {
            let sign = if lower[at..].starts_with('=') { 1 } else { 4 };
            return cut(at + sign);
        }
    }
    text.to_owned()
}

/// A list of nothing but values after IN, VALUES, ARRAY and the like is as good as one value, and so are several such lists.
fn collapse<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut out: Vec<Token<'a>> = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let closing = match token {
            Token::Word("(") => ")",
            Token::Word("[") => "]",
            _ => {
                out.push(*token);
                continue;
            }
        };
        let list = if opens_list(&out) {
            values_until(rest, closing)
        } else {
            None
        };
        match list {
            Some(length) => {
                rest = &rest[length..];
                drop_repetition(&mut out);
                out.push(Token::Word(if closing == ")" { "(…)" } else { "[…]" }));
            }
            None => out.push(*token),
        }
    }
    out
}

fn opens_list(before: &[Token<'_>]) -> bool {
    let mut before = before.iter().rev().filter(|token| **token != Token::Space);
    match before.next() {
        Some(Token::Word(",")) => before.next() == Some(&Token::Word("(…)")),
        Some(Token::Word(word)) => ["in", "values", "array", "any"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known)),
        _ => false,
    }
}

/// How many tokens a list of values takes up, with its end.
fn values_until(tokens: &[Token<'_>], closing: &str) -> Option<usize> {
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if *word == closing => return Some(place + 1),
            Token::Word("," | "-" | "+" | "default" | "DEFAULT" | "null" | "NULL")
            | Token::Value
            | Token::Space => {}
            // A cast: `$1::bigint`.
            Token::Word(word) if *word == ":" || is_type(tokens, place) => {}
            Token::Word(_) => return None,
        }
    }
    // The server cuts long texts off.
    Some(tokens.len())
}

fn is_type(tokens: &[Token<'_>], place: usize) -> bool {
    place > 0
        && matches!(tokens[place], Token::Word(word) if word.starts_with(char::is_alphabetic))
        && tokens[place - 1] == Token::Word(":")
}

fn drop_repetition(out: &mut Vec<Token<'_>>) {
    let mut before = out.iter().rev().filter(|token| **token != Token::Space);
    if before.next() == Some(&Token::Word(",")) {
        while let Some(token) = out.pop() {
            if token == Token::Word("(…)") {
                return;
            }
        }
    }
}

fn words(statement: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        let (token, length) = word(rest, first);
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// The first word and its length in bytes. What has no end takes all.
fn word(text: &str, first: char) -> (Token<'_>, usize) {
    let bytes = text.as_bytes();
    match first {
        c if c.is_whitespace() => {
            let end = text.find(|c: char| !c.is_whitespace());
            (Token::Space, end.unwrap_or(text.len()))
        }
        '-' if text.starts_with("--") => (Token::Space, text.find('\n').unwrap_or(text.len())),
        '/' if text.starts_with("/*") => (Token::Space, comment(text)),
        '\'' => (Token::Value, quoted(text, b'\'', false)),
        '"' => {
            let length = quoted(text, b'"', false);
            (Token::Word(&text[..length]), length)
        }
        '$' => dollar(text),
        c if c.is_ascii_digit() || (c == '.' && bytes.get(1).is_some_and(u8::is_ascii_digit)) => {
            (Token::Value, number(text))
        }
        c if c.is_alphabetic() || c == '_' => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || "_$".contains(c)));
            let end = end.unwrap_or(text.len());
            let prefix = text[..end].to_ascii_lowercase();
            match bytes.get(end) {
                Some(b'\'') if ["e", "b", "x", "n"].contains(&prefix.as_str()) => {
                    let length = quoted(&text[end..], b'\'', prefix == "e");
                    (Token::Value, end + length)
                }
                Some(b'&') if prefix == "u" && bytes.get(end + 1) == Some(&b'\'') => (
                    Token::Value,
                    end + 1 + quoted(&text[end + 1..], b'\'', false),
                ),
                _ => (Token::Word(&text[..end]), end),
            }
        }
        c => (Token::Word(&text[..c.len_utf8()]), c.len_utf8()),
    }
}

/// Comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

fn quoted(text: &str, mark: u8, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == mark && bytes.get(at + 1) == Some(&mark) => at += 2,
            byte if byte == mark => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `$1`, `$$text$$`, `$tag$text$tag$`.
fn dollar(text: &str) -> (Token<'_>, usize) {
    let end = text[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
    let end = end.map_or(text.len(), |end| end + 1);
    if text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return (Token::Value, end);
    }
    if !text[end..].starts_with('$') {
        return (Token::Word(&text[..1]), 1);
    }
    let tag = &text[..=end];
    let close = text[tag.len()..].find(tag);
    let length = close.map_or(text.len(), |close| close + 2 * tag.len());
    (Token::Value, length)
}

fn number(text: &str) -> usize {
    let mut before = '0';
    let end = text.find(|c: char| {
        let is_part = c.is_ascii_alphanumeric()
            || c == '.'
            || c == '_'
            || ("+-".contains(c) && "eE".contains(before) && !text.starts_with("0x"));
        before = c;
        !is_part
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
