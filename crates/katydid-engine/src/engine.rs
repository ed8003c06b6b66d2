//! The handle on an I/O thread: starts it, hands it commands, ends it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use thiserror::Error;

use crate::clock::Nanos;
use crate::driver::Driver;
use crate::link::{Inbox, Outbox};
use crate::message::Command;
use crate::reactor::{Consumer, FrameSink, Reactor, WAKER};

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
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Engine {
    /// An engine whose completions go to an outbox for a hub that runs on thread `hub_thread`.
    pub fn for_hub(start: Nanos, hub_thread: i32, frames: FrameSink) -> Result<Self, EngineError> {
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
        let (begun, has_begun) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("katydid-io".into())
            .spawn(move || {
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

    /// Whether the I/O thread is still there.
    pub fn is_alive(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
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
