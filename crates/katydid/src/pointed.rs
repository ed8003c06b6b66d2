//! Words of an option's value with where they stand, so that a message can point at one.

use std::ops::Range;

use crate::error::UsageError;

/// A word, and where it begins and ends in the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub text: &'a str,
    pub at: usize,
}

/// A piece of such a value, or all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// What it is, in a message: `the load`.
    subject: &'a str,
    whole: &'a str,
    pub text: &'a str,
    at: usize,
    /// What stands in quotes, in bytes of the whole: one word, and nothing in it is a separator.
    quoted: &'a [Range<usize>],
}

impl<'a> Piece<'a> {
    pub fn of(subject: &'a str, whole: &'a str) -> Self {
        Self {
            subject,
            whole,
            text: whole,
            at: 0,
            quoted: &[],
        }
    }

    /// The same, in which this stands in quotes.
    pub fn quoting(self, quoted: &'a [Range<usize>]) -> Self {
        Self { quoted, ..self }
    }

    /// Its pieces between these characters, without the blanks around them.
    pub fn split(self, between: &[char]) -> impl Iterator<Item = Piece<'a>> {
        let pieces = self.between(|c| between.contains(&c));
        pieces.into_iter().map(Piece::trim)
    }

    /// What stands before and after the first of this character.
    pub fn split_once(self, at: char) -> Option<(Piece<'a>, Piece<'a>)> {
        let one = self.between(|c| c == at).swap_remove(0);
        let other = self.text.get(one.text.len() + at.len_utf8()..)?;
        Some((one.trim(), self.part(other).trim()))
    }

    pub fn words(self) -> Vec<Word<'a>> {
        let pieces = self.between(char::is_whitespace).into_iter();
        pieces
            .filter(|piece| !piece.text.is_empty())
            .map(|Piece { text, at, .. }| Word { text, at })
            .collect()
    }

    /// Its pieces between such characters outside of quotes; at least one.
    fn between(self, is_between: impl Fn(char) -> bool) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for (at, c) in self.text.char_indices() {
            if is_between(c) && !self.is_quoted(self.at + at) {
                pieces.push(self.part(&self.text[from..at]));
                from = at + c.len_utf8();
            }
        }
        pieces.push(self.part(&self.text[from..]));
        pieces
    }

    fn is_quoted(self, at: usize) -> bool {
        let next = self.quoted.partition_point(|quoted| quoted.end <= at);
        self.quoted
            .get(next)
            .is_some_and(|quoted| quoted.start <= at)
    }

    fn trim(self) -> Self {
        self.part(self.text.trim())
    }

    /// `text` is a slice of this piece's.
    fn part(self, text: &'a str) -> Self {
        let offset = text.as_ptr() as usize - self.text.as_ptr() as usize;
        Self {
            text,
            at: self.at + offset,
            ..self
        }
    }

    /// An error about this word.
    pub fn wrong(self, word: Word<'_>, what: impl AsRef<str>) -> UsageError {
        self.pointed(word.at, word.text.chars().count(), what.as_ref())
    }

    /// An error about something that should follow this piece.
    pub fn missing(self, what: impl AsRef<str>) -> UsageError {
        self.pointed(self.at + self.text.len(), 1, what.as_ref())
    }

    /// The line of the text, and a mark under what is wrong with it.
    fn pointed(self, at: usize, width: usize, what: &str) -> UsageError {
        let whole = self.whole;
        let begin = whole[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = whole[begin..].lines().next().unwrap_or_default();
        let blank = whole[begin..at].chars().count();
        UsageError::new(format!(
            "{} is not clear: {what}\n  {line}\n  {}{}",
            self.subject,
            " ".repeat(blank),
            "^".repeat(width.max(1))
        ))
    }
}
