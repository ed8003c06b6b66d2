//! However a stream is cut into pieces, the same message or the same error comes out.

use katydid_engine::http1::{Limits, RequestKind};
use proptest::prelude::*;

use crate::grammar::exchange;
use crate::support::{Outcome, drive};

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut out = Vec::new();
    for &cut in cuts {
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        out.push(piece);
        rest = after;
    }
    out.push(rest);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same((kind, bytes) in exchange(), cuts in prop::collection::vec(0..60_usize, 0..12)) {
        let whole = drive(kind, Limits::default(), [&bytes[..]]);
        prop_assert_eq!(&drive(kind, Limits::default(), pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&drive(kind, Limits::default(), bytes.chunks(1)), &whole);
    }

    #[test]
    fn any_split_hits_the_same_limit((kind, bytes) in exchange(), cuts in prop::collection::vec(0..60_usize, 0..12)) {
        let limits = Limits { head_bytes: 90, header_count: 3, body_bytes: 20, chunk_line: 6 };
        let whole = drive(kind, limits, [&bytes[..]]);
        prop_assert_eq!(&drive(kind, limits, pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&drive(kind, limits, bytes.chunks(1)), &whole);
    }
}

#[test]
fn a_long_head_that_drips_in_is_not_parsed_for_every_byte() {
    let line = |n| format!("X-{n}: {}\r\n", "v".repeat(500));
    let lines = (0..100).map(line).collect::<Vec<_>>().concat();
    let bytes = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
    let start = std::time::Instant::now();
    let Outcome::Message(message) = drive(
        RequestKind::Plain,
        Limits::default(),
        bytes.as_bytes().chunks(1),
    ) else {
        panic!("a valid response");
    };
    assert_eq!(
        (message.headers.len(), &message.body[..]),
        (101, &b"ok"[..])
    );
    // Parsed for every byte, it would take minutes in a debug build.
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}
