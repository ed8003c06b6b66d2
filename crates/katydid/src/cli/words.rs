//! The words of a command line, told apart as Python's argparse does: by how they look.
//!
//! A word that starts with `-` is an option unless it is `-` alone, a negative number, or comes after `--`. Long options
//! may be abbreviated. What no row of the table knows is named together with its nearest relative.

use super::table::{OptionRow, Status};
use crate::error::UsageError;

/// What one word is.
#[derive(Debug, PartialEq)]
pub(crate) enum Word<'a> {
    /// An option of the table; `value` when attached with `=`. Several short switches in one word are left as they are.
    Known { row: &'a OptionRow, word: String },
    /// Looks like an option; no row has it.
    Unknown(String),
    /// An abbreviation of several options.
    Ambiguous(String, Vec<String>),
    /// A value or a positional.
    Value(String),
}

/// Reads all words up to `--`; the words after it, which are positionals, come second.
pub(crate) fn read<'a>(argv: &[String], rows: &'a [OptionRow]) -> (Vec<Word<'a>>, Vec<String>) {
    let end = argv.iter().position(|word| word == "--");
    let (options, rest) = argv.split_at(end.unwrap_or(argv.len()));
    let words = options.iter().map(|word| classify(word, rows)).collect();
    (words, rest.iter().skip(1).cloned().collect())
}

fn classify<'a>(word: &str, rows: &'a [OptionRow]) -> Word<'a> {
    if !looks_like_option(word) {
        return Word::Value(word.to_owned());
    }
    let (flag, value) = match word.split_once('=') {
        Some((flag, value)) => (flag, Some(value)),
        None => (word, None),
    };
    if let Some(row) = find(rows, flag) {
        return known(row, flag, value);
    }
    if !flag.starts_with("--") {
        return match find(rows, flag.get(..2).unwrap_or(flag)) {
            Some(row) => Word::Known {
                row,
                word: word.to_owned(),
            },
            None => Word::Unknown(word.to_owned()),
        };
    }
    match abbreviated(rows, flag).as_slice() {
        [] => Word::Unknown(word.to_owned()),
        [(row, full)] => known(row, full, value),
        several => {
            let names = several.iter().map(|(_, full)| (*full).to_owned());
            Word::Ambiguous(flag.to_owned(), names.collect())
        }
    }
}

fn known<'a>(row: &'a OptionRow, flag: &str, value: Option<&str>) -> Word<'a> {
    let word = match value {
        Some(value) => format!("{flag}={value}"),
        None => flag.to_owned(),
    };
    Word::Known { row, word }
}

fn looks_like_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<f64>().is_err()
}

pub(crate) fn find<'a>(rows: &'a [OptionRow], flag: &str) -> Option<&'a OptionRow> {
    rows.iter()
        .find(|row| row.flags.iter().any(|known| known == flag))
}

/// Options that `flag` abbreviates. katydid's own count only where Locust has none: what is short in Locust stays so.
fn abbreviated<'a>(rows: &'a [OptionRow], flag: &str) -> Vec<(&'a OptionRow, &'a str)> {
    let matching = |own: bool| {
        rows.iter()
            .filter(|row| (row.status == Status::Own) == own)
            .flat_map(|row| row.flags.iter().map(move |known| (row, known.as_str())))
            .filter(|(_, known)| known.starts_with(flag))
            .collect::<Vec<_>>()
    };
    let locust = matching(false);
    if locust.is_empty() {
        matching(true)
    } else {
        locust
    }
}

/// Whether a long option is among the words, as it is written or with `=`.
pub(crate) fn has(words: &[String], flag: &str) -> bool {
    let value = |word: &String| word.strip_prefix(flag).map(|rest| rest.starts_with('='));
    words
        .iter()
        .any(|word| word == flag || value(word) == Some(true))
}

/// The error for words that no row knows.
pub(crate) fn unrecognized(words: &[String], rows: &[OptionRow]) -> UsageError {
    let mut text = format!("unrecognized arguments: {}", words.join(" "));
    let flags = rows
        .iter()
        .filter(|row| matches!(row.status, Status::Locust | Status::Own))
        .flat_map(|row| row.flags.iter().map(String::as_str));
    let first = words.first().map_or("", String::as_str);
    let first = first.split('=').next().unwrap_or(first);
    if let Some(near) = nearest(first, flags) {
        text = format!("{text} (did you mean '{near}'?)");
    }
    UsageError::new(text)
}

/// The nearest of `names`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = word.trim_start_matches('-');
    names
        .filter(|name| name.len() > 2)
        .map(|name| (likeness(bare, name.trim_start_matches('-')), name))
        .filter(|(likeness, _)| *likeness >= 0.72)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// 1 is equal. Swapped letters weigh little; a word that contains the other, or the other's first part, counts as near.
fn likeness(word: &str, name: &str) -> f64 {
    let word = word.replace('_', "-").to_lowercase();
    let letters = strsim::normalized_damerau_levenshtein(&word, name);
    let stem = |text: &str| text.trim_end_matches('s').to_owned();
    let parts = |text: &str| text.split('-').map(stem).collect::<Vec<_>>();
    let shared = parts(name)
        .iter()
        .any(|part| part.len() > 3 && parts(&word).contains(part));
    if shared { letters.max(0.72) } else { letters }
}
