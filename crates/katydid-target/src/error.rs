//! What can stop a target from starting. Failures of clients are data in the truth, never here.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a target did not start or could not write what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// epoll, timerfd or eventfd could not be set up.
    #[error("cannot set up the reactor: {0}")]
    Reactor(io::Error),
    /// The thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The self-signed certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// A file that was asked for could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}
