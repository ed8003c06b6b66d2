//! Mutated corpora from a seeded generator: no panic, no more memory than the limits, the same outcome
//! however it is cut.
//!
//! The same properties run under libFuzzer in `fuzz/`; this is the part that every test run pays for.

use katydid_engine::http1::RequestKind;

use crate::properties::{check_decode, check_response};

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0A \r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok",
    "\r\nHTTP/1.1 200\nSet-Cookie: a=b\nX-Folded: a\n b\n\tc\nX-Spaced : d\n\nuntil the close",
    "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Encoding: gzip, br\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x02",
];

const TOKENS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    ":",
    ",",
    " ",
    "\t",
    "\0",
    "0",
    "ffffffffffffffff",
    "18446744073709551615",
    "-1",
    ";",
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "100 ",
    "204 ",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "chunked",
    "identity",
    "\r\n ",
    "0\r\n\r\n",
    "5\r\n",
    "Content-Length:",
    "Transfer-Encoding: gzip\r\n",
];

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, tokens: &[&str]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = at + self.below((bytes.len() - at).min(16) + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, copy);
                }
                3 if self.below(4) == 0 => bytes.truncate(at),
                4 => drop(bytes.splice(at..end, self.pick(tokens).bytes())),
                _ => drop(bytes.splice(at..at, self.pick(tokens).bytes())),
            }
        }
    }
}

#[test]
fn mutated_responses() {
    const KINDS: [RequestKind; 4] = [
        RequestKind::Plain,
        RequestKind::Head,
        RequestKind::Connect,
        RequestKind::Upgrade,
    ];
    let mut random = Random(20_251_123);
    for _ in 0..200_000 {
        let mut bytes = random.pick(RESPONSES).as_bytes().to_vec();
        random.mutate(&mut bytes, TOKENS);
        let cuts = [random.below(40), random.below(40), random.below(40)];
        let kind = if random.below(3) == 0 {
            KINDS[random.below(4)]
        } else {
            RequestKind::Plain
        };
        check_response(kind, random.below(4) == 0, &cuts, &bytes);
    }
}

#[test]
fn mutated_bodies() {
    let text = "the quick brown fox jumps over the lazy dog, the lazy dog, the lazy dog".repeat(20);
    let bodies = [
        crate::decode::gzip(text.as_bytes()),
        crate::decode::zlib(text.as_bytes()),
        crate::decode::raw_deflate(text.as_bytes()),
        crate::decode::zstd(text.as_bytes()),
        crate::decode::BROTLI.to_vec(),
        crate::decode::zstd(&crate::decode::gzip(text.as_bytes())),
    ];
    let values = ["gzip", "deflate", "deflate", "zstd", "br", "gzip, zstd"];
    let mut random = Random(7);
    for n in 0..12_000 {
        let which = n % bodies.len();
        let mut body = bodies[which].clone();
        random.mutate(&mut body, &["\0", "\u{1f}", "\0\0\0\0", "\u{7f}"]);
        check_decode(values[which], 1 + random.below(50), &body);
    }
}
