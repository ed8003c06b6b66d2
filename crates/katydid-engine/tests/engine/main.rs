//! The crate's integration tests: one binary, one module per subject.
#![allow(unsafe_code)] // poll, listen and setrlimit, in `live`

mod decode;
mod grammar;
mod http1_checks;
mod http1_framing;
mod http1_fuzz;
mod http1_hyper;
mod http1_request;
mod http1_response;
mod http1_split;
mod http1_url;
mod live;
mod properties;
mod recorder;
mod support;
