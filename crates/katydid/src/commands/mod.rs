//! The commands that need no Python. Errors are printed here, once, with the exit code that fits.

pub mod compare;
mod diagnose;
mod doctor;
mod find;
mod pairs;
mod plan;
mod recorded;
mod report;
mod runs;
mod tags;
mod validate;

use std::io::Write;

use crate::cli::{Command, command};
use crate::error::EXIT_USAGE;

/// Runs what needs no Python and gives its exit code; `None` when `argv` (without the program's name) is a run, `check`,
/// `exec` or `demo`. `launcher`: how a run is started as a process of its own, program and first words; none where it cannot be.
pub fn dispatch(argv: &[String], launcher: Option<&[String]>) -> Option<i32> {
    let outcome = match command(argv) {
        Ok(
            Command::Run
            | Command::Check
            | Command::Probe
            | Command::Find
            | Command::Exec { .. }
            | Command::Demo,
        ) => return None,
        Ok(Command::Print(text)) => {
            say(&text);
            Ok(0)
        }
        Ok(Command::Attack(options)) => crate::attack::attack(&options),
        Ok(Command::Plan(words)) => plan::plan(&words),
        Ok(Command::Runs(options)) => runs::runs(&options, &cwd()),
        Ok(Command::Report(options)) => report::report(&options, &cwd()),
        Ok(Command::Diagnose(options)) => diagnose::diagnose(&options, &cwd()),
        Ok(Command::Doctor(options)) => doctor::doctor(&options),
        Ok(Command::Compare(options)) => compare::compare(&options, &cwd()),
        Ok(Command::Validate(options)) => validate::validate(&options, launcher, &cwd()),
        Err(error) => Err(error.into()),
    };
    Some(outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        EXIT_USAGE
    }))
}

/// Prints on standard output. A closed pipe is the reader's decision.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The current folder, as the start of relative paths.
fn cwd() -> std::path::PathBuf {
    std::path::PathBuf::new()
}
