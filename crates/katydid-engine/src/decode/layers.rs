//! One decoder per content coding, each collecting its output in a [`Capped`].
//!
//! What is tolerated is said in [`crate::decode`]; order, cap and error of a list of codings are decided
//! there.

use std::io::{self, Write};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use super::{DecodeError, Encoding};

/// Output is produced in pieces of this size, and the cap is checked between them.
const PIECE: usize = 16 << 10;
/// RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;

/// One coding being undone. Output piles up in its [`Capped`], to be taken after each call.
pub(super) trait Layer: Send {
    /// Never called with no bytes, nor after an error.
    fn push(&mut self, input: &[u8]) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
    fn output(&mut self) -> &mut Capped;
}

pub(super) fn layer(encoding: Encoding, cap: u64) -> Result<Box<dyn Layer>, DecodeError> {
    let output = Capped {
        bytes: Vec::new(),
        room: cap,
        full: false,
    };
    Ok(match encoding {
        Encoding::Gzip => Box::new(Gzip {
            member: GzDecoder::new(output),
            state: GzipState::Empty,
        }),
        Encoding::Deflate => Box::new(Deflate {
            stream: DeflateStream::Undecided(None, output),
            ended: false,
        }),
        Encoding::Brotli => Box::new(Brotli {
            state: BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ),
            output,
            started: false,
            ended: false,
        }),
        Encoding::Zstd => {
            let start = || -> io::Result<_> {
                let mut state = zstd::stream::raw::Decoder::new()?;
                state.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Ok(state)
            };
            let state = start().map_err(|_| DecodeError::Start(encoding))?;
            Box::new(Zstd {
                state,
                output,
                in_frame: false,
            })
        }
    })
}

/// Collects output and refuses more than it may hold.
#[derive(Default)]
pub(super) struct Capped {
    pub(super) bytes: Vec<u8>,
    room: u64,
    /// Something was refused.
    pub(super) full: bool,
}

impl Write for Capped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Some(room) = self.room.checked_sub(buf.len() as u64) else {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        };
        self.room = room;
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Gzip {
    member: GzDecoder<Capped>,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    Empty,
    FirstMember,
    LaterMember,
    /// What follows the last member is none, and ignored.
    Swallow,
}

impl Gzip {
    /// What has come since the last whole member is not, or not yet, the header of another one.
    fn is_after_the_end(&self) -> bool {
        self.state == GzipState::LaterMember && self.member.header().is_none()
    }

    /// False once the rest is to be ignored.
    fn write_piece(&mut self, input: &mut &[u8]) -> io::Result<bool> {
        let written = self.member.write(input)?;
        *input = &input[written..];
        if written > 0 {
            return Ok(true);
        }
        self.member.try_finish()?;
        self.state = GzipState::LaterMember;
        self.member = GzDecoder::new(std::mem::take(self.member.get_mut()));
        Ok(input[0] == 0x1f)
    }
}

impl Layer for Gzip {
    fn push(&mut self, mut input: &[u8]) -> io::Result<()> {
        if self.state == GzipState::Empty {
            self.state = GzipState::FirstMember;
        }
        while !input.is_empty() && self.state != GzipState::Swallow {
            match self.write_piece(&mut input) {
                Ok(true) => {}
                Ok(false) => self.state = GzipState::Swallow,
                Err(_) if self.is_after_the_end() => self.state = GzipState::Swallow,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.state {
            GzipState::Empty | GzipState::Swallow => Ok(()),
            GzipState::LaterMember if self.is_after_the_end() => Ok(()),
            GzipState::FirstMember | GzipState::LaterMember => self.member.try_finish(),
        }
    }

    fn output(&mut self) -> &mut Capped {
        self.member.get_mut()
    }
}

struct Deflate {
    stream: DeflateStream,
    ended: bool,
}

enum DeflateStream {
    /// Two bytes tell zlib from raw deflate; this is the first, if it has come.
    Undecided(Option<u8>, Capped),
    Zlib(ZlibDecoder<Capped>),
    Raw(DeflateDecoder<Capped>),
}

impl Deflate {
    fn feed(&mut self, mut input: &[u8]) -> io::Result<()> {
        while !input.is_empty() && !self.ended {
            let written = match &mut self.stream {
                DeflateStream::Undecided(..) => return Ok(()),
                DeflateStream::Zlib(stream) => stream.write(input)?,
                DeflateStream::Raw(stream) => stream.write(input)?,
            };
            self.ended = written == 0;
            input = &input[written..];
        }
        Ok(())
    }

    fn decide(&mut self, first: u8, second: Option<u8>) -> io::Result<()> {
        // RFC 1950: method 8, a window of at most 32 KiB, a multiple of 31, no preset dictionary.
        let is_zlib = second.is_some_and(|second| {
            let header = u16::from_be_bytes([first, second]);
            first & 0x0f == 8 && first >> 4 <= 7 && header.is_multiple_of(31) && second & 0x20 == 0
        });
        let output = std::mem::take(self.output());
        self.stream = if is_zlib {
            DeflateStream::Zlib(ZlibDecoder::new(output))
        } else {
            DeflateStream::Raw(DeflateDecoder::new(output))
        };
        self.feed(&[first])
    }
}

impl Layer for Deflate {
    fn push(&mut self, mut input: &[u8]) -> io::Result<()> {
        if let DeflateStream::Undecided(first, _) = &mut self.stream {
            let first = if let Some(first) = *first {
                first
            } else {
                let byte = input[0];
                *first = Some(byte);
                input = &input[1..];
                byte
            };
            match input.first() {
                None => return Ok(()),
                second => self.decide(first, second.copied())?,
            }
        }
        self.feed(input)
    }

    fn finish(&mut self) -> io::Result<()> {
        if let DeflateStream::Undecided(Some(first), _) = self.stream {
            self.decide(first, None)?;
        }
        match &mut self.stream {
            DeflateStream::Undecided(..) => Ok(()),
            DeflateStream::Zlib(stream) => stream.try_finish(),
            DeflateStream::Raw(stream) => stream.try_finish(),
        }
    }

    fn output(&mut self) -> &mut Capped {
        match &mut self.stream {
            DeflateStream::Undecided(_, output) => output,
            DeflateStream::Zlib(stream) => stream.get_mut(),
            DeflateStream::Raw(stream) => stream.get_mut(),
        }
    }
}

struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    output: Capped,
    started: bool,
    ended: bool,
}

impl Layer for Brotli {
    fn push(&mut self, input: &[u8]) -> io::Result<()> {
        self.started = true;
        let mut piece = [0; PIECE];
        let (mut left, mut at) = (input.len(), 0);
        while !self.ended {
            let (mut room, mut written, mut total) = (piece.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                input,
                &mut room,
                &mut written,
                &mut piece,
                &mut total,
                &mut self.state,
            );
            self.output.write_all(&piece[..written])?;
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreInput => break,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.ended || !self.started {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn output(&mut self) -> &mut Capped {
        &mut self.output
    }
}

struct Zstd {
    state: zstd::stream::raw::Decoder<'static>,
    output: Capped,
    in_frame: bool,
}

impl Layer for Zstd {
    fn push(&mut self, input: &[u8]) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let mut input = InBuffer::around(input);
        loop {
            let mut out = OutBuffer::around(&mut piece[..]);
            self.in_frame = self.state.run(&mut input, &mut out)? != 0;
            let filled = out.pos() == PIECE;
            self.output.write_all(out.as_slice())?;
            if input.pos() == input.src.len() && !(filled && self.in_frame) {
                return Ok(());
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.in_frame {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }

    fn output(&mut self) -> &mut Capped {
        &mut self.output
    }
}
