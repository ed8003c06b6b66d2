//! From the words of `--load` to schedules: `ramp to 200 users over 2m, hold 10m, spike to 1000 users for 30s, hold 5m`.
//!
//! One line for all user classes, or a line for each (`Shopper: …; Admin: …`). It knows what the words mean, not where they came from.

mod events;
mod parts;
pub mod picture;
mod presets;

use katydid_record::plan::Event;
use katydid_record::schedule::{Line, Model, Schedule};

use crate::error::UsageError;
use crate::pointed::Piece;

use parts::Parts;
pub(crate) use parts::seconds;
pub use presets::{PRESETS, Preset};

/// What messages are about.
const SUBJECT: &str = "the load";

/// What a load asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// When how much.
    pub schedule: Schedule,
    /// What is done meanwhile, in the order of the times.
    pub events: Vec<Event>,
}

/// Reads a load. Errors point at the word that is wrong and say what may stand there.
pub fn parse(text: &str) -> Result<Load, UsageError> {
    let quoted = events::commands(text);
    let whole = Piece::of(SUBJECT, text).quoting(&quoted);
    let pieces = whole.split(&[';', '\n']);
    let pieces: Vec<_> = pieces.filter(|piece| !piece.text.is_empty()).collect();
    let mut asked = Vec::new();
    let mut schedule = match pieces.as_slice() {
        [] => {
            return Err(
                whole.missing("it is empty; write for example 'ramp to 50 users over 1m, hold 5m'")
            );
        }
        [all] if all.split_once(':').is_none() => line(*all, Parts::default(), &mut asked)?,
        pieces => lines(whole, pieces, &mut asked)?,
    };
    let events = events::place(asked, &mut schedule)?;
    Ok(Load { schedule, events })
}

/// A line for each user class.
fn lines<'a>(
    whole: Piece<'a>,
    pieces: &[Piece<'a>],
    asked: &mut Vec<events::Asked<'a>>,
) -> Result<Schedule, UsageError> {
    let mut lines: Vec<(Piece<'a>, Line)> = Vec::new();
    for piece in pieces {
        let same = |body: Piece<'a>| {
            body.missing("there is more than one line for the same users; give each user class one line, as in 'Shopper: …; Admin: …'")
        };
        let (class, body) = piece.split_once(':').ok_or_else(|| same(*piece))?;
        if class.text.split_whitespace().count() != 1 {
            return Err(class.missing("before a ':' stands the name of one user class"));
        }
        if lines.iter().any(|(_, line)| line.class == class.text) {
            return Err(same(body));
        }
        let schedule = line(body, Parts::beside_others(), asked)?;
        lines.push((
            body,
            Line {
                class: class.text.to_owned(),
                schedule,
            },
        ));
    }
    let model = lines[0].1.schedule.model;
    if lines.iter().any(|(_, line)| line.schedule.model != model) {
        return Err(whole.missing("users and arrivals per second cannot be mixed in one load"));
    }
    let lengths = lines.iter().map(|(_, line)| line.schedule.length_s());
    let longest = lengths.filter(|length| length.is_finite());
    let Some(longest) = longest.reduce(f64::max) else {
        return Err(
            whole.missing("no line says how long; write for example 'hold 5 users for 10m'")
        );
    };
    for (body, line) in &mut lines {
        if !parts::end_at(longest, &mut line.schedule) {
            return Err(body.missing("its last part has no length, and it begins when the other lines are over; write how long it is"));
        }
    }
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    Ok(Schedule::of_lines(model, lines))
}

/// One line. Its events are added to `asked`.
fn line<'a>(
    body: Piece<'a>,
    empty: Parts,
    asked: &mut Vec<events::Asked<'a>>,
) -> Result<Schedule, UsageError> {
    let (events, parts): (Vec<Piece<'_>>, Vec<Piece<'_>>) =
        body.split(&[',']).partition(|part| events::is_event(*part));
    if events.is_empty() {
        return schedule(body, &parts, empty);
    }
    let Some((first, more)) = parts.split_first() else {
        return Err(body.missing(
            "how much load is there meanwhile? Write 'hold 50 users for 10m, at 5m run …'",
        ));
    };
    let is_preset = presets::spelled_out(*first)?.is_some();
    let schedule = match more.first() {
        Some(part) if is_preset => {
            return Err(part.missing("a preset is all of the load: beside it stand only events"));
        }
        Some(_) => schedule(body, &parts, empty)?,
        None => schedule(*first, &parts, empty)?,
    };
    for event in events {
        asked.push(events::read(event)?);
    }
    Ok(schedule)
}

/// Of the parts of `body` that say how much load there is.
fn schedule(body: Piece<'_>, parts: &[Piece<'_>], mut line: Parts) -> Result<Schedule, UsageError> {
    if let Some(text) = presets::spelled_out(body)? {
        // What a preset says is right, whatever it was scaled to.
        let words = Piece::of(SUBJECT, &text);
        return schedule(words, &words.split(&[',']).collect::<Vec<_>>(), line);
    }
    for part in parts {
        line.take(*part)?;
    }
    let schedule = line.schedule();
    if schedule.peak() == 0.0 {
        let what = match schedule.model {
            Model::Users => "there is never a user",
            Model::Arrivals => "nothing ever arrives",
        };
        return Err(body.missing(what));
    }
    Ok(schedule)
}

#[cfg(test)]
mod tests;
