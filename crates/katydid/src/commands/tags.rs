//! Names that a run was given: a text file in its folder, one name in a line. A pinned baseline is the tag `baseline`.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use katydid_record::writer::write_whole;

use crate::error::UsageError;

/// The tag of a pinned baseline.
pub const BASELINE: &str = "baseline";
const FILE: &str = "tags";
/// Longest name of a tag.
const LONGEST: usize = 60;

/// Of the run in `dir`; none where it has none, or where they cannot be read.
pub fn of(dir: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(dir.join(FILE)).unwrap_or_default();
    let names = text.lines().map(str::trim).filter(|name| is_name(name));
    names.map(str::to_owned).collect()
}

/// Gives or takes a tag.
pub fn set(dir: &Path, name: &str, there: bool) -> Result<(), UsageError> {
    if !is_name(name) {
        return Err(UsageError::new(format!(
            "'{name}' cannot be a tag: up to {LONGEST} letters, digits, '.', '_', '-' and '/'"
        )));
    }
    let mut names = of(dir);
    let changed = if there {
        names.insert(name.to_owned())
    } else {
        names.remove(name)
    };
    if !changed {
        return Ok(());
    }
    let file = dir.join(FILE);
    let told = |error: &dyn std::fmt::Display| {
        UsageError::new(format!("cannot keep tags in {}: {error}", dir.display()))
    };
    if names.is_empty() {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(told(&error)),
            _ => Ok(()),
        };
    }
    let text = names.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    write_whole(&file, text.as_bytes()).map_err(|error| told(&error))
}

fn is_name(name: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    !name.is_empty() && name.chars().count() <= LONGEST && name.chars().all(harmless)
}
