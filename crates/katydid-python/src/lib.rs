//! `katydid._core`, the native half of the Python package: bindings only. What they bind is in `katydid` and `katydid-engine`.

// PyO3 hands arguments over by value, and a binding has as many as its Python function; it cannot choose.
#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    clippy::too_many_lines
)]

mod cli;
mod client;
mod flights;
mod json;
mod response;
mod session;

use pyo3::prelude::*;

/// Requests are made on one thread and freed on the other, which the C library's allocator does under a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `CLOCK_MONOTONIC`, ns.
#[pyfunction]
fn now_ns() -> u64 {
    katydid_engine::clock::now()
}

/// `text` without what looks like a secret in it.
#[pyfunction]
fn redact(text: &str) -> String {
    katydid_record::redact::redact(text)
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("UsageError", module.py().get_type::<cli::UsageError>())?;
    module.add("InvalidUrl", module.py().get_type::<cli::InvalidUrl>())?;
    module.add_class::<client::Client>()?;
    module.add_class::<response::Response>()?;
    module.add_class::<session::Session>()?;
    module.add_function(wrap_pyfunction!(cli::option_table, module)?)?;
    module.add_function(wrap_pyfunction!(cli::command, module)?)?;
    module.add_function(wrap_pyfunction!(cli::locate, module)?)?;
    module.add_function(wrap_pyfunction!(cli::resolve, module)?)?;
    module.add_function(wrap_pyfunction!(cli::no_load_text, module)?)?;
    module.add_function(wrap_pyfunction!(cli::require_here, module)?)?;
    module.add_function(wrap_pyfunction!(cli::require_baseline, module)?)?;
    module.add_function(wrap_pyfunction!(json::parse_json, module)?)?;
    module.add_function(wrap_pyfunction!(redact, module)?)?;
    module.add_function(wrap_pyfunction!(now_ns, module)?)
}
