//! From the words of `--load` to schedules: `ramp to 200 users over 2m, hold 10m, spike to 1000 users for 30s, hold 5m`.
//!
//! One line for all user classes, or a line for each (`Shopper: …; Admin: …`). It knows what the words mean, not where they came from.

mod events;
mod parts;
pub mod picture;
mod presets;

use katydid_record::plan::Event;
use katydid_record::schedule::{Model, Schedule};

use crate::error::UsageError;
use crate::pointed::Piece;

pub(crate) use parts::seconds;
pub use presets::{PRESETS, Preset};

/// What messages are about.
const SUBJECT: &str = "the load";

/// What one line of a load asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The user class it is for; `None`: all of them.
    pub class: Option<String>,
    /// When how much.
    pub schedule: Schedule,
    /// What is done meanwhile, in the order of the times.
    pub events: Vec<Event>,
}

/// The lines of a load. Errors point at the word that is wrong and say what may stand there.
pub fn parse(text: &str) -> Result<Vec<Line>, UsageError> {
    let quoted = events::commands(text);
    let whole = Piece::of(SUBJECT, text).quoting(&quoted);
    let mut lines: Vec<Line> = Vec::new();
    for piece in whole
        .split(&[';', '\n'])
        .filter(|piece| !piece.text.is_empty())
    {
        let (class, body) = match piece.split_once(':') {
            Some((class, body)) => (Some(class), body),
            None => (None, piece),
        };
        let name = class.map(|class| class.text.to_owned());
        if let Some(class) = class.filter(|class| class.text.split_whitespace().count() != 1) {
            return Err(class.missing("before a ':' stands the name of one user class"));
        }
        if lines
            .iter()
            .any(|line| line.class == name || line.class.is_none() || name.is_none())
        {
            return Err(body.missing(
                "there is more than one line for the same users; give each user class one line, as in 'Shopper: …; Admin: …'",
            ));
        }
        let (schedule, events) = line(body)?;
        lines.push(Line {
            class: name,
            schedule,
            events,
        });
    }
    let first = lines.first().ok_or_else(|| {
        whole.missing("it is empty; write for example 'ramp to 50 users over 1m, hold 5m'")
    })?;
    let model = first.schedule.model;
    if lines.iter().any(|line| line.schedule.model != model) {
        return Err(whole.missing("users and arrivals per second cannot be mixed in one load"));
    }
    Ok(lines)
}

fn line(body: Piece<'_>) -> Result<(Schedule, Vec<Event>), UsageError> {
    let (events, parts): (Vec<Piece<'_>>, Vec<Piece<'_>>) =
        body.split(&[',']).partition(|part| events::is_event(*part));
    if events.is_empty() {
        return Ok((schedule(body, &parts)?, Vec::new()));
    }
    let Some((first, more)) = parts.split_first() else {
        return Err(body.missing(
            "how much load is there meanwhile? Write 'hold 50 users for 10m, at 5m run …'",
        ));
    };
    let is_preset = presets::spelled_out(*first)?.is_some();
    let mut schedule = match more.first() {
        Some(part) if is_preset => {
            return Err(part.missing("a preset is all of the load: beside it stand only events"));
        }
        Some(_) => schedule(body, &parts)?,
        None => schedule(*first, &parts)?,
    };
    let events = events.into_iter().map(events::read);
    let events = events.collect::<Result<_, _>>()?;
    let events = events::place(events, &mut schedule)?;
    Ok((schedule, events))
}

/// Of the parts of `body` that say how much load there is.
fn schedule(body: Piece<'_>, parts: &[Piece<'_>]) -> Result<Schedule, UsageError> {
    if let Some(text) = presets::spelled_out(body)? {
        // What a preset says is right, whatever it was scaled to.
        let words = Piece::of(SUBJECT, &text);
        return schedule(words, &words.split(&[',']).collect::<Vec<_>>());
    }
    let mut line = parts::Parts::default();
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
