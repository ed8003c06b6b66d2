//! The same exchanges through TLS, and what only TLS can do.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use katydid_engine::message::{Piece, Request, TlsMode};
use katydid_record::Cause;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::hub::{Hub, get, post, request, streamed, tls_target, until, with_tls};
use super::servers::{OK, answer, linger, serve};

fn any(request: Request) -> Request {
    with_tls(request, TlsMode::Accept)
}

#[test]
fn a_certificate_can_be_trusted() {
    let target = tls_target();
    let pem = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(pem.path(), target.cert_pem().expect("it speaks TLS")).expect("it is written");
    let path = pem.path().display().to_string();
    let mut hub = Hub::start();
    for _ in 0..3 {
        let request = with_tls(
            get(&format!("{}/null", target.url())),
            TlsMode::Roots(path.clone()),
        );
        assert_eq!(hub.response(request).head.status(), 200);
    }
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((3, 0, 0, 0), 1));
    assert_eq!(
        (record.total().connect.count(), record.total().tls.count()),
        (1, 1)
    );
    // Trusting a certificate is not trusting any.
    let other = tls_target();
    let mut hub = Hub::start();
    let request = with_tls(get(&format!("{}/null", other.url())), TlsMode::Roots(path));
    assert_eq!(hub.cause(request), Cause::Tls);
}

#[test]
fn every_framing() {
    let target = tls_target();
    let mut hub = Hub::start();
    for (method, path, bytes) in [
        ("GET", "/bytes?n=65536", 65_536),
        ("GET", "/bytes?n=3000000", 3_000_000),
        ("GET", "/slow?bytes=30000&chunk=1000&ms=1&chunked=1", 30_000),
        ("GET", "/trailers", 11),
        ("HEAD", "/bytes?n=10", 0),
        ("GET", "/status/204", 0),
        ("GET", "/close", 15),
        ("GET", "/close-delimited?bytes=200000", 200_000),
        ("GET", "/null", 66),
    ] {
        let response = hub.response(any(request(
            method,
            &format!("{}{path}", target.url()),
            b"",
        )));
        assert_eq!(response.body.len(), bytes, "{path}");
    }
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((9, 0, 0, 0), 3));
}

#[test]
fn a_large_upload() {
    let target = tls_target();
    let mut hub = Hub::start();
    let body = vec![b'x'; 16 << 20];
    hub.response(any(post(&format!("{}/null", target.url()), &body)));
    assert_eq!(target.truth().paths["/null"].requests, 1);
    assert!(target.truth().paths["/null"].bytes_in > 16 << 20);
}

#[test]
fn failures() {
    let target = tls_target();
    let mut hub = Hub::start();
    for (path, cause) in [
        ("/reset?at=headers", Cause::Reset),
        ("/reset?at=body", Cause::Reset),
        ("/truncated", Cause::Reset),
        ("/garbage", Cause::Protocol),
        ("/endless", Cause::TooLarge),
    ] {
        assert_eq!(
            hub.cause(any(get(&format!("{}{path}", target.url())))),
            cause,
            "{path}"
        );
    }
}

#[test]
fn streams_with_backpressure() {
    let target = tls_target();
    let mut hub = Hub::start();
    let token = hub.submit(any(streamed(get(&format!(
        "{}/bytes?n=5000000",
        target.url()
    )))));
    hub.completion(token).outcome.expect("there is a head");
    hub.ticks(2);
    let mut length = 0;
    while let Piece::Bytes(piece) = hub.piece(0, token) {
        length += piece.len();
    }
    assert_eq!(length, 5_000_000);
    hub.response(any(get(&format!("{}/null", target.url()))));
    assert_eq!(hub.finish().opened(), 1);
}

#[test]
fn closed_while_idle() {
    let target = tls_target();
    let mut hub = Hub::start();
    hub.response(any(get(&format!("{}/idle-close?ms=1", target.url()))));
    until("the server closes", || target.truth().connections.open == 0);
    hub.response(any(post(&format!("{}/null", target.url()), b"x")));
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((2, 0, 0, 0), 2, 1)
    );
}

type Secure = StreamOwned<ServerConnection, TcpStream>;

fn serve_tls(play: impl Fn(Secure) + Clone + Send + 'static) -> std::net::SocketAddr {
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("it is made");
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("it is a key");
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![key.cert.der().clone()], private)
            })
            .expect("it fits together");
    let config = Arc::new(config);
    serve(move |stream, _| {
        let connection = ServerConnection::new(config.clone()).expect("it is valid");
        play(StreamOwned::new(connection, stream));
    })
}

#[test]
fn a_server_that_says_goodbye_but_stays() {
    // close_notify comes with the answer; the TCP connection stays open and silent.
    let address = serve_tls(|mut stream| {
        if answer(&mut stream, 1) {
            stream.conn.send_close_notify();
            let _ = stream.flush();
            linger(&mut stream.sock);
        }
    });
    let mut hub = Hub::start();
    for _ in 0..10 {
        hub.response(any(get(&format!("https://{address}/"))));
    }
    assert_eq!(hub.finish().ends(), (10, 0, 0, 0));
}

#[test]
fn answer_and_goodbye_in_one_packet() {
    let address = serve_tls(|mut stream| {
        super::servers::read_head(&mut stream);
        let _ = stream.conn.writer().write_all(OK);
        stream.conn.send_close_notify();
        let _ = stream.flush();
        linger(&mut stream.sock);
    });
    let mut hub = Hub::start();
    for _ in 0..10 {
        hub.response(any(get(&format!("https://{address}/"))));
    }
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.opened(), record.replaced()),
        ((10, 0, 0, 0), 10, 0)
    );
}
