//! What must hold for any bytes at all; shared with the libFuzzer targets in `fuzz/`.

use katydid_engine::decode::{DecodeError, Decoder, Encodings, decode};
use katydid_engine::http1::{Limits, RequestKind};

use crate::support::{Outcome, drive};

/// Cut at `cuts` or not, the outcome is the same, and within the limits.
pub fn check_response(kind: RequestKind, tight: bool, cuts: &[usize], bytes: &[u8]) {
    let limits = if tight {
        Limits {
            head_bytes: 120,
            header_count: 3,
            body_bytes: 12,
            chunk_line: 6,
        }
    } else {
        Limits::default()
    };
    let whole = drive(kind, limits, [bytes]);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for &cut in cuts {
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(drive(kind, limits, pieces), whole);
    if let Outcome::Message(message) = whole {
        assert!(message.length <= bytes.len() && message.body.len() <= bytes.len());
        assert!(
            message.body.len() as u64 <= limits.body_bytes
                && message.headers.len() <= limits.header_count
        );
        assert!((100..1000).contains(&message.status));
    }
}

/// Whole or in pieces, the same bytes come out or neither succeeds, and never more than the cap. Except that
/// brotli-decompressor 5.0.3 lets some damage pass when it has the whole stream at once, and notices it in pieces.
pub fn check_decode(value: &str, piece: usize, body: &[u8]) {
    const CAP: u64 = 50_000;
    let encodings = Encodings::parse(value.as_bytes());
    let mut out = Vec::new();
    let mut pieces = || -> Result<(), DecodeError> {
        let mut decoder = Decoder::new(encodings, CAP)?;
        for piece in body.chunks(piece) {
            decoder.push(piece, &mut out)?;
        }
        decoder.finish(&mut out)
    };
    let pieces = pieces();
    assert!(out.len() as u64 <= CAP);
    let whole = decode(encodings, body, CAP);
    if value.contains("br") && whole.is_ok() != pieces.is_ok() {
        return;
    }
    assert_eq!(whole.ok(), pieces.ok().map(|()| out));
}
