//! Parsing a list of words against the table: clap's verdict, in our words.
//!
//! Knows nothing of where the words came from; see [`crate::config`] for layers and priority.

use std::collections::BTreeMap;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};

use super::options::Options;
use super::table::{OptionRow, flags, parsing_command};
use crate::error::UsageError;

/// Raw values by dest; a switch that is on has none.
pub(crate) type Values = BTreeMap<String, Vec<String>>;

/// The values that `words` give. `words` hold only flags of the table. A repeated flag: the last one counts, unless its
/// values add up.
pub(crate) fn values(words: &[String], rows: &[OptionRow]) -> Result<Values, UsageError> {
    let matches = matches(words)?;
    let given =
        |row: &&OptionRow| matches.value_source(&row.dest) == Some(ValueSource::CommandLine);
    Ok(rows
        .iter()
        .filter(given)
        .map(|row| (row.dest.clone(), raw(&matches, row)))
        .collect())
}

fn raw(matches: &ArgMatches, row: &OptionRow) -> Vec<String> {
    if row.is_switch() {
        return Vec::new();
    }
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    if row.flags.is_empty() {
        let all = matches.get_raw(&row.dest).into_iter().flatten();
        return all.map(text).collect();
    }
    if row.action == "append" {
        let all = matches.get_raw(&row.dest).into_iter().flatten();
        return all.map(text).collect();
    }
    let last = matches
        .get_raw_occurrences(&row.dest)
        .and_then(Iterator::last);
    last.into_iter().flatten().map(text).collect()
}

/// The typed options for `values`.
pub(crate) fn typed(values: &Values, rows: &[OptionRow]) -> Result<Options, UsageError> {
    let matches = matches(&words(values, rows))?;
    Options::from_arg_matches(&matches).map_err(|error| usage(&error, &parsing_command()))
}

/// The command line that gives exactly `values`.
pub(crate) fn words(values: &Values, rows: &[OptionRow]) -> Vec<String> {
    let mut words = Vec::new();
    let mut positionals = Vec::new();
    for row in rows {
        match values.get(&row.dest) {
            None => {}
            Some(texts) if row.flags.is_empty() => positionals.extend(texts.iter().cloned()),
            Some(texts) if texts.is_empty() => words.push(row.flag().to_owned()),
            Some(texts) => {
                words.extend(texts.iter().map(|text| format!("{}={text}", row.flag())));
            }
        }
    }
    words.push("--".to_owned());
    words.extend(positionals);
    words
}

fn matches(words: &[String]) -> Result<ArgMatches, UsageError> {
    parsing_command()
        .try_get_matches_from(words)
        .map_err(|error| usage(&error, &parsing_command()))
}

/// One line for a refused value. `-u/--users: 'x' is not a whole number`.
pub(crate) fn usage(error: &clap::Error, command: &Command) -> UsageError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let argument = title(context(ContextKind::InvalidArg), command);
    let text = match error.kind() {
        ErrorKind::ValueValidation => match std::error::Error::source(error) {
            Some(source) => format!("{argument}: {source}"),
            None => format!(
                "{argument}: '{}' is wrong",
                context(ContextKind::InvalidValue)
            ),
        },
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).is_empty() => {
            format!("{argument} needs a value")
        }
        ErrorKind::TooManyValues => format!("{argument} takes no value"),
        ErrorKind::ArgumentConflict => format!("{argument} is given twice"),
        ErrorKind::MissingRequiredArgument => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(names)) => format!("{} is missing", names.join(" ")),
            _ => "an argument is missing".to_owned(),
        },
        ErrorKind::UnknownArgument => format!("unrecognized arguments: {argument}"),
        _ => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned(),
    };
    UsageError::new(text)
}

/// `--users <N>` becomes `-u/--users`; what `command` does not have stays, without its placeholder.
fn title(argument: &str, command: &Command) -> String {
    let flag = argument.split([' ', '=', '[']).next().unwrap_or(argument);
    let mut known = command.get_arguments().map(flags);
    let titles = known.find(|flags| flags.iter().any(|known| known == flag));
    titles.map_or_else(|| flag.to_owned(), |flags| flags.join("/"))
}
