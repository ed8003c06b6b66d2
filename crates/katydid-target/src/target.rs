//! A running target as a value: started in background threads, stopped by its drop.
//! Knows threads and listeners, not requests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;
use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;
use crate::options::Options;
use crate::reactor::Reactor;
use crate::tls;
use crate::truth::{RequestTruth, Truth};
use crate::world::World;

/// Connections that the kernel keeps for us while we do not accept (it caps this at somaxconn).
const BACKLOG: i32 = 65_535;

/// A running target; dropping it stops it.
pub struct Target {
    addr: SocketAddr,
    world: Arc<World>,
    cert_pem: Option<String>,
    threads: Vec<(Waker, JoinHandle<()>)>,
}

impl Target {
    /// Starts a target; on return it accepts connections.
    pub fn spawn(options: &Options) -> Result<Self, Error> {
        let identity = if options.tls {
            Some(tls::self_signed(&options.bind.ip().to_string())?)
        } else {
            None
        };
        if let (Some(identity), Some(path)) = (&identity, &options.tls_cert_out) {
            std::fs::write(path, &identity.cert_pem).map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
        }
        let world = Arc::new(World::new(options));
        let mut target = Self {
            addr: options.bind,
            world: Arc::clone(&world),
            cert_pem: identity.as_ref().map(|identity| identity.cert_pem.clone()),
            threads: Vec::new(),
        };
        let config = identity.map(|identity| identity.config);
        for index in 0..usize::from(options.threads) {
            // The first listener finds the port that the others share.
            let listener = listen(target.addr).map_err(|source| Error::Listen {
                addr: target.addr,
                source,
            })?;
            target.addr = listener.local_addr().map_err(Error::Reactor)?;
            let (mut reactor, waker) =
                Reactor::new(listener, Arc::clone(&world), index, config.clone())?;
            if let (0, Some(at), Some(length)) = (index, options.freeze_at, options.freeze_for) {
                reactor.plan_freeze(at, length);
            }
            let thread = thread::Builder::new()
                .name(format!("target-{index}"))
                .spawn(move || {
                    if let Err(error) = reactor.run() {
                        eprintln!("katydid-target: a reactor ended: {error}");
                    }
                })
                .map_err(Error::Thread)?;
            target.threads.push((waker, thread));
        }
        Ok(target)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens, as `http://…` or `https://…`, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = self.cert_pem.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", self.addr)
    }

    /// The certificate that a client of a TLS target has to trust, PEM.
    pub fn cert_pem(&self) -> Option<&str> {
        self.cert_pem.as_deref()
    }

    /// What was counted. A request whose answer a client has seen to its end is counted.
    pub fn truth(&self) -> Truth {
        self.world.truth()
    }

    /// The log of requests, if [`Options::log_requests`] was set.
    pub fn requests(&self) -> Vec<RequestTruth> {
        self.world.requests(0, usize::MAX)
    }

    /// Forgets what was counted and logged.
    pub fn reset_truth(&self) {
        self.world.reset_truth();
    }

    /// Stops the world from now on; returns at once.
    pub fn freeze(&self, length: Duration) {
        self.world.freeze.start(length);
    }

    /// Stops it and gives what was counted to the end.
    pub fn stop(mut self) -> Truth {
        self.end();
        self.world.truth()
    }

    fn end(&mut self) {
        self.world.stop.store(true, Ordering::SeqCst);
        for (waker, thread) in self.threads.drain(..) {
            // A thread that cannot be woken up has ended already.
            let _ = waker.wake();
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Several threads have a listener each; the kernel spreads connections over them.
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // A host's BBR would pace what is meant to leave at once. Best effort: reno is always built in.
    let _ = socket.set_tcp_congestion(b"reno");
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
