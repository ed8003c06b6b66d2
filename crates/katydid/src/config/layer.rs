//! One layer of values, from the environment or from one file, checked against the table.
//!
//! An unknown key of a file is an error; an unknown variable is somebody else's. What belongs to options that the
//! locustfile added is kept as text, for Python to read.

use std::collections::BTreeMap;

use super::conf::value_of;
use super::{ConfigFile, Entry, Source, Surroundings};
use crate::cli::parse;
use crate::cli::table::OptionRow;
use crate::cli::values::switch;
use crate::cli::words::nearest;
use crate::error::UsageError;

/// Values by dest, and where each came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub values: BTreeMap<String, (Vec<String>, Source)>,
    /// Texts for options that the locustfile added.
    pub custom: BTreeMap<String, (String, Source)>,
}

/// What the environment gives.
pub(crate) fn environment(
    around: &Surroundings,
    rows: &[OptionRow],
    custom: &[OptionRow],
) -> Result<Layer, UsageError> {
    let mut layer = Layer::default();
    let given = |row: &OptionRow| {
        let variable = row.env.clone()?;
        let text = around.env.get(&variable)?.clone();
        Some((text, Source::Environment { variable }))
    };
    for row in custom {
        if let Some(found) = given(row) {
            layer.custom.insert(row.dest.clone(), found);
        }
    }
    for row in rows {
        let shadowed = custom
            .iter()
            .any(|own| own.env.is_some() && own.env == row.env);
        if let (Some((text, source)), false) = (given(row), shadowed) {
            let entry = if row.flags.is_empty() {
                Entry::List(text.split_whitespace().map(str::to_owned).collect())
            } else if row.is_list() {
                value_of(&text)
            } else {
                Entry::Text(text)
            };
            let by = source_title(&source);
            layer.take(row, &entry, source, &by, rows)?;
        }
    }
    Ok(layer)
}

/// What one file gives. With `strict`, a key that nobody knows is an error.
pub(crate) fn file(
    file: &ConfigFile,
    rows: &[OptionRow],
    custom: &[OptionRow],
    strict: bool,
) -> Result<Layer, UsageError> {
    let mut layer = Layer::default();
    for (key, entry) in &file.entries {
        let source = Source::File {
            path: file.path.clone(),
            key: key.clone(),
        };
        let by = format!("{}: '{key}'", file.path);
        if let Some(row) = custom.iter().find(|row| row.answers_to(key)) {
            layer
                .custom
                .insert(row.dest.clone(), (entry.text(), source));
        } else if let Some(row) = rows.iter().find(|row| row.answers_to(key)) {
            if row.dest == "config" {
                return Err(UsageError::new(format!(
                    "{by} works only on the command line"
                )));
            }
            layer.take(row, entry, source, &by, rows)?;
        } else if strict {
            return Err(unknown_key(file, key, rows));
        }
    }
    Ok(layer)
}

impl Layer {
    fn take(
        &mut self,
        row: &OptionRow,
        entry: &Entry,
        source: Source,
        by: &str,
        rows: &[OptionRow],
    ) -> Result<(), UsageError> {
        let Some(texts) =
            texts(row, entry).map_err(|error| UsageError::new(format!("{by}: {error}")))?
        else {
            self.values.remove(&row.dest);
            return Ok(());
        };
        if let Some(refusal) = row.refusal(by) {
            return Err(UsageError::new(refusal));
        }
        let alone = [(row.dest.clone(), texts.clone())].into();
        parse::typed(&alone, rows).map_err(|UsageError(text)| {
            let title = format!("{}: ", row.title());
            UsageError::new(format!(
                "{by}: {}",
                text.strip_prefix(&title).unwrap_or(&text)
            ))
        })?;
        self.values.insert(row.dest.clone(), (texts, source));
        Ok(())
    }
}

/// The texts of a value; `None` for a switch that is off.
fn texts(row: &OptionRow, entry: &Entry) -> Result<Option<Vec<String>>, String> {
    match entry {
        Entry::Text(text) if row.is_switch() => match switch(text) {
            Some(on) => Ok(on.then(Vec::new)),
            None => Err(format!("'{text}' is neither true nor false")),
        },
        Entry::Text(text) => Ok(Some(vec![text.clone()])),
        Entry::List(items) if row.is_list() => Ok(Some(items.clone())),
        Entry::List(_) => Err("takes one value, not a list".to_owned()),
    }
}

fn source_title(source: &Source) -> String {
    match source {
        Source::Environment { variable } => format!("{variable} (environment)"),
        other => other.to_string(),
    }
}

fn unknown_key(file: &ConfigFile, key: &str, rows: &[OptionRow]) -> UsageError {
    let dest = rows
        .iter()
        .find(|row| row.dest == key && !row.flags.is_empty());
    let flags = rows
        .iter()
        .flat_map(|row| row.flags.iter().map(String::as_str));
    let near = dest.map(OptionRow::flag).or_else(|| nearest(key, flags));
    let hint = near.map(|flag| format!(" (did you mean '{}'?)", flag.trim_start_matches('-')));
    UsageError::new(format!(
        "{}: unknown key '{key}'{}",
        file.path,
        hint.unwrap_or_default()
    ))
}
