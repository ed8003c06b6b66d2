//! `_core.Session`: a running test as Python drives it. The hub's side of the queues, and the second inlet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use katydid::session::{Closing, Ended, Live, Options, SessionError};
use katydid_engine::clock;
use katydid_engine::link::Outbox;
use katydid_engine::message::{Command, Flight, Instants, Message, Piece};
use katydid_engine::recorder::Failed;
use katydid_record::redact::redact;
use katydid_record::{Access, Cause, Kind, Mark, Model, Schedule};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use slab::Slab;

use crate::json::{from_python, to_python};
use crate::response::Response;

/// Messages handed to Python at once, so that timers of the loop get their turn.
const BATCH: usize = 512;
/// Room for the usual batch: it grows step by step otherwise.
const FEW: usize = 128;

/// Who waits for a request, and what its response will want to know.
pub struct Waiter {
    /// Taken when it is answered; a stream's reader comes back for each piece.
    pub greenlet: Option<Py<PyAny>>,
    pub base: Option<Py<PyString>>,
    pub url: Option<Py<PyString>>,
    /// None for a plain GET.
    pub method: Option<Py<PyString>>,
    pub client: u32,
    pub stream: bool,
}

#[derive(Default)]
struct Waiters {
    slots: Slab<(u32, Waiter)>,
    next: u32,
}

impl Waiters {
    fn get(&mut self, token: u64) -> Option<&mut Waiter> {
        let (stamp, waiter) = self.slots.get_mut((token & 0xffff_ffff) as usize)?;
        (u64::from(*stamp) == token >> 32).then_some(waiter)
    }

    fn remove(&mut self, token: u64) -> Option<Waiter> {
        self.get(token)?;
        Some(self.slots.remove((token & 0xffff_ffff) as usize).1)
    }
}

/// What the session and its clients hold together. The locks are taken with the GIL held and so not contended; only `finish`
/// and `stats`, which release it, hold one for longer.
pub struct Shared {
    live: Mutex<Live>,
    outbox: Arc<Outbox>,
    waiters: Mutex<Waiters>,
    /// Whether tasks are tagged as reads or writes; then greenlets are asked.
    tagged: AtomicBool,
    /// Whether arrivals come, a moment before they are due.
    arrivals: AtomicBool,
}

fn access(tag: &str) -> PyResult<Access> {
    match tag {
        "read" => Ok(Access::Read),
        "write" => Ok(Access::Write),
        other => Err(PyValueError::new_err(format!("no such tag: {other}"))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn live(&self) -> MutexGuard<'_, Live> {
        lock(&self.live)
    }

    /// Whether a request may be due in a moment.
    pub fn tells_ahead(&self) -> bool {
        self.arrivals.load(Ordering::Relaxed)
    }

    /// What the task that this greenlet is in is tagged as.
    pub fn tag_of(&self, greenlet: &Bound<'_, PyAny>) -> PyResult<Option<Access>> {
        if !self.tagged.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let tag = greenlet.getattr_opt(intern!(greenlet.py(), "katydid_tag"))?;
        let tag: Option<&Bound<'_, PyAny>> = tag.as_ref().filter(|tag| !tag.is_none());
        tag.map(|tag| access(tag.extract()?)).transpose()
    }

    /// Registers a waiter; its token tells it from any earlier one in the same place.
    pub fn wait(&self, waiter: Waiter) -> u64 {
        let mut waiters = lock(&self.waiters);
        waiters.next = waiters.next.wrapping_add(1);
        let stamp = waiters.next;
        let index = waiters.slots.insert((stamp, waiter));
        u64::from(stamp) << 32 | index as u64
    }

    /// Waits for the next piece of a stream; false when the stream is over.
    pub fn wait_again(&self, token: u64, greenlet: Py<PyAny>) -> bool {
        let mut waiters = lock(&self.waiters);
        let Some(waiter) = waiters.get(token) else {
            return false;
        };
        waiter.greenlet = Some(greenlet);
        true
    }

    pub fn cancel(&self, token: u64) {
        // Dropping the greenlet may run Python, so not under the lock.
        let waiter = lock(&self.waiters).remove(token);
        if let Some(waiter) = waiter {
            self.live().command(Command::Cancel {
                client: waiter.client,
                token,
            });
        }
    }

    /// The greenlet that waits for this completion and what it gets; `None` when it is gone.
    fn answer(
        &self,
        py: Python<'_>,
        flight: Box<Flight>,
    ) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let token = flight.completion.token;
        let waiter = {
            let mut waiters = lock(&self.waiters);
            match waiters.get(token) {
                None => None,
                Some(waiter) if waiter.stream && flight.completion.outcome.is_ok() => {
                    Some(Waiter {
                        greenlet: waiter.greenlet.take(),
                        base: waiter.base.as_ref().map(|base| base.clone_ref(py)),
                        url: waiter.url.as_ref().map(|url| url.clone_ref(py)),
                        method: waiter.method.as_ref().map(|method| method.clone_ref(py)),
                        ..*waiter
                    })
                }
                Some(_) => waiters.remove(token),
            }
        };
        let Some(Waiter {
            greenlet: Some(greenlet),
            base,
            url,
            method,
            ..
        }) = waiter
        else {
            return Ok(None);
        };
        let response = Response::new(flight, base, url, method);
        Ok(Some((greenlet, Py::new(py, response)?.into_any())))
    }

    fn piece(
        &self,
        py: Python<'_>,
        token: u64,
        piece: Piece,
    ) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let value = match piece {
            Piece::Bytes(bytes) => PyBytes::new(py, &bytes).into_any().unbind(),
            Piece::End(at) => at.into_pyobject(py)?.into_any().unbind(),
            Piece::Failed(failure, done) => {
                let response = Response::of_broken_stream(failure, done);
                Py::new(py, response)?.into_any()
            }
        };
        let over = value.bind(py).cast::<PyBytes>().is_err();
        let mut waiters = lock(&self.waiters);
        let greenlet = waiters.get(token).and_then(|waiter| waiter.greenlet.take());
        if over {
            let gone = waiters.remove(token);
            drop(waiters);
            drop(gone);
        }
        Ok(greenlet.map(|greenlet| (greenlet, value)))
    }
}

/// A running test.
#[pyclass(frozen, weakref, module = "katydid._core", name = "Session")]
pub struct Session {
    shared: Arc<Shared>,
}

impl Session {
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

fn raise(error: &SessionError) -> PyErr {
    match error {
        SessionError::Usage(text) => crate::cli::UsageError::new_err(text.clone()),
        other => PyRuntimeError::new_err(other.to_string()),
    }
}

#[pymethods]
impl Session {
    #[new]
    fn new(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let options: Options = from_python(options.as_any())?;
        let live = Live::start(&options).map_err(|error| raise(&error))?;
        let outbox = live
            .outbox()
            .ok_or_else(|| PyRuntimeError::new_err("the session has no hub"))?;
        let shared = Shared {
            live: Mutex::new(live),
            outbox,
            waiters: Mutex::default(),
            tagged: AtomicBool::new(false),
            arrivals: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    #[getter]
    fn event_fd(&self) -> i32 {
        self.shared.outbox.fd()
    }

    #[getter]
    fn run_dir(&self) -> Option<String> {
        self.shared
            .live()
            .run_dir()
            .map(|dir| dir.display().to_string())
    }

    /// Up to a batch of what has ended, flat: greenlet, value, greenlet, value…; messages have None for the greenlet. Empty only
    /// when nothing is queued and, unless `comes_back`, the descriptor will become readable with the next. `readable`: the loop
    /// said that it is. `comes_back`: the caller asks again by itself, soon.
    fn drain<'py>(
        &self,
        py: Python<'py>,
        readable: bool,
        comes_back: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let outbox = &self.shared.outbox;
        self.let_go();
        if readable {
            outbox.clear();
        }
        let mut flat: Vec<Py<PyAny>> = Vec::with_capacity(FEW);
        while flat.len() < 2 * BATCH {
            let Some(message) = outbox.pop() else {
                // Whoever works on a batch comes back for the next: only an empty hand re-arms the bell.
                if !flat.is_empty() || comes_back || outbox.rearm() {
                    break;
                }
                continue;
            };
            match message {
                Message::Completed(flight) => {
                    let end = &flight.completion;
                    let (recorded, endpoint, instants) = (end.recorded, end.endpoint, end.instants);
                    match self.shared.answer(py, flight)? {
                        Some((greenlet, response)) => flat.extend([greenlet, response]),
                        None if !recorded => self.shared.live().nobody_judges(endpoint, &instants),
                        None => {}
                    }
                }
                Message::Streamed(token, piece) => {
                    if let Some((greenlet, value)) = self.shared.piece(py, token, *piece)? {
                        flat.extend([greenlet, value]);
                    }
                }
                Message::Tick(due) => self.shared.live().tick(due),
                Message::Phase(phase) => self.shared.live().phase_began(phase),
                Message::Spawn { line, users } => {
                    flat.extend([
                        py.None(),
                        ("spawn", users, line)
                            .into_pyobject(py)?
                            .into_any()
                            .unbind(),
                    ]);
                }
                Message::Arrival { due, number, line } => {
                    flat.extend([
                        py.None(),
                        ("arrival", due, number, line)
                            .into_pyobject(py)?
                            .into_any()
                            .unbind(),
                    ]);
                }
                Message::TimeUp => {
                    flat.extend([
                        py.None(),
                        ("time_up",).into_pyobject(py)?.into_any().unbind(),
                    ]);
                }
            }
        }
        if readable && self.shared.live().lost_its_thread() {
            flat.extend([
                py.None(),
                ("io_ended",).into_pyobject(py)?.into_any().unbind(),
            ]);
        }
        if !flat.is_empty() {
            self.shared.live().hold(true);
        }
        PyList::new(py, flat)
    }

    /// Requests made from now on may share wake-ups of the I/O thread, until `let_go`.
    fn hold(&self) {
        self.shared.live().hold(false);
    }

    /// Whatever was held back goes.
    fn let_go(&self) {
        self.shared.live().let_go();
    }

    fn ramp(&self, start: u64, target: u64, rate: f64) {
        self.shared.live().command(Command::Ramp {
            from: start,
            to: target,
            rate,
        });
    }

    /// `("spawn", n, line)` comes whenever the users of a line of the schedule change, its phases are marked, and `("time_up",)` comes at its end. It
    /// began, or begins, at `began_ns`; now without that.
    #[pyo3(signature = (schedule, began_ns=None))]
    fn follow(&self, schedule: &Bound<'_, PyDict>, began_ns: Option<u64>) -> PyResult<()> {
        let schedule: Schedule = from_python(schedule.as_any())?;
        let arrivals = schedule.model == Model::Arrivals;
        self.shared.arrivals.store(arrivals, Ordering::Relaxed);
        self.shared.live().follow(schedule, began_ns);
        Ok(())
    }

    /// The load begins at this instant, in other processes: the plan's events count from it.
    fn load_began(&self, began_ns: u64) {
        self.shared.live().load_began(began_ns);
    }

    /// No event of the plan is begun any more.
    fn end_events(&self) {
        self.shared.live().end_events();
    }

    /// A worker ended before its time.
    fn worker_lost(&self, worker: u32) {
        self.shared.live().worker_lost(worker);
    }

    /// The record is not whole.
    fn problem(&self, text: &str) {
        self.shared.live().problem(text);
    }

    /// A phase of this kind begins now; `ramp` or `hold`. `which`: its number, and of how many of its kind it is the last.
    #[pyo3(signature = (kind, which=None))]
    fn begin_phase(&self, kind: &str, which: Option<(u32, u32)>) -> PyResult<()> {
        let kind = serde_json::from_value(serde_json::Value::from(kind))
            .map_err(|_| PyValueError::new_err(format!("no kind of phase: {kind}")))?;
        self.shared.live().begin_phase(kind, which);
        Ok(())
    }

    /// Nothing of the schedule, the ramp or the time limit comes any more.
    fn end_load(&self) {
        self.shared.live().end_load();
    }

    /// `("time_up",)` comes after so many seconds from now.
    fn time_limit(&self, seconds: f64) {
        self.shared.live().command(Command::TimeLimit(
            (seconds.max(0.0) * clock::SECOND as f64) as u64,
        ));
    }

    fn users(&self, alive: u64) {
        self.shared.live().command(Command::Users(alive));
    }

    /// Never more than so many requests per second.
    fn max_rate(&self, per_second: f64) {
        self.shared.live().command(Command::MaxRate(per_second));
    }

    /// Users loop without any wait.
    fn no_wait(&self, no_wait: bool) {
        self.shared.live().command(Command::NoWait(no_wait));
    }

    /// Requests of greenlets with an attribute `katydid_tag` are what that says.
    fn tags_count(&self) {
        self.shared.tagged.store(true, Ordering::Relaxed);
    }

    #[pyo3(signature = (kind, method, name, tagged=None))]
    fn endpoint(
        &self,
        kind: &str,
        method: &str,
        name: &str,
        tagged: Option<&str>,
    ) -> PyResult<u32> {
        let kind = match kind {
            "request" => Kind::Request,
            "flow" => Kind::Flow,
            "job" => Kind::Job,
            "custom" => Kind::Custom,
            other => {
                return Err(PyValueError::new_err(format!(
                    "no kind of endpoint: {other}"
                )));
            }
        };
        let tagged = tagged.map(access).transpose()?;
        Ok(self.shared.live().endpoint(kind, method, name, tagged))
    }

    #[pyo3(signature = (endpoint, response_time_ms, content_length, failure=None, instants=None, status=0, shape=None, trace=None))]
    #[allow(clippy::too_many_arguments)]
    fn record(
        &self,
        endpoint: u32,
        response_time_ms: Option<f64>,
        content_length: i64,
        failure: Option<(String, String)>,
        instants: Option<(u64, u64, u64, u64)>,
        status: u16,
        shape: Option<String>,
        trace: Option<&str>,
    ) {
        let trace = trace.and_then(|trace| trace.parse().ok());
        let content = content_length.max(0) as u64;
        let mut live = self.shared.live();
        let failure = failure.map(|(cause, text)| (cause_of(&cause), text));
        let at = match (instants, response_time_ms) {
            (Some((due, asked, send, done)), None) => Instants {
                due,
                asked,
                taken: asked,
                send,
                done,
                trace,
                ..Instants::default()
            },
            (given, Some(ms)) => {
                let done = given.map_or_else(clock::now, |given| given.3);
                let began = done.saturating_sub((ms.max(0.0) * 1e6) as u64);
                Instants {
                    due: began,
                    asked: began,
                    taken: began,
                    send: began,
                    done,
                    trace,
                    ..Instants::default()
                }
            }
            (None, None) => {
                let failed = failure
                    .as_ref()
                    .map(|(cause, text)| (*cause, text.as_str()));
                return live.recorder().untimed(endpoint, content, failed);
            }
        };
        match failure {
            None => live.recorder().ok(endpoint, &at, status, content),
            Some((cause, text)) => {
                let text = live.normalise(&text);
                let failed = Failed {
                    cause,
                    text: &text,
                    status,
                    shape: shape.map(|shape| redact(&shape)),
                };
                live.recorder().failed(endpoint, &at, content, failed);
            }
        }
    }

    /// Slots that passed before a request that the engine does not make.
    fn skipped_slots(&self, endpoint: u32, blocked: u32, missed: u32) {
        let mut live = self.shared.live();
        live.recorder().skipped_slots(endpoint, blocked, missed);
    }

    /// What `response` tells of itself went well, in its own row.
    fn judged_well(&self, response: PyRef<'_, Response>) {
        let (endpoint, at, status, content) = response.told();
        let mut live = self.shared.live();
        live.recorder().ok(endpoint, at, status, content);
    }

    /// Something under way that was given up, so many ms after it was due.
    fn aborted(&self, endpoint: u32, age_ms: f64) {
        let age = (age_ms.max(0.0) * 1e3) as u64;
        self.shared.live().recorder().aborted(endpoint, age);
    }

    /// A completed request that its script left unjudged.
    fn unjudged(&self, endpoint: u32) {
        self.shared.live().recorder().unjudged(endpoint);
    }

    #[pyo3(signature = (kind, text, detail=""))]
    fn mark(&self, kind: &str, text: &str, detail: &str) -> PyResult<()> {
        let mark = match kind {
            "warning" => Mark::Warning {
                text: text.to_owned(),
            },
            "exception" => Mark::Exception {
                message: text.to_owned(),
                traceback: detail.to_owned(),
            },
            "reset" => Mark::Reset,
            "user_target" => Mark::UserTarget {
                users: text.parse().unwrap_or(0),
                rate: detail.parse().unwrap_or(0.0),
            },
            "fact" => {
                self.shared.live().fact(text, detail);
                return Ok(());
            }
            other => return Err(PyValueError::new_err(format!("no kind of mark: {other}"))),
        };
        self.shared.live().mark(mark);
        Ok(())
    }

    /// Has what counts exactly tell its counters: (whether all did, now in ns). Blocks until they have.
    fn look(&self, py: Python<'_>) -> (bool, u64) {
        let watching = self.shared.live().watching();
        py.detach(move || {
            let all = watching.is_none_or(|watching| watching.count());
            (all, clock::now())
        })
    }

    /// What a probe asked between two looks, the first of which was over at `began_ns`.
    fn probed(&self, probed: &Bound<'_, PyDict>, began_ns: u64, ended_ns: u64) -> PyResult<()> {
        let probed = from_python(probed.as_any())?;
        self.shared.live().probed(probed, began_ns, ended_ns);
        Ok(())
    }

    /// The experiments that findings so far propose, of those that may be made: number, what it is about, endpoints. Blocks.
    fn experiments(&self, py: Python<'_>, disposable: Vec<String>) -> PyResult<Py<PyAny>> {
        let shared = self.shared.clone();
        let planned = py.detach(move || {
            let watching = shared.live().watching();
            if !watching.is_none_or(|watching| watching.survey()) {
                let text = "--experiment: not all plans came in time: what is missing may not have been found".to_owned();
                shared.live().mark(Mark::Warning { text });
            }
            shared.live().plan_experiments(&disposable)
        });
        to_python(py, &serde_json::to_value(planned).unwrap_or_default())
    }

    /// Drops what earlier experiments have left behind in databases that may be changed; why it could not. Blocks.
    fn clear_experiments(&self, py: Python<'_>, disposable: Vec<String>) -> Vec<String> {
        let hands = self.shared.live().hands();
        py.detach(move || hands.clear(&disposable))
    }

    /// Builds what an experiment is about, or drops it; why it could not, or an empty text. Blocks until it is done.
    fn set_experiment(&self, py: Python<'_>, number: u32, there: bool) -> String {
        let shared = self.shared.clone();
        py.detach(move || {
            let hands = shared.live().hands();
            let Some(mut made) = shared.live().experiment(number) else {
                return String::new();
            };
            hands.set(&mut made, there);
            let problem = made.problem.clone();
            shared.live().experiment_is(number, made, there);
            problem
        })
    }

    /// An experiment did not come to its end; why.
    fn experiment_failed(&self, number: u32, why: &str) {
        self.shared.live().experiment_failed(number, why);
    }

    /// Caches whose keys may be deleted.
    fn caches(&self, disposable: Vec<String>) -> Vec<String> {
        self.shared.live().hands().caches(&disposable)
    }

    /// A step of the search for the keys that a request is answered from: whether it is to be made once more, and why the search ended, or an empty text. Blocks.
    fn search_keys(&self, py: Python<'_>, on: &str) -> (bool, String) {
        let hands = self.shared.live().hands();
        match py.detach(move || hands.search_keys(on)) {
            Ok(again) => (again, String::new()),
            Err(why) => (false, why),
        }
    }

    /// Deletes the keys that were found; why it could not, or an empty text. Blocks.
    fn take_keys(&self, py: Python<'_>, on: &str) -> String {
        let hands = self.shared.live().hands();
        py.detach(move || hands.take_keys(on))
            .err()
            .unwrap_or_default()
    }

    /// Ends a search before its end; why something is not back that it has taken, or an empty text. Blocks.
    fn stop_search(&self, py: Python<'_>, on: &str) -> String {
        let hands = self.shared.live().hands();
        py.detach(move || hands.stop_search(on))
            .err()
            .unwrap_or_default()
    }

    /// Notes which keys an endpoint is answered from, or why that was not found: how many forms of them there are.
    fn cold(&self, on: &str, endpoint: &str, problem: &str) -> usize {
        self.shared.live().cold(on, endpoint, problem)
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let shared = self.shared.clone();
        let stats = py.detach(move || shared.live().stats());
        to_python(py, &stats)
    }

    #[pyo3(signature = (method, name, q, window=None))]
    fn percentile(
        &self,
        py: Python<'_>,
        method: Option<String>,
        name: Option<String>,
        q: f64,
        window: Option<f64>,
    ) -> Option<f64> {
        let shared = self.shared.clone();
        py.detach(move || {
            shared
                .live()
                .percentile(method.as_deref(), name.as_deref(), q, window)
        })
    }

    fn finish(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
        let closing: Closing = from_python(options.as_any())?;
        let shared = self.shared.clone();
        let ended: Result<Ended, SessionError> = py.detach(move || shared.live().finish(&closing));
        to_python(
            py,
            &serde_json::to_value(ended.map_err(|error| raise(&error))?).unwrap_or_default(),
        )
    }
}

fn cause_of(name: &str) -> Cause {
    serde_json::from_value(serde_json::Value::from(name)).unwrap_or(Cause::Other)
}
