//! Every coding decodes, whole and in pieces; damage, cuts and bombs are errors.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use katydid_engine::decode::{DecodeError, Decoder, Encoding, Encodings, decode};
use proptest::prelude::*;

/// `brotli.compress(b"hello, hello, hello from a brotli stream")` with the reference encoder.
pub const BROTLI: &[u8] = include_bytes!("hello.br");
const TEXT: &[u8] = b"hello, hello, hello from a brotli stream";

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("in memory");
    encoder.finish().expect("in memory")
}

pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("in memory");
    encoder.finish().expect("in memory")
}

pub fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("in memory");
    encoder.finish().expect("in memory")
}

pub fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).expect("in memory")
}

fn in_pieces(
    encodings: Encodings,
    body: &[u8],
    size: usize,
    cap: u64,
) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::new(encodings, cap)?;
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        decoder.push(piece, &mut out)?;
    }
    decoder.finish(&mut out)?;
    Ok(out)
}

fn check(value: &str, body: &[u8], expected: Result<&[u8], DecodeError>) {
    let encodings = Encodings::parse(value.as_bytes());
    let cap = 1 << 20;
    assert_eq!(
        decode(encodings, body, cap).as_deref(),
        expected.as_ref().copied(),
        "{value}"
    );
    for size in [1, 2, 7] {
        assert_eq!(
            in_pieces(encodings, body, size, cap).as_deref(),
            expected.as_ref().copied(),
            "{value} by {size}"
        );
    }
}

#[test]
fn every_coding_decodes() {
    check("gzip", &gzip(TEXT), Ok(TEXT));
    check("X-GZip", &gzip(TEXT), Ok(TEXT));
    check("deflate", &zlib(TEXT), Ok(TEXT));
    check("deflate", &raw_deflate(TEXT), Ok(TEXT));
    check("br", BROTLI, Ok(TEXT));
    check("zstd", &zstd(TEXT), Ok(TEXT));
    check("", TEXT, Ok(TEXT));
    check("identity", TEXT, Ok(TEXT));
}

#[test]
fn lists_are_undone_from_the_end() {
    check("gzip, deflate", &zlib(&gzip(TEXT)), Ok(TEXT));
    check("br,zstd ,identity,  gzip", &gzip(&zstd(BROTLI)), Ok(TEXT));
    let five = gzip(&zlib(&gzip(&zlib(&gzip(TEXT)))));
    check("gzip, deflate, gzip, deflate, gzip", &five, Ok(TEXT));
    check(
        "gzip, gzip, gzip, gzip, gzip, gzip",
        &five,
        Err(DecodeError::TooManyLayers),
    );
    let mut two_headers = Encodings::parse(b"gzip");
    two_headers.add(b"zstd");
    assert_eq!(
        decode(two_headers, &zstd(&gzip(TEXT)), 1 << 20).as_deref(),
        Ok(TEXT)
    );
}

#[test]
fn unknown_codings_leave_the_body_as_it_was_sent() {
    check("compress", b"as sent", Ok(b"as sent"));
    check("gzip, aes128gcm", b"as sent", Ok(b"as sent"));
    assert!(
        Encodings::parse(b"gzip, aes128gcm").is_identity()
            && !Encodings::parse(b"gzip").is_identity()
    );
}

#[test]
fn an_empty_body_needs_no_stream() {
    for value in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
        check(value, b"", Ok(b""));
    }
    for (value, body) in [
        ("gzip", gzip(b"")),
        ("deflate", zlib(b"")),
        ("deflate", raw_deflate(b"")),
        ("zstd", zstd(b"")),
    ] {
        check(value, &body, Ok(b""));
    }
}

#[test]
fn streams_may_be_joined_or_followed_by_junk() {
    let twice = [TEXT, TEXT].concat();
    check("gzip", &[gzip(TEXT), gzip(TEXT)].concat(), Ok(&twice));
    check("zstd", &[zstd(TEXT), zstd(TEXT)].concat(), Ok(&twice));
    check("gzip", &[&gzip(TEXT)[..], b"junk"].concat(), Ok(TEXT));
    check(
        "gzip",
        &[&gzip(TEXT)[..], b"\x1f\x8bjunk"].concat(),
        Ok(TEXT),
    );
    check("gzip", &[&gzip(TEXT)[..], &[0; 8]].concat(), Ok(TEXT));
    check("deflate", &[&zlib(TEXT)[..], b"junk"].concat(), Ok(TEXT));
    check(
        "deflate",
        &[&raw_deflate(TEXT)[..], b"junk"].concat(),
        Ok(TEXT),
    );
    check("br", &[BROTLI, b"junk"].concat(), Ok(TEXT));
    check(
        "zstd",
        &[&zstd(TEXT)[..], b"junk"].concat(),
        Err(DecodeError::Corrupt(Encoding::Zstd)),
    );
}

#[test]
fn cut_or_damaged_streams_are_errors() {
    for (value, encoding, body) in [
        ("gzip", Encoding::Gzip, gzip(TEXT)),
        ("deflate", Encoding::Deflate, zlib(TEXT)),
        ("deflate", Encoding::Deflate, raw_deflate(TEXT)),
        ("br", Encoding::Brotli, BROTLI.to_vec()),
        ("zstd", Encoding::Zstd, zstd(TEXT)),
    ] {
        for length in 1..body.len() {
            check(value, &body[..length], Err(DecodeError::Corrupt(encoding)));
        }
    }
    let cut_member = [&gzip(TEXT)[..], &gzip(TEXT)[..30]].concat();
    check(
        "gzip",
        &cut_member,
        Err(DecodeError::Corrupt(Encoding::Gzip)),
    );
    let mut wrong_sum = gzip(TEXT);
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    check(
        "gzip",
        &wrong_sum,
        Err(DecodeError::Corrupt(Encoding::Gzip)),
    );
    for (value, encoding) in [
        ("gzip", Encoding::Gzip),
        ("deflate", Encoding::Deflate),
        ("zstd", Encoding::Zstd),
    ] {
        check(
            value,
            b"<html>not coded at all",
            Err(DecodeError::Corrupt(encoding)),
        );
    }
}

#[test]
fn bombs_hit_the_cap() {
    let zeros = vec![0; 4 << 20];
    let cap = 1 << 20;
    let too_large = Err(DecodeError::TooLarge { limit: cap });
    for (value, body) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
        // The body is small, but what lies between is not.
        ("gzip, zstd", zstd(&[gzip(b"x"), zeros.clone()].concat())),
        ("", zeros.clone()),
    ] {
        let encodings = Encodings::parse(value.as_bytes());
        assert_eq!(decode(encodings, &body, cap), too_large, "{value}");
        assert_eq!(in_pieces(encodings, &body, 301, cap), too_large, "{value}");
    }
    let exact = vec![7; cap as usize];
    assert_eq!(
        decode(Encodings::parse(b"gzip"), &gzip(&exact), cap),
        Ok(exact)
    );
    // A frame that announces a window of 128 MiB.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("in memory");
    encoder.window_log(27).expect("a legal window");
    encoder.write_all(&zeros).expect("in memory");
    let wide = encoder.finish().expect("in memory");
    assert_eq!(
        decode(Encodings::parse(b"zstd"), &wide, 1 << 30),
        Err(DecodeError::Corrupt(Encoding::Zstd))
    );
}

#[test]
fn an_error_is_final() {
    let mut decoder = Decoder::new(Encodings::parse(b"gzip"), 1 << 20).expect("a decoder");
    let mut out = Vec::new();
    for _ in 0..2 {
        assert_eq!(
            decoder.push(b"damaged beyond repair", &mut out),
            Err(DecodeError::Corrupt(Encoding::Gzip))
        );
    }
    assert_eq!(
        decoder.finish(&mut out),
        Err(DecodeError::Corrupt(Encoding::Gzip))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_encoded_comes_back(data in prop::collection::vec(0..8_u8, 0..40_000), size in 1..5000_usize) {
        for (value, body) in [
            ("gzip", gzip(&data)), ("deflate", zlib(&data)), ("deflate", raw_deflate(&data)), ("zstd", zstd(&data)), ("gzip, zstd", zstd(&gzip(&data))),
        ] {
            let encodings = Encodings::parse(value.as_bytes());
            prop_assert_eq!(&in_pieces(encodings, &body, size, 1 << 20), &Ok(data.clone()));
        }
    }
}
