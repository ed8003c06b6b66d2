//! The same bytes through hyper's client: same status, headers and body, or an error from both.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use katydid_engine::http1::{Limits, ProtocolError, RequestKind};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::grammar::exchange;
use crate::support::{Message, Outcome, drive};

type Theirs = Result<(u16, Vec<(String, Vec<u8>)>, Vec<u8>), hyper::Error>;

/// Every difference that is meant, and why. Anything else fails the test.
fn allowed(bytes: &[u8], ours: &Outcome, theirs: &Theirs) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    match (ours, theirs) {
        (Outcome::Failed(ProtocolError::UnexpectedUpgrade), Ok((101, ..))) => Some(
            "hyper hands an unasked-for 101 to its caller; nobody here would read what follows",
        ),
        (Outcome::Message(message), Err(_))
            if message.minor_version == 0 && text.contains("transfer-encoding") =>
        {
            Some(
                "hyper refuses Transfer-Encoding in HTTP/1.0; requests and curl obey it, and we then close",
            )
        }
        (_, Ok(_) | Err(_)) if codings(bytes).any(|list| list.trim_ascii() == b"identity") => {
            Some("RFC 2616 servers say identity for no coding; hyper then waits for the close")
        }
        (_, Ok(_)) if codings(bytes).any(|list| !list.is_ascii()) => Some(
            "hyper does not read a Transfer-Encoding with bytes beyond ASCII, not even its last coding",
        ),
        (Outcome::Failed(ProtocolError::ParseTrailers), Ok(_)) => Some(
            "hyper takes a bare LF in a trailer for text and reads on into the next message; we refuse it",
        ),
        (Outcome::Message(message), Err(error)) if is_chunked(message) && is_trailer(error) => {
            Some("trailers are shown to nobody, so their fields are not checked")
        }
        _ => None,
    }
}

fn is_chunked(message: &Message) -> bool {
    message
        .headers
        .iter()
        .any(|(name, _)| name == "transfer-encoding")
}

/// The values of Transfer-Encoding, in lower case.
fn codings(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let line = line.to_ascii_lowercase();
        let value = line.strip_prefix(b"transfer-encoding:")?;
        Some(value.to_vec())
    })
}

fn is_trailer(error: &hyper::Error) -> bool {
    let text = format!("{error:?}");
    [
        "invalid HTTP header parsed",
        "HeaderName",
        "HeaderValue",
        "NewLine",
        "Token",
        "Partial header",
        "InvalidInput",
    ]
    .iter()
    .any(|needle| text.contains(needle))
        && !text.contains("chunk")
}

async fn through_hyper(kind: RequestKind, bytes: Vec<u8>) -> Theirs {
    let (client, mut server) = tokio::io::duplex(1 << 16);
    let serve = async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if server.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        // The client may have seen enough and be gone.
        let _ = server.write_all(&bytes).await;
        let _ = server.shutdown().await;
    };
    let ask = async move {
        let mut builder = http1::Builder::new();
        builder.max_headers(128);
        // What the table in `http1` says is tolerated.
        builder
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true);
        let (mut sender, connection) = builder.handshake(TokioIo::new(client)).await?;
        let connection = tokio::spawn(connection);
        let method = if kind == RequestKind::Head {
            "HEAD"
        } else {
            "GET"
        };
        let request = hyper::Request::builder()
            .method(method)
            .uri("/")
            .header("host", "h");
        let request = request
            .body(Empty::<Bytes>::new())
            .expect("a valid request");
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        connection.abort();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Ok((head.status.as_u16(), headers.collect(), body))
    };
    let (theirs, ()) = tokio::join!(ask, serve);
    theirs
}

/// Grouped by name, as hyper keeps them, and with runs of white space as one space, for folded lines.
fn comparable(headers: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let words: Vec<_> = value
                .split(|b| b" \t\r\n".contains(b))
                .filter(|word| !word.is_empty())
                .collect();
            (name.clone(), words.join(&b' '))
        })
        .collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers
}

fn agree(ours: &Outcome, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Outcome::Message(ours), Ok((status, headers, body))) => {
            ours.status == *status
                && comparable(&ours.headers) == comparable(headers)
                && ours.body == *body
        }
        (Outcome::Failed(_) | Outcome::Closed, Err(_)) => true,
        _ => false,
    }
}

#[test]
fn agrees_with_hyper() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3000);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (messages, failures) = (Cell::new(0), Cell::new(0));
    let differences = RefCell::new(BTreeMap::<&str, u32>::new());
    let count = |counter: &Cell<u32>| counter.set(counter.get() + 1);
    let result =
        proptest::test_runner::TestRunner::new(config).run(&exchange(), |(kind, bytes)| {
            let ours = drive(kind, Limits::default(), [&bytes[..]]);
            let theirs = runtime.block_on(through_hyper(kind, bytes.clone()));
            if agree(&ours, &theirs) {
                count(if theirs.is_ok() { &messages } else { &failures });
            } else if let Some(reason) = allowed(&bytes, &ours, &theirs) {
                *differences.borrow_mut().entry(reason).or_default() += 1;
            } else {
                return Err(TestCaseError::fail(format!(
                    "{kind:?} {:?}\n ours: {ours:?}\n hyper: {theirs:?}",
                    String::from_utf8_lossy(&bytes)
                )));
            }
            Ok::<(), TestCaseError>(())
        });
    let (messages, failures) = (messages.get(), failures.get());
    println!(
        "{messages} same messages, {failures} errors from both, allowed differences: {:#?}",
        differences.borrow()
    );
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        messages > cases / 4 && failures > cases / 20,
        "the grammar has drifted"
    );
}
