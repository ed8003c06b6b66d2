//! Framing, pipelining, bodies, codings.

use std::io::Read;

use crate::client::{Client, plain};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let mut raw = Vec::new();
    for n in 0..200 {
        let ms = if n % 50 == 0 { 2 } else { 0 };
        raw.extend_from_slice(format!("GET /bytes?n={n}&ms={ms} HTTP/1.1\r\n\r\n").as_bytes());
    }
    client.send(&raw);
    for n in 0..200 {
        assert_eq!(client.receive(true).unwrap().body.len(), n);
    }
    assert_eq!(target.truth().paths["/bytes"].served, 200);
    assert_eq!(target.truth().connections.accepted, 1);
}

#[test]
fn chunked_requests_are_parsed_however_they_arrive() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let raw = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;x\r\nhello\r\n6\r\n world\r\n0\r\nT: 1\r\n\r\n";
    for step in [raw.len(), 7, 1] {
        for piece in raw.chunks(step) {
            client.send(piece);
        }
        let echo = client.receive(true).unwrap().json();
        assert_eq!(echo["body"], "hello world");
        assert_eq!(echo["method"], "POST");
    }
    assert_eq!(client.post("/echo?a=b", b"abc").json()["query"], "a=b");
}

#[test]
fn bad_requests_are_refused() {
    let target = plain();
    for (raw, status) in [
        ("nonsense\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (
            "POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
            413,
        ),
        (
            "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
    ] {
        let mut client = Client::new(target.addr());
        client.send(raw.as_bytes());
        let answer = client.receive(true).unwrap();
        assert_eq!(answer.status, status, "{raw:?}");
        client.rest().unwrap();
    }
    assert_eq!(target.truth().refused, 4);
    assert_eq!(target.truth().total.requests, 0);
    let mut client = Client::new(target.addr());
    assert_eq!(client.get("/bytes?n=x").status, 400);
    assert_eq!(client.get("/nowhere").status, 404);
}

#[test]
fn statuses_are_framed() {
    let target = plain();
    let mut client = Client::new(target.addr());
    for status in [200, 201, 204, 304, 404, 418, 503] {
        let answer = client.get(&format!("/status/{status}"));
        assert_eq!(answer.status, status);
        let length = answer.header("Content-Length");
        assert_eq!(length.is_none(), matches!(status, 204 | 304));
    }
    let head = client.ask("HEAD", "/bytes?n=100000", "", b"");
    assert_eq!(head.header("Content-Length"), Some("100000"));
    assert_eq!(client.get("/null").body.len(), 66);
}

#[test]
fn bodies_have_their_size() {
    let target = plain();
    let mut client = Client::new(target.addr());
    for n in [0, 1, 2048, 65_536, 65_537, 3_000_000] {
        assert_eq!(client.get(&format!("/bytes?n={n}")).body.len(), n);
    }
    let json = client.get("/bytes?n=500&json=1");
    assert_eq!(json.body.len(), 500);
    assert!(json.json()["data"].is_string());
}

#[test]
fn redirects_count_down() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let mut at = "/redirect?to=%2Fnull%3Fx%3D1&status=307&n=3".to_owned();
    for _ in 0..3 {
        let answer = client.get(&at);
        assert_eq!(answer.status, 307);
        answer.header("Location").unwrap().clone_into(&mut at);
    }
    assert_eq!(at, "/null?x=1");
}

#[test]
fn cookies_auth_and_expect() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let set = client.get("/cookie?set=a=b");
    assert_eq!(set.header("Set-Cookie"), Some("a=b; Path=/"));
    let echoed = client.ask("GET", "/cookie", "Cookie: a=b; c=d\r\n", b"");
    assert_eq!(echoed.json()["cookies"]["c"], "d");

    let refused = client.get("/basic-auth?user=u&pass=p");
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("WWW-Authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    let auth = "Authorization: Basic dTpw\r\n";
    assert_eq!(
        client
            .ask("GET", "/basic-auth?user=u&pass=p", auth, b"")
            .status,
        200
    );

    client.send(b"POST /expect HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.receive(true).unwrap().status, 100);
    client.send(b"abc");
    assert_eq!(client.receive(true).unwrap().json()["body_bytes"], 3);
    client.send(
        b"POST /expect?refuse=1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    );
    assert_eq!(client.receive(true).unwrap().status, 417);
}

#[test]
fn codings_decode_to_one_page() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let mut check = |path: &str, coding: &str, decode: fn(&[u8]) -> Vec<u8>| {
        let answer = client.get(path);
        assert_eq!(answer.header("Content-Encoding"), Some(coding));
        let page: serde_json::Value = serde_json::from_slice(&decode(&answer.body)).unwrap();
        assert_eq!(page["items"].as_array().unwrap().len(), 64, "{path}");
    };
    check("/gzip", "gzip", |raw| {
        all(flate2::read::GzDecoder::new(raw))
    });
    check("/deflate", "deflate", |raw| {
        all(flate2::read::ZlibDecoder::new(raw))
    });
    check("/deflate?raw=1", "deflate", |raw| {
        all(flate2::read::DeflateDecoder::new(raw))
    });
    check("/br", "br", |raw| all(brotli::Decompressor::new(raw, 4096)));
    check("/zstd", "zstd", |raw| zstd::decode_all(raw).unwrap());
}

fn all(mut from: impl Read) -> Vec<u8> {
    let mut page = Vec::new();
    from.read_to_end(&mut page).unwrap();
    page
}

#[test]
fn trailers_follow_the_last_chunk() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let answer = client.get("/trailers");
    assert!(
        answer
            .body
            .ends_with(b"0\r\nX-Checksum: abc123\r\nX-Rows: 2\r\n\r\n")
    );
    assert_eq!(client.get("/null").status, 200);
}

#[test]
fn http10_closes_unless_asked() {
    let target = plain();
    let mut client = Client::new(target.addr());
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let kept = client.receive(true).unwrap();
    assert_eq!(kept.header("Connection"), Some("keep-alive"));
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        client.receive(true).unwrap().header("Connection"),
        Some("close")
    );
    client.rest().unwrap();
}

#[test]
fn the_shop_flow() {
    let target = plain();
    let mut client = Client::new(target.addr());
    let login = client.post("/shop/login", b"{}");
    assert!(login.header("Set-Cookie").is_some() && login.json()["token"].is_string());
    for page in ["/shop/dashboard", "/shop/orders?page=2"] {
        let length = client.get(page).body.len();
        assert!((1500..2600).contains(&length), "{page}: {length}");
    }
    let order = client.post("/shop/orders", b"{}");
    assert_eq!(order.status, 201);
    assert!(order.body.len() < 300);
    let id = &order.json()["id"];
    let invoice = client.post(&format!("/shop/orders/{id}/invoice"), b"{}");
    assert_eq!(invoice.status, 202);
    let job = client.get(&format!("/shop/jobs/{}", invoice.json()["job"]));
    assert_eq!(job.json()["status"], "done");
    assert_eq!(client.get("/shop/login").status, 405);
    assert_eq!(target.truth().paths["/shop/jobs/{id}"].served, 1);
}
