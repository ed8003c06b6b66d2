//! `_core.Response`: a finished request as Python sees it; everything but the status is made when asked for.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use katydid::session::base::is_absolute;
use katydid_engine::clock::Nanos;
use katydid_engine::http1::Url;
use katydid_engine::message::{Completion, Failure, Flight, Instants, Response as Raw};
use katydid_engine::{clock, decode};
use katydid_record::EndpointId;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::flights;

/// Most that a body may become when its coding is undone.
const DECODED_LIMIT: u64 = 64 << 20;
/// Largest body, bytes, that stays in the memory of its request once Python has a copy.
const KEPT_BODY: usize = 16 << 10;

/// The end of one request, as the engine saw it.
#[pyclass(subclass, dict, weakref, module = "katydid._core", name = "Response")]
pub struct Response {
    /// None in one that stands for a request which the engine did not make.
    flight: Option<Box<Flight>>,
    /// How a stream broke after its head was handed over.
    broke: Option<Box<Completion>>,
    content: Option<Py<PyBytes>>,
    base: Option<Py<PyString>>,
    /// The URL as it was asked for: absolute, or to be appended to the base.
    asked_url: Option<Py<PyString>>,
    method: Option<Py<PyString>>,
}

static NOTHING: LazyLock<Raw> = LazyLock::new(Raw::default);

impl Response {
    pub fn new(
        flight: Box<Flight>,
        base: Option<Py<PyString>>,
        asked_url: Option<Py<PyString>>,
        method: Option<Py<PyString>>,
    ) -> Self {
        Self {
            flight: Some(flight),
            broke: None,
            content: None,
            base,
            asked_url,
            method,
        }
    }

    /// A stream that failed at this instant.
    pub fn of_broken_stream(failure: Failure, done: Nanos) -> Self {
        let broke = Completion {
            outcome: Err(failure),
            instants: Instants {
                done,
                ..Instants::default()
            },
            ..Completion::default()
        };
        let mut response = Self::empty();
        response.broke = Some(Box::new(broke));
        response
    }

    /// What was received, even if it failed later.
    fn raw(&self) -> &Raw {
        let received = match self.end().map(|end| &end.outcome) {
            Some(Ok(raw)) => Some(raw),
            Some(Err(failure)) => failure.partial.as_ref(),
            None => None,
        };
        received.unwrap_or(&NOTHING)
    }

    fn end(&self) -> Option<&Completion> {
        let whole = self.flight.as_ref().map(|flight| &flight.completion);
        whole.or(self.broke.as_deref())
    }

    fn failure(&self) -> Option<&Failure> {
        self.end()?.outcome.as_ref().err()
    }

    fn at(&self) -> Instants {
        self.end().map(|end| end.instants).unwrap_or_default()
    }

    /// Row, instants, status and bytes of body, as the recorder wants them.
    pub fn told(&self) -> (EndpointId, &Instants, u16, u64) {
        const NEVER: &Instants = &Instants {
            due: 0,
            asked: 0,
            taken: 0,
            connected: 0,
            send: 0,
            first_byte: 0,
            done: 0,
            trace: None,
        };
        let (endpoint, at) = self
            .end()
            .map_or((0, NEVER), |end| (end.endpoint, &end.instants));
        (endpoint, at, self.status_code(), self.raw().body_bytes)
    }

    fn decoded(&self) -> Result<Cow<'_, [u8]>, String> {
        let raw = self.raw();
        if raw.head.encodings().is_identity() || raw.body.is_empty() {
            return Ok(Cow::Borrowed(&raw.body));
        }
        decode::decode(raw.head.encodings(), &raw.body, DECODED_LIMIT)
            .map(Cow::Owned)
            .map_err(|error| error.to_string())
    }

    /// Python has the body now; a large one is not kept twice.
    fn forget_large_body(&mut self) {
        if let Some(Ok(raw)) = self
            .flight
            .as_mut()
            .map(|flight| &mut flight.completion.outcome)
            && raw.body.len() > KEPT_BODY
        {
            raw.body = Vec::new();
        }
    }

    fn whole_url(&self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        let Some(asked) = &self.asked_url else {
            return Ok(None);
        };
        let text = asked.bind(py).to_cow()?;
        Ok(Some(match &self.base {
            Some(base) if !is_absolute(&text) => {
                let whole = base.bind(py).to_cow()?.into_owned() + &text;
                PyString::new(py, &whole).unbind()
            }
            _ => asked.clone_ref(py),
        }))
    }
}

#[pymethods]
impl Response {
    #[new]
    fn empty() -> Self {
        Self {
            flight: None,
            broke: None,
            content: None,
            base: None,
            asked_url: None,
            method: None,
        }
    }

    /// HTTP status; 0 when there was no response.
    #[getter]
    fn status_code(&self) -> u16 {
        self.raw().head.status()
    }

    /// Nothing is left to do: recorded as a success, and no cookies to take.
    #[getter]
    fn plain(&self) -> bool {
        self.recorded() && !self.raw().head.has_set_cookie()
    }

    /// Whole, and with nothing to do but to judge it: no failure, no cookies to take, no content coding, no redirect.
    #[getter]
    fn simple(&self) -> bool {
        let Some(Ok(raw)) = self.end().map(|end| &end.outcome) else {
            return false;
        };
        let redirect = matches!(raw.head.status(), 301 | 302 | 303 | 307 | 308);
        !redirect && !raw.head.has_set_cookie() && raw.head.encodings().is_identity()
    }

    /// The row it counts in unless its script renames it.
    #[getter]
    fn endpoint(&self) -> EndpointId {
        self.end().map_or(0, |end| end.endpoint)
    }

    /// What listeners of `events.request` are told of it as a success; without a `name` it is path and query. `response` is what they
    /// get to see, which is not this one where it was wrapped.
    #[pyo3(signature = (request_type, name, context, response, /))]
    fn event<'py>(
        &self,
        py: Python<'py>,
        request_type: Bound<'py, PyAny>,
        name: Option<Bound<'py, PyAny>>,
        context: Bound<'py, PyAny>,
        response: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let event = PyDict::new(py);
        event.set_item(intern!(py, "request_type"), request_type)?;
        event.set_item(intern!(py, "response_time"), self.response_time())?;
        match name {
            Some(name) => event.set_item(intern!(py, "name"), name)?,
            None => event.set_item(intern!(py, "name"), self.path_url(py)?)?,
        }
        event.set_item(intern!(py, "context"), context)?;
        event.set_item(intern!(py, "response"), response)?;
        event.set_item(intern!(py, "exception"), py.None())?;
        event.set_item(intern!(py, "start_time"), self.start_time())?;
        event.set_item(intern!(py, "url"), self.whole_url(py)?)?;
        event.set_item(intern!(py, "response_length"), self.raw().body_bytes)?;
        Ok(event)
    }

    /// Path and query as sent: the default name of a request made by `HttpUser`.
    #[getter]
    fn path_url(&self, py: Python<'_>) -> PyResult<String> {
        let url = match self.whole_url(py)? {
            Some(url) => url.bind(py).to_cow()?.into_owned(),
            None => String::new(),
        };
        Ok(Url::parse(&url).map(|parsed| parsed.target).unwrap_or(url))
    }

    /// When it was asked for, seconds since 1970.
    #[getter]
    fn start_time(&self) -> f64 {
        let ago = clock::now().saturating_sub(self.at().asked);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        now.as_secs_f64() - ago as f64 / 1e9
    }

    /// Whether the engine has recorded it as a success.
    #[getter]
    fn recorded(&self) -> bool {
        self.end().is_some_and(|end| end.recorded)
    }

    #[getter]
    fn reused(&self) -> bool {
        self.end().is_some_and(|end| end.reused)
    }

    /// The method, unless it was a plain GET.
    #[getter]
    fn method(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.method.as_ref().map(|method| method.clone_ref(py))
    }

    #[getter]
    fn reason(&self) -> String {
        String::from_utf8_lossy(self.raw().head.reason()).into_owned()
    }

    /// (cause, text, errno or None) when the request failed below HTTP.
    #[getter]
    fn problem(&self) -> Option<(String, String, Option<i32>)> {
        let failure = self.failure()?;
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
        let at = self.at();
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

    /// Its trace id, where the target was asked for spans.
    #[getter]
    fn trace(&self) -> Option<String> {
        self.at().trace.map(|trace| trace.to_string())
    }

    /// asked → done, ms.
    #[getter]
    fn response_time(&self) -> f64 {
        let at = self.at();
        at.done.saturating_sub(at.asked) as f64 / 1e6
    }

    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        self.whole_url(py)
    }

    #[getter]
    fn has_cookies(&self) -> bool {
        self.raw().head.has_set_cookie()
    }

    #[getter]
    fn is_encoded(&self) -> bool {
        !self.raw().head.encodings().is_identity()
    }

    /// Bytes of body as received.
    #[getter]
    fn body_bytes(&self) -> u64 {
        self.raw().body_bytes
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
        self.forget_large_body();
        Ok(content)
    }

    /// The body is UTF-8 as far as its headers tell: they say so, or nothing.
    #[getter]
    fn says_utf8(&self) -> bool {
        let mut headers = self.raw().head.headers();
        let kind = headers.find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
        kind.is_none_or(|(_, value)| {
            let value = latin1(value).to_ascii_lowercase();
            !value.contains("charset") || value.contains("utf-8")
        })
    }

    /// One header, several of a name joined with ", "; None when absent.
    fn header(&self, name: &str) -> Option<String> {
        let mut values = self
            .raw()
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
            self.raw()
                .head
                .headers()
                .map(|(name, value)| (latin1(name), latin1(value))),
        )
    }

    #[getter]
    fn http_version(&self) -> u8 {
        10 + self.raw().head.minor_version()
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            flights::give_back(flight);
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
