//! Prints what the codec costs per response and per request, on one core, with the head moved out as the engine does.
//!
//! `cargo run --release -p katydid-engine --example parse_cost`

use std::hint::black_box;
use std::time::Instant;

use katydid_engine::http1::{
    Body, HeaderBlock, Limits, Progress, Request, RequestKind, ResponseParser, encode_request,
};

const NGINX: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 23 Nov 2025 11:22:33 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 27\r\nConnection: keep-alive\r\n\r\nhello from the test server\n";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 23 Nov 2025 11:22:33 GMT\r\n\
    Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n\
    1b\r\nhello from the test server\n\r\n0\r\n\r\n";
const TYPICAL: &[u8] = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sun, 23 Nov 2025 11:22:33 GMT\r\n\
    Connection: keep-alive\r\nContent-Type: application/json\r\nX-Frame-Options: DENY\r\nContent-Length: 27\r\n\
    Vary: Accept, Cookie, Origin\r\nAllow: GET, POST, HEAD, OPTIONS\r\nX-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
    Set-Cookie: session=0123456789abcdef; HttpOnly; Path=/; SameSite=Lax\r\n\r\nhello from the test server\n";

fn main() {
    for (name, input) in [
        ("nginx", NGINX),
        ("nginx, chunked", CHUNKED),
        ("12 headers", TYPICAL),
    ] {
        let mut parser = ResponseParser::new(Limits::default());
        measure(&format!("response, {name}, {} bytes", input.len()), || {
            let mut body = Vec::new();
            parser.begin(RequestKind::Plain);
            let step = parser
                .advance(black_box(input), &mut body)
                .expect("a valid response");
            assert!(step.progress == Progress::Done && parser.reusable());
            black_box((parser.take_head(), body));
        });
        measure(&format!("response, {name}, head and body buffers kept"), {
            let mut body = Vec::new();
            let mut parser = ResponseParser::new(Limits::default());
            move || {
                body.clear();
                parser.begin(RequestKind::Plain);
                let step = parser
                    .advance(black_box(input), &mut body)
                    .expect("a valid response");
                assert!(step.progress == Progress::Done && parser.reusable());
                black_box(&body);
            }
        });
    }

    let mut block = HeaderBlock::new();
    for (name, value) in [
        ("Host", "127.0.0.1:8080"),
        ("User-Agent", "katydid"),
        ("Accept", "*/*"),
    ] {
        block
            .push(name.as_bytes(), value.as_bytes())
            .expect("a valid header");
    }
    let mut out = Vec::new();
    measure("request, 3 headers in the block and 1 more", || {
        out.clear();
        let headers: [(&[u8], &[u8]); 1] = [(b"Cookie", b"session=0123456789abcdef")];
        let request = Request {
            method: "GET",
            target: "/orders?page=2",
            block: &block,
            headers: &headers,
            body: Body::None,
        };
        encode_request(&mut out, black_box(&request)).expect("a valid request");
        black_box(&out);
    });
}

/// Best of many rounds, each shorter than a time slice: the machine is shared, and noise only adds.
fn measure(name: &str, mut run: impl FnMut()) {
    const TIMES: u32 = 4_000;
    let best = (0..1_000).map(|_| {
        let start = Instant::now();
        (0..TIMES).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    });
    println!("{:6.0} ns  {name}", best.fold(f64::INFINITY, f64::min));
}
