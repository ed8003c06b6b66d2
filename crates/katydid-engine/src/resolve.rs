//! Host names to addresses, off the I/O thread: one resolver thread with a bounded queue.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::http1::Origin;
use crate::link::Inbox;
use crate::message::Command;

/// Look-ups waiting at once; one route is asked for once at a time, so this bounds routes.
const WAITING: usize = 1024;

/// A handle to the resolver thread, which ends when the handle is dropped.
#[derive(Debug)]
pub(crate) struct Resolver {
    questions: SyncSender<(u32, String, u16)>,
}

impl Resolver {
    /// Starts the thread; answers come as [`Command::Resolved`].
    pub fn start(inbox: Arc<Inbox>) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<(u32, String, u16)>(WAITING);
        std::thread::Builder::new()
            .name("katydid-dns".into())
            .spawn(move || {
                while let Ok((route, host, port)) = asked.recv() {
                    let answer = (host.as_str(), port)
                        .to_socket_addrs()
                        .map(Iterator::collect)
                        .map_err(|error| error.to_string());
                    inbox.push(Command::Resolved(route, Box::new(answer)));
                }
            })?;
        Ok(Self { questions })
    }

    /// Asks; false when too many questions wait.
    pub fn ask(&self, route: u32, origin: &Origin) -> bool {
        self.questions
            .try_send((route, origin.host.clone(), origin.port))
            .is_ok()
    }
}

/// The address, when the host is one already.
pub(crate) fn literal(origin: &Origin) -> Option<SocketAddr> {
    let host = origin.host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>()
        .ok()
        .map(|ip| SocketAddr::new(ip, origin.port))
}
