//! A blocking client that shows exactly what came over the socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use katydid_target::{Options, Target};

/// A target with its log on.
pub fn logged() -> Target {
    let options = Options {
        log_requests: true,
        ..Options::default()
    };
    Target::spawn(&options).expect("a target")
}

/// A target with the defaults.
pub fn plain() -> Target {
    Target::spawn(&Options::default()).expect("a target")
}

pub struct Client<S = TcpStream> {
    pub stream: S,
    pub buffer: Vec<u8>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target, "", b"")
    }

    pub fn post(&mut self, target: &str, body: &[u8]) -> Response {
        self.ask("POST", target, "", body)
    }

    pub fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Response {
        let mut raw = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{headers}").into_bytes();
        if !body.is_empty() {
            raw.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(body);
        self.send(&raw);
        self.receive(method != "HEAD").expect("an answer")
    }

    pub fn send(&mut self, raw: &[u8]) {
        self.stream.write_all(raw).expect("a write");
    }

    /// Reads one answer; the body of a chunked one is left framed.
    pub fn receive(&mut self, with_body: bool) -> io::Result<Response> {
        let end = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8(self.take(end)).expect("a text head");
        let status = head[9..12].parse().expect("a status");
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        let bodiless = !with_body || status < 200 || status == 204 || status == 304;
        if bodiless {
            return Ok(response);
        }
        if let Some(length) = response.header("Content-Length") {
            let length = length.parse().expect("a length");
            while self.buffer.len() < length {
                self.more()?;
            }
            response.body = self.take(length);
        } else if response.header("Transfer-Encoding").is_some() {
            // Bodies here never contain an empty line, and trailers end with one.
            let end = self.until(b"\r\n\r\n")?;
            response.body = self.take(end);
        } else {
            self.rest()?;
            response.body = std::mem::take(&mut self.buffer);
        }
        Ok(response)
    }

    /// Reads up to the connection's end.
    pub fn rest(&mut self) -> io::Result<()> {
        self.stream.read_to_end(&mut self.buffer).map(|_| ())
    }

    /// Reads until `mark` is there; the answer is the offset behind it.
    pub fn until(&mut self, mark: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|w| w == mark) {
                return Ok(at + mark.len());
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut room = [0; 8192];
        let length = self.stream.read(&mut room)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&room[..length]);
        Ok(())
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.buffer.drain(..length).collect()
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}
