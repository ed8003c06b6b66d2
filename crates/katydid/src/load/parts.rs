//! The parts of a load, one after the other: ramp, hold, spike, arrive, steps.
#![allow(clippy::float_cmp)] // heights are copied, not computed: equal ones are equal

use std::collections::HashMap;

use katydid_record::schedule::{Model, Phase, PhaseKind, Schedule};

use crate::cli::nearest;
use crate::error::UsageError;
use crate::pointed::{Piece, Word};

/// Users that come or go at once are spread over so much of the phase, and over no more than a second.
const SPREAD: f64 = 0.1;
/// More users than any machine carries: a typing error.
const MOST_USERS: f64 = 1e7;
/// More arrivals per second than any machine makes.
const MOST_ARRIVALS: f64 = 1e8;
/// A longer phase is a typing error: a year, in seconds.
const LONGEST: f64 = 366.0 * 86_400.0;
/// More phases than anybody reads.
const MOST_PHASES: usize = 1_000;

const BEGIN: &str = "a part begins with ramp, hold, spike, arrive, steps or at";

/// The schedule so far.
#[derive(Debug, Default)]
pub(super) struct Parts {
    model: Option<Model>,
    phases: Vec<Phase>,
    /// Height that the next part holds unless it says another: a spike comes back to it.
    level: f64,
    names: HashMap<PhaseKind, u32>,
    /// Whether its last part may go on for as long as other lines do.
    may_be_open: bool,
}

/// The words of one part that are still to be read.
pub(super) struct Reading<'a> {
    pub piece: Piece<'a>,
    words: std::vec::IntoIter<Word<'a>>,
}

impl<'a> Reading<'a> {
    pub fn of(piece: Piece<'a>) -> Self {
        Self {
            piece,
            words: piece.words().into_iter(),
        }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), UsageError> {
        self.peek().map_or(Ok(()), |word| {
            let what = "the part is complete before this; a ',' stands between two parts";
            Err(self.piece.wrong(word, what))
        })
    }

    /// The next word, if it is one of these; it is taken.
    pub fn skip(&mut self, any: &[&str]) -> Option<Word<'a>> {
        let next = self.peek().filter(|word| any.contains(&word.text))?;
        self.words.next();
        Some(next)
    }

    fn peek(&self) -> Option<Word<'a>> {
        self.words.as_slice().first().copied()
    }

    pub fn next(&mut self, what: &str) -> Result<Word<'a>, UsageError> {
        let piece = self.piece;
        self.words
            .next()
            .ok_or_else(|| piece.missing(format!("{what} is missing here")))
    }

    pub fn expect(&mut self, any: &[&str]) -> Result<(), UsageError> {
        let what = format!("'{}'", any.join("' or '"));
        let word = self.next(&what)?;
        if any.contains(&word.text) {
            return Ok(());
        }
        Err(self.piece.wrong(word, format!("here stands {what}")))
    }

    pub fn duration(&mut self) -> Result<f64, UsageError> {
        let word = self.next("how long (30s, 5m, 1h30m)")?;
        match seconds(word.text) {
            Some(0.0) => Err(self
                .piece
                .wrong(word, "it takes no time; write for example 30s")),
            Some(length) if length > LONGEST => {
                Err(self.piece.wrong(word, "that is more than a year"))
            }
            Some(length) => Ok(length),
            None => Err(self.piece.wrong(
                word,
                "this is not a time; write seconds, minutes, hours: 30s, 5m, 1h30m",
            )),
        }
    }
}

/// Seconds of `90s`, `1h30m`, `1.5m`, `500ms`; a number alone is seconds.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
    ];
    let number = |text: &str| -> Option<f64> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse().ok().filter(|_| plain)
    };
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (amount, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number(amount)? * factor;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Gives its last part the length that is left until then, if it has none. False if nothing is left.
pub(super) fn end_at(end_s: f64, schedule: &mut Schedule) -> bool {
    let Some((last, before)) = schedule.phases.split_last_mut() else {
        return true;
    };
    if last.length_s.is_finite() {
        return true;
    }
    last.length_s = end_s - before.iter().map(|phase| phase.length_s).sum::<f64>();
    if last.rise_s > 0.0 {
        last.rise_s = (last.length_s * SPREAD).min(1.0);
    }
    last.length_s > 0.0
}

impl Parts {
    /// Of a line that has others beside it.
    pub fn beside_others() -> Self {
        Self {
            may_be_open: true,
            ..Self::default()
        }
    }

    /// Adds one part.
    pub fn take(&mut self, piece: Piece<'_>) -> Result<(), UsageError> {
        let is_open = |phase: &Phase| phase.length_s.is_infinite();
        if self.phases.last().is_some_and(is_open) {
            return Err(piece.missing("nothing can follow a part without a length"));
        }
        let mut reading = Reading::of(piece);
        let verb = reading.next(&format!("a part ({BEGIN})"))?;
        match verb.text {
            "ramp" => self.ramp(&mut reading)?,
            "hold" => self.hold(&mut reading)?,
            "spike" => self.spike(&mut reading)?,
            "arrive" => self.arrive(&mut reading)?,
            "steps" | "step" => self.steps(&mut reading)?,
            other => {
                let verbs = ["ramp", "hold", "spike", "arrive", "steps"];
                let near = nearest(other, verbs.into_iter())
                    .map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                return Err(piece.wrong(verb, format!("{BEGIN}{near}")));
            }
        }
        reading.end()
    }

    pub fn schedule(self) -> Schedule {
        Schedule {
            model: self.model.unwrap_or_default(),
            phases: self.phases,
            lines: Vec::new(),
        }
    }

    /// `ramp [from L] to L over T`
    fn ramp(&mut self, reading: &mut Reading<'_>) -> Result<(), UsageError> {
        let from = match reading.skip(&["from"]) {
            Some(_) => self.height(reading)?,
            None => self.height_now(),
        };
        reading.expect(&["to"])?;
        let to = self.height(reading)?;
        reading.expect(&["over", "in"])?;
        let length = reading.duration()?;
        self.add(reading, PhaseKind::Ramp, (from, to), (length, length))
    }

    /// `hold [L] [for] T`
    fn hold(&mut self, reading: &mut Reading<'_>) -> Result<(), UsageError> {
        let spiked = self
            .phases
            .last()
            .is_some_and(|last| last.kind == PhaseKind::Spike);
        let piece = reading.piece;
        let level = if Self::names_a_level(reading) {
            Some(self.height(reading)?)
        } else {
            None
        };
        if level.is_none() && self.phases.is_empty() {
            return Err(piece
                .missing("how much is held? Write 'hold 50 users for 5m' or 'hold 20/s for 5m'"));
        }
        let length = self.length(reading, false)?;
        let kind = if spiked && level.is_none() {
            PhaseKind::Recovery
        } else {
            PhaseKind::Hold
        };
        let to = level.unwrap_or(self.level);
        let rise = (self.spread(length), length);
        self.add(reading, kind, (self.height_now(), to), rise)
    }

    /// `for T`; infinite if it is left out where it may be.
    fn length(&self, reading: &mut Reading<'_>, says_for: bool) -> Result<f64, UsageError> {
        if self.may_be_open && reading.peek().is_none_or(|word| word.text == "as") {
            return Ok(f64::INFINITY);
        }
        if says_for {
            reading.expect(&["for"])?;
        } else {
            reading.skip(&["for"]);
        }
        reading.duration()
    }

    /// `spike to L for T`
    fn spike(&mut self, reading: &mut Reading<'_>) -> Result<(), UsageError> {
        reading.expect(&["to"])?;
        let to = self.height(reading)?;
        reading.expect(&["for"])?;
        let length = reading.duration()?;
        let before = self.level;
        let rise = (self.spread(length), length);
        self.add(reading, PhaseKind::Spike, (self.height_now(), to), rise)?;
        self.level = before;
        Ok(())
    }

    /// `arrive at R for T`
    fn arrive(&mut self, reading: &mut Reading<'_>) -> Result<(), UsageError> {
        reading.expect(&["at"])?;
        self.settle(reading, Model::Arrivals)?;
        let to = self.height(reading)?;
        let length = self.length(reading, true)?;
        self.add(
            reading,
            PhaseKind::Hold,
            (self.height_now(), to),
            (0.0, length),
        )
    }

    /// `steps of L to L every T`
    fn steps(&mut self, reading: &mut Reading<'_>) -> Result<(), UsageError> {
        let piece = reading.piece;
        reading.expect(&["of", "by"])?;
        let step = self.height(reading)?;
        reading.expect(&["to"])?;
        let top = self.height(reading)?;
        reading.expect(&["every"])?;
        let length = reading.duration()?;
        if step <= 0.0 || top <= self.level {
            return Err(piece.missing(
                "steps go up: the step is more than 0, the top is above the level before",
            ));
        }
        // A last step that is nothing but rounding is none.
        let nearly = top - step * 1e-6;
        while self.level < nearly {
            let next = self.level + step;
            let to = if next < nearly { next } else { top };
            let rise = (self.spread(length), length);
            self.add(reading, PhaseKind::Hold, (self.height_now(), to), rise)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        reading: &mut Reading<'_>,
        kind: PhaseKind,
        (from, to): (f64, f64),
        (rise_s, length_s): (f64, f64),
    ) -> Result<(), UsageError> {
        let name = self.name(reading, kind)?;
        if self.phases.len() == MOST_PHASES {
            return Err(reading
                .piece
                .missing(format!("there are more than {MOST_PHASES} phases")));
        }
        self.phases.push(Phase {
            name,
            kind,
            from,
            to,
            rise_s: if from == to { 0.0 } else { rise_s },
            length_s,
            after: None,
        });
        self.level = to;
        Ok(())
    }

    /// Height at the end of the last phase, from a spike that has not come back yet.
    fn height_now(&self) -> f64 {
        self.phases.last().map_or(0.0, |last| last.to)
    }

    /// How long users take that come or go at once.
    fn spread(&self, length: f64) -> f64 {
        match self.model {
            Some(Model::Arrivals) => 0.0,
            _ => (length * SPREAD).min(1.0),
        }
    }

    /// `as NAME`, else the kind with a number if there is another.
    fn name(&mut self, reading: &mut Reading<'_>, kind: PhaseKind) -> Result<String, UsageError> {
        if reading.skip(&["as"]).is_some() {
            let word = reading.next("the name of the phase")?;
            if self.phases.iter().any(|phase| phase.name == word.text) {
                return Err(reading.piece.wrong(word, "another phase has this name"));
            }
            return Ok(word.text.to_owned());
        }
        loop {
            let count = self.names.entry(kind).or_default();
            *count += 1;
            let name = kind.numbered(*count);
            if self.phases.iter().all(|phase| phase.name != name) {
                return Ok(name);
            }
        }
    }

    /// Whether a number comes that is no time: followed by `users` or `for`, or itself one of `120/s`.
    fn names_a_level(reading: &Reading<'_>) -> bool {
        let words = reading.words.as_slice();
        let Some(first) = words.first() else {
            return false;
        };
        let number = first
            .text
            .starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        let unit = first.text.contains('/')
            || words
                .get(1)
                .is_some_and(|next| ["user", "users", "for"].contains(&next.text));
        number && unit
    }

    /// A number of users or of arrivals, with its unit; without one it is what the parts before were in.
    fn height(&mut self, reading: &mut Reading<'_>) -> Result<f64, UsageError> {
        let word = reading.next("a number of users (50 users) or of arrivals (20/s)")?;
        let (number, unit) = match word.text.split_once('/') {
            Some((number, unit)) => (number, Some(unit)),
            None => (word.text, None),
        };
        let piece = reading.piece;
        let wrong = |what: &str| piece.wrong(word, what);
        let number: f64 = number
            .replace('_', "")
            .parse()
            .map_err(|_| wrong("this is not a number; write for example '50 users' or '20/s'"))?;
        let per = match unit {
            None => None,
            Some("s" | "sec" | "second") => Some(1.0),
            Some("m" | "min" | "minute") => Some(60.0),
            Some("h" | "hour") => Some(3_600.0),
            Some(_) => {
                return Err(wrong(
                    "arrivals are per second, minute or hour: 20/s, 90/min, 500/h",
                ));
            }
        };
        if !number.is_finite() || number < 0.0 {
            return Err(wrong("this must be a number from 0"));
        }
        let users = reading.skip(&["user", "users"]).is_some();
        match (per, users) {
            (Some(_), true) => return Err(wrong("either users or arrivals per second, not both")),
            (Some(per), false) => {
                self.settle_at(reading.piece, word, Model::Arrivals)?;
                return self.within(reading, word, number / per);
            }
            (None, true) => self.settle_at(reading.piece, word, Model::Users)?,
            (None, false) if self.model.is_none() => {
                return Err(wrong(
                    "is this users or arrivals? Write for example '50 users' or '20/s'",
                ));
            }
            (None, false) => {}
        }
        if self.model == Some(Model::Users) && number.fract() != 0.0 {
            return Err(reading.piece.wrong(word, "users are whole"));
        }
        self.within(reading, word, number)
    }

    fn within(
        &self,
        reading: &Reading<'_>,
        word: Word<'_>,
        number: f64,
    ) -> Result<f64, UsageError> {
        let (most, what) = match self.model {
            Some(Model::Arrivals) => (MOST_ARRIVALS, "arrivals per second"),
            _ => (MOST_USERS, "users"),
        };
        if number > most {
            return Err(reading
                .piece
                .wrong(word, format!("more than {most} {what} are not meant")));
        }
        Ok(number)
    }

    fn settle(&mut self, reading: &Reading<'_>, model: Model) -> Result<(), UsageError> {
        match reading.peek() {
            Some(word) => self.settle_at(reading.piece, word, model),
            None => Ok(()),
        }
    }

    fn settle_at(
        &mut self,
        piece: Piece<'_>,
        word: Word<'_>,
        model: Model,
    ) -> Result<(), UsageError> {
        match self.model.replace(model) {
            Some(before) if before != model => Err(piece.wrong(
                word,
                "users and arrivals per second cannot be mixed in one load",
            )),
            _ => Ok(()),
        }
    }
}
