//! Where a message ends and whether its connection can be used again, one table per rule.

use katydid_engine::http1::{Eof, Limits, Progress, ProtocolError, RequestKind, ResponseParser};

use crate::http1_checks::{SMALL, ask, check, check_error, complete, message};
use crate::support::Outcome;

#[test]
fn content_length_frames_the_body() {
    let check = |lines: &str, body, expected, reusable| {
        check(
            RequestKind::Plain,
            &format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}"),
            200,
            expected,
            reusable,
        );
    };
    check("Content-Length: 5\r\n", "hello", "hello", true);
    check("content-LENGTH:5\n", "hello", "hello", true);
    check("Content-Length: 0\r\n", "", "", true);
    check("Content-Length: 005\r\n", "hello", "hello", true);
    check(
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "hello",
        "hello",
        true,
    );
    check("Content-Length: 5, 5\r\n", "hello", "hello", true);
    check(
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "hello",
        "hello",
        true,
    );

    for bad in [
        "5\r\nContent-Length: 6",
        "5, 6",
        "-5",
        "+5",
        "0x5",
        "",
        "5,",
        "5 5",
        "18446744073709551616",
    ] {
        let input = format!("HTTP/1.1 200 OK\r\nContent-Length: {bad}\r\n\r\nhello");
        check_error(&input, ProtocolError::ParseContentLength);
    }
    let limit = Limits::default().body_bytes;
    let over = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", limit + 1);
    check_error(&over, ProtocolError::TooLarge { limit });
    check_error(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        ProtocolError::TruncatedBody { received: 4 },
    );
}

#[test]
fn chunks_are_joined() {
    let check = |body: &str, expected| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
        check(
            RequestKind::Plain,
            &format!("{head}{body}"),
            200,
            expected,
            true,
        );
    };
    check("0\r\n\r\n", "");
    check("5\r\nhello\r\n0\r\n\r\n", "hello");
    check(
        "5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
        "hello 01234567890123456789",
    );
    check("5;name=value\r\nhello\r\n0;last\r\n\r\n", "hello");
    check("5 ; name = \"a b\"\r\nhello\r\n0 \t\r\n\r\n", "hello");
    check(
        "5\r\nhello\r\n0\r\nExpires: never\r\nX-Sum: 1\r\n\r\n",
        "hello",
    );
    check("5\r\nhello\r\n0\r\nnot a trailer field\r\n\r\n", "hello");
    check(
        "0000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        "hello",
    );
}

#[test]
fn broken_chunks_are_errors() {
    let check = |body: &str, expected| {
        check_error(
            &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"),
            expected,
        );
    };
    let limit = Limits::default().body_bytes;
    for size in [
        "\r\n",
        "g\r\n",
        " 5\r\n",
        "-5\r\n",
        "0x5\r\n",
        "5 5\r\n",
        "5\n",
        "5\rx",
        ";a\r\n",
        "5;a\nb\r\n",
        "1ffffffffffffffff\r\n",
    ] {
        check(size, ProtocolError::ParseChunkSize);
    }
    for data in [
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rx",
    ] {
        check(data, ProtocolError::ParseChunkEnd);
    }
    for trailers in ["0\r\n\n", "0\r\nX: y\n\r\n", "0\r\nX: y\rz", "0\r\n\rz"] {
        check(trailers, ProtocolError::ParseTrailers);
    }
    check("ffffffffffffffff\r\n", ProtocolError::TooLarge { limit });
    check("", ProtocolError::TruncatedBody { received: 0 });
    check("5\r\nhel", ProtocolError::TruncatedBody { received: 3 });
    check(
        "5\r\nhello\r\n0\r\n",
        ProtocolError::TruncatedBody { received: 5 },
    );
}

#[test]
fn transfer_encoding_wins_and_makes_reuse_unsafe() {
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    let check = |line: &str, lines: &str, expected, reusable| {
        check(
            RequestKind::Plain,
            &format!("{line}\r\n{lines}\r\n{chunks}"),
            200,
            expected,
            reusable,
        );
    };
    check(
        "HTTP/1.1 200 OK",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "hello",
        false,
    );
    check(
        "HTTP/1.1 200 OK",
        "Content-Length: x\r\nTransfer-Encoding: chunked\r\n",
        "hello",
        false,
    );
    check(
        "HTTP/1.0 200 OK",
        "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
        "hello",
        false,
    );
    check(
        "HTTP/1.1 200 OK",
        "Transfer-Encoding: gzip, chunked\r\n",
        "hello",
        true,
    );
    check(
        "HTTP/1.1 200 OK",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "hello",
        true,
    );

    for last in [
        "gzip",
        "chunked, gzip",
        "",
        "chunked\r\nTransfer-Encoding: gzip",
    ] {
        let input = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: {last}\r\nContent-Length: 3\r\n\r\nuntil close"
        );
        assert_eq!(
            message(RequestKind::Plain, &input).body,
            b"until close",
            "{last}"
        );
    }
}

#[test]
fn some_responses_have_no_body() {
    let lines = "Content-Length: 5\r\n\r\n";
    check(
        RequestKind::Head,
        &format!("HTTP/1.1 200 OK\r\n{lines}"),
        200,
        "",
        true,
    );
    check(
        RequestKind::Plain,
        &format!("HTTP/1.1 204 No Content\r\n{lines}"),
        204,
        "",
        true,
    );
    check(
        RequestKind::Plain,
        &format!("HTTP/1.1 304 Not Modified\r\n{lines}"),
        304,
        "",
        true,
    );
    check(
        RequestKind::Head,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        200,
        "",
        true,
    );
    check(
        RequestKind::Head,
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        200,
        "",
        true,
    );
    check(
        RequestKind::Plain,
        "HTTP/1.1 204 No Content\r\n\r\n",
        204,
        "",
        true,
    );
}

#[test]
fn the_close_delimits_a_body_without_length() {
    let mut parser = ResponseParser::new(SMALL);
    let mut body = Vec::new();
    parser.begin(RequestKind::Plain);
    let step = parser
        .advance(b"HTTP/1.1 200 OK\r\n\r\nsome", &mut body)
        .expect("valid");
    assert_eq!((step.progress, step.consumed), (Progress::Body, 23));
    parser.advance(b" more", &mut body).expect("valid");
    assert_eq!(parser.finish_on_eof(), Ok(Eof::Done));
    assert_eq!((&body[..], parser.reusable()), (&b"some more"[..], false));
}

#[test]
fn the_end_of_the_connection_is_told_apart() {
    assert_eq!(ask(""), Outcome::Closed);
    for input in [
        "H",
        "\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
    ] {
        check_error(input, ProtocolError::TruncatedHead);
    }
}

#[test]
fn version_and_connection_decide_reuse() {
    let check = |version: &str, lines: &str, expected: bool| {
        let input = format!("{version} 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
        check(RequestKind::Plain, &input, 200, "", expected);
    };
    check("HTTP/1.1", "", true);
    check("HTTP/1.1", "Connection: keep-alive\r\n", true);
    check("HTTP/1.1", "Connection: close\r\n", false);
    check("HTTP/1.1", "connection: foo , CLOSE\r\n", false);
    check(
        "HTTP/1.1",
        "Connection: keep-alive\r\nConnection: close\r\n",
        false,
    );
    check(
        "HTTP/1.1",
        "Connection: close\r\nConnection: keep-alive\r\n",
        false,
    );
    check("HTTP/1.1", "Connection: closed\r\n", true);
    check("HTTP/1.1", "Connection: foo,\r\n close\r\n", false);
    check("HTTP/1.0", "", false);
    check("HTTP/1.0", "Connection: Keep-Alive\r\n", true);
    check("HTTP/1.0", "Connection: upgrade,keep-alive\r\n", true);
    check("HTTP/1.0", "Connection: keep-alive, close\r\n", false);
}

#[test]
fn bytes_after_the_message_forbid_reuse() {
    for (kind, input, length) in [
        (
            RequestKind::Plain,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
            40,
        ),
        (
            RequestKind::Plain,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n",
            52,
        ),
        (
            RequestKind::Head,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            38,
        ),
        (
            RequestKind::Plain,
            "HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n",
            27,
        ),
    ] {
        let (parser, _) = complete(kind, input);
        assert!(parser.leftover() && !parser.reusable(), "{input:?}");
        assert_eq!(message(kind, input).length, length, "{input:?}");
    }
    let (mut parser, _) = complete(
        RequestKind::Plain,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    assert!(parser.reusable());
    let late = parser
        .advance(b"late", &mut Vec::new())
        .expect("the message stands");
    assert_eq!(
        (late.consumed, late.progress, parser.reusable()),
        (0, Progress::Done, false)
    );
}
