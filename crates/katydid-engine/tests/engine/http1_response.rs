//! Heads, interim responses, limits and reuse of the parser, one table per rule.

use katydid_engine::decode::Encodings;
use katydid_engine::http1::{
    Limits, Progress, ProtocolError, RequestKind, ResponseHead, ResponseParser,
};

use crate::http1_checks::{SMALL, check, check_error, complete};
use crate::support::{Outcome, drive};

fn check_limit(input: &str, expected: Option<ProtocolError>) {
    let outcome = drive(RequestKind::Plain, SMALL, [input.as_bytes()]);
    match expected {
        Some(error) => assert_eq!(outcome, Outcome::Failed(error), "{input:?}"),
        None => assert!(
            matches!(outcome, Outcome::Message(_)),
            "{input:?} gave {outcome:?}"
        ),
    }
}

fn head_of(lines: &str) -> ResponseHead {
    complete(
        RequestKind::Head,
        &format!("HTTP/1.1 200 OK\r\n{lines}\r\n"),
    )
    .0
    .take_head()
}

#[test]
fn interim_responses_are_skipped() {
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nContent-Length: 9\r\n\r\n";
    for before in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 199 x\r\n\r\n",
        early,
    ] {
        check(
            RequestKind::Plain,
            &format!("{before}{last}"),
            200,
            "ok",
            true,
        );
        check(
            RequestKind::Plain,
            &format!("{before}{early}{last}"),
            200,
            "ok",
            true,
        );
        check_error(before, ProtocolError::TruncatedHead);
    }
    let (parser, _) = complete(RequestKind::Plain, &format!("{early}{last}"));
    assert_eq!(
        (parser.head().get("link"), parser.head().content_length()),
        (None, Some(2))
    );
}

#[test]
fn protocols_are_switched_only_when_asked() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    check_error(switch, ProtocolError::UnexpectedUpgrade);
    check(RequestKind::Upgrade, switch, 101, "", false);
    check(
        RequestKind::Upgrade,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        200,
        "no",
        true,
    );
    check(
        RequestKind::Connect,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        200,
        "",
        false,
    );
    check(
        RequestKind::Connect,
        "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno",
        407,
        "no",
        true,
    );
}

#[test]
fn limits_hold() {
    let line = |n: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "v".repeat(n));
    check_limit(&line(100 - 24), None);
    check_limit(
        &line(100 - 23),
        Some(ProtocolError::HeadTooLong { limit: 100 }),
    );
    check_limit(
        &"HTTP/1.1 100 Continue\r\n\r\n".repeat(5),
        Some(ProtocolError::HeadTooLong { limit: 100 }),
    );
    check_limit(
        &"\r\n".repeat(51),
        Some(ProtocolError::HeadTooLong { limit: 100 }),
    );
    check_limit("HTTP/1.1 200 OK\r\na:1\r\nb:2\r\nc:3\r\n\r\n", None);
    check_limit(
        "HTTP/1.1 200 OK\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\n\r\n",
        Some(ProtocolError::TooManyHeaders { limit: 3 }),
    );

    check_limit(
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
        None,
    );
    let too_large = Some(ProtocolError::TooLarge { limit: 10 });
    check_limit("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", too_large);
    check_limit("HTTP/1.1 200 OK\r\n\r\n0123456789", None);
    check_limit("HTTP/1.1 200 OK\r\n\r\n0123456789a", too_large);

    let chunked =
        |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    check_limit(&chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), None);
    check_limit(&chunked("5\r\n01234\r\n6\r\n"), too_large);
    check_limit(&chunked("0;456789\r\n\r\n"), None);
    check_limit(
        &chunked("0;456789a\r\n\r\n"),
        Some(ProtocolError::ChunkLineTooLong { limit: 8 }),
    );
    check_limit(
        &chunked("000000000\r\n\r\n"),
        Some(ProtocolError::ChunkLineTooLong { limit: 8 }),
    );
    check_limit(
        &chunked(&format!("0\r\n{}\r\n", "X: 3456789\r\n".repeat(10))),
        None,
    );
    let trailers = format!("0\r\n{}\r\n", "X: 3456789\r\n".repeat(11));
    check_limit(
        &chunked(&trailers),
        Some(ProtocolError::TrailersTooLong { limit: 100 }),
    );
}

#[test]
fn more_headers_than_usual_are_a_matter_of_limits() {
    let lines = (0..200)
        .map(|n| format!("X-{n}: v\r\n"))
        .collect::<Vec<_>>()
        .concat();
    let input = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
    check_error(&input, ProtocolError::TooManyHeaders { limit: 128 });
    let limits = Limits {
        header_count: 201,
        ..Limits::default()
    };
    let Outcome::Message(message) = drive(RequestKind::Plain, limits, [input.as_bytes()]) else {
        panic!("within limits");
    };
    assert_eq!(message.headers.len(), 201);
}

#[test]
fn malformed_heads_are_errors() {
    use httparse::Error::{HeaderName, HeaderValue, NewLine, Status, Version};
    for (input, error) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", Version),
        ("HTTP/2.0 200 OK\r\n\r\n", Version),
        ("HTTP/1.1 20 OK\r\n\r\n", Status),
        ("HTTP/1.1 200OK\r\n\r\n", Status),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", HeaderName),
        ("HTTP/1.1 200 OK\r\n: no name\r\n\r\n", HeaderName),
        ("HTTP/1.1 200 OK\r\nA: a\rb\r\n\r\n", HeaderValue),
        ("HTTP/1.1 200 OK\r\nA: a\0b\r\n\r\n", HeaderValue),
        ("HTTP/1.1 200 OK\r\n\rx", NewLine),
    ] {
        check_error(input, ProtocolError::ParseHead(error));
    }
    check_error("HTTP/1.1 099 Low\r\n\r\n", ProtocolError::ParseStatus(99));
}

#[test]
fn heads_are_read_tolerantly() {
    for input in [
        "HTTP/1.1 200 OK\nA: b\nContent-Length: 0\n\n",
        "\r\n\nHTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length\t: 0\r\n\r\n",
        "HTTP/1.1 200\r\nA: \t b \t\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (parser, _) = complete(RequestKind::Plain, input);
        assert_eq!(parser.head().get("a"), Some(&b"b"[..]), "{input:?}");
        assert!(parser.reusable(), "{input:?}");
    }
    let folded = head_of("A: b\r\n c\n\t d\r\nB: e\r\n");
    let headers: Vec<_> = folded.headers().collect();
    assert_eq!(headers, [(&b"A"[..], &b"b   c \t d"[..]), (b"B", b"e")]);
}

#[test]
fn the_head_is_looked_up_lazily() {
    let head = head_of(
        "Set-Cookie: a=1\r\nset-cookie: b=2\r\nLocation: /x y\r\nEmpty:\r\nContent-Encoding: gzip\r\n\
         content-encoding: br, identity\r\nContent-Length: 7\r\nBytes: \u{e9}\r\n",
    );
    assert_eq!(
        (head.status(), head.minor_version(), head.reason()),
        (200, 1, &b"OK"[..])
    );
    assert_eq!(head.location(), Some(&b"/x y"[..]));
    assert_eq!(
        (head.get("EMPTY"), head.get("missing")),
        (Some(&b""[..]), None)
    );
    assert_eq!(head.get("bytes"), Some("\u{e9}".as_bytes()));
    assert_eq!(head.encodings(), Encodings::parse(b"gzip, br"));
    assert_eq!(
        (head.content_length(), head.has_set_cookie()),
        (Some(7), true)
    );
    let names: Vec<_> = head.headers().map(|(name, _)| name).take(2).collect();
    assert_eq!(names, [&b"Set-Cookie"[..], b"set-cookie"]);
    assert!(
        head.raw().starts_with(b"HTTP/1.1 200 OK\r\nSet-Cookie")
            && head.raw().ends_with(b"\r\n\r\n")
    );

    let empty = ResponseHead::default();
    assert_eq!(
        (empty.status(), empty.reason(), empty.headers().count()),
        (0, &b""[..], 0)
    );
    for (line, reason) in [
        ("HTTP/1.1 200", ""),
        ("HTTP/1.1 200 ", ""),
        ("HTTP/1.1 404 Not \u{e9} Found", "Not \u{e9} Found"),
    ] {
        let (parser, _) = complete(RequestKind::Head, &format!("{line}\r\n\r\n"));
        assert_eq!(parser.head().reason(), reason.as_bytes());
    }
}

#[test]
fn a_parser_serves_one_response_after_another() {
    let mut parser = ResponseParser::new(Limits::default());
    for n in 0..3 {
        let mut body = Vec::new();
        parser.begin(RequestKind::Plain);
        let input = format!("HTTP/1.1 20{n} OK\r\nContent-Length: 1\r\nX-{n}: y\r\n\r\n{n}");
        let step = parser.advance(input.as_bytes(), &mut body).expect("valid");
        assert_eq!(
            (step.consumed, step.progress),
            (input.len(), Progress::Done)
        );
        assert_eq!(
            (parser.head().status(), parser.head().headers().count()),
            (200 + n, 2)
        );
        assert!(parser.reusable());
        if n == 1 {
            assert_eq!(parser.take_head().status(), 201);
        }
    }
}
