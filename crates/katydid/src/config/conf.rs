//! The `.conf` grammar that Locust's users write: `key = value`, `key: value`, `key value`, or a bare `key` (true).
//!
//! `#` and `;` begin comments at the start of a line or after a blank; `[section]` lines say nothing; `[a, b]` is a list.

use super::Entry;

/// All entries of `text`; the error names the line.
pub(super) fn entries(text: &str) -> Result<Vec<(String, Entry)>, String> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let silent =
            line.is_empty() || line.starts_with(['#', ';', '[']) || line.starts_with("---");
        if !silent {
            let entry = entry(line);
            entries
                .push(entry.ok_or_else(|| {
                    format!("line {}: '{line}' is not 'key = value'", number + 1)
                })?);
        }
    }
    Ok(entries)
}

fn entry(line: &str) -> Option<(String, Entry)> {
    let end = line.find(|letter: char| letter.is_whitespace() || "=:".contains(letter));
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    if key.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    let assigned = rest.strip_prefix(['=', ':']);
    let value = without_comment(assigned.unwrap_or(rest)).trim();
    let value = if assigned.is_none() && value.is_empty() {
        Entry::Text("true".to_owned())
    } else {
        value_of(value)
    };
    Some((key.to_owned(), value))
}

/// A list in brackets, or one text, without the quotes around it.
pub(super) fn value_of(text: &str) -> Entry {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match inner {
        None => Entry::Text(unquoted(text).to_owned()),
        Some(inner) if inner.contains(['{', '[']) => Entry::Text(text.to_owned()),
        Some(inner) => {
            let items = inner
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Entry::List(items.map(|item| unquoted(item).to_owned()).collect())
        }
    }
}

fn unquoted(text: &str) -> &str {
    let between = |quote: char| {
        text.strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote))
    };
    between('"').or_else(|| between('\'')).unwrap_or(text)
}

/// Cuts ` # …` and ` ; …`, but not inside quotes that open at the start of the value or of a list's item.
fn without_comment(value: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    let mut opens = true;
    for (at, letter) in value.char_indices() {
        if quote.is_some() {
            quote = quote.filter(|open| *open != letter);
        } else if opens && "\"'".contains(letter) {
            quote = Some(letter);
        } else if before.is_whitespace() && "#;".contains(letter) {
            return &value[..at];
        }
        opens = "[,".contains(letter) || (opens && letter.is_whitespace());
        before = letter;
    }
    value
}
