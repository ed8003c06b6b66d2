//! `katydid attack URL`.

use crate::cli::AttackOptions;
use crate::error::UsageError;

/// Puts the URL under load and gives the exit code.
pub fn attack(_options: &AttackOptions) -> anyhow::Result<i32> {
    Err(UsageError::new("attack is not built yet").into())
}
