//! Flights that have come back and carry the next requests of this thread.

// A flight wanders between threads; moving a pointer is cheaper than moving it.
#![allow(clippy::vec_box)]

use std::cell::RefCell;

use katydid_engine::message::{Flight, Request};

/// More than are under way at a time in most runs; what is over is freed.
const KEPT: usize = 512;

thread_local! {
    static SPARE: RefCell<Vec<Box<Flight>>> = const { RefCell::new(Vec::new()) };
}

/// A flight for the request that `make` makes, given a buffer for its bytes.
pub fn flight<E>(make: impl FnOnce(Vec<u8>) -> Result<Request, E>) -> Result<Box<Flight>, E> {
    match SPARE.with_borrow_mut(Vec::pop) {
        Some(mut flight) => {
            flight.request = make(flight.take_buffer())?;
            Ok(flight)
        }
        None => Ok(Flight::new(make(Vec::new())?)),
    }
}

/// Nobody looks at its response any more.
pub fn give_back(flight: Box<Flight>) {
    // At the end of the thread there is no list any more.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT && flight.is_light() {
            spare.push(flight);
        }
    });
}
