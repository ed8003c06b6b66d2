//! Real sockets against a real target; times are judged on the server's own truth.
#![allow(missing_docs, clippy::unwrap_used)]

mod client;
mod command;
mod control;
mod faults;
mod http;
mod timing;
mod tls;
