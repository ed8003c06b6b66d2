//! What was read from a connection and not yet taken, and whether there may be more.
//! Knows bytes and instants, not requests.

use std::io;

use crate::clock::now_ns;
use crate::transport::Transport;

/// The reading side of a connection.
#[derive(Default)]
pub struct Input {
    /// Read, not yet taken.
    pub bytes: Vec<u8>,
    /// When the first of these bytes was read, monotonic nanoseconds.
    pub arrived: u64,
    /// When the last was.
    pub last_read: u64,
    readable: bool,
    hung_up: bool,
    ended: bool,
}

/// What reading gave.
pub enum Filled {
    /// More bytes.
    Bytes,
    /// Nothing now; the socket will become ready.
    Nothing,
    /// Nothing ever: the end, or an error.
    Closed,
}

impl Input {
    /// The socket has something to read, perhaps its end.
    pub fn mark_readable(&mut self, hung_up: bool) {
        self.readable = true;
        self.hung_up |= hung_up;
    }

    /// Reads once, if there may be something.
    pub fn fill(&mut self, transport: &mut Transport, scratch: &mut [u8]) -> Filled {
        if self.ended {
            return Filled::Closed;
        }
        while self.readable {
            match transport.read(scratch) {
                Ok(0) => {
                    self.ended = true;
                    return Filled::Closed;
                }
                Ok(length) => {
                    self.last_read = now_ns();
                    if self.bytes.is_empty() {
                        self.arrived = self.last_read;
                    }
                    self.bytes.extend_from_slice(&scratch[..length]);
                    // epoll reports the next byte anew, but a hang-up only once.
                    self.readable =
                        length == scratch.len() || self.hung_up || !transport.short_read_drains();
                    return Filled::Bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Filled::Closed,
            }
        }
        Filled::Nothing
    }

    /// Removes so many bytes from the front.
    pub fn consume(&mut self, length: usize) {
        if length == self.bytes.len() {
            self.bytes.clear();
        } else {
            self.bytes.drain(..length);
        }
        self.arrived = self.last_read;
    }
}
