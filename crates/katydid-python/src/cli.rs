//! The command line's Rust half, as Python calls it.

use katydid::{OptionRow, Surroundings};
use katydid_record::MachineLimit;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;

use crate::json::{from_python, to_python};

create_exception!(
    katydid._core,
    UsageError,
    PyException,
    "Bad usage: print `error: <text>` and exit 2."
);
create_exception!(
    katydid._core,
    InvalidUrl,
    PyValueError,
    "Not a URL that can be requested."
);

fn usage(error: &katydid::UsageError) -> PyErr {
    UsageError::new_err(error.to_string())
}

fn plain(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The table from which `LocustArgumentParser` is made.
#[pyfunction]
pub fn option_table(py: Python<'_>) -> PyResult<Py<PyAny>> {
    to_python(py, &plain(katydid::option_rows()))
}

/// Runs what needs no Python and returns its exit code; None when `argv` is Python's to run.
#[pyfunction]
pub fn command(py: Python<'_>, argv: Vec<String>) -> PyResult<Option<i32>> {
    let python: String = py.import("sys")?.getattr("executable")?.extract()?;
    let launcher = [&python, "-m", "katydid"].map(str::to_owned);
    Ok(py.detach(|| katydid::commands::dispatch(&argv, Some(&launcher))))
}

/// First pass over the words: locustfiles and logging.
#[pyfunction]
pub fn locate(py: Python<'_>, argv: Vec<String>) -> PyResult<Py<PyAny>> {
    let located =
        katydid::locate(&argv, &Surroundings::of_process()).map_err(|error| usage(&error))?;
    to_python(py, &plain(located))
}

/// Second pass, strict: every dest with its value; `plan` is what the session wants.
#[pyfunction]
pub fn resolve(
    py: Python<'_>,
    argv: Vec<String>,
    custom: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let custom: Vec<OptionRow> = from_python(custom)?;
    let resolved = katydid::resolve(&argv, &custom, &Surroundings::of_process())
        .map_err(|error| usage(&error))?;
    let mut map = resolved.to_json();
    map.insert("plan".to_owned(), plain(resolved.plan()));
    to_python(py, &serde_json::Value::Object(map))
}

/// Refuses conditions about the target's machine if a host is not this one.
#[pyfunction]
pub fn require_here(
    py: Python<'_>,
    conditions: &Bound<'_, PyAny>,
    hosts: Vec<(String, Option<String>)>,
) -> PyResult<()> {
    let conditions: Vec<MachineLimit> = from_python(conditions)?;
    py.detach(|| katydid::here::require(&conditions, &hosts))
        .map_err(|error| usage(&error))
}

/// Refuses to compare with a baseline if none is pinned.
#[pyfunction]
pub fn require_baseline(py: Python<'_>) -> PyResult<()> {
    py.detach(katydid::commands::compare::require_baseline)
        .map_err(|error| usage(&error))
}

/// What to say when nothing asks for load.
#[pyfunction]
pub fn no_load_text() -> &'static str {
    katydid::NO_LOAD
}
