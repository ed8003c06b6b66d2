//! Bytes in and out of one socket, plain or TLS, never blocking.
//! Knows nothing of HTTP.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::ServerConnection;
use socket2::SockRef;
use std::time::Duration;

/// A connected socket, plain or TLS.
pub enum Transport {
    /// HTTP straight on TCP.
    Plain(TcpStream),
    /// HTTP on TLS on TCP.
    Tls(Box<(TcpStream, ServerConnection)>),
}

impl Transport {
    /// The TCP socket below.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &mut tls.0,
        }
    }

    /// Reads decrypted bytes; `Ok(0)` is the end, `WouldBlock` means that the socket is drained.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(tls) => read_tls(&mut tls.0, &mut tls.1, into),
        }
    }

    /// Whether a read that filled less than its buffer has drained the socket.
    pub fn short_read_drains(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Hands bytes to the kernel; with TLS, some may stay in the session: see [`Self::flush`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => {
                // Sealing more than the socket takes would only fill memory.
                flush_tls(&mut tls.0, &mut tls.1)?;
                let sealed = tls.1.writer().write(bytes)?;
                match flush_tls(&mut tls.0, &mut tls.1) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    _ => Ok(sealed),
                }
            }
        }
    }

    /// Pushes out what a TLS session still holds; `WouldBlock` while some is left.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => flush_tls(&mut tls.0, &mut tls.1),
        }
    }

    /// Says goodbye (TLS `close_notify`, then FIN); reading stays possible.
    pub fn shutdown_write(&mut self) {
        if let Self::Tls(tls) = self {
            tls.1.send_close_notify();
            // Best effort: the peer may be gone already.
            let _ = flush_tls(&mut tls.0, &mut tls.1);
        }
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Makes the coming drop send RST instead of FIN.
    pub fn arm_reset(&mut self) {
        reset_on_drop(self.socket());
    }
}

/// Makes the drop of a socket send RST instead of FIN.
pub fn reset_on_drop(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn read_tls(
    socket: &mut TcpStream,
    session: &mut ServerConnection,
    into: &mut [u8],
) -> io::Result<usize> {
    loop {
        match session.reader().read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if session.read_tls(socket)? == 0 {
            return Ok(0);
        }
        let processed = session.process_new_packets();
        // Handshake answers and alerts have to leave even when nothing was decrypted.
        match flush_tls(socket, session) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        if let Err(error) = processed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
    }
}

fn flush_tls(socket: &mut TcpStream, session: &mut ServerConnection) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(socket)?;
    }
    Ok(())
}
