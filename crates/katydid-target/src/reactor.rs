//! One thread: epoll, one listener, its connections and their deadlines.
//! Knows when a connection may go on, not what it does.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use rustls::{ServerConfig, ServerConnection};
use slab::Slab;

use crate::clock::{MS, now_ns};
use crate::conn::{Conn, Context, Turn};
use crate::control::Control;
use crate::error::Error;
use crate::lock;
use crate::reply::Peer;
use crate::shard::Shard;
use crate::timers::{Owner, Timers};
use crate::transport::{Transport, reset_on_drop};
use crate::world::World;

const LISTENER: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
const TIMER: Token = Token(usize::MAX - 3);
const FREEZE: usize = usize::MAX - 4;
const ACCEPT_AGAIN: usize = usize::MAX - 5;

/// Pause before accepting again when the process is out of descriptors.
const ACCEPT_PAUSE: u64 = 10 * MS;

/// One thread's sockets.
pub struct Reactor {
    poll: Poll,
    listener: TcpListener,
    timers: Timers,
    conns: Slab<Conn>,
    world: Arc<World>,
    index: usize,
    tls: Option<Arc<ServerConfig>>,
    scratch: Vec<u8>,
    /// Connections that have more to do at once.
    again: Vec<usize>,
    /// Connections that wait for an answer from the whole world.
    asked: Vec<(usize, Control, Peer)>,
    planned_freeze: Duration,
}

impl Reactor {
    /// A reactor that is not running yet, and what wakes it up.
    pub fn new(
        mut listener: TcpListener,
        world: Arc<World>,
        index: usize,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<(Self, Waker), Error> {
        let poll = Poll::new().map_err(Error::Reactor)?;
        let registry = poll.registry();
        registry
            .register(&mut listener, LISTENER, Interest::READABLE)
            .map_err(Error::Reactor)?;
        let waker = Waker::new(registry, WAKER).map_err(Error::Reactor)?;
        let timers = Timers::new(registry, TIMER).map_err(Error::Reactor)?;
        let reactor = Self {
            poll,
            listener,
            timers,
            conns: Slab::new(),
            world,
            index,
            tls,
            scratch: vec![0; 64 * 1024],
            again: Vec::new(),
            asked: Vec::new(),
            planned_freeze: Duration::ZERO,
        };
        Ok((reactor, waker))
    }

    /// Plans a freeze of the whole world, `at` from now.
    pub fn plan_freeze(&mut self, at: Duration, length: Duration) {
        let at = now_ns().saturating_add(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        self.planned_freeze = length;
        self.timers.add(
            at,
            Owner {
                key: FREEZE,
                generation: 0,
            },
        );
    }

    /// Serves until the world stops.
    pub fn run(mut self) -> io::Result<()> {
        let world = Arc::clone(&self.world);
        let mut events = Events::with_capacity(1024);
        while !world.stop.load(Ordering::Relaxed) {
            self.timers.arm()?;
            let timeout = (!self.again.is_empty()).then_some(Duration::ZERO);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => done?,
            }
            self.batch(&world, &events);
            self.answer_asked(&world);
        }
        let mut shard = lock(&world.shards[self.index]);
        for (_, conn) in &mut self.conns {
            conn.abandon(&mut shard);
        }
        shard.open -= self.conns.len() as u64;
        Ok(())
    }

    /// Handles what became ready and what is due, holding this thread's counts throughout,
    /// except while the world stands still.
    fn batch(&mut self, world: &World, events: &Events) {
        let mut shard = thaw(world, self.index, None);
        for event in events {
            shard = thaw(world, self.index, Some(shard));
            match event.token() {
                LISTENER => self.accept(&mut shard),
                WAKER | TIMER => {}
                Token(key) => self.ready(key, event, &mut shard),
            }
        }
        for key in std::mem::take(&mut self.again) {
            shard = thaw(world, self.index, Some(shard));
            self.turn(key, &mut shard);
        }
        while let Some(owner) = self.timers.expired(now_ns()) {
            shard = thaw(world, self.index, Some(shard));
            match owner.key {
                FREEZE => world.freeze.start(self.planned_freeze),
                ACCEPT_AGAIN => self.accept(&mut shard),
                key if is_alive(&self.conns, owner) => {
                    self.conns[key].sleeping = None;
                    self.turn(key, &mut shard);
                }
                _ => {}
            }
        }
        let conns = &self.conns;
        self.timers.compact(conns.len(), |owner| {
            owner.key >= ACCEPT_AGAIN || is_alive(conns, owner)
        });
    }

    fn accept(&mut self, shard: &mut Shard) {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => self.admit(socket, shard),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(_) => {
                    // Out of descriptors: edge-triggered epoll will not remind us.
                    let owner = Owner {
                        key: ACCEPT_AGAIN,
                        generation: 0,
                    };
                    self.timers.add(now_ns() + ACCEPT_PAUSE, owner);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut socket: TcpStream, shard: &mut Shard) {
        shard.accepted += 1;
        let resets = &self.world.resets_at_accept;
        let left = resets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if left.is_ok() {
            shard.reset_at_accept += 1;
            reset_on_drop(&socket);
            return;
        }
        // Pieces and delays are meant as they are, not as Nagle would have them.
        let _ = socket.set_nodelay(true);
        let entry = self.conns.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = self
            .poll
            .registry()
            .register(&mut socket, Token(entry.key()), both);
        let transport = match &self.tls {
            None => Some(Transport::Plain(socket)),
            Some(config) => ServerConnection::new(Arc::clone(config))
                .ok()
                .map(|session| Transport::Tls(Box::new((socket, session)))),
        };
        if let (Ok(()), Some(transport)) = (registered, transport) {
            shard.open += 1;
            entry.insert(Conn::new(transport));
        }
    }

    fn ready(&mut self, key: usize, event: &Event, shard: &mut Shard) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if event.is_error() || (event.is_write_closed() && event.is_read_closed()) {
            self.drop_conn(key, shard);
            return;
        }
        if event.is_readable() || event.is_read_closed() {
            conn.input.mark_readable(event.is_read_closed());
        }
        self.turn(key, shard);
    }

    fn turn(&mut self, key: usize, shard: &mut Shard) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let mut context = Context {
            world: &self.world,
            shard,
            scratch: &mut self.scratch,
        };
        match conn.turn(&mut context) {
            Turn::Idle => {}
            Turn::Sleep(at) if conn.sleeping == Some(at) => {}
            Turn::Sleep(at) => {
                conn.sleeping = Some(at);
                conn.generation = self.timers.next_generation();
                self.timers.add(
                    at,
                    Owner {
                        key,
                        generation: conn.generation,
                    },
                );
            }
            Turn::Again => self.again.push(key),
            Turn::Control(control, peer) => self.asked.push((key, control, peer)),
            Turn::Close => self.drop_conn(key, shard),
        }
    }

    fn drop_conn(&mut self, key: usize, shard: &mut Shard) {
        if let Some(mut conn) = self.conns.try_remove(key) {
            conn.abandon(shard);
            shard.open -= 1;
        }
    }

    /// Answers control paths while no shard is held.
    fn answer_asked(&mut self, world: &World) {
        for (key, control, peer) in std::mem::take(&mut self.asked) {
            control.before(world);
            let answer = control.answer(world, peer);
            if let Some(conn) = self.conns.get_mut(key) {
                conn.answer_control(answer);
                self.turn(key, &mut lock(&world.shards[self.index]));
            }
        }
    }
}

/// This thread's counts, once the world moves; while it stands still they are free for readers.
fn thaw<'w>(
    world: &'w World,
    index: usize,
    held: Option<MutexGuard<'w, Shard>>,
) -> MutexGuard<'w, Shard> {
    match held {
        Some(shard) if !world.freeze.is_on() => shard,
        held => {
            drop(held);
            world.freeze.wait(&world.stop);
            lock(&world.shards[index])
        }
    }
}

fn is_alive(conns: &Slab<Conn>, owner: Owner) -> bool {
    conns
        .get(owner.key)
        .is_some_and(|conn| conn.sleeping.is_some() && conn.generation == owner.generation)
}
