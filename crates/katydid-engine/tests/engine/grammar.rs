//! Responses for property tests: valid ones, and ones that are broken in one or two places.

use katydid_engine::http1::RequestKind;
use proptest::prelude::*;

/// What a server may send in answer to a request, up to the end of the connection.
pub fn exchange() -> impl Strategy<Value = (RequestKind, Vec<u8>)> {
    let kind = prop_oneof![6 => Just(RequestKind::Plain), 1 => Just(RequestKind::Head)];
    (kind, stream())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let whole = (
        prefix(),
        status_line(),
        header_lines(),
        framed_body(),
        prop_oneof![8 => Just(""), 1 => Just("HTTP/1.1 200 OK\r\n\r\n"), 1 => Just("x")],
    );
    let bytes = whole.prop_map(|(prefix, line, lines, (framing, body), after)| {
        [
            prefix.as_bytes(),
            line.as_bytes(),
            &lines,
            framing.as_bytes(),
            b"\r\n",
            &body,
            after.as_bytes(),
        ]
        .concat()
    });
    let cut = prop_oneof![5 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let flip = prop_oneof![
        9 => Just(None),
        1 => (any::<prop::sample::Index>(), prop::sample::select(b"\r\n \t:;,0aA\x00\x7f\xff".to_vec())).prop_map(Some),
    ];
    (bytes, cut, flip).prop_map(|(mut bytes, cut, flip)| {
        if let Some((at, byte)) = flip {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

fn prefix() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => Just("HTTP/1.1 100 Continue\r\n\r\n"),
        2 => Just("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 7\r\n\r\n"),
        1 => Just("HTTP/1.1 102 Processing\n\n"),
        1 => Just("\r\n"),
        1 => Just("\n"),
    ];
    prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(part, 1..3)]
        .prop_map(|parts| parts.concat())
}

fn status_line() -> impl Strategy<Value = String> {
    let version = prop_oneof![30 => Just("HTTP/1.1"), 6 => Just("HTTP/1.0"), 1 => Just("HTTP/1.2"), 1 => Just("http/1.1")];
    let status = prop_oneof![
        40 => Just("200"), 2 => Just("204"), 2 => Just("304"), 2 => Just("404"), 1 => Just("500"), 1 => Just("999"),
        1 => Just("101"), 1 => Just("099"), 1 => Just("20"), 1 => Just("2000"),
    ];
    let reason = prop_oneof![6 => Just(" OK"), 1 => Just(" "), 1 => Just(""), 1 => Just(" Not At  All"), 1 => Just(" a\tb")];
    (version, status, reason, line_end())
        .prop_map(|(version, status, reason, end)| format!("{version} {status}{reason}{end}"))
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just("\r\n"), 1 => Just("\n")]
}

fn header_lines() -> impl Strategy<Value = Vec<u8>> {
    let connection = prop_oneof![
        Just("Connection: close"),
        Just("Connection: keep-alive"),
        Just("connection: Upgrade, Close"),
        Just("CONNECTION:,keep-alive ,"),
    ];
    let plain = prop_oneof![
        Just("Server: nginx/1.22.1"),
        Just("Date: Sun, 23 Nov 2025 11:22:33 GMT"),
        Just("Set-Cookie: a=b; Path=/"),
        Just("Set-Cookie: c=d"),
        Just("X-Empty:"),
        Just("X-Padded: \t  a  b \t "),
        Just("x-tight:value"),
        Just("Content-Encoding: gzip, br"),
        Just("Location: /elsewhere"),
        Just("X-Quoted: \"a:b\""),
    ];
    let odd = prop_oneof![
        Just("X-Folded: a\r\n b"),
        Just("X-Folded: a\r\n\tb\n  c"),
        Just("X-Folded:\r\n a"),
        Just("X-Spaced : a"),
        Just("X-Spaced\t: a"),
        Just("no colon"),
        Just(": no name"),
        Just("X Space: a"),
        Just("X-Ctl: \x01"),
        Just("X-Cr: a\rb"),
        Just(" X-Leading: a"),
        Just("X-Utf8: caf\u{e9}"),
    ];
    let line = prop_oneof![40 => plain, 8 => connection, 2 => odd];
    prop::collection::vec((line, line_end()), 0..6).prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|(line, end)| [line.as_bytes(), end.as_bytes()].concat())
            .collect()
    })
}

/// Header lines that frame a body, and the body.
fn framed_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    prop_oneof![
        6 => sized_body(),
        6 => chunked_body(),
        2 => payload().prop_map(|body| (String::new(), body)),
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn sized_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    (payload(), 0..24_usize).prop_map(|(body, variant)| {
        let n = body.len();
        let lines = match variant {
            0 => format!("Content-Length: {n}\r\ncontent-length:  {n}\r\n"),
            1 => format!("Content-Length: {n}, {n}\r\n"),
            2 => format!("Content-Length: {n}\r\nContent-Length: {}\r\n", n + 1),
            3 => format!("Content-Length: +{n}\r\n"),
            4 => "Content-Length:\r\n".to_owned(),
            5 => "Content-Length: 99999999999999999999\r\n".to_owned(),
            6 => format!("Content-Length: 000{n}\r\n"),
            7 => format!("Content-Length: {}\r\n", n + 3),
            8 => format!("Content-Length: {n},\r\n"),
            _ => format!("Content-Length: {n}\r\n"),
        };
        (lines, body)
    })
}

fn chunked_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let te = prop_oneof![
        12 => Just("Transfer-Encoding: chunked\r\n"), 1 => Just("transfer-encoding:Chunked \r\n"), 1 => Just("Transfer-Encoding: gzip, chunked\r\n"),
        1 => Just("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 1 => Just("Transfer-Encoding: chunked, gzip\r\n"),
        1 => Just("Transfer-Encoding: gzip\r\n"), 1 => Just("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        1 => Just("Transfer-Encoding:\r\n"), 1 => Just("Transfer-Encoding: identity\r\n"), 1 => Just("Transfer-Encoding: identity\r\nContent-Length: 3\r\n"), 1 => Just("Transfer-Encoding: chunked\r\nContent-Length: x\r\n"),
    ];
    let chunk = (
        prop::collection::vec(any::<u8>(), 1..20),
        chunk_size_style(),
        prop_oneof![24 => Just("\r\n"), 1 => Just("\n"), 1 => Just("")],
    );
    let last = prop_oneof![
        12 => Just("0\r\n\r\n"), 1 => Just("000;last\r\n\r\n"), 1 => Just("0\r\nExpires: never\r\nX: y\r\n\r\n"), 1 => Just("0\r\nbad trailer\r\n\r\n"),
        1 => Just("0\r\n"), 1 => Just("0\n\n"), 1 => Just(""), 1 => Just("g\r\n\r\n"), 1 => Just("0\r\nX: y\n\r\n"),
    ];
    (te, prop::collection::vec(chunk, 0..4), last).prop_map(|(te, chunks, last)| {
        let mut body = Vec::new();
        for (data, (before, upper, after), end) in chunks {
            let size = if upper {
                format!("{:X}", data.len())
            } else {
                format!("{:x}", data.len())
            };
            body.extend_from_slice(format!("{before}{size}{after}\r\n").as_bytes());
            body.extend_from_slice(&data);
            body.extend_from_slice(end.as_bytes());
        }
        body.extend_from_slice(last.as_bytes());
        (te.to_owned(), body)
    })
}

/// What stands before the size, whether it is in upper case, and what stands after it.
fn chunk_size_style() -> impl Strategy<Value = (&'static str, bool, &'static str)> {
    let before = prop_oneof![20 => Just(""), 2 => Just("000"), 1 => Just(" "), 1 => Just("-"), 1 => Just("0x"), 1 => Just("fffffffffffffffff")];
    let after = prop_oneof![16 => Just(""), 2 => Just(";name=value"), 2 => Just(" "), 1 => Just(" \t;a=\"b c\""), 1 => Just(" 1"), 1 => Just(";a\nb"), 1 => Just(";a\rb")];
    (before, any::<bool>(), after)
}
