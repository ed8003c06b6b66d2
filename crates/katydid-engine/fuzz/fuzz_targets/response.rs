//! Response parser: one byte says what was asked and which limits hold, four where the stream is cut, the rest is the stream.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/engine/properties.rs"]
mod properties;
#[path = "../../tests/engine/support.rs"]
mod support;

use katydid_engine::http1::RequestKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[flags, ref cuts @ ..], stream)) = input.split_first_chunk::<5>() else {
        return;
    };
    let kind = match flags & 7 {
        0 => RequestKind::Head,
        1 => RequestKind::Connect,
        2 => RequestKind::Upgrade,
        _ => RequestKind::Plain,
    };
    let cuts = cuts.map(usize::from);
    properties::check_response(kind, flags & 8 != 0, &cuts, stream);
});
