//! Values of options: Locust's time spans, numbers as Python reads them, one clear message when they are wrong.
//!
//! Messages say only what is wrong with the value; who asked (a flag, a variable, a file) is added by the caller.

use serde::Serialize;

/// A length of time as Locust spells it (`90`, `20s`, `3m`, `1h30m`), in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Timespan(pub u64);

/// Digits alone are seconds; otherwise hours, minutes, seconds in this order, each at most once.
pub fn timespan(text: &str) -> Result<Timespan, String> {
    let wrong = || {
        format!(
            "'{text}' is not a time; write seconds (90) or hours, minutes, seconds (20s, 3m, 1h30m)"
        )
    };
    if text.is_empty() || !text.is_ascii() {
        return Err(wrong());
    }
    if let Some(seconds) = digits(text) {
        return Ok(Timespan(seconds));
    }
    let mut rest = text;
    let mut total = 0u64;
    for (unit, seconds) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, tail)) = rest.split_once(unit) else {
            continue;
        };
        let number = digits(number).ok_or_else(wrong)?;
        total = number
            .checked_mul(seconds)
            .and_then(|part| part.checked_add(total))
            .ok_or_else(wrong)?;
        rest = tail;
    }
    if rest.is_empty() {
        Ok(Timespan(total))
    } else {
        Err(wrong())
    }
}

/// Only digits, and not too many.
fn digits(text: &str) -> Option<u64> {
    let only = text.bytes().all(|byte| byte.is_ascii_digit());
    only.then(|| text.parse().ok())?
}

/// A whole number, spelled as Python's `int()` allows (`1_000`, surrounding blanks).
pub fn int(text: &str) -> Result<i64, String> {
    python_number(text)
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("'{text}' is not a whole number"))
}

/// A count: a whole number from 0.
pub fn count(text: &str) -> Result<u64, String> {
    match int(text)? {
        negative @ ..0 => Err(format!("{negative} is below 0")),
        number => Ok(number as u64),
    }
}

/// A count from 1.
pub fn positive(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("0 is too few, the least is 1".to_owned()),
        number => Ok(number),
    }
}

/// Most processes of one run: each is a Python of its own.
const PROCESSES: i64 = 256;

/// A number of processes: from 1, or -1 for one per processor.
pub fn processes(text: &str) -> Result<i64, String> {
    match int(text)? {
        number @ (-1 | 1..=PROCESSES) => Ok(number),
        _ => Err(format!(
            "'{text}' is not a number of processes; write 1 to {PROCESSES}, or -1 for one per processor"
        )),
    }
}

/// A finite number above zero: rates and timeouts.
pub fn above_zero(text: &str) -> Result<f64, String> {
    let number: f64 = python_number(text)
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("'{text}' is not a number"))?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err(format!("{text} is not a finite number above 0"))
    }
}

/// A share of a whole, above 0: `5%`, `0.05`.
pub fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is not a share; write 5% or 0.05, above 0 and up to 100%");
    let (number, whole) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = above_zero(number).map_err(|_| wrong())? / whole;
    if share <= 1.0 {
        Ok(share)
    } else {
        Err(wrong())
    }
}

/// The five levels of Python's logging, in any case.
pub fn loglevel(text: &str) -> Result<String, String> {
    let level = text.to_uppercase();
    if LOGLEVELS.contains(&level.as_str()) {
        Ok(level)
    } else {
        Err(format!("'{text}' is not one of {}", LOGLEVELS.join(", ")))
    }
}

/// The levels that `--loglevel` knows.
pub const LOGLEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/// A switch in the environment or a file; `None` when the text is neither yes nor no.
pub fn switch(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Trims and removes underscores between digits, as Python does.
fn python_number(text: &str) -> Option<String> {
    let text = text.trim();
    let misplaced = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!misplaced).then(|| text.replace('_', ""))
}
