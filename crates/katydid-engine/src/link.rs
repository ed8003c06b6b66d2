//! The two queues between the hub and the I/O thread, and how each wakes the other.
//!
//! Both are lock-free. A wake-up is written only when the other side said that it is about to sleep, and the side that sleeps
//! looks at its *queue* again after saying so: whether a batch was empty is not the question.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;

use crate::message::{Command, Message};

/// Commands on their way to the I/O thread.
#[derive(Debug)]
pub struct Inbox {
    queue: SegQueue<Command>,
    asleep: AtomicBool,
    waker: mio::Waker,
}

impl Inbox {
    /// An inbox that wakes the poll behind `waker`.
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self { queue: SegQueue::new(), asleep: AtomicBool::new(false), waker }
    }

    /// Hands a command over; wakes the I/O thread if it sleeps.
    #[inline]
    pub fn push(&self, command: Command) {
        self.queue.push(command);
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A full eventfd counter wakes as well; nothing else can go wrong with it.
            let _ = self.waker.wake();
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Command> {
        self.queue.pop()
    }

    /// True when the caller may sleep: nothing is queued, and whoever queues something now will wake it.
    pub(crate) fn about_to_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        if self.queue.is_empty() {
            return true;
        }
        self.asleep.store(false, Ordering::SeqCst);
        false
    }

    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}

/// Messages on their way to the hub, behind one eventfd that its event loop watches.
#[derive(Debug)]
pub struct Outbox {
    queue: SegQueue<Message>,
    armed: AtomicBool,
    event: OwnedFd,
}

impl Outbox {
    /// An empty outbox, armed.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd has no memory arguments; the result is checked before it is owned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a fresh descriptor that nobody else owns.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { queue: SegQueue::new(), armed: AtomicBool::new(true), event })
    }

    /// The descriptor to watch for reading.
    pub fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Queues a message; [`Outbox::ring`] makes it seen.
    #[inline]
    pub fn push(&self, message: Message) {
        self.queue.push(message);
    }

    /// Wakes the hub if it is waiting. Once per batch of pushes.
    #[inline]
    pub fn ring(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            let one = 1_u64.to_ne_bytes();
            // SAFETY: writes eight bytes from a live array to a descriptor that `self` owns.
            unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Clears the descriptor. Call once when the loop says that it is readable.
    pub fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: reads at most eight bytes into a live array; EAGAIN is fine.
        unsafe { libc::read(self.event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// The next message, if any.
    #[inline]
    pub fn pop(&self) -> Option<Message> {
        self.queue.pop()
    }

    /// True when the caller may go back to its loop: nothing is queued, and whoever queues something now will ring.
    #[inline]
    pub fn rearm(&self) -> bool {
        self.armed.store(true, Ordering::SeqCst);
        // If it is not empty the bell may or may not have been rung meanwhile; either way the caller takes the rest.
        self.queue.is_empty()
    }

    /// Whether something is queued.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
