//! The page that Prometheus asks for.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use katydid_observe::listen;
use tokio::net::TcpStream;

use super::Desk;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Who asks keeps a connection open.
const CONNECTIONS: usize = 64;

/// Until it is dropped.
pub(super) async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            desk.warn(format!("the page for Prometheus is not there: {error}"));
            return std::future::pending().await;
        }
    };
    listen::serve(listener, CONNECTIONS, |stream| {
        connection(stream, desk.clone())
    })
    .await;
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    let service = service_fn(|request| {
        let answer = answer(&request, &desk);
        async { Ok::<_, Infallible>(answer) }
    });
    // How a connection ends is the other side's business.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(request: &Request<Incoming>, desk: &Desk) -> Response<Full<Bytes>> {
    let (status, text) = match request.uri().path() {
        "/metrics" => match desk.now() {
            Some(snapshot) => (StatusCode::OK, snapshot.page()),
            None => (
                StatusCode::SERVICE_UNAVAILABLE,
                Bytes::from_static(b"the run is over\n"),
            ),
        },
        _ => (
            StatusCode::NOT_FOUND,
            Bytes::from_static(b"katydid's metrics are at /metrics\n"),
        ),
    };
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}
