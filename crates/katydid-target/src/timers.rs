//! Deadlines of connections: a binary heap in front of one timerfd, so that a wake-up has the
//! kernel's high-resolution precision instead of epoll's milliseconds.
//! Knows tokens and generations, not what happens when a deadline passes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Whose deadline it is. A stale generation means that the owner has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Key of the connection.
    pub key: usize,
    /// Tells deadlines apart; only the owner's newest is alive.
    pub generation: u64,
}

/// Pending deadlines, earliest first.
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, Owner)>>,
    fd: OwnedFd,
    armed: u64,
    generations: u64,
}

impl Timers {
    /// An empty heap whose timerfd is registered under `token`.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let fd = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self {
            heap: BinaryHeap::new(),
            fd,
            armed: 0,
            generations: 0,
        })
    }

    /// Adds a deadline in nanoseconds of the monotonic clock.
    pub fn add(&mut self, at: u64, owner: Owner) {
        self.heap.push(Reverse((at, owner)));
    }

    /// A generation that no owner had before, so that a reused key cannot be mistaken.
    pub fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// Takes the earliest deadline that has passed.
    pub fn expired(&mut self, now: u64) -> Option<Owner> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, owner))| owner)
    }

    /// Arms the timerfd for the earliest deadline; a system call only when that changed.
    pub fn arm(&mut self) -> io::Result<()> {
        let head = self.heap.peek().map_or(0, |Reverse((at, _))| *at);
        if head == self.armed {
            return Ok(());
        }
        // Zero disarms. Setting also clears earlier expiries, so the descriptor is never read.
        let at = Itimerspec {
            it_interval: timespec(0),
            it_value: timespec(head),
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &at)?;
        self.armed = head;
        Ok(())
    }

    /// Drops dead deadlines once they outnumber the living (`owners` of them) by far.
    pub fn compact(&mut self, owners: usize, alive: impl Fn(Owner) -> bool) {
        if self.heap.len() > 1024 + 4 * owners {
            self.heap.retain(|Reverse((_, owner))| alive(*owner));
        }
    }
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / 1_000_000_000).cast_signed(),
        tv_nsec: (ns % 1_000_000_000).cast_signed(),
    }
}
