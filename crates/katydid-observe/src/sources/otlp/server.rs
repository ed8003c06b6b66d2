//! HTTP for exporters: `POST /v1/traces`, protobuf or JSON, gzip or plain. On a thread of its own, bounded in memory and in time of a
//! processor: beyond that it answers 429, as the protocol has it.

use std::convert::Infallible;
use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::kept::Kept;
use crate::listen;
use crate::task::thread_cpu;

/// Connections at once; exporters keep theirs open.
const CONNECTIONS: usize = 256;
/// Bodies that are read at once, and their size, bytes: as they come, and unpacked. An exporter's batch of 512 spans is half a MiB.
const BODIES: usize = 16;
const BODY: usize = 8 << 20;
const UNPACKED: u64 = 64 << 20;
const BODY_WITHIN: Duration = Duration::from_secs(10);
const HEAD_WITHIN: Duration = Duration::from_secs(120);
/// Time of a processor that may go into spans in each second.
const BUSY: Duration = Duration::from_millis(250);
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The receiver's thread. Dropped, it ends.
pub struct Server {
    cpu_us: Arc<AtomicU64>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Takes spans from this listener.
    pub fn start(listener: TcpListener, kept: Arc<Mutex<Kept>>) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let cpu_us = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let desk = Arc::new(Desk {
            kept,
            bodies: Semaphore::new(BODIES),
            busy: Mutex::new((Instant::now(), Duration::ZERO)),
            cpu_us: cpu_us.clone(),
        });
        std::thread::Builder::new()
            .name("katydid-spans".into())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, desk) => {}
                        // The other end is dropped when nobody wants spans any more.
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            cpu_us,
            _stop: stop,
        })
    }

    /// Time of a processor that went into it.
    pub fn cpu(&self) -> Duration {
        Duration::from_micros(self.cpu_us.load(Ordering::Relaxed))
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    listen::serve(listener, CONNECTIONS, |stream| {
        connection(stream, desk.clone())
    })
    .await;
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    let mut begin = [0; 3];
    if let Ok(Ok(3)) = timeout(BODY_WITHIN, stream.peek(&mut begin)).await
        && begin == *b"PRI"
    {
        desk.kept().hears_grpc();
        return;
    }
    let service = service_fn(|request| desk.serve(request));
    // How a connection ends is the exporter's business.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What all connections share.
struct Desk {
    kept: Arc<Mutex<Kept>>,
    bodies: Semaphore,
    /// A second, and what of it went into spans.
    busy: Mutex<(Instant, Duration)>,
    cpu_us: Arc<AtomicU64>,
}

impl Desk {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let is_json = match kind(&request) {
            Some(is_json) => is_json,
            None if request.uri().path().starts_with("/v1/") => {
                return Ok(plain(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "send spans as application/x-protobuf or application/json",
                ));
            }
            None => false,
        };
        let answer = match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/traces") => self.traces(request, is_json).await,
            // Exporters that send everything to one place would complain for ever.
            (&Method::POST, "/v1/metrics" | "/v1/logs") => Ok(()),
            (_, "/v1/traces" | "/v1/metrics" | "/v1/logs") => {
                Err((StatusCode::METHOD_NOT_ALLOWED, "use POST"))
            }
            _ => Err((
                StatusCode::NOT_FOUND,
                "katydid takes spans here: POST /v1/traces",
            )),
        };
        Ok(match answer {
            Ok(()) if is_json => typed(StatusCode::OK, JSON, "{}"),
            Ok(()) => typed(StatusCode::OK, PROTOBUF, ""),
            Err((status, text)) => plain(status, text),
        })
    }

    async fn traces(
        &self,
        request: Request<Incoming>,
        is_json: bool,
    ) -> Result<(), (StatusCode, &'static str)> {
        if self.is_flooded() {
            self.kept().refuse();
            return Err((
                StatusCode::TOO_MANY_REQUESTS,
                "more spans than katydid takes",
            ));
        }
        let is_gzip = match request.headers().get(CONTENT_ENCODING) {
            None => false,
            Some(coding) if coding == "identity" => false,
            Some(coding) if coding == "gzip" => true,
            Some(_) => {
                return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "only gzip is unpacked"));
            }
        };
        let _place = self.bodies.acquire().await;
        let body = timeout(BODY_WITHIN, Limited::new(request, BODY).collect()).await;
        let body = match body {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                self.kept().refuse();
                return Err((StatusCode::PAYLOAD_TOO_LARGE, "send smaller batches"));
            }
            Ok(Err(_)) | Err(_) => return Err((StatusCode::BAD_REQUEST, "the body did not come")),
        };
        let began = thread_cpu();
        let taken = self.take(&body, is_gzip, is_json);
        self.spend(thread_cpu().saturating_sub(began));
        taken
    }

    fn take(
        &self,
        body: &Bytes,
        is_gzip: bool,
        is_json: bool,
    ) -> Result<(), (StatusCode, &'static str)> {
        let unpacked;
        let mut body: &[u8] = body;
        if is_gzip {
            let mut whole = Vec::new();
            let read = GzDecoder::new(body).take(UNPACKED).read_to_end(&mut whole);
            if read.is_err() || whole.len() as u64 == UNPACKED {
                self.kept().refuse();
                return Err((StatusCode::BAD_REQUEST, "the body cannot be unpacked"));
            }
            unpacked = whole;
            body = &unpacked;
        }
        let request = if is_json {
            serde_json::from_slice::<ExportTraceServiceRequest>(body).ok()
        } else {
            ExportTraceServiceRequest::decode(body).ok()
        };
        let Some(request) = request else {
            self.kept().refuse();
            return Err((StatusCode::BAD_REQUEST, "the body holds no spans of OTLP"));
        };
        self.kept().take(request);
        Ok(())
    }

    fn is_flooded(&self) -> bool {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.0.elapsed() >= Duration::from_secs(1) {
            *busy = (Instant::now(), Duration::ZERO);
        }
        busy.1 >= BUSY
    }

    fn spend(&self, time: Duration) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.1 += time;
        self.cpu_us
            .store(thread_cpu().as_micros() as u64, Ordering::Relaxed);
    }
}

/// Whether it is JSON; nothing is known of others than JSON and protobuf.
fn kind(request: &Request<Incoming>) -> Option<bool> {
    let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next()?.trim() {
        JSON => Some(true),
        PROTOBUF => Some(false),
        _ => None,
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    typed(status, "text/plain", text)
}

fn typed(status: StatusCode, kind: &'static str, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    }
    response
}
