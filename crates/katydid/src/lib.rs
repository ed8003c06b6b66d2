//! The application: the command line, what it resolves to, and the commands that need no Python.
//!
//! A library for the Python extension, and a small binary. It knows users, plans and files; requests and sockets are the
//! engine's, numbers are the record's and the analysis's.

pub mod attack;
pub mod cli;
pub mod commands;
mod condition;
pub mod config;
mod error;
mod experiments;
pub mod here;
pub mod host;
pub mod load;
pub mod plan;
mod pointed;
mod resolved;
pub mod run_dir;
mod search;
pub mod session;
mod slo;
pub mod watching;

pub use cli::{OptionRow, Options, option_rows};
pub use config::Surroundings;
pub use error::{EXIT_USAGE, UsageError};
pub use plan::{Located, NO_LOAD, locate, resolve};
pub use resolved::Resolved;
