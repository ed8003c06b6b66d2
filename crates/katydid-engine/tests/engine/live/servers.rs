//! Servers that do exactly one odd thing, each connection on a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::hub::PATIENCE;

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Runs `play` on each connection, with its number.
pub fn serve(play: impl Fn(TcpStream, usize) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    // The threads end with the test's process.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let play = play.clone();
            let _ = stream.set_read_timeout(Some(PATIENCE));
            thread::spawn(move || play(stream, number));
        }
    });
    address
}

/// Reads up to the end of a head; empty when the client went instead.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return String::new(),
        }
    }
    String::from_utf8(head).expect("heads are ASCII")
}

/// Answers so many requests of a connection.
pub fn answer(stream: &mut (impl Read + Write), count: usize) -> bool {
    for _ in 0..count {
        if read_head(stream).is_empty() || stream.write_all(OK).is_err() {
            return false;
        }
    }
    true
}

/// Waits for the client to go.
pub fn linger(stream: &mut impl Read) {
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
}
