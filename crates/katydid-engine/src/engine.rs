//! The handle on an I/O thread: starts it, hands it commands, ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use thiserror::Error;

use crate::clock::Nanos;
use crate::driver::Driver;
use crate::link::{Inbox, Outbox};
use crate::message::Command;
use crate::reactor::{Consumer, FrameSink, Reactor, WAKER};
use crate::turns;

/// Why the engine could not start, or ended early.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The operating system refused a descriptor or a thread.
    #[error("cannot start the I/O thread: {0}")]
    Start(#[source] io::Error),
    /// The poll failed.
    #[error("the I/O thread ended early: {0}")]
    Run(#[source] io::Error),
    /// A defect in katydid.
    #[error("the I/O thread panicked")]
    Panicked,
}

/// A running I/O thread. Dropping it stops it.
#[derive(Debug)]
pub struct Engine {
    inbox: Arc<Inbox>,
    outbox: Option<Arc<Outbox>>,
    alive: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Says that the I/O thread is at its end when it is dropped: after a return, an error or a panic.
struct AtTheEnd {
    alive: Arc<AtomicBool>,
    outbox: Option<Arc<Outbox>>,
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        // First this: whoever is woken looks at it.
        self.alive.store(false, Ordering::SeqCst);
        if let Some(outbox) = &self.outbox {
            outbox.ring_at_the_end();
        }
    }
}

impl Engine {
    /// An engine whose completions go to an outbox for a hub that runs on thread `hub_thread`.
    pub fn for_hub(start: Nanos, hub_thread: i32, frames: FrameSink) -> Result<Self, EngineError> {
        turns::be_short();
        let outbox = Arc::new(Outbox::new().map_err(EngineError::Start)?);
        Self::launch(
            start,
            Some(hub_thread),
            Some(outbox.clone()),
            Consumer::Hub(outbox),
            frames,
        )
    }

    /// An engine that asks `driver` what to do.
    pub fn for_driver(
        start: Nanos,
        driver: Box<dyn Driver>,
        frames: FrameSink,
    ) -> Result<Self, EngineError> {
        Self::launch(start, None, None, Consumer::Driver(driver), frames)
    }

    fn launch(
        start: Nanos,
        hub_thread: Option<i32>,
        outbox: Option<Arc<Outbox>>,
        consumer: Consumer,
        frames: FrameSink,
    ) -> Result<Self, EngineError> {
        let poll = mio::Poll::new().map_err(EngineError::Start)?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(EngineError::Start)?;
        let inbox = Arc::new(Inbox::new(waker));
        let for_thread = inbox.clone();
        let alive = Arc::new(AtomicBool::new(true));
        let at_the_end = AtTheEnd {
            alive: alive.clone(),
            outbox: outbox.clone(),
        };
        let (begun, has_begun) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("katydid-io".into())
            .spawn(move || {
                let _at_the_end = at_the_end;
                turns::be_short();
                let reactor = Reactor::new(poll, for_thread, consumer, start, hub_thread, frames);
                let (reactor, outcome) = match reactor {
                    Ok(reactor) => (Some(reactor), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // The receiver waits below.
                let _ = begun.send(outcome);
                reactor.map_or(Ok(()), Reactor::run)
            })
            .map_err(EngineError::Start)?;
        has_begun
            .recv()
            .map_err(|_| EngineError::Panicked)?
            .map_err(EngineError::Start)?;
        Ok(Self {
            inbox,
            outbox,
            alive,
            thread: Some(thread),
        })
    }

    /// Hands a command over.
    #[inline]
    pub fn push(&self, command: Command) {
        self.inbox.push(command);
    }

    /// The queue of commands, for other threads.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// The queue of messages; `None` when a driver gets them.
    pub fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
    }

    /// Whether the I/O thread is still there. Its end, whatever the reason, makes the outbox's descriptor readable once; who then
    /// clears it and asks is told false.
    pub fn is_alive(&self) -> bool {
        self.thread.is_some() && self.alive.load(Ordering::SeqCst)
    }

    /// Aborts what is in flight, has the last window cut, and waits for the thread.
    pub fn stop(&mut self) -> Result<(), EngineError> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.inbox.push(Command::Stop);
        thread
            .join()
            .map_err(|_| EngineError::Panicked)?
            .map_err(EngineError::Run)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Who cares for the reason calls `stop`.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::tests::wait;
    use crate::{clock, health};

    /// An engine whose I/O thread panics when a window is cut: after a second, or when it is asked to.
    fn mortal() -> (Engine, Arc<Outbox>) {
        // As a panic, but without a message on the terminal.
        let frames: FrameSink = Box::new(|_| std::panic::resume_unwind(Box::new(())));
        let engine =
            Engine::for_hub(clock::now(), health::this_thread(), frames).expect("it starts");
        let outbox = engine.outbox().expect("it has a hub").clone();
        (engine, outbox)
    }

    fn die(engine: &Engine) {
        engine.push(Command::CutNow(sync_channel(1).0));
    }

    #[test]
    fn a_hub_that_sleeps_is_woken_by_the_end_of_the_thread() {
        let (mut engine, outbox) = mortal();
        die(&engine);
        while engine.is_alive() {
            while outbox.pop().is_some() {}
            if outbox.rearm() {
                wait(&outbox);
            }
        }
        assert!(matches!(engine.stop(), Err(EngineError::Panicked)));
    }

    #[test]
    fn a_hub_that_was_awake_when_the_thread_ended_does_not_sleep_on() {
        let (engine, outbox) = mortal();
        // The first tick rings. From here on the hub is awake, and nobody rings for it.
        wait(&outbox);
        die(&engine);
        let deadline = clock::now() + 10 * clock::SECOND;
        while engine.is_alive() {
            assert!(clock::now() < deadline, "it lives");
            std::thread::yield_now();
        }
        while outbox.pop().is_some() {}
        assert!(outbox.rearm(), "nothing is queued");
        wait(&outbox);
    }
}
