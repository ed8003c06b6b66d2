//! Events of a load: `at 5m run "redis-cli flushall" as flush within 2m`.

use std::ops::Range;

use katydid_record::plan::Event;
use katydid_record::redact::redact;
use katydid_record::schedule::Schedule;
use katydid_record::timeline::EVENTS;

use super::parts::{Reading, seconds};
use super::picture::duration;
use crate::error::UsageError;
use crate::pointed::{Piece, Word};

/// How long a command may take unless it is said, seconds.
const LIMIT_S: f64 = 60.0;
/// A name that is made of the command has no more characters.
const NAME: usize = 24;

const COMMAND: &str = "here stands the command in quotes, as in 'at 5m run \"redis-cli flushall\"'";

/// One event as it was written.
pub(super) struct Asked<'a> {
    piece: Piece<'a>,
    when: Word<'a>,
    at_s: f64,
    command: String,
    name: Option<Word<'a>>,
    limit_s: f64,
}

pub(super) fn is_event(part: Piece<'_>) -> bool {
    part.words().first().is_some_and(|word| word.text == "at")
}

/// Where in a load the commands stand, quotes included. One that is not closed reaches to the end.
pub(super) fn commands(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(run) = text[from..].find("run").map(|at| from + at) {
        from = run + "run".len();
        let after = &text[from..];
        let opens = from + (after.len() - after.trim_start().len());
        let is_word = !text[..run].ends_with(|c: char| !c.is_whitespace()) && opens > from;
        if is_word && text[opens..].starts_with(['"', '\'']) {
            from = closing(&text[opens..]).map_or(text.len(), |length| opens + length);
            found.push(opens..from);
        }
    }
    found
}

/// Length of the quoted text that this begins with; `None` if the quote is not closed. A backslash before the quote keeps it open.
fn closing(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + c.len_utf8());
        }
        escaped = c == '\\';
    }
    None
}

/// `at T run "COMMAND" [as NAME] [within T]`
pub(super) fn read(part: Piece<'_>) -> Result<Asked<'_>, UsageError> {
    let mut reading = Reading::of(part);
    reading.expect(&["at"])?;
    let when =
        reading.next("when (seconds or minutes after the beginning of the load: 90s, 5m)")?;
    let at_s = seconds(when.text).filter(|at| at.is_finite());
    let at_s = at_s.ok_or_else(|| {
        part.wrong(
            when,
            "this is not a time; write how long after the beginning of the load: 90s, 5m, 1h30m",
        )
    })?;
    reading.expect(&["run"])?;
    let command = command(&mut reading)?;
    let (mut name, mut limit_s) = (None, None);
    while let Some(word) = reading.skip(&["as", "within"]) {
        let again = match word.text {
            "as" => name.replace(name_given(&mut reading)?).is_some(),
            _ => limit_s.replace(reading.duration()?).is_some(),
        };
        if again {
            return Err(part.wrong(word, "this is said twice"));
        }
    }
    reading.end()?;
    Ok(Asked {
        piece: part,
        when,
        at_s,
        command,
        name,
        limit_s: limit_s.unwrap_or(LIMIT_S),
    })
}

/// One word, with quotes or without.
fn name_given<'a>(reading: &mut Reading<'a>) -> Result<Word<'a>, UsageError> {
    let word = reading.next("the name of the event")?;
    let Some(inside) = word.text.strip_prefix('"') else {
        return Ok(word);
    };
    let name = inside.strip_suffix('"').filter(|name| !name.is_empty());
    let what = "the name of an event is one word, as in 'as flush'";
    name.map(|text| Word {
        text,
        at: word.at + 1,
    })
    .ok_or_else(|| reading.piece.wrong(word, what))
}

fn command(reading: &mut Reading<'_>) -> Result<String, UsageError> {
    let word = reading.next("the command in quotes (run \"redis-cli flushall\")")?;
    let wrong = |what: &str| Err(reading.piece.wrong(word, what));
    let Some(quote) = word.text.chars().next().filter(|c| ['"', '\''].contains(c)) else {
        return wrong(COMMAND);
    };
    match closing(word.text) {
        None => return wrong("this quote is not closed"),
        Some(length) if length < word.text.len() => {
            return wrong("after the quote that closes the command stands a blank or a ','");
        }
        Some(_) => {}
    }
    let inside = &word.text[1..word.text.len() - 1];
    if inside.trim().is_empty() {
        return wrong("the command is empty");
    }
    Ok(inside.replace(&format!("\\{quote}"), &quote.to_string()))
}

/// The events in the order of their times, of equal ones in the order in which they were written. Each begins a phase.
pub(super) fn place(
    mut asked: Vec<Asked<'_>>,
    schedule: &mut Schedule,
) -> Result<Vec<Event>, UsageError> {
    if let Some(more) = asked.get(EVENTS) {
        let what = format!("there are more than {EVENTS} events");
        return Err(more.piece.missing(what));
    }
    let length = schedule.length_s();
    let mut names: Vec<String> = Vec::new();
    for event in &asked {
        if event.at_s >= length {
            let end = duration(length);
            let what = format!("the load is over after {end}; an event comes before that");
            return Err(event.piece.wrong(event.when, what));
        }
        if let Some(name) = event.name {
            if names.iter().any(|known| known == name.text) {
                return Err(event.piece.wrong(name, "another event has this name"));
            }
            names.push(name.text.to_owned());
        }
    }
    asked.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    let mut events = Vec::new();
    for event in asked {
        let name = event.name.map_or_else(
            || distinct(&name_of(&event.command), &mut names),
            |name| name.text.to_owned(),
        );
        schedule.cut(event.at_s, &name);
        events.push(Event {
            name,
            at_s: event.at_s,
            command: event.command,
            limit_s: event.limit_s,
        });
    }
    Ok(events)
}

/// The name, with a number if it is taken.
fn distinct(name: &str, taken: &mut Vec<String>) -> String {
    let mut number = 1;
    let mut distinct = name.to_owned();
    while taken.contains(&distinct) {
        number += 1;
        distinct = format!("{name} {number}");
    }
    taken.push(distinct.clone());
    distinct
}

/// The first words of a command, as far as they are plain: it stands in tables, and in objectives behind `in`.
fn name_of(command: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=+@%~".contains(c);
    let command = redact(command);
    let mut words = command
        .split_whitespace()
        .take_while(|word| word.chars().all(plain));
    let program = words.next().unwrap_or_default().rsplit('/').next();
    let mut name: String = program.unwrap_or_default().chars().take(NAME).collect();
    if name.is_empty() {
        return "event".to_owned();
    }
    for word in words {
        if name.chars().count() + 1 + word.chars().count() > NAME {
            break;
        }
        name = format!("{name} {word}");
    }
    name
}
