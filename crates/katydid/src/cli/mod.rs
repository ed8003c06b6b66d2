//! The command line: the table of options, and the words that name a command.
//!
//! Parsing here is a pure function of its words; environment and config files are [`crate::config`]'s, what follows
//! from the options is [`crate::plan`]'s.

pub mod commands;
pub mod help;
pub mod not_built;
pub mod options;
pub(crate) mod parse;
pub mod table;
pub mod values;
pub(crate) mod words;

pub(crate) use commands::one_on_stdout;
pub use commands::{
    AttackOptions, Command, CompareOptions, DiagnoseOptions, DoctorOptions, ReportOptions,
    RunsOptions, ValidateOptions, command,
};
pub use options::Options;
pub use table::{OptionRow, Status, option_rows};
pub use values::Timespan;
pub(crate) use words::nearest;
