//! Removes the chunked transfer coding (RFC 9112, section 7.1), byte by byte, so that it can stop anywhere.
//!
//! It keeps nothing: data goes to the sink, sizes are counted, extensions and trailers are skipped.

use super::{BodySink, Limits, ProtocolError};

/// Where in the chunked framing the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a size.
    SizeStart,
    Size,
    /// Spaces after the size: no more digits may follow.
    SizeEnd,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the blank line that ends the message.
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunked {
    place: Place,
    /// The size being read, then the data bytes still to come.
    left: u64,
    /// Bytes of the current size line, or of the trailer section.
    line: usize,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::SizeStart,
            left: 0,
            line: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Consumes bytes up to the end of the message or of `buf`, and adds the data bytes to `received`.
    /// Returns the count consumed.
    pub(super) fn advance(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        received: &mut u64,
        sink: &mut impl BodySink,
    ) -> Result<usize, ProtocolError> {
        let mut at = 0;
        while at < buf.len() && self.place != Place::Done {
            if self.place == Place::Data {
                let take = (buf.len() - at).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                sink.push(&buf[at..at + take]);
                at += take;
                self.left -= take as u64;
                *received += take as u64;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
            } else {
                self.place = self.step(buf[at], limits, *received)?;
                at += 1;
            }
        }
        Ok(at)
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8, limits: &Limits, received: u64) -> Result<Place, ProtocolError> {
        match (self.place, byte) {
            (Place::SizeStart | Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                let size = self
                    .left
                    .checked_mul(16)
                    .ok_or(ProtocolError::ParseChunkSize)?;
                self.left = size + u64::from(digit);
                self.on_size_line(limits, Place::Size)
            }
            (Place::Size | Place::SizeEnd, b' ' | b'\t') => {
                self.on_size_line(limits, Place::SizeEnd)
            }
            (Place::Size | Place::SizeEnd, b';') => self.on_size_line(limits, Place::Extension),
            (Place::Size | Place::SizeEnd | Place::Extension, b'\r') => Ok(Place::SizeLf),
            (Place::Extension, byte) if byte != b'\n' => {
                self.on_size_line(limits, Place::Extension)
            }
            (Place::SizeLf, b'\n') => {
                self.line = 0;
                if self.left > limits.body_bytes.saturating_sub(received) {
                    return Err(ProtocolError::TooLarge {
                        limit: limits.body_bytes,
                    });
                }
                Ok(if self.left == 0 {
                    Place::TrailerStart
                } else {
                    Place::Data
                })
            }
            (Place::DataCr, b'\r') => Ok(Place::DataLf),
            (Place::DataLf, b'\n') => Ok(Place::SizeStart),
            (Place::TrailerStart, b'\r') => Ok(Place::LastLf),
            (Place::TrailerStart, byte) if byte != b'\n' => self.on_trailer(limits),
            (Place::Trailer, b'\r') => Ok(Place::TrailerLf),
            (Place::Trailer, byte) if byte != b'\n' => self.on_trailer(limits),
            (Place::TrailerLf, b'\n') => Ok(Place::TrailerStart),
            (Place::LastLf, b'\n') => Ok(Place::Done),
            (Place::DataCr | Place::DataLf, _) => Err(ProtocolError::ParseChunkEnd),
            (Place::TrailerStart | Place::Trailer | Place::TrailerLf | Place::LastLf, _) => {
                Err(ProtocolError::ParseTrailers)
            }
            _ => Err(ProtocolError::ParseChunkSize),
        }
    }

    fn on_size_line(&mut self, limits: &Limits, next: Place) -> Result<Place, ProtocolError> {
        self.line += 1;
        if self.line > limits.chunk_line {
            return Err(ProtocolError::ChunkLineTooLong {
                limit: limits.chunk_line,
            });
        }
        Ok(next)
    }

    fn on_trailer(&mut self, limits: &Limits) -> Result<Place, ProtocolError> {
        self.line += 1;
        if self.line > limits.head_bytes {
            return Err(ProtocolError::TrailersTooLong {
                limit: limits.head_bytes,
            });
        }
        Ok(Place::Trailer)
    }
}
