//! Decodes a chunked request body as it arrives.
//! Knows the framing only; trailers are read over.

use httparse::Status;

/// Longest chunk-size or trailer line accepted.
const LINE_CAP: usize = 8 * 1024;

/// A body that arrives in chunks.
#[derive(Debug, Default)]
pub struct Chunked {
    /// The body so far.
    pub body: Vec<u8>,
    /// Raw bytes consumed so far.
    pub used: usize,
    expect: Expect,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Expect {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailer,
    Nothing,
}

/// The bytes are not a chunked body.
#[derive(Debug, PartialEq)]
pub struct Malformed;

impl Chunked {
    /// Goes on where it stopped in `raw`, which always starts at the body's first byte.
    /// `Ok(true)` when the body is complete.
    pub fn feed(&mut self, raw: &[u8]) -> Result<bool, Malformed> {
        loop {
            let rest = &raw[self.used..];
            match self.expect {
                Expect::Size => match httparse::parse_chunk_size(rest).map_err(|_| Malformed)? {
                    Status::Partial if rest.len() > LINE_CAP => return Err(Malformed),
                    Status::Partial => return Ok(false),
                    Status::Complete((line, 0)) => self.step(line, Expect::Trailer),
                    Status::Complete((line, size)) => self.step(line, Expect::Data(size as usize)),
                },
                Expect::Data(left) => {
                    let taken = left.min(rest.len());
                    self.body.extend_from_slice(&rest[..taken]);
                    self.used += taken;
                    if taken < left {
                        self.expect = Expect::Data(left - taken);
                        return Ok(false);
                    }
                    self.expect = Expect::DataEnd;
                }
                Expect::DataEnd => match rest {
                    [b'\r', b'\n', ..] => self.step(2, Expect::Size),
                    [] | [b'\r'] => return Ok(false),
                    _ => return Err(Malformed),
                },
                Expect::Trailer => match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) if rest[..end].trim_ascii().is_empty() => {
                        self.step(end + 1, Expect::Nothing);
                    }
                    Some(end) => self.step(end + 1, Expect::Trailer),
                    None if rest.len() > LINE_CAP => return Err(Malformed),
                    None => return Ok(false),
                },
                Expect::Nothing => return Ok(true),
            }
        }
    }

    fn step(&mut self, used: usize, next: Expect) {
        self.used += used;
        self.expect = next;
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunked, Malformed};

    fn check(raw: &[u8], expected: &Result<Option<&[u8]>, Malformed>) {
        // Whole, then byte by byte: the outcome must not depend on how it arrives.
        for step in [raw.len(), 1] {
            let mut chunked = Chunked::default();
            let mut outcome = Ok(false);
            for end in (step..=raw.len()).step_by(step) {
                outcome = chunked.feed(&raw[..end]);
                if outcome != Ok(false) {
                    break;
                }
            }
            let got = outcome.map(|done| done.then_some(&chunked.body[..]));
            assert_eq!(&got, expected, "in steps of {step}");
        }
    }

    #[test]
    fn bodies() {
        check(b"3\r\nabc\r\n0\r\n\r\n", &Ok(Some(b"abc")));
        check(
            b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\n",
            &Ok(Some(b"abcd")),
        );
        check(b"3\r\nab", &Ok(None));
        check(b"3\r\nabcX\r\n", &Err(Malformed));
        check(b"zz\r\n", &Err(Malformed));
    }
}
