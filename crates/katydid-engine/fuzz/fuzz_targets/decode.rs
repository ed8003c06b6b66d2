//! Chunks and content coding: two bytes choose the coding and the size of the pieces, the rest is a chunked body, and what
//! comes out of that (or the rest itself, if it is not one) is decoded.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/engine/properties.rs"]
mod properties;
#[path = "../../tests/engine/support.rs"]
mod support;

use katydid_engine::http1::{Limits, RequestKind};
use libfuzzer_sys::fuzz_target;
use support::Outcome;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const VALUES: [&str; 8] = [
    "gzip",
    "deflate",
    "br",
    "zstd",
    "gzip, br",
    "zstd, gzip",
    "deflate, deflate",
    "",
];

fuzz_target!(|input: &[u8]| {
    let Some((&[value, piece], body)) = input.split_first_chunk::<2>() else {
        return;
    };
    let value = VALUES[usize::from(value) % VALUES.len()];
    let piece = usize::from(piece) + 1;
    match support::drive(RequestKind::Plain, Limits::default(), [HEAD, body]) {
        Outcome::Message(message) => properties::check_decode(value, piece, &message.body),
        _ => properties::check_decode(value, piece, body),
    }
});
