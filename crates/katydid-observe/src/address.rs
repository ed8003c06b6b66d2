//! Where to look, in the words of `--watch`: `env:DATABASE_URL`, `redis://127.0.0.1:6379`, `port:8000`.
//!
//! It reads the environment and files where the word says so, and connects to nobody.

use katydid_record::redact::redact;
use thiserror::Error;

use crate::observer::Source;
use crate::sources::SCHEMES;

/// A word that names nothing that can be watched.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct AddressError(pub String);

/// What stands behind the scheme, whole and in its parts.
#[derive(Clone, Debug)]
pub struct Address {
    /// The scheme, lower case.
    pub scheme: String,
    /// All of it, with its secrets: never shown.
    pub whole: String,
    /// What comes after `scheme:`, with its secrets.
    pub rest: String,
}

/// What a word stands for: `env:NAME` and `file:PATH` for what is in there, others for themselves.
pub fn reveal(word: &str) -> Result<String, AddressError> {
    let word = word.trim();
    let whole = match word.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| {
            AddressError(format!("'{word}': the environment has no variable {name}"))
        })?,
        Some(("file", path)) => std::fs::read_to_string(path)
            .map_err(|error| AddressError(format!("'{word}': cannot read {path}: {error}")))?,
        _ => word.to_owned(),
    };
    Ok(whole.trim().to_owned())
}

impl Address {
    /// Reads a word. `env:NAME` and `file:PATH` stand for what is in there, so that secrets need not stand among the arguments.
    pub fn read(word: &str) -> Result<Self, AddressError> {
        let word = word.trim();
        let whole = reveal(word)?;
        let behind = if whole == word {
            String::new()
        } else {
            format!(" (in {word})")
        };
        let Some((scheme, rest)) = whole.split_once(':') else {
            if whole == "host" {
                return Ok(Self {
                    scheme: whole.clone(),
                    rest: String::new(),
                    whole,
                });
            }
            return Err(AddressError(format!(
                "'{}'{behind} does not say what it is; write for example {}",
                redact(&whole),
                examples()
            )));
        };
        // SQLAlchemy and Django write the driver behind the scheme.
        let scheme = scheme
            .split('+')
            .next()
            .unwrap_or(scheme)
            .to_ascii_lowercase();
        Ok(Self {
            rest: rest.to_owned(),
            scheme,
            whole,
        })
    }

    /// What is there to be watched.
    pub fn source(self) -> Result<Box<dyn Source>, AddressError> {
        let told = |why: String| AddressError(format!("'{}': {why}", redact(&self.whole)));
        let known = SCHEMES
            .iter()
            .find(|scheme| scheme.names.contains(&self.scheme.as_str()));
        match known {
            Some(scheme) => (scheme.make)(&self).map_err(told),
            None => Err(told(format!(
                "nothing is known by '{}:'; write for example {}",
                self.scheme,
                examples()
            ))),
        }
    }
}

fn examples() -> String {
    let examples: Vec<&str> = SCHEMES
        .iter()
        .map(|scheme| scheme.example)
        .filter(|example| !example.is_empty())
        .collect();
    examples.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(word: &str) -> String {
        let source = Address::read(word).and_then(Address::source);
        source
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_not_known_is_said_without_secrets() {
        let text = refused("oracle://me:hunter2@db/x");
        assert!(text.contains("'oracle:'"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(refused("8000").contains("does not say what it is"));
        assert!(refused("env:KATYDID_NO_SUCH").contains("no variable KATYDID_NO_SUCH"));
        assert!(refused("file:/no/such").contains("cannot read /no/such"));
        assert!(refused("mysql://db/x").contains("not built yet"));
        assert!(refused("kafka://broker").contains("not built yet"));
    }
}
