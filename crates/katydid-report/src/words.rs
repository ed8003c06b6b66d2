//! Foreign text: made harmless for terminals, HTML and XML; measured in columns, shortened in the middle.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that the text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// On one line, without anything that steers a terminal: control characters, those that turn the writing direction and those
/// that XML 1.0 forbids are written as their escape.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || steers(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Turns the writing direction, or is forbidden in XML 1.0.
pub fn steers(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// One line for HTML and XML, in elements and in quoted attributes. What would steer the reader's eye or the parser becomes
/// visible.
pub fn escape(text: &str) -> String {
    let clean = clean(text);
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// At most `width` columns, the middle replaced by an ellipsis.
pub fn shorten(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let keep = width - 1;
    let head = take(text.chars(), keep.div_ceil(2));
    let tail: String = take(text.chars().rev(), keep / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

/// At most `width` columns, the end replaced by an ellipsis.
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    format!(
        "{}…",
        take(text.chars(), width.saturating_sub(1)).trim_end()
    )
}

fn take(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// Filled up to `width` columns on the right.
pub fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Filled up to `width` columns on the left.
pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Broken at spaces into lines of at most `width` columns; a word that is longer is broken inside. No line is empty.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    for (i, word) in words.iter().enumerate() {
        // A number keeps its unit.
        let next = words.get(i + 1).filter(|next| is_unit(next));
        let room = columns(word) + next.map_or(0, |unit| 1 + columns(unit));
        if !line.is_empty() && !is_unit(word) && columns(&line) + 1 + room > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while columns(&line) > width {
            let head = take(line.chars(), width);
            if head.is_empty() {
                break;
            }
            line = line.split_off(head.len());
            lines.push(head);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches([',', '.', ':', ';', ')']);
    matches!(word, "%" | "s" | "ms" | "µs" | "min")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\n\u{202e}c"), "a\\u{1b}[31mb\\n\\u{202e}c");
        assert_eq!(clean("Zoë 日本"), "Zoë 日本");
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shorten("/orders", 10), "/orders");
        assert_eq!(shorten("/orders/[id]/items", 9), "/ord…tems");
        assert_eq!(shorten("日本語日本語", 5), "日…語");
        assert_eq!(shorten("abc", 0), "");
        assert_eq!(cut("one two three", 8), "one two…");
    }

    #[test]
    fn lines_are_wrapped_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("it is 100 %.", 9), ["it is", "100 %."]);
        assert_eq!(wrap("aaaaaaaaaaaa b", 8), ["aaaaaaaa", "aaaa b"]);
        assert!(wrap("  ", 8).is_empty());
    }
}
