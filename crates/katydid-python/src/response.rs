//! `_core.Response`: a finished request as Python sees it; everything but the status is made when asked for.

use std::time::{SystemTime, UNIX_EPOCH};

use katydid::session::base::is_absolute;
use katydid_engine::http1::Url;
use katydid_engine::message::{Completion, Failure, Instants, Response as Raw};
use katydid_engine::{clock, decode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

/// Most that a body may become when its coding is undone.
const DECODED_LIMIT: u64 = 64 << 20;

#[derive(Default)]
struct Inner {
    raw: Raw,
    failure: Option<Failure>,
    at: Instants,
    recorded: bool,
    reused: bool,
}

/// The end of one request, as the engine saw it.
#[pyclass(subclass, dict, weakref, module = "katydid._core", name = "Response")]
pub struct Response {
    inner: Box<Inner>,
    content: Option<Py<PyBytes>>,
    base: Option<Py<PyString>>,
    /// The URL as it was asked for: absolute, or to be appended to the base.
    asked_url: Option<Py<PyString>>,
    method: Option<Py<PyString>>,
}

impl Response {
    pub fn new(
        completion: Completion,
        base: Option<Py<PyString>>,
        asked_url: Option<Py<PyString>>,
        method: Option<Py<PyString>>,
    ) -> Self {
        let (raw, failure) = match completion.outcome {
            Ok(raw) => (raw, None),
            Err(mut failure) => (failure.partial.take().unwrap_or_default(), Some(failure)),
        };
        let inner = Inner {
            raw,
            failure,
            at: completion.instants,
            recorded: completion.recorded,
            reused: completion.reused,
        };
        Self {
            inner: Box::new(inner),
            content: None,
            base,
            asked_url,
            method,
        }
    }

    fn decoded(&mut self) -> Result<Vec<u8>, String> {
        let raw = &mut self.inner.raw;
        if raw.head.encodings().is_identity() || raw.body.is_empty() {
            return Ok(std::mem::take(&mut raw.body));
        }
        decode::decode(raw.head.encodings(), &raw.body, DECODED_LIMIT)
            .map_err(|error| error.to_string())
    }
}

#[pymethods]
impl Response {
    /// Takes over what another response holds, so that a subclass can be made of it.
    #[new]
    #[pyo3(signature = (raw=None))]
    fn take(py: Python<'_>, raw: Option<&Bound<'_, Response>>) -> PyResult<Self> {
        let Some(raw) = raw else {
            return Ok(Self {
                inner: Box::default(),
                content: None,
                base: None,
                asked_url: None,
                method: None,
            });
        };
        let mut raw = raw.try_borrow_mut()?;
        Ok(Self {
            inner: std::mem::take(&mut raw.inner),
            content: raw.content.take(),
            base: raw.base.as_ref().map(|base| base.clone_ref(py)),
            asked_url: raw.asked_url.as_ref().map(|url| url.clone_ref(py)),
            method: raw.method.as_ref().map(|method| method.clone_ref(py)),
        })
    }

    /// HTTP status; 0 when there was no response.
    #[getter]
    fn status_code(&self) -> u16 {
        self.inner.raw.head.status()
    }

    /// Nothing is left to do: recorded as a success, and no cookies to take.
    #[getter]
    fn plain(&self) -> bool {
        self.inner.recorded && !self.inner.raw.head.has_set_cookie()
    }

    /// Path and query as sent: the default name of a request made by `HttpUser`.
    #[getter]
    fn path_url(&self, py: Python<'_>) -> PyResult<String> {
        let url = self.url(py)?.unwrap_or_default();
        Ok(Url::parse(&url).map(|parsed| parsed.target).unwrap_or(url))
    }

    /// When it was asked for, seconds since 1970.
    #[getter]
    fn start_time(&self) -> f64 {
        let ago = clock::now().saturating_sub(self.inner.at.asked);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        now.as_secs_f64() - ago as f64 / 1e9
    }

    /// Whether the engine has recorded it as a success.
    #[getter]
    fn recorded(&self) -> bool {
        self.inner.recorded
    }

    #[getter]
    fn reused(&self) -> bool {
        self.inner.reused
    }

    /// The method, unless it was a plain GET.
    #[getter]
    fn method(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.method.as_ref().map(|method| method.clone_ref(py))
    }

    #[getter]
    fn reason(&self) -> String {
        String::from_utf8_lossy(self.inner.raw.head.reason()).into_owned()
    }

    /// (cause, text, errno or None) when the request failed below HTTP.
    #[getter]
    fn problem(&self) -> Option<(String, String, Option<i32>)> {
        let failure = self.inner.failure.as_ref()?;
        let cause = serde_json::to_value(failure.cause).ok()?;
        Some((
            cause.as_str()?.to_owned(),
            failure.text.clone(),
            failure.os_error,
        ))
    }

    /// (due, asked, taken, connected, send, first byte, done), ns.
    #[getter]
    fn instants_ns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let at = &self.inner.at;
        PyTuple::new(
            py,
            [
                at.due,
                at.asked,
                at.taken,
                at.connected,
                at.send,
                at.first_byte,
                at.done,
            ],
        )
    }

    /// asked → done, ms.
    #[getter]
    fn response_time(&self) -> f64 {
        let at = &self.inner.at;
        at.done.saturating_sub(at.asked) as f64 / 1e6
    }

    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let Some(asked) = &self.asked_url else {
            return Ok(None);
        };
        let asked = asked.bind(py).to_cow()?;
        if is_absolute(&asked) {
            return Ok(Some(asked.into_owned()));
        }
        let base = match &self.base {
            Some(base) => base.bind(py).to_cow()?.into_owned(),
            None => String::new(),
        };
        Ok(Some(base + &asked))
    }

    #[getter]
    fn has_cookies(&self) -> bool {
        self.inner.raw.head.has_set_cookie()
    }

    #[getter]
    fn is_encoded(&self) -> bool {
        !self.inner.raw.head.encodings().is_identity()
    }

    /// Bytes of body as received.
    #[getter]
    fn body_bytes(&self) -> u64 {
        self.inner.raw.body_bytes
    }

    /// The body with its content coding undone. Raises `ValueError` when it cannot be.
    #[getter]
    fn content(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        if let Some(content) = &self.content {
            return Ok(content.clone_ref(py));
        }
        let bytes = self.decoded().map_err(PyValueError::new_err)?;
        let content = PyBytes::new(py, &bytes).unbind();
        self.content = Some(content.clone_ref(py));
        Ok(content)
    }

    /// One header, several of a name joined with ", "; None when absent.
    fn header(&self, name: &str) -> Option<String> {
        let mut values = self
            .inner
            .raw
            .head
            .headers()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| latin1(value));
        let first = values.next()?;
        Some(values.fold(first, |joined, value| joined + ", " + &value))
    }

    /// All headers in order, as latin-1 text.
    fn header_items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.inner
                .raw
                .head
                .headers()
                .map(|(name, value)| (latin1(name), latin1(value))),
        )
    }

    #[getter]
    fn http_version(&self) -> u8 {
        10 + self.inner.raw.head.minor_version()
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
