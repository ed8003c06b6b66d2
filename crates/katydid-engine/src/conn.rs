//! One connection: bytes out, bytes in, plain or through TLS. It knows neither users nor windows; what an event means is
//! the reactor's to say.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::clock::Nanos;
use crate::flight::Flight;
use crate::message::Route;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The TCP handshake.
    Connecting,
    /// Waiting for the proxy's answer to CONNECT.
    Tunnel,
    /// The TLS handshake.
    Handshake,
    /// Open, with nothing under way.
    Idle,
    /// A request is being written or its response read.
    Busy,
}

/// One connection of one client.
#[derive(Debug)]
pub(crate) struct Conn {
    pub stream: TcpStream,
    pub tls: Option<Box<ClientConnection>>,
    pub route: Arc<Route>,
    pub client: u32,
    pub phase: Phase,
    pub flight: Option<Box<Flight>>,
    /// Bytes read that do not yet make a head.
    pub unread: Vec<u8>,
    /// How much of what is to be written has been.
    pub written: usize,
    /// Has carried a whole request before.
    pub used: bool,
    /// The server will send nothing more.
    pub ended: bool,
    /// Tells this connection from earlier ones with the same key.
    pub stamp: u32,
    /// When it is to be given up; zero for never.
    pub deadline: Nanos,
    /// The timer that is set for it; zero for none.
    pub armed: Nanos,
}

/// How a read ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// So many bytes, and perhaps more where they came from.
    Bytes(usize),
    /// So many bytes, and for now no more.
    Drained(usize),
    /// The server closed its side.
    Eof,
}

impl Conn {
    /// Writes as much of `bytes` as the socket takes; true when all of it is out.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            while self.written < bytes.len() {
                match self.stream.write(&bytes[self.written..]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => self.written += n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(true);
        };
        loop {
            if self.written < bytes.len() {
                self.written += tls.writer().write(&bytes[self.written..])?;
            }
            if !flush_tls(tls, &mut self.stream)? {
                return Ok(false);
            }
            if self.written >= bytes.len() {
                return Ok(true);
            }
        }
    }

    /// Reads once into `buffer`.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadEnd> {
        match &mut self.tls {
            None => read_once(&mut self.stream, buffer),
            Some(tls) => read_tls(tls, &mut self.stream, buffer, &mut self.ended),
        }
    }

    /// Moves the TLS handshake on; true when it is complete.
    pub fn handshake(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(true);
        };
        loop {
            if !flush_tls(tls, &mut self.stream)? {
                return Ok(false);
            }
            if !tls.is_handshaking() {
                return Ok(true);
            }
            match tls.read_tls(&mut self.stream) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    if let Err(error) = tls.process_new_packets() {
                        // The alert tells the server why; whether it arrives does not matter.
                        let _ = flush_tls(tls, &mut self.stream);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether an idle connection is still good: nothing to read, not even its end.
    pub fn is_quiet(&self) -> bool {
        matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// True when everything rustls wanted to write is out.
fn flush_tls(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn read_once(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<ReadEnd> {
    loop {
        return match stream.read(buffer) {
            Ok(0) => Ok(ReadEnd::Eof),
            // With edge-triggered events a short read means that the next arrival makes a new event.
            Ok(n) if n < buffer.len() => Ok(ReadEnd::Drained(n)),
            Ok(n) => Ok(ReadEnd::Bytes(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(ReadEnd::Drained(0)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}

fn read_tls(
    tls: &mut ClientConnection,
    stream: &mut TcpStream,
    buffer: &mut [u8],
    ended: &mut bool,
) -> io::Result<ReadEnd> {
    loop {
        match tls.reader().read(buffer) {
            Ok(0) => return Ok(ReadEnd::Eof),
            Ok(n) => return Ok(ReadEnd::Bytes(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // A close without close_notify: common, and harmless where the framing says that the message is whole.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(ReadEnd::Eof),
            Err(error) => return Err(error),
        }
        match tls.read_tls(stream) {
            Ok(_) => {
                let state = tls
                    .process_new_packets()
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                // close_notify may come with the last bytes of a response, and long before the FIN.
                *ended |= state.peer_has_closed();
                flush_tls(tls, stream)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(ReadEnd::Drained(0));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
