//! The two queues between the hub and the I/O thread, and how each wakes the other.
//!
//! Both are lock-free. A wake-up is written only when the other side said that it is about to sleep, and the side that sleeps
//! looks at its *queue* again after saying so: whether a batch was empty is not the question.
//!
//! # Why no wake-up is lost
//!
//! Each direction has one flag (`asleep`, `armed`) and one sleeper. Four steps matter, and all are sequentially consistent
//! operations, so that they stand in one order that both sides agree on:
//!
//! | sleeper | pusher |
//! |---|---|
//! | S1 sets the flag | P1 queues (a compare-and-swap of the queue's tail) |
//! | S2 looks whether the queue is empty (a load of its tail) | P2 swaps the flag for false; if it was set, writes the wake-up |
//!
//! - If P1 comes before S2, the sleeper sees a queue that is not empty and does not sleep.
//! - Else S1 → S2 → P1 → P2: the pusher finds the flag set, unless another pusher took it after S1, and that one writes the
//!   wake-up. Either way one is written after S1, and the descriptor keeps it until it has been looked at.
//!
//! `SegQueue` makes this hold: `push` moves the tail with a `SeqCst` compare-and-swap before it returns, `is_empty` loads head
//! and tail with `SeqCst`, and a `pop` that finds a slot claimed but not yet filled waits for it. Anything weaker on flag or tail
//! would let both loads pass both stores.
//!
//! What else can happen is harmless. The flag may be found set although the sleeper was awake already (the inbox: between
//! its poll and [`Inbox::awake`]; the outbox: inside a `rearm` that fails): one wake-up too many. The flag may
//! be cleared by [`Inbox::awake`] while somebody pushes: the loop takes from the queue before it sleeps again, and S1 and S2
//! come after that. [`Outbox::clear`] may take a later wake-up along with its own: so a look at the queue follows it, always,
//! before the hub sleeps. And mio's waker is edge-triggered, but each write is a new edge, also when nobody
//! reads the counter.
//!
//! [`Inbox::queue`] is P1 without P2: whoever holds back owes a [`Inbox::wake`]. Until it comes, the I/O thread looks by itself
//! ([`Inbox::hold`]), so that a debt paid late costs 4 ms.
//!
//! On the outbox P1 and P2 are apart: a batch is queued, then rung once. The I/O thread rings before it sleeps and after each
//! round of events, so nothing stays unrung.
//!
//! A hub that looks at the outbox by itself, soon and again (Python's "in step"), leaves the flag unset meanwhile: it does not sleep in the
//! sense of this protocol. On ending that it takes S1 and S2 once, by a [`Outbox::rearm`] that holds.
//!
//! When the I/O thread ends, whatever the reason, it rings once more, armed or not ([`Outbox::ring_at_the_end`]): a hub that is
//! awake just then would go to sleep afterwards, and nobody is left to wake it.
//!
//! Tests lean on all of this: one here, with nothing but the queues (it fails when either second look is left out), and
//! one on the whole engine. There the I/O thread's ticks would end a sleep that should not be within 30 ms: a net, not the rope.

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
    held: AtomicBool,
    waker: mio::Waker,
}

impl Inbox {
    /// An inbox that wakes the poll behind `waker`.
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self {
            queue: SegQueue::new(),
            asleep: AtomicBool::new(false),
            held: AtomicBool::new(false),
            waker,
        }
    }

    /// Hands a command over; wakes the I/O thread if it sleeps.
    #[inline]
    pub fn push(&self, command: Command) {
        self.queue(command);
        self.wake();
    }

    /// Queues a command without a wake-up of its own: for somebody who holds back (see [`Inbox::hold`]).
    #[inline]
    pub fn queue(&self, command: Command) {
        self.queue.push(command);
    }

    /// From now on until [`Inbox::let_go`] commands may be queued without a wake-up each. Should the caller be held up before it
    /// wakes the I/O thread, that looks every 4 ms by itself: from its next wake-up on, or already if it has sent
    /// messages that the hub is still busy with.
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Ends [`Inbox::hold`].
    pub fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// Wakes the I/O thread if it sleeps.
    #[inline]
    pub fn wake(&self) {
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
        Ok(Self {
            queue: SegQueue::new(),
            armed: AtomicBool::new(true),
            event,
        })
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
            self.write();
        }
    }

    /// Wakes the hub, now or as soon as it sleeps again: for the last time.
    pub(crate) fn ring_at_the_end(&self) {
        self.write();
    }

    #[inline]
    fn write(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: writes eight bytes from a live array to a descriptor that `self` owns.
        unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Clears the descriptor. Call once when the loop says that it is readable.
    pub fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: reads at most eight bytes into a live array; EAGAIN is fine.
        unsafe {
            libc::read(
                self.event.as_raw_fd(),
                count.as_mut_ptr().cast(),
                count.len(),
            )
        };
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
        if self.queue.is_empty() {
            return true;
        }
        // The bell may or may not have been rung meanwhile; either way the caller takes the rest.
        self.armed.store(false, Ordering::SeqCst);
        false
    }

    /// Whether the hub has nothing left to do and waits for the bell.
    pub(crate) fn is_awaited(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }

    /// Whether something is queued.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    /// Nobody sleeps for so long so many times while there is work; a machine that stands still makes one of them pass. Here no tick
    /// comes to the rescue.
    const WATCHDOG: Duration = Duration::from_millis(500);
    const TIMES: usize = 10;
    const MESSAGES: u64 = if cfg!(debug_assertions) {
        300_000
    } else {
        1_000_000
    };

    /// So much time that now one side, now the other is just about to fall asleep when the next message comes.
    fn dawdle(random: &mut fastrand::Rng) {
        (0..random.u32(..400)).for_each(|_| std::hint::spin_loop());
    }

    /// Sleeps as the I/O thread does, and gives each command back.
    fn echo(mut poll: Poll, inbox: &Inbox, outbox: &Outbox, left: &AtomicU64) {
        let mut random = fastrand::Rng::with_seed(1);
        let mut events = Events::with_capacity(8);
        while left.load(Ordering::Relaxed) > 0 {
            while let Some(Command::Users(number)) = inbox.pop() {
                outbox.push(Message::Spawn {
                    line: 0,
                    users: number,
                });
                left.fetch_sub(1, Ordering::Relaxed);
            }
            outbox.ring();
            dawdle(&mut random);
            if inbox.about_to_sleep() && left.load(Ordering::Relaxed) > 0 {
                let is_woken = (0..TIMES).any(|_| {
                    poll.poll(&mut events, Some(WATCHDOG)).expect("a poll");
                    !events.is_empty()
                });
                assert!(is_woken, "the inbox did not wake its reader");
            }
            inbox.awake();
        }
    }

    /// Waits for the bell, and clears it.
    pub(crate) fn wait(outbox: &Outbox) {
        let mut poll = libc::pollfd {
            fd: outbox.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let is_woken = (0..TIMES).any(|_| {
            // SAFETY: one live pollfd, and its number says one.
            unsafe { libc::poll(&raw mut poll, 1, WATCHDOG.as_millis() as i32) == 1 }
        });
        assert!(is_woken, "the outbox did not wake its reader");
        outbox.clear();
    }

    #[test]
    fn no_wake_up_is_lost() {
        let poll = Poll::new().expect("a poll");
        let waker = mio::Waker::new(poll.registry(), Token(0)).expect("a waker");
        let inbox = Inbox::new(waker);
        let outbox = Outbox::new().expect("an outbox");
        let left = AtomicU64::new(MESSAGES);
        std::thread::scope(|scope| {
            scope.spawn(|| echo(poll, &inbox, &outbox, &left));
            let mut random = fastrand::Rng::with_seed(2);
            let (mut sent, mut back) = (0, 0);
            while back < MESSAGES {
                let crowd = if random.u8(..) < 200 { 1 } else { 3 };
                while sent < MESSAGES && sent - back < crowd {
                    inbox.push(Command::Users(sent));
                    sent += 1;
                    dawdle(&mut random);
                }
                match outbox.pop() {
                    Some(Message::Spawn { users: number, .. }) => {
                        assert_eq!(number, back, "in the order in which they came");
                        back += 1;
                    }
                    Some(other) => panic!("{other:?}"),
                    None if outbox.rearm() => wait(&outbox),
                    None => {}
                }
            }
        });
    }
}
