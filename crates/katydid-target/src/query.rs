//! The query string of a request, as names and values with units checked.
//! Knows no behaviour.

use std::borrow::Cow;

/// A parsed query string; the first of equal names wins.
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Parses what follows the `?`; never fails.
    pub fn parse(text: &'a str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).collect())
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        Some(value)
    }

    /// Whether `key` is there at all.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether `key` is there and not `0`.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value != "0")
    }

    /// A finite number that is not negative, or the default.
    pub fn float(&self, key: &str, default: f64) -> Result<f64, String> {
        let Some(text) = self.get(key) else {
            return Ok(default);
        };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
            _ => Err(format!("{key}={text}: a number of 0 or more is needed")),
        }
    }

    /// A number that has to be there.
    pub fn required(&self, key: &str) -> Result<f64, String> {
        if self.has(key) {
            self.float(key, 0.0)
        } else {
            Err(format!("{key}= is missing"))
        }
    }

    /// A whole number, or the default.
    pub fn whole(&self, key: &str, default: u64) -> Result<u64, String> {
        match self.get(key) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("{key}={text}: a whole number is needed")),
        }
    }
}
