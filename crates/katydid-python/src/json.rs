//! Plain data across the border, both ways, as JSON values.

use jiter::{PythonParse, StringCacheMode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

/// A Python object of dicts, lists, strings, numbers, booleans and None.
pub fn to_python(py: Python<'_>, value: &Value) -> PyResult<Py<PyAny>> {
    Ok(match value {
        Value::Null => py.None(),
        Value::Bool(b) => b.into_pyobject(py)?.to_owned().into_any().unbind(),
        Value::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(n), _) => n.into_pyobject(py)?.into_any().unbind(),
            (_, Some(n)) => n.into_pyobject(py)?.into_any().unbind(),
            _ => n.as_f64().into_pyobject(py)?.into_any().unbind(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any().unbind(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any().unbind()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (key, item) in map {
                dict.set_item(key, to_python(py, item)?)?;
            }
            dict.into_any().unbind()
        }
    })
}

/// The other way, through the standard library's encoder: options come once per run.
pub fn from_python<T: serde::de::DeserializeOwned>(object: &Bound<'_, PyAny>) -> PyResult<T> {
    let dumps = object.py().import("json")?.getattr("dumps")?;
    let kwargs = PyDict::new(object.py());
    kwargs.set_item("default", object.py().get_type::<pyo3::types::PyString>())?;
    let text: String = dumps.call((object,), Some(&kwargs))?.extract()?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The value of a JSON text, equal to what `json.loads` makes of it. Raises `ValueError` where it will not parse; the standard
/// library takes a few texts more (lone surrogates, UTF-16), so that a caller asks it next.
#[pyfunction]
pub fn parse_json<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let parse = PythonParse {
        allow_inf_nan: true,
        cache_mode: StringCacheMode::All,
        ..PythonParse::default()
    };
    parse
        .python_parse(py, text)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}
