//! Loads with a name, scaled to a number of users or arrivals: `spike of 200 users`.

use crate::error::UsageError;
use crate::pointed::Piece;

/// A load with a name.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// When to use it.
    pub purpose: &'static str,
    /// In words, with `{0.5}` for half of the number it is scaled to.
    words: &'static str,
}

/// All of them.
pub const PRESETS: [Preset; 6] = [
    Preset {
        name: "smoke",
        purpose: "does everything work? A minute at the level given, before any real test",
        words: "hold {1} for 1m",
    },
    Preset {
        name: "ramp",
        purpose: "a normal day's peak: up within five minutes, ten minutes there",
        words: "ramp to {1} over 5m, hold 10m",
    },
    Preset {
        name: "steps",
        purpose: "at which level do latencies turn? Five levels of three minutes, each a fifth higher",
        words: "steps of {0.2} to {1} every 3m",
    },
    Preset {
        name: "spike",
        purpose: "a campaign, a push message: from a quarter up to all within a second, then back; does it recover?",
        words: "ramp to {0.25} over 1m, hold 3m, spike to {1} for 30s, hold 5m",
    },
    Preset {
        name: "soak",
        purpose: "leaks and drift: two hours at a constant level",
        words: "ramp to {1} over 5m, hold 2h",
    },
    Preset {
        name: "stress",
        purpose: "more than it was built for: half, all, one and a half and twice the level, then does it recover?",
        words: "ramp to {0.5} over 1m, hold 4m, ramp to {1} over 1m, hold 4m, ramp to {1.5} over 1m, hold 4m, \
                ramp to {2} over 1m, hold 4m, ramp to {0.5} over 1m, hold 4m as recovery",
    },
];

impl Preset {
    /// Its parts at this level.
    fn at(&self, level: f64, unit: &str) -> String {
        let mut text = String::new();
        for piece in self.words.split('{') {
            match piece.split_once('}') {
                Some((share, rest)) => {
                    let share: f64 = share.parse().unwrap_or(1.0);
                    let mut height = level * share;
                    if unit == " users" {
                        height = height.ceil();
                    }
                    text.extend([height.to_string().as_str(), unit, rest]);
                }
                None => text += piece,
            }
        }
        text
    }
}

/// The parts of `NAME of LEVEL`; `None` if this does not begin with the name of a preset, or goes on as a part of its own.
pub(super) fn spelled_out(body: Piece<'_>) -> Result<Option<String>, UsageError> {
    let words = body.words();
    let Some(first) = words.first() else {
        return Ok(None);
    };
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == first.text) else {
        return Ok(None);
    };
    let how = format!(
        "a preset is scaled: '{} of 50 users' or '{} of 20/s'",
        first.text, first.text
    );
    let (level, unit) = match words.as_slice() {
        [_] => return Err(body.missing(how)),
        // A part of the same name goes on otherwise.
        [_, of, ..] if of.text != "of" => return Ok(None),
        [_, _, _, ..] if body.text.contains(" to ") => return Ok(None),
        [_, _, level, users] if ["user", "users"].contains(&users.text) => (level, " users"),
        [_, _, level] if level.text.ends_with("/s") => (level, "/s"),
        [.., last] => return Err(body.wrong(*last, how)),
        [] => return Ok(None),
    };
    let number: f64 = level
        .text
        .trim_end_matches("/s")
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or_else(|| body.wrong(*level, how))?;
    Ok(Some(preset.at(number, unit)))
}
