//! The one error of bad usage: a sentence that says what is wrong and what to do.
//!
//! Whoever prints it puts `error: ` before it, once, and exits with [`EXIT_USAGE`].

/// Exit code of bad usage or a broken scenario.
pub const EXIT_USAGE: i32 = katydid_analyze::exit_code::USAGE;

/// Bad usage: print `error: <text>` and exit 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    pub(crate) fn new(text: impl Into<String>) -> UsageError {
        UsageError(text.into())
    }
}
