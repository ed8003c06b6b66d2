//! The application from outside: words, variables and files in; options, messages and exit codes out.

mod binary;
mod command_words;
mod config;
mod help;
mod options;
mod refused;
mod run_dir;
mod support;
mod table;
mod two_passes;
