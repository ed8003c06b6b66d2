//! Texts and numbers as GitHub's Markdown. Whatever is foreign passes through [`prose`] or [`code`].

use std::fmt::Write;

use katydid_record::summary::Latency;

use crate::number::{NONE, short_or_dash};
use crate::words::clean;

/// What would be markup somewhere on a line, or end a cell of a table.
const MARKUP: &str = "|`\\*_[]~$#@";

/// One line of text, at most `most` characters: no markup, no links, nobody is mentioned.
pub fn prose(text: &str, most: usize) -> String {
    let text = bounded(&clean(text), most);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let alone = chars.peek().is_some_and(|next| next.is_whitespace());
        match c {
            // Read better as they are, and are nothing but themselves before a space.
            '<' | ':' if alone => out.push(c),
            ':' => out.push_str("&#58;"),
            c => entity(&mut out, c),
        }
        // `@name` and `#1` are looked for after entities were read.
        if c == '@' || c == '#' {
            out.push_str("&#8203;");
        }
    }
    out
}

/// The same, set as code. The element, since backticks do not go together with pipes in a table.
pub fn code(text: &str, most: usize) -> String {
    if text.is_empty() {
        return NONE.to_owned();
    }
    let mut out = String::from("<code>");
    for c in bounded(&clean(text), most).chars() {
        match c {
            ':' => out.push_str("&#58;"),
            c => entity(&mut out, c),
        }
    }
    out.push_str("</code>");
    out
}

fn entity(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c if MARKUP.contains(c) => {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        c => out.push(c),
    }
}

/// By characters, not columns: the size is what is bounded. The middle gives way.
fn bounded(text: &str, most: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= most {
        return text.to_owned();
    }
    let keep = most.saturating_sub(1);
    let tail = all.len() - keep / 2;
    all[..keep.div_ceil(2)]
        .iter()
        .chain(&['…'])
        .chain(&all[tail..])
        .collect()
}

/// The head of a table; columns whose title begins with `>` hold numbers.
pub fn head(out: &mut String, titles: &[&str]) {
    row(
        out,
        titles.iter().map(|title| title.trim_start_matches('>')),
    );
    row(
        out,
        titles.iter().map(|title| {
            if title.starts_with('>') {
                "---:"
            } else {
                "---"
            }
        }),
    );
}

/// A row of cells that are Markdown already.
pub fn row<T: AsRef<str>>(out: &mut String, cells: impl IntoIterator<Item = T>) {
    for cell in cells {
        let _ = write!(out, "| {} ", cell.as_ref());
    }
    out.push_str("|\n");
}

/// A percentile, marked when there are few samples behind it.
pub fn latency(of: &Latency, name: &str, value: Option<f64>) -> String {
    let text = short_or_dash(value);
    if value.is_some() && of.wide.iter().any(|wide| wide == name) {
        format!("\\~{text}")
    } else {
        text
    }
}

/// Says how many rows are left out.
pub fn more(out: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let _ = writeln!(out, "\n… and {} more {what}, see the report.", all - shown);
    }
}
