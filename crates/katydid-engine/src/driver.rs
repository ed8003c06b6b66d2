//! A consumer that lives on the I/O thread itself: for load that needs no script.

use crate::clock::Nanos;
use crate::message::{Completion, Request};

/// Decides what to request next. Called on the I/O thread, so it must be quick and must not block.
pub trait Driver: Send {
    /// The loop begins.
    fn start(&mut self, now: Nanos, wanted: &mut Vec<Request>);
    /// A request ended.
    fn completed(&mut self, completion: Completion, wanted: &mut Vec<Request>);
    /// When it wants to be woken next.
    fn next_wake(&self) -> Option<Nanos>;
    /// Called at least whenever `next_wake` has come.
    fn wake(&mut self, now: Nanos, wanted: &mut Vec<Request>);
}
