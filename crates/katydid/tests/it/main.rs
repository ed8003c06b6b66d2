//! The application from outside: words, variables and files in; options, messages and exit codes out.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)] // tests; expectations are written in place

mod binary;
mod command_words;
mod config;
mod help;
mod options;
mod records;
mod refused;
mod run_dir;
mod soak;
mod support;
mod table;
mod two_passes;
