//! The crate's integration tests: one binary, one module per subject.

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
mod properties;
mod support;
