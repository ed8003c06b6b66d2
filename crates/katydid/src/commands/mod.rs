//! The commands that need no Python. Errors are printed here, once, with the exit code that fits.

mod attack;
mod find;

use crate::cli::{Command, command};
use crate::error::EXIT_USAGE;

/// Runs what needs no Python and gives its exit code; `None` when `argv` (without the program's name) is a run, `check`,
/// `exec` or `demo`.
pub fn dispatch(argv: &[String]) -> Option<i32> {
    let outcome = match command(argv) {
        Ok(Command::Run | Command::Check | Command::Exec { .. } | Command::Demo) => return None,
        Ok(Command::Print(text)) => {
            print!("{text}");
            Ok(0)
        }
        Ok(Command::Attack(options)) => attack::attack(&options),
        Ok(Command::Runs(_) | Command::Report(_)) => Err(anyhow::anyhow!("not built yet")),
        Err(error) => Err(error.into()),
    };
    Some(outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        EXIT_USAGE
    }))
}
