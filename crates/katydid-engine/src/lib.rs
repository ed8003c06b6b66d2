//! Requests on sockets, timed: connections, TLS, HTTP, pacing and one recorder per I/O thread.
//!
//! It knows requests, not users: who asks, why, and what an answer means to a script are for others. Linux is supported;
//! what is specific to it sits in [`health`], [`link`] and `precise`.
#![allow(unsafe_code)]
// A flight wanders between tables; moving a pointer is cheaper than moving it.
#![allow(clippy::vec_box)]

pub mod clock;
mod conn;
pub mod decode;
pub mod driver;
mod engine;
mod failure;
mod flight;
pub mod health;
pub mod hints;
pub mod http1;
pub mod link;
pub mod message;
pub mod pacer;
mod precise;
mod reactor;
pub mod recorder;
mod resolve;
mod ticks;
mod tls;
mod trace;
mod turns;

pub use engine::{Engine, EngineError};
pub use reactor::FrameSink;
