//! `_core.Client`: one session's requests, from Python's arguments to bytes on their way.

use std::sync::{Arc, Mutex};

use katydid::session::base::{Base, Target};
use katydid_engine::clock::{self, Nanos};
use katydid_engine::http1::{self, Body, HeaderBlock, RequestKind};
use katydid_engine::message::{Command, Judge, Payload, Request};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

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

    fn set_timeouts(&self, connect_timeout: f64, read_timeout: f64) {
        let mut state = self.state();
        state.connect_timeout = nanos(connect_timeout);
        state.read_timeout = nanos(read_timeout);
    }

    /// The plain GET: default headers, the cached cookies, the URL as name, recorded by the engine when it goes well.
    #[pyo3(signature = (greenlet, url, name, /))]
    fn get(
        &self,
        greenlet: Py<PyAny>,
        url: &Bound<'_, PyString>,
        name: Option<&Bound<'_, PyString>>,
    ) -> PyResult<u64> {
        let asked = clock::now();
        let text = url.to_cow()?;
        let given_name = name.map(PyStringMethods::to_cow).transpose()?;
        let state = self.state();
        let mut live = self.shared.live();
        let Target {
            route,
            target,
            host,
            endpoint,
            foreign,
        } = live
            .target(
                &state.base,
                "GET",
                &text,
                given_name.as_deref(),
                self.fast_list,
            )
            .map_err(bad_url)?;
        let mut bytes = Vec::new();
        let mut headers: [(&[u8], &[u8]); 2] = [(b"Host", host.as_bytes()), (b"Cookie", b"")];
        let mut count = 1;
        if let (false, Some(cookies)) = (foreign, &state.cookies) {
            headers[1].1 = cookies.as_bytes();
            count = 2;
        }
        let head = http1::Request {
            method: "GET",
            target: &target,
            block: &state.headers,
            headers: &headers[..count],
            body: Body::None,
        };
        http1::encode_request(&mut bytes, &head)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let waiter = Waiter {
            greenlet: Some(greenlet),
            base: Some(state.base_text.clone_ref(url.py())),
            url: Some(url.clone().unbind()),
            method: None,
            client: self.id,
            endpoint,
            stream: false,
        };
        let token = self.shared.wait(waiter);
        live.submit(Request {
            token,
            client: self.id,
            route,
            payload: Payload::Own(bytes),
            kind: RequestKind::Plain,
            idempotent: true,
            endpoint,
            judge: Judge::EngineIfOk {
                fast_list: self.fast_list,
                follow: true,
            },
            due: asked,
            asked,
            blocked: 0,
            missed: 0,
            connect_timeout: state.connect_timeout,
            read_timeout: state.read_timeout,
            body_limit: BODY_LIMIT,
            discard_body: false,
            stream: false,
        });
        Ok(token)
    }

    /// Any request. `judge`: 0 the script, 1 the engine if it is plainly well and not a redirect, 2 the engine if it is plainly
    /// well. `headers` come after the defaults when `defaults`, else alone; `due` is 0 for now. Returns (token, endpoint).
    #[pyo3(signature = (greenlet, method, url, name, headers, defaults, body, judge, due, blocked, missed, timeouts, stream, /))]
    #[allow(clippy::too_many_arguments)]
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
    ) -> PyResult<(u64, u32)> {
        let asked = clock::now();
        let text = url.to_cow()?;
        let verb = method.to_cow()?;
        let method_object = method;
        let method = verb.as_ref();
        let given_name = name.map(PyStringMethods::to_cow).transpose()?;
        let state = self.state();
        let mut live = self.shared.live();
        let Target {
            route,
            target,
            host,
            endpoint,
            foreign,
        } = live
            .target(
                &state.base,
                method,
                &text,
                given_name.as_deref(),
                self.fast_list,
            )
            .map_err(bad_url)?;
        let given = headers.unwrap_or_default();
        let given = given
            .iter()
            .map(|(name, value)| Ok((octets(name)?, octets(value)?)))
            .collect::<PyResult<Vec<_>>>()?;
        let has = |wanted: &str| {
            given
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let mut lines: Vec<(&[u8], &[u8])> = Vec::with_capacity(given.len() + 2);
        if !has("host") {
            lines.push((b"Host", host.as_bytes()));
        }
        if let (true, false, false, Some(cookies)) =
            (defaults, foreign, has("cookie"), &state.cookies)
        {
            lines.push((b"Cookie", cookies.as_bytes()));
        }
        lines.extend(given.iter().map(|(name, value)| (&name[..], &value[..])));
        let body = body.map(octets).transpose()?;
        // A header given for this request replaces the default of the same name.
        let empty = HeaderBlock::new();
        let trimmed;
        let block = if !defaults {
            &empty
        } else if given
            .iter()
            .any(|(name, _)| block_has(&state.headers, name))
        {
            trimmed = block_without(&state.headers, &given)?;
            &trimmed
        } else {
            &state.headers
        };
        let mut bytes = Vec::new();
        let head = http1::Request {
            method,
            target: &target,
            block,
            headers: &lines,
            body: body.as_deref().map_or(Body::None, Body::Bytes),
        };
        http1::encode_request(&mut bytes, &head)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let (connect_timeout, read_timeout) = timeouts
            .map_or((state.connect_timeout, state.read_timeout), |(c, r)| {
                (nanos(c), nanos(r))
            });
        let waiter = Waiter {
            greenlet: Some(greenlet),
            base: Some(state.base_text.clone_ref(url.py())),
            url: Some(url.clone().unbind()),
            method: Some(method_object.clone().unbind()),
            client: self.id,
            endpoint,
            stream,
        };
        let token = self.shared.wait(waiter);
        let idempotent = matches!(
            method,
            "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"
        );
        live.submit(Request {
            token,
            client: self.id,
            route,
            payload: Payload::Own(bytes),
            kind: if method.eq_ignore_ascii_case("HEAD") {
                RequestKind::Head
            } else {
                RequestKind::Plain
            },
            idempotent,
            endpoint,
            judge: match judge {
                SCRIPT => Judge::Script,
                other => Judge::EngineIfOk {
                    fast_list: self.fast_list,
                    follow: other == ENGINE_FOLLOW,
                },
            },
            due: if due == 0 { asked } else { due },
            asked,
            blocked,
            missed,
            connect_timeout,
            read_timeout,
            body_limit: if stream { u64::MAX } else { BODY_LIMIT },
            discard_body: false,
            stream,
        });
        Ok((token, endpoint))
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

impl Client {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
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

fn bad_url(text: String) -> PyErr {
    crate::cli::InvalidUrl::new_err(text)
}

/// Bytes of a str (UTF-8) or bytes-like object.
fn octets(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_cow()?.as_bytes().to_vec());
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    value.extract()
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

fn block_without(block: &HeaderBlock, replaced: &[(Vec<u8>, Vec<u8>)]) -> PyResult<HeaderBlock> {
    let mut kept = HeaderBlock::new();
    for (name, value) in lines_of(block) {
        if !replaced
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            kept.push(name, value)
                .map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
    }
    Ok(kept)
}
