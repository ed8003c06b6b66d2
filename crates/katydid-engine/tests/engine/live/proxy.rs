//! Through an HTTP proxy: absolute-form for http, a CONNECT tunnel for https.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use katydid_engine::http1::{Origin, Scheme, Url};
use katydid_engine::message::{Payload, Proxy, Request, TlsMode};
use katydid_record::Cause;

use super::hub::{Hub, encode, get, route, target, tls_target};
use super::servers::{answer, linger, read_head, serve};

fn proxy_at(address: SocketAddr, authorization: Option<&str>) -> Proxy {
    let origin = Origin {
        scheme: Scheme::Http,
        host: address.ip().to_string(),
        port: address.port(),
    };
    Proxy {
        origin,
        authorization: authorization.map(str::to_owned),
    }
}

fn through(url: &str, proxy: Proxy) -> Request {
    let parsed = Url::parse(url).expect("it is one");
    let mut request = get(url);
    if parsed.origin.scheme == Scheme::Http {
        request.payload = Payload::Own(encode("GET", url, &parsed.origin.host_header(), b"", &[]));
    }
    Request {
        route: route(&parsed, TlsMode::Accept, Some(proxy)),
        ..request
    }
}

/// Notes the heads it gets; carries tunnels to where they point.
fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = seen.clone();
    let address = serve(move |mut stream, _| {
        loop {
            let head = read_head(&mut stream);
            if head.is_empty() {
                return;
            }
            heads
                .lock()
                .expect("nobody panics with it")
                .push(head.clone());
            if let Some(rest) = head.strip_prefix("CONNECT ") {
                let to = rest.split(' ').next().expect("it says where to");
                let there = TcpStream::connect(to).expect("it listens");
                let _ =
                    stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
                return tunnel(stream, there);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy");
        }
    });
    (address, seen)
}

fn tunnel(here: TcpStream, there: TcpStream) {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let (back_from, back_to) = (
        there.try_clone().expect("it can"),
        here.try_clone().expect("it can"),
    );
    thread::spawn(move || copy(back_from, back_to));
    copy(here, there);
}

#[test]
fn plain_requests_go_to_the_proxy_whole() {
    let (address, seen) = proxy();
    let mut hub = Hub::start();
    for _ in 0..2 {
        // The name is the proxy's to resolve.
        let response = hub.response(through(
            "http://shop.invalid/cart?n=1",
            proxy_at(address, None),
        ));
        assert_eq!(response.body, b"proxy");
    }
    let seen = seen.lock().expect("nobody panics with it");
    assert_eq!(
        seen[0],
        "GET http://shop.invalid/cart?n=1 HTTP/1.1\r\nHost: shop.invalid\r\n\r\n"
    );
    assert_eq!((seen.len(), hub.finish().opened()), (2, 1));
}

#[test]
fn secure_requests_go_through_a_tunnel() {
    let target = tls_target();
    let (address, seen) = proxy();
    let mut hub = Hub::start();
    for _ in 0..3 {
        let request = through(
            &format!("{}/bytes?n=100000", target.url()),
            proxy_at(address, Some("Basic dTpw")),
        );
        assert_eq!(hub.response(request).body.len(), 100_000);
    }
    let at = target.addr();
    let expected =
        format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
    assert_eq!(*seen.lock().expect("nobody panics with it"), [expected]);
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((3, 0, 0, 0), 1));
}

fn check_tunnel(
    play: impl Fn(TcpStream, usize) + Clone + Send + 'static,
    expected: Cause,
    text: &str,
) {
    let address = serve(play);
    let mut hub = Hub::start();
    let failure = hub.failure(through("https://shop.invalid/", proxy_at(address, None)));
    assert_eq!((failure.cause, failure.text.as_str()), (expected, text));
    assert!(
        failure.partial.is_none(),
        "the proxy's answer is not the server's"
    );
    assert_eq!(hub.finish().ends(), (0, 1, 0, 0));
}

#[test]
fn a_proxy_that_refuses() {
    let text = "the proxy answered 407 to CONNECT";
    let padding = format!("X-Padding: {}\r\n", "x".repeat(9_000));
    let head = format!(
        "HTTP/1.1 407 Proxy Authentication Required\r\n{padding}Content-Length: 10000\r\n\r\n"
    );
    let play = move |mut stream: TcpStream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(head.as_bytes());
        linger(&mut stream);
    };
    check_tunnel(play, Cause::Refused, text);
}

#[test]
fn a_proxy_that_leaves() {
    let text = "the proxy closed the connection";
    let play = |mut stream: TcpStream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 Conn");
        let _ = stream.shutdown(Shutdown::Write);
        linger(&mut stream);
    };
    check_tunnel(play, Cause::Reset, text);
}

#[test]
fn a_proxy_that_is_not_there() {
    let target = target();
    let address = target.addr();
    drop(target);
    let mut hub = Hub::start();
    for url in ["http://shop.invalid/", "https://shop.invalid/"] {
        assert_eq!(
            hub.cause(through(url, proxy_at(address, None))),
            Cause::Refused,
            "{url}"
        );
    }
}

#[test]
fn a_proxy_named_by_its_name() {
    let address = serve(|mut stream, _| {
        answer(&mut stream, 10);
    });
    let mut proxy = proxy_at(address, None);
    proxy.origin.host = "localhost".into();
    let mut hub = Hub::start();
    hub.response(through("http://shop.invalid/", proxy));
}
