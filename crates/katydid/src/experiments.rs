//! What may be changed in a target to see what it changes (`--experiment`), and what may not.

use crate::error::UsageError;
use crate::watching::Sources;

/// Those that there are.
pub const NAMES: [&str; 2] = ["index", "cold"];

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
/// One of them has nothing that it may change; what to write where.
pub fn check(names: &[String], disposable: &[String], watched: &Sources) -> Result<(), UsageError> {
    for name in names {
        let (all, needs, does): (Vec<String>, _, _) = match name.as_str() {
            "cold" => (
                watched.keys().into_keys().collect(),
                "the cache: --watch env:REDIS_URL, with a user who may delete keys",
                "deletes keys of a cache",
            ),
            _ => (
                watched.indexes().into_keys().collect(),
                "the database: --watch env:DATABASE_URL, an address of one server, with the role that owns its tables",
                "builds an index in the database and drops it again",
            ),
        };
        if all.is_empty() {
            return Err(UsageError::new(format!(
                "--experiment {name} needs {needs}"
            )));
        }
        if !all
            .iter()
            .any(|subject| may_be_changed(subject, disposable))
        {
            let places: Vec<&str> = all.iter().map(|subject| place(subject)).collect();
            let places = places.join("\", \"");
            return Err(UsageError::new(format!(
                "--experiment {name} {does}. If it may be changed, say so in katydid.toml, beside the locustfile:\n  \
                 [watch]\n  disposable = [\"{places}\"]"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watching;

    fn checked(name: &str, disposable: &[&str], watch: &[&str]) -> Result<(), String> {
        let words = |all: &[&str]| {
            all.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let sources = watching::sources(&words(watch), &[], None).expect("addresses");
        check(&[name.to_owned()], &words(disposable), &sources).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_declared_may_be_changed() {
        let shop = ["postgres://me@127.0.0.1:5432/shop"];
        assert_eq!(checked("index", &["127.0.0.1:5432/shop"], &shop), Ok(()));
        assert_eq!(
            checked("index", &["postgres 127.0.0.1:5432/shop"], &shop),
            Ok(())
        );
        let refused =
            checked("index", &["127.0.0.1:5432/other"], &shop).expect_err("another database");
        assert!(
            refused.ends_with("[watch]\n  disposable = [\"127.0.0.1:5432/shop\"]"),
            "{refused}"
        );
        checked("index", &[], &shop).expect_err("nothing is declared");
        let cache = ["redis://127.0.0.1:6379/3"];
        assert_eq!(checked("cold", &["127.0.0.1:6379/3"], &cache), Ok(()));
        let refused = checked("cold", &["127.0.0.1:6379/0"], &cache).expect_err("other keys");
        assert!(
            refused.ends_with("disposable = [\"127.0.0.1:6379/3\"]"),
            "{refused}"
        );
        let refused = checked("index", &["127.0.0.1:6379/3"], &cache);
        assert!(
            refused
                .expect_err("no database")
                .contains("needs the database")
        );
    }
}
