//! `_core.Client`: one session's requests, from Python's arguments to bytes on their way.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use katydid::session::base::{Base, Target};
use katydid_engine::clock::{self, Nanos};
use katydid_engine::http1::{self, Body, HeaderBlock, RequestKind};
use katydid_engine::message::{Command, Judge, Payload, Request};
use katydid_engine::pacer::AHEAD;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::flights;
use crate::session::{Session, Shared, Waiter};

/// The caller is the script and judges.
const SCRIPT: u8 = 0;
/// The engine records plain successes; redirects are the script's to follow.
const ENGINE_FOLLOW: u8 = 1;

/// What of a client can change between two requests.
struct State {
    base: Arc<Base>,
    base_text: Py<PyString>,
    /// Default header lines, `Host` apart.
    headers: HeaderBlock,
    cookies: Option<Box<str>>,
    connect_timeout: Nanos,
    read_timeout: Nanos,
}

/// The connections, defaults and timeouts of one session of one user.
#[pyclass(frozen, weakref, module = "katydid._core", name = "Client")]
pub struct Client {
    shared: Arc<Shared>,
    id: u32,
    fast_list: bool,
    state: Mutex<State>,
}

#[pymethods]
impl Client {
    /// `tls`: "verify", "accept" or the path of a PEM file. `proxy`: URL or None. Timeouts in seconds. `headers`: default header lines.
    #[new]
    #[pyo3(signature = (session, base_url, fast_list, tls, proxy, connect_timeout, read_timeout, headers))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        session: &Session,
        base_url: &Bound<'_, PyString>,
        fast_list: bool,
        tls: &str,
        proxy: Option<&str>,
        connect_timeout: f64,
        read_timeout: f64,
        headers: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let shared = session.shared();
        let base = shared
            .live()
            .base(base_url.to_cow()?.as_ref(), tls, proxy)
            .map_err(PyValueError::new_err)?;
        let id = shared.live().new_client();
        let state = State {
            base,
            base_text: base_url.clone().unbind(),
            headers: header_block(&headers)?,
            cookies: None,
            connect_timeout: nanos(connect_timeout),
            read_timeout: nanos(read_timeout),
        };
        Ok(Self {
            shared,
            id,
            fast_list,
            state: Mutex::new(state),
        })
    }

    /// New base URL, TLS mode and proxy from now on.
    fn set_base(
        &self,
        base_url: &Bound<'_, PyString>,
        tls: &str,
        proxy: Option<&str>,
    ) -> PyResult<()> {
        let base = self
            .shared
            .live()
            .base(base_url.to_cow()?.as_ref(), tls, proxy)
            .map_err(PyValueError::new_err)?;
        let mut state = self.state();
        state.base = base;
        state.base_text = base_url.clone().unbind();
        Ok(())
    }

    /// New default header lines from now on.
    fn set_headers(&self, headers: Vec<(String, String)>) -> PyResult<()> {
        self.state().headers = header_block(&headers)?;
        Ok(())
    }

    /// The Cookie header for requests to the base URL's host, or None.
    #[pyo3(signature = (cookies))]
    fn set_cookies(&self, cookies: Option<String>) {
        self.state().cookies = cookies.map(String::into_boxed_str);
    }

    /// The plain GET: default headers, the cached cookies, the URL as name unless another is given. Recorded by the engine when it
    /// goes well, unless `judged` by the script. `due` is 0 for now.
    #[pyo3(signature = (greenlet, url, name, judged, due=0, blocked=0, missed=0, /))]
    fn get(
        &self,
        greenlet: Py<PyAny>,
        url: &Bound<'_, PyString>,
        name: Option<&Bound<'_, PyString>>,
        judged: &Bound<'_, PyAny>,
        due: u64,
        blocked: u32,
        missed: u32,
    ) -> PyResult<u64> {
        let asked = clock::now();
        self.launch(Ask {
            greenlet,
            asked,
            method: "GET",
            method_object: None,
            url,
            name,
            lines: &[],
            defaults: true,
            body: None,
            judge: if judged.is_truthy()? {
                SCRIPT
            } else {
                ENGINE_FOLLOW
            },
            slot: (due, blocked, missed),
            timeouts: None,
            stream: false,
        })
    }

    /// Any request. `judge`: 0 the script, 1 the engine if it is plainly well and not a redirect, 2 the engine if it is plainly
    /// well. `headers` come after the defaults when `defaults`, else alone; `due` is 0 for now. Returns its token.
    #[pyo3(signature = (greenlet, method, url, name, headers, defaults, body, judge, due, blocked, missed, timeouts, stream, /))]
    fn submit(
        &self,
        greenlet: Py<PyAny>,
        method: &Bound<'_, PyString>,
        url: &Bound<'_, PyString>,
        name: Option<&Bound<'_, PyString>>,
        headers: Option<Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>>,
        defaults: bool,
        body: Option<&Bound<'_, PyAny>>,
        judge: u8,
        due: u64,
        blocked: u32,
        missed: u32,
        timeouts: Option<(f64, f64)>,
        stream: bool,
    ) -> PyResult<u64> {
        let asked = clock::now();
        let given = headers.unwrap_or_default();
        let lines = given
            .iter()
            .map(|(name, value)| Ok((octets(name)?, octets(value)?)))
            .collect::<PyResult<Vec<_>>>()?;
        self.launch(Ask {
            greenlet,
            asked,
            method: &method.to_cow()?,
            method_object: Some(method),
            url,
            name,
            lines: &lines,
            defaults,
            body: body.map(octets).transpose()?,
            judge,
            slot: (due, blocked, missed),
            timeouts,
            stream,
        })
    }

    /// The greenlet that waited for `token` is gone.
    fn cancel(&self, token: u64) {
        self.shared.cancel(token);
    }

    /// Asks for the next piece of a streamed body; comes to `greenlet` as bytes, None at the end, or a failed Response.
    fn read(&self, token: u64, greenlet: Py<PyAny>) -> bool {
        if !self.shared.wait_again(token, greenlet) {
            return false;
        }
        self.shared.live().command(Command::Read {
            client: self.id,
            token,
        });
        true
    }

    /// Closes idle connections.
    fn close_idle(&self) {
        self.shared.live().command(Command::CloseIdle(self.id));
    }

    #[getter]
    fn id(&self) -> u32 {
        self.id
    }
}

type Line<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// One request, as the script asks for it.
struct Ask<'a, 'py> {
    greenlet: Py<PyAny>,
    asked: Nanos,
    method: &'a str,
    /// None for a plain GET.
    method_object: Option<&'a Bound<'py, PyString>>,
    url: &'a Bound<'py, PyString>,
    name: Option<&'a Bound<'py, PyString>>,
    /// Headers given for this request.
    lines: &'a [Line<'a>],
    defaults: bool,
    body: Option<Cow<'a, [u8]>>,
    judge: u8,
    /// Due (0: now), and the slots blocked and missed before it.
    slot: (Nanos, u32, u32),
    timeouts: Option<(f64, f64)>,
    stream: bool,
}

impl Client {
    fn launch(&self, ask: Ask<'_, '_>) -> PyResult<u64> {
        let py = ask.url.py();
        let text = ask.url.to_cow()?;
        let name = ask.name.map(PyStringMethods::to_cow).transpose()?;
        let tagged = self.shared.tag_of(ask.greenlet.bind(py))?;
        let state = self.state();
        let mut live = self.shared.live();
        let to = live
            .target(
                &state.base,
                ask.method,
                &text,
                name.as_deref(),
                tagged,
                self.fast_list,
            )
            .map_err(crate::cli::InvalidUrl::new_err)?;
        let flight = flights::flight(|mut bytes| {
            encode(&mut bytes, &state, &ask, &to)
                .map_err(|error| PyValueError::new_err(error.to_string()))?;
            Ok::<_, PyErr>(self.request(ask, to, &state, bytes, py))
        })?;
        let token = flight.request.token;
        live.submit(flight);
        Ok(token)
    }

    /// Registers who waits, and says what to do.
    fn request(
        &self,
        ask: Ask<'_, '_>,
        to: Target,
        state: &State,
        bytes: Vec<u8>,
        py: Python<'_>,
    ) -> Request {
        let token = self.shared.wait(Waiter {
            greenlet: Some(ask.greenlet),
            base: Some(state.base_text.clone_ref(py)),
            url: Some(ask.url.clone().unbind()),
            method: ask.method_object.map(|method| method.clone().unbind()),
            client: self.id,
            stream: ask.stream,
        });
        let (connect_timeout, read_timeout) = ask
            .timeouts
            .map_or((state.connect_timeout, state.read_timeout), |(c, r)| {
                (nanos(c), nanos(r))
            });
        let (due, blocked, missed) = ask.slot;
        Request {
            token,
            client: self.id,
            route: to.route,
            payload: Payload::Own(bytes),
            kind: if ask.method.eq_ignore_ascii_case("HEAD") {
                RequestKind::Head
            } else {
                RequestKind::Plain
            },
            idempotent: matches!(
                ask.method,
                "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"
            ),
            endpoint: to.endpoint,
            judge: match ask.judge {
                SCRIPT => Judge::Script,
                other => Judge::EngineIfOk {
                    fast_list: self.fast_list,
                    follow: other == ENGINE_FOLLOW,
                },
            },
            due: if due == 0 {
                ask.asked
            } else if self.shared.tells_ahead() && due <= ask.asked + AHEAD {
                due
            } else {
                // A slot that lies ahead (its user's wait was cut short) is no time to count from.
                due.min(ask.asked)
            },
            asked: ask.asked,
            blocked,
            missed,
            connect_timeout,
            read_timeout,
            body_limit: if ask.stream { u64::MAX } else { BODY_LIMIT },
            discard_body: false,
            stream: ask.stream,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Head and body on their way.
fn encode(
    bytes: &mut Vec<u8>,
    state: &State,
    ask: &Ask<'_, '_>,
    to: &Target,
) -> Result<(), http1::EncodeError> {
    let has = |wanted: &[u8]| {
        ask.lines
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let mut lines: Vec<(&[u8], &[u8])> = Vec::with_capacity(ask.lines.len() + 2);
    if !has(b"host") {
        lines.push((b"Host", to.host.as_bytes()));
    }
    if let (false, Some(cookies)) = (to.foreign || has(b"cookie"), &state.cookies) {
        lines.push((b"Cookie", cookies.as_bytes()));
    }
    lines.extend(
        ask.lines
            .iter()
            .map(|(name, value)| (&name[..], &value[..])),
    );
    let (empty, trimmed);
    let block = if !ask.defaults {
        empty = HeaderBlock::new();
        &empty
    } else if ask
        .lines
        .iter()
        .any(|(name, _)| block_has(&state.headers, name))
    {
        // A header given for this request replaces the default of the same name.
        trimmed = block_without(&state.headers, ask.lines)?;
        &trimmed
    } else {
        &state.headers
    };
    let head = http1::Request {
        method: ask.method,
        target: &to.target,
        block,
        headers: &lines,
        body: ask.body.as_deref().map_or(Body::None, Body::Bytes),
    };
    http1::encode_request(bytes, &head)
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.live().drop_client(self.id);
    }
}

/// Largest body kept, bytes.
const BODY_LIMIT: u64 = 64 << 20;

fn nanos(seconds: f64) -> Nanos {
    if seconds.is_finite() && seconds > 0.0 {
        (seconds * clock::SECOND as f64) as Nanos
    } else {
        clock::SECOND * 86_400
    }
}

/// Bytes of a str (UTF-8) or bytes-like object.
fn octets<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(match text.to_cow()? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    Ok(Cow::Owned(value.extract()?))
}

fn header_block(headers: &[(String, String)]) -> PyResult<HeaderBlock> {
    let mut block = HeaderBlock::new();
    for (name, value) in headers {
        block
            .push(name.as_bytes(), value.as_bytes())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(block)
}

fn lines_of(block: &HeaderBlock) -> impl Iterator<Item = (&[u8], &[u8])> {
    block
        .as_bytes()
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
}

fn block_has(block: &HeaderBlock, wanted: &[u8]) -> bool {
    lines_of(block).any(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

fn block_without(
    block: &HeaderBlock,
    replaced: &[Line<'_>],
) -> Result<HeaderBlock, http1::EncodeError> {
    let mut kept = HeaderBlock::new();
    for (name, value) in lines_of(block) {
        if !replaced
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            kept.push(name, value)?;
        }
    }
    Ok(kept)
}
