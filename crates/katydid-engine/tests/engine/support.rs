//! Drives the response parser the way a connection does: pieces arrive in a buffer, what is consumed leaves
//! it.

use katydid_engine::http1::{Eof, Limits, Progress, ProtocolError, RequestKind, ResponseParser};

/// All that must not depend on how the bytes were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Message(Message),
    /// The connection was closed before the first byte.
    Closed,
    Failed(ProtocolError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub status: u16,
    pub minor_version: u8,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub keep_alive: bool,
    /// Bytes of the stream that belong to this message and to what came before it.
    pub length: usize,
}

pub fn drive<'a>(
    kind: RequestKind,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut parser = ResponseParser::new(limits);
    parser.begin(kind);
    drive_parser(&mut parser, pieces)
}

pub fn drive_parser<'a>(
    parser: &mut ResponseParser,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let (mut buf, mut body, mut length) = (Vec::new(), Vec::new(), 0);
    let mut done = false;
    for piece in pieces {
        buf.extend_from_slice(piece);
        let step = match parser.advance(&buf, &mut body) {
            Ok(step) => step,
            Err(error) => {
                assert_eq!(
                    parser.advance(&buf, &mut body),
                    Err(error),
                    "errors are final"
                );
                assert_eq!(parser.finish_on_eof(), Err(error), "errors are final");
                return Outcome::Failed(error);
            }
        };
        assert!(step.consumed <= buf.len());
        buf.drain(..step.consumed);
        length += step.consumed;
        done = step.progress == Progress::Done;
        assert_eq!(step.progress == Progress::Head, parser.head().status() == 0);
        if done {
            assert_eq!(parser.leftover(), !buf.is_empty());
            break;
        }
    }
    match parser.finish_on_eof() {
        Ok(Eof::Done) => {}
        Ok(Eof::BeforeFirstByte) => return Outcome::Closed,
        Err(error) => {
            assert!(!done);
            return Outcome::Failed(error);
        }
    }
    let head = parser.head();
    let name = |name: &[u8]| String::from_utf8(name.to_ascii_lowercase()).expect("names are ASCII");
    Outcome::Message(Message {
        status: head.status(),
        minor_version: head.minor_version(),
        headers: head
            .headers()
            .map(|(n, value)| (name(n), value.to_vec()))
            .collect(),
        body,
        keep_alive: head.keep_alive(),
        length,
    })
}
