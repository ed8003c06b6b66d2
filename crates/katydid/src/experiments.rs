//! What may be changed in a target to see what it changes (`--experiment`), and what may not.

use crate::error::UsageError;
use crate::watching::Sources;

/// Those that there are.
pub const NAMES: [&str; 1] = ["index"];

/// Whether a subject is declared disposable: by `HOST:PORT/DB`, or as it is shown, `postgres HOST:PORT/DB`.
pub fn may_be_changed(subject: &str, disposable: &[String]) -> bool {
    let place = place(subject);
    disposable.iter().any(|of| of == subject || of == place)
}

/// Without what kind of thing it is.
fn place(subject: &str) -> &str {
    subject.split_once(' ').map_or(subject, |(_, place)| place)
}

/// Whether these experiments can be made at all.
///
/// # Errors
/// None of what is watched may be changed; what to write where.
pub fn check(disposable: &[String], watched: &Sources) -> Result<(), UsageError> {
    let indexes = watched.indexes();
    let places: Vec<&str> = indexes.keys().map(|subject| place(subject)).collect();
    if places.is_empty() {
        return Err(UsageError::new(
            "--experiment index needs the database: --watch env:DATABASE_URL, an address of one server, with the role that owns its tables",
        ));
    }
    if indexes
        .keys()
        .any(|subject| may_be_changed(subject, disposable))
    {
        return Ok(());
    }
    let places = places.join("\", \"");
    Err(UsageError::new(format!(
        "--experiment index builds an index in the database and drops it again. If it may be changed, say so in katydid.toml, beside the locustfile:\n  \
         [watch]\n  disposable = [\"{places}\"]"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watching;

    fn checked(disposable: &[&str], watch: &[&str]) -> Result<(), String> {
        let words = |all: &[&str]| {
            all.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let sources = watching::sources(&words(watch), &[], None).expect("addresses");
        check(&words(disposable), &sources).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_declared_may_be_changed() {
        let shop = ["postgres://me@127.0.0.1:5432/shop"];
        assert_eq!(checked(&["127.0.0.1:5432/shop"], &shop), Ok(()));
        assert_eq!(checked(&["postgres 127.0.0.1:5432/shop"], &shop), Ok(()));
        let refused = checked(&["127.0.0.1:5432/other"], &shop).expect_err("another database");
        assert!(
            refused.ends_with("[watch]\n  disposable = [\"127.0.0.1:5432/shop\"]"),
            "{refused}"
        );
        checked(&[], &shop).expect_err("nothing is declared");
        let refused = checked(&["127.0.0.1:6379"], &["redis://127.0.0.1:6379"]);
        assert!(
            refused
                .expect_err("no database")
                .contains("needs the database")
        );
    }
}
