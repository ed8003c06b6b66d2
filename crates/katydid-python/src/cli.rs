//! The command line's Rust half, as Python calls it.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;

create_exception!(katydid._core, UsageError, PyException, "Bad usage: print `error: <text>` and exit 2.");
create_exception!(katydid._core, InvalidUrl, PyValueError, "Not a URL that can be requested.");
