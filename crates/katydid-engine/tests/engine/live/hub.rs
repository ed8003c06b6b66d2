//! A hub without Python: submits, sleeps on the eventfd, drains, and folds the frames at the end.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use katydid_engine::clock::{self, SECOND};
use katydid_engine::http1::{self, Body, HeaderBlock, RequestKind, Url};
use katydid_engine::message::{
    Command, Completion, Failure, Flight, Judge, Message, Payload, Piece, Proxy, Request, Response,
    Route, Row, TlsMode,
};
use katydid_engine::{Engine, FrameSink, health};
use katydid_record::{Cause, Endpoint, Frame, GeneratorWindow, Kind, Timeline};
use katydid_target::{Options, Target};

/// What a loaded machine may take for anything that has to happen at all.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Hub {
    pub engine: Engine,
    pub frames: Frames,
    next_token: u64,
    stash: VecDeque<Message>,
    /// Came back last, and carries the next request: what it brought before must not show.
    spare: Option<Box<Flight>>,
}

#[derive(Clone, Default)]
pub struct Frames(Arc<Mutex<Vec<Frame>>>);

impl Frames {
    pub fn sink(&self) -> FrameSink {
        let frames = self.clone();
        Box::new(move |more| frames.add(more))
    }

    pub fn add(&self, more: Vec<Frame>) {
        self.0.lock().expect("no test panics with it").extend(more);
    }

    pub fn fold(&self) -> Record {
        let mut record = Record {
            timeline: Timeline::default(),
            generator: GeneratorWindow::default(),
        };
        for frame in self.0.lock().expect("no test panics with it").iter() {
            record.timeline.apply(frame);
            if let katydid_record::Body::Generator(window) = &frame.body {
                record.generator.connections_opened += window.connections_opened;
                record.generator.connections_replaced += window.connections_replaced;
                record.generator.in_flight = window.in_flight;
                record.generator.lag.merge(&window.lag);
            }
        }
        record
    }
}

/// What was recorded.
pub struct Record {
    pub timeline: Timeline,
    pub generator: GeneratorWindow,
}

impl Record {
    pub fn total(&self) -> Endpoint {
        Timeline::total(&self.timeline.endpoints)
    }

    /// (ok, failed, aborted, unjudged)
    pub fn ends(&self) -> (u64, u64, u64, u64) {
        let total = self.total();
        (total.ok, total.failed, total.aborted, total.unjudged)
    }

    pub fn opened(&self) -> u64 {
        self.generator.connections_opened
    }

    pub fn replaced(&self) -> u64 {
        self.generator.connections_replaced
    }
}

impl Hub {
    pub fn start() -> Self {
        let frames = Frames::default();
        let engine =
            Engine::for_hub(clock::now(), health::this_thread(), frames.sink()).expect("it starts");
        for id in 0..4 {
            let name = format!("/{id}");
            engine.push(Command::Endpoint(Box::new(Row {
                id,
                kind: Kind::Request,
                method: "GET".into(),
                name,
                tagged: None,
            })));
        }
        Self {
            engine,
            frames,
            next_token: 0,
            stash: VecDeque::new(),
            spare: None,
        }
    }

    pub fn submit(&mut self, mut request: Request) -> u64 {
        self.next_token += 1;
        request.token = self.next_token;
        request.asked = clock::now();
        request.due = if request.due == 0 {
            request.asked
        } else {
            request.due
        };
        let flight = match self.spare.take() {
            Some(mut flight) => {
                flight.request = request;
                flight
            }
            None => Flight::new(request),
        };
        self.engine.push(Command::Submit(flight));
        self.next_token
    }

    /// The next message that is no tick.
    pub fn message(&mut self) -> Message {
        loop {
            match self.stash.pop_front().unwrap_or_else(|| self.receive()) {
                Message::Tick(_) => {}
                other => return other,
            }
        }
    }

    /// The next message, from the queue.
    pub fn receive(&self) -> Message {
        self.receive_within(PATIENCE)
            .expect("nothing came although something is under way")
    }

    /// The next message; `None` when the bell did not ring for so long.
    pub fn receive_within(&self, patience: Duration) -> Option<Message> {
        let outbox = self.engine.outbox().expect("it has a hub");
        loop {
            if let Some(message) = outbox.pop() {
                return Some(message);
            }
            if outbox.rearm() {
                if !is_readable(outbox.fd(), patience) {
                    return None;
                }
                outbox.clear();
            }
        }
    }

    /// What is queued by now.
    pub fn queued(&mut self) -> Option<Message> {
        self.stash
            .pop_front()
            .or_else(|| self.engine.outbox().and_then(|outbox| outbox.pop()))
    }

    pub fn completion(&mut self, token: u64) -> Completion {
        let is_it = |message: &Message| matches!(message, Message::Completed(c) if c.completion.token == token);
        match self.wait_for(is_it) {
            Message::Completed(flight) => {
                let completion = flight.completion.clone();
                self.spare = Some(flight);
                completion
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a piece of a stream and waits for it.
    pub fn piece(&mut self, client: u32, token: u64) -> Piece {
        self.engine.push(Command::Read { client, token });
        match self.wait_for(|message| matches!(message, Message::Streamed(of, _) if *of == token)) {
            Message::Streamed(_, piece) => *piece,
            other => panic!("{other:?}"),
        }
    }

    fn wait_for(&mut self, is_it: impl Fn(&Message) -> bool) -> Message {
        if let Some(at) = self.stash.iter().position(&is_it) {
            return self.stash.remove(at).expect("it is there");
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.receive() {
                message if is_it(&message) => return message,
                Message::Tick(_) => {}
                other => self.stash.push_back(other),
            }
        }
        panic!("it did not come");
    }

    pub fn ask(&mut self, request: Request) -> Completion {
        let token = self.submit(request);
        self.completion(token)
    }

    /// Asks for what must succeed.
    pub fn response(&mut self, request: Request) -> Response {
        self.ask(request).outcome.expect("it goes well")
    }

    /// Asks for what must fail.
    pub fn failure(&mut self, request: Request) -> Failure {
        self.ask(request).outcome.expect_err("it goes wrong")
    }

    pub fn cause(&mut self, request: Request) -> Cause {
        self.failure(request).cause
    }

    /// Lets the engine's clock run: each tick is 50 ms after the last.
    pub fn ticks(&mut self, count: u32) {
        let mut seen = 0;
        while seen < count {
            match self.receive() {
                Message::Tick(_) => seen += 1,
                other => self.stash.push_back(other),
            }
        }
    }

    /// Has the window cut and gives what was recorded up to now.
    pub fn so_far(&self) -> Record {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.engine.push(Command::CutNow(answer));
        answered.recv_timeout(PATIENCE).expect("it cuts");
        self.frames.fold()
    }

    /// Stops the engine; no attempt may be under way afterwards.
    pub fn finish(&mut self) -> Record {
        self.engine.stop().expect("it ends well");
        let record = self.frames.fold();
        assert_eq!(record.generator.in_flight, 0);
        record
    }
}

/// Waits in parts: a machine that stands still makes one of them pass, and who was to ring then has the others.
fn is_readable(fd: i32, within: Duration) -> bool {
    const PARTS: u32 = 10;
    let part = (within / PARTS).as_millis().max(1) as i32;
    (0..PARTS).any(|_| {
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one live pollfd, and its number says one.
        unsafe { libc::poll(&raw mut poll, 1, part) > 0 }
    })
}

/// Waits for what another thread brings about.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

pub fn target() -> Target {
    Target::spawn(&Options::default()).expect("it starts")
}

pub fn tls_target() -> Target {
    Target::spawn(&Options {
        tls: true,
        ..Options::default()
    })
    .expect("it starts")
}

pub fn url_of(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

pub fn get(url: &str) -> Request {
    request("GET", url, b"")
}

pub fn post(url: &str, body: &[u8]) -> Request {
    request("POST", url, body)
}

pub fn request(method: &str, url: &str, body: &[u8]) -> Request {
    request_with(method, url, body, &[])
}

/// A request of client 0, row 0, judged by the engine, with timeouts that only a broken test meets.
pub fn request_with(method: &str, url: &str, body: &[u8], headers: &[(&[u8], &[u8])]) -> Request {
    let url = Url::parse(url).expect("it is one");
    let payload = encode(
        method,
        &url.target,
        &url.origin.host_header(),
        body,
        headers,
    );
    Request {
        token: 0,
        client: 0,
        route: route(&url, TlsMode::Verify, None),
        payload: Payload::Own(payload),
        kind: if method == "HEAD" {
            RequestKind::Head
        } else {
            RequestKind::Plain
        },
        idempotent: method != "POST",
        endpoint: 0,
        judge: Judge::Engine,
        due: 0,
        asked: 0,
        blocked: 0,
        missed: 0,
        connect_timeout: 60 * SECOND,
        read_timeout: 60 * SECOND,
        body_limit: 64 << 20,
        discard_body: false,
        stream: false,
    }
}

pub fn encode(
    method: &str,
    target: &str,
    host: &str,
    body: &[u8],
    headers: &[(&[u8], &[u8])],
) -> Vec<u8> {
    let mut block = HeaderBlock::new();
    block
        .push(b"Host", host.as_bytes())
        .expect("a host can be written");
    let mut bytes = Vec::new();
    let head = http1::Request {
        method,
        target,
        block: &block,
        headers,
        body: Body::Bytes(body),
    };
    http1::encode_request(&mut bytes, &head).expect("it can be written");
    bytes
}

pub fn route(url: &Url, tls: TlsMode, proxy: Option<Proxy>) -> Arc<Route> {
    let mut hasher = DefaultHasher::new();
    (&url.origin, &tls, &proxy).hash(&mut hasher);
    Arc::new(Route {
        id: hasher.finish() as u32,
        origin: url.origin.clone(),
        tls,
        proxy,
    })
}

pub fn with_tls(request: Request, tls: TlsMode) -> Request {
    let route = Arc::new(Route {
        id: 77,
        tls,
        ..(*request.route).clone()
    });
    Request { route, ..request }
}

pub fn streamed(request: Request) -> Request {
    Request {
        stream: true,
        judge: Judge::Script,
        ..request
    }
}
