//! The checks that the tables of the response parser share.

use katydid_engine::http1::{Limits, Progress, ProtocolError, RequestKind, ResponseParser};

use crate::support::{Message, Outcome, drive};

pub const SMALL: Limits = Limits {
    head_bytes: 100,
    header_count: 3,
    body_bytes: 10,
    chunk_line: 8,
};

pub fn ask(input: &str) -> Outcome {
    drive(RequestKind::Plain, Limits::default(), [input.as_bytes()])
}

pub fn message(kind: RequestKind, input: &str) -> Message {
    match drive(kind, Limits::default(), [input.as_bytes()]) {
        Outcome::Message(message) => message,
        other => panic!("{input:?} gave {other:?}"),
    }
}

/// Status and body of a response that ends by itself, and whether its connection can be used again.
pub fn check(kind: RequestKind, input: &str, status: u16, body: &str, reusable: bool) {
    let (parser, got) = complete(kind, input);
    let expected = (status, body.to_owned(), reusable);
    assert_eq!(
        (parser.head().status(), got, parser.reusable()),
        expected,
        "{kind:?} {input:?}"
    );
}

pub fn complete(kind: RequestKind, input: &str) -> (ResponseParser, String) {
    let mut parser = ResponseParser::new(Limits::default());
    let mut body = Vec::new();
    parser.begin(kind);
    let step = parser.advance(input.as_bytes(), &mut body).expect(input);
    assert_eq!(step.progress, Progress::Done, "{input:?}");
    (parser, String::from_utf8(body).expect("text"))
}

pub fn check_error(input: &str, expected: ProtocolError) {
    assert_eq!(ask(input), Outcome::Failed(expected), "{input:?}");
}
