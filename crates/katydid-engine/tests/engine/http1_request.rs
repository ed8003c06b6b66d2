//! What requests look like on the wire, and what is refused.

use katydid_engine::http1::{
    Body, EncodeError, HeaderBlock, Limits, Request, RequestKind, encode_chunk, encode_last_chunk,
    encode_request,
};

use crate::support::{Outcome, drive};

fn encode(
    method: &str,
    target: &str,
    headers: &[(&[u8], &[u8])],
    body: Body<'_>,
) -> Result<String, EncodeError> {
    let mut block = HeaderBlock::new();
    block.push(b"Host", b"h:8080")?;
    let mut out = b"kept".to_vec();
    let result = encode_request(
        &mut out,
        &Request {
            method,
            target,
            block: &block,
            headers,
            body,
        },
    );
    if result.is_err() {
        assert_eq!(out, b"kept", "nothing is written on error");
    }
    result.map(|()| String::from_utf8(out.split_off(4)).expect("text"))
}

#[test]
fn the_body_decides_the_framing_headers() {
    let check = |method: &str, body, expected: &str| {
        let got = encode(method, "/a?b=c", &[], body).expect("valid");
        assert_eq!(
            got,
            format!("{method} /a?b=c HTTP/1.1\r\nHost: h:8080\r\n{expected}")
        );
    };
    for method in ["GET", "HEAD", "TRACE", "CONNECT"] {
        check(method, Body::None, "\r\n");
        check(method, Body::Bytes(b""), "\r\n");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        check(method, Body::None, "Content-Length: 0\r\n\r\n");
        check(method, Body::Length(0), "Content-Length: 0\r\n\r\n");
    }
    check("GET", Body::Bytes(b"a"), "Content-Length: 1\r\n\r\na");
    check(
        "POST",
        Body::Bytes(b"0123456789"),
        "Content-Length: 10\r\n\r\n0123456789",
    );
    check(
        "POST",
        Body::Length(u64::MAX),
        "Content-Length: 18446744073709551615\r\n\r\n",
    );
    check("POST", Body::Chunked, "Transfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn headers_are_copied_but_for_framing() {
    let headers: [(&[u8], &[u8]); 5] = [
        (b"Cookie", b"a=b; c=\"d\""),
        (b"content-length", b"99"),
        (b"Transfer-Encoding", b"chunked"),
        (b"X-Latin1", b"caf\xe9"),
        (b"X-Empty", b""),
    ];
    let mut out = Vec::new();
    let block = HeaderBlock::default();
    let request = Request {
        method: "POST",
        target: "/",
        block: &block,
        headers: &headers,
        body: Body::Bytes(b"x"),
    };
    encode_request(&mut out, &request).expect("valid");
    let expected: &[u8] =
        b"POST / HTTP/1.1\r\nCookie: a=b; c=\"d\"\r\nX-Latin1: caf\xe9\r\nX-Empty: \r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(out, expected);
}

#[test]
fn injection_is_refused() {
    let check = |method: &str, target: &str, name: &[u8], value: &[u8], expected: &EncodeError| {
        let got = encode(method, target, &[(name, value)], Body::None);
        assert_eq!(got.as_ref(), Err(expected));
        if method == "GET" && target == "/" {
            assert_eq!(HeaderBlock::new().push(name, value).as_ref(), Err(expected));
        }
    };
    for method in ["", "GET ", "GE\nT", "G\u{e9}T"] {
        check(
            method,
            "/",
            b"A",
            b"b",
            &EncodeError::Method(method.to_owned()),
        );
    }
    for target in ["", "/a b", "/\r\nX: y", "/\u{e9}", "/\0", "/\x7f"] {
        check(
            "GET",
            target,
            b"A",
            b"b",
            &EncodeError::Target(target.to_owned()),
        );
    }
    for name in ["", "A b", "A:", "A\r\nB", "A\0", "\u{e9}"] {
        check(
            "GET",
            "/",
            name.as_bytes(),
            b"b",
            &EncodeError::HeaderName(name.to_owned()),
        );
    }
    for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b"] {
        let expected = EncodeError::HeaderValue {
            name: "A".to_owned(),
        };
        check("GET", "/", b"A", value.as_bytes(), &expected);
        assert!(!expected.to_string().contains('y'), "values may be secrets");
    }
}

#[test]
fn chunks_read_back() {
    let long = vec![b'x'; 0x1234];
    let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for data in [&b"hello"[..], b"", &long] {
        encode_chunk(&mut out, data);
    }
    encode_last_chunk(&mut out);
    let text = String::from_utf8_lossy(&out);
    assert!(text.contains("\r\n5\r\nhello\r\n1234\r\nxxx") && text.ends_with("x\r\n0\r\n\r\n"));
    let Outcome::Message(message) = drive(RequestKind::Plain, Limits::default(), [&out[..]]) else {
        panic!("a valid response");
    };
    assert_eq!(message.body, [b"hello", &long[..]].concat());
}
