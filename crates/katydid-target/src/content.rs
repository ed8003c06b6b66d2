//! Bodies made once: the filler block and the compressed JSON page.
//! Knows bytes, not answers.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// Size of the filler block, and of the largest piece of a stream.
pub const BLOCK: usize = 64 * 1024;

/// Filler: the alphabet, over and over.
pub static FILLER: [u8; BLOCK] = filler();

/// The page behind `/gzip`, `/br`, `/zstd` and `/deflate`: about 4 KB of JSON.
pub static PAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let items: Vec<_> = (0..64)
        .map(|n| serde_json::json!({"id": n, "name": format!("item {n}"), "tags": ["a", "b", "c"]}))
        .collect();
    serde_json::json!({ "items": items })
        .to_string()
        .into_bytes()
});

/// A `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coding {
    /// gzip
    Gzip,
    /// zlib's format, as RFC 9110 says
    Deflate,
    /// deflate without zlib's wrapping, as some servers do
    RawDeflate,
    /// Brotli
    Brotli,
    /// Zstandard
    Zstd,
}

impl Coding {
    /// The page in this coding, compressed once.
    pub fn page(self) -> &'static [u8] {
        static PAGES: LazyLock<[Vec<u8>; 5]> = LazyLock::new(|| {
            [
                Coding::Gzip,
                Coding::Deflate,
                Coding::RawDeflate,
                Coding::Brotli,
                Coding::Zstd,
            ]
            .map(|coding| coding.compress(&PAGE).unwrap_or_default())
        });
        &PAGES[self as usize]
    }

    fn compress(self, page: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut to = GzEncoder::new(Vec::new(), Compression::default());
                to.write_all(page)?;
                to.finish()
            }
            Self::Deflate => {
                let mut to = ZlibEncoder::new(Vec::new(), Compression::default());
                to.write_all(page)?;
                to.finish()
            }
            Self::RawDeflate => {
                let mut to = DeflateEncoder::new(Vec::new(), Compression::default());
                to.write_all(page)?;
                to.finish()
            }
            Self::Brotli => {
                let mut to = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
                to.write_all(page)?;
                to.flush()?;
                Ok(to.into_inner())
            }
            Self::Zstd => zstd::encode_all(page, 3),
        }
    }

    /// The name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

#[expect(clippy::large_stack_arrays)] // evaluated by the compiler
const fn filler() -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        block[at] = b'a' + (at % 26) as u8;
        at += 1;
    }
    block
}
