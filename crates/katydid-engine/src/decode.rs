//! Content decoding: gzip, deflate, br and zstd, one after another where a list was applied, under a cap.
//!
//! It knows neither HTTP messages nor when decoding is worth it. Tolerances are those of `requests`
//! (urllib3):
//!
//! - `deflate` may be a zlib stream, as RFC 9110 says, or raw deflate, as some servers send;
//! - bytes after the end of a gzip, deflate or br stream are ignored; several gzip members or zstd frames
//!   are joined;
//! - an empty body decodes to an empty body;
//! - a coding that is not known leaves the body as it was sent, see [`Encodings::is_identity`].
//!
//! Stricter than urllib3: a stream that is cut off is an error, not a shorter body. zstd windows are limited to
//! 8 MiB (RFC 9659) and br windows to 16 MiB, so that a body of a few bytes cannot claim more memory than that.
//! Laxer for br, which has no checksum: brotli-decompressor lets some damaged streams pass that the reference refuses.

mod layers;

use std::fmt;

use layers::Layer;
use thiserror::Error;

/// As many codings as urllib3 undoes on one body.
const MAX_LAYERS: usize = 5;

/// A content coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`, `x-gzip`
    Gzip,
    /// `deflate`
    Deflate,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
}

/// The codings of one body in the order in which they were applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encodings {
    layers: [Option<Encoding>; MAX_LAYERS],
    too_many: bool,
    unknown: bool,
}

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The decoder could not be set up: out of memory.
    #[error("cannot start decoding {0}")]
    Start(Encoding),
    /// The stream is damaged or cut off.
    #[error("cannot decode {0}: the body is damaged or cut off")]
    Corrupt(Encoding),
    /// More than five codings were applied.
    #[error("cannot decode a body with more than {MAX_LAYERS} codings")]
    TooManyLayers,
    /// The decoded body, or one in between, is longer than the cap.
    #[error("cannot keep the decoded body: longer than {limit} bytes")]
    TooLarge {
        /// The cap that was hit, in bytes.
        limit: u64,
    },
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

impl Encodings {
    /// Reads the value of a `Content-Encoding` header.
    pub fn parse(value: &[u8]) -> Self {
        let mut encodings = Self::default();
        encodings.add(value);
        encodings
    }

    /// Adds the value of one more `Content-Encoding` header.
    pub fn add(&mut self, value: &[u8]) {
        for token in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
            let is = |name: &str| token.eq_ignore_ascii_case(name.as_bytes());
            let encoding = match token {
                [] => continue,
                _ if is("identity") => continue,
                _ if is("gzip") || is("x-gzip") => Encoding::Gzip,
                _ if is("deflate") => Encoding::Deflate,
                _ if is("br") => Encoding::Brotli,
                _ if is("zstd") => Encoding::Zstd,
                _ => {
                    self.unknown = true;
                    continue;
                }
            };
            match self.layers.iter_mut().find(|layer| layer.is_none()) {
                Some(free) => *free = Some(encoding),
                None => self.too_many = true,
            }
        }
    }

    /// Whether decoding changes nothing: no coding was applied, or one that is not known.
    pub fn is_identity(&self) -> bool {
        self.unknown || self.layers[0].is_none()
    }
}

/// Decodes a whole body to at most `cap` bytes.
pub fn decode(encodings: Encodings, body: &[u8], cap: u64) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let mut decoder = Decoder::new(encodings, cap)?;
    decoder.push(body, &mut out)?;
    decoder.finish(&mut out)?;
    Ok(out)
}

/// Decodes a body piece by piece.
pub struct Decoder {
    /// In the order in which they are undone, which is the opposite of that in which they were applied.
    layers: Vec<(Encoding, Box<dyn Layer>)>,
    cap: u64,
    /// Bytes given out where nothing is decoded.
    passed: u64,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder that gives out at most `cap` bytes.
    pub fn new(encodings: Encodings, cap: u64) -> Result<Self, DecodeError> {
        if encodings.too_many {
            return Err(DecodeError::TooManyLayers);
        }
        let applied = encodings
            .layers
            .into_iter()
            .flatten()
            .filter(|_| !encodings.is_identity());
        let layers = applied
            .rev()
            .map(|encoding| Ok((encoding, layers::layer(encoding, cap)?)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            layers,
            cap,
            passed: 0,
            failed: None,
        })
    }

    /// Decodes the next piece of the body and appends what it gives to `out`. After an error, the same one
    /// comes again.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.run(input, false, out)
    }

    /// The body is complete: appends what is left to `out`, and checks that the streams are complete.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.run(&[], true, out)
    }

    fn run(&mut self, input: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.run_layers(input, last, out);
        self.failed = result.err();
        result
    }

    fn run_layers(
        &mut self,
        input: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let limit = self.cap;
        if self.layers.is_empty() {
            self.passed += input.len() as u64;
            if self.passed > limit {
                return Err(DecodeError::TooLarge { limit });
            }
            out.extend_from_slice(input);
            return Ok(());
        }
        let mut piece = Vec::new();
        for (at, (encoding, layer)) in self.layers.iter_mut().enumerate() {
            let input = if at == 0 { input } else { &piece };
            let mut result = if input.is_empty() {
                Ok(())
            } else {
                layer.push(input)
            };
            if last && result.is_ok() {
                result = layer.finish();
            }
            let output = layer.output();
            if output.full {
                return Err(DecodeError::TooLarge { limit });
            }
            piece = std::mem::take(&mut output.bytes);
            result.map_err(|_| DecodeError::Corrupt(*encoding))?;
        }
        if out.is_empty() {
            *out = piece;
        } else {
            out.append(&mut piece);
        }
        Ok(())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<_> = self.layers.iter().map(|(encoding, _)| encoding).collect();
        f.debug_struct("Decoder")
            .field("layers", &layers)
            .finish_non_exhaustive()
    }
}
