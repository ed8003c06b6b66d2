//! From a route to the address to connect to: literal, remembered, or asked for while its requests wait. Of several addresses
//! each but the last gets only its share of the time to connect.

use std::net::SocketAddr;

use katydid_record::Cause;

use super::{ADDRESSES_LAST, Addresses, Reactor};
use crate::clock::{self, Nanos};
use crate::failure::failure;
use crate::flight::Flight;
use crate::http1::Origin;
use crate::message::Route;
use crate::resolve;

impl Reactor {
    /// Opens a connection for a request, or waits for its addresses.
    pub(super) fn open(&mut self, mut flight: Box<Flight>, now: Nanos) {
        let route = flight.request.route.clone();
        if flight.connect_began == 0 {
            flight.connect_began = now;
        }
        let dial = dial(&route);
        if let Some(address) = resolve::literal(dial) {
            let deadline = flight.connect_deadline();
            return self.connect(flight, address, deadline);
        }
        if let Some(known) = self.addresses.get(&route.id)
            && now.saturating_sub(known.at) < ADDRESSES_LAST
        {
            let next = flight.next_address.min(known.found.len() - 1);
            let deadline = flight.attempt_deadline(now, known.found.len() - next);
            let address = known.found[next];
            return self.connect(flight, address, deadline);
        }
        let deadline = flight.connect_deadline();
        self.unresolved_until = Some(
            self.unresolved_until
                .map_or(deadline, |at| at.min(deadline)),
        );
        if let Some(waiting) = self.unresolved.get_mut(&route.id) {
            return waiting.push(flight);
        }
        self.unresolved.insert(route.id, vec![flight]);
        if !self.resolver.ask(route.id, dial) {
            self.on_resolved(route.id, Err("too many host names at once".into()));
        }
    }

    pub(super) fn on_resolved(&mut self, route: u32, answer: Result<Vec<SocketAddr>, String>) {
        let waiting = self.unresolved.remove(&route).unwrap_or_default();
        match answer {
            Ok(found) if !found.is_empty() => {
                let now = clock::now();
                self.addresses.insert(
                    route,
                    Addresses {
                        found: found.into(),
                        at: now,
                    },
                );
                for mut flight in waiting {
                    flight.next_address = 0;
                    self.open(flight, now);
                }
            }
            other => {
                let text = other
                    .err()
                    .unwrap_or_else(|| "the name has no address".into());
                for flight in waiting {
                    let text = format!(
                        "cannot resolve {}: {text}",
                        dial(&flight.request.route).host
                    );
                    self.fail_flight(flight, failure(Cause::Dns, text));
                }
            }
        }
    }

    /// Fails what has waited for an address as long as it may wait for a connection. The question stays open.
    pub(super) fn give_up_unresolved(&mut self, now: Nanos) {
        for flight in self.take_unresolved(|flight| flight.connect_deadline() <= now) {
            let limit = flight.request.connect_timeout as f64 / clock::SECOND as f64;
            let text = format!(
                "no address of {} within {limit} s",
                dial(&flight.request.route).host
            );
            self.fail_flight(flight, failure(Cause::TimeoutConnect, text));
        }
        let deadlines = self
            .unresolved
            .values()
            .flatten()
            .map(|flight| flight.connect_deadline());
        self.unresolved_until = deadlines.min();
    }

    /// Counts those that wait for an address, and whose asker is gone, as aborted.
    pub(super) fn abort_unresolved(&mut self, is_gone: impl Fn(&Flight) -> bool) {
        for flight in self.take_unresolved(is_gone) {
            self.count_aborted(&flight);
        }
    }

    fn take_unresolved(&mut self, which: impl Fn(&Flight) -> bool) -> Vec<Box<Flight>> {
        let mut taken = Vec::new();
        for waiting in self.unresolved.values_mut() {
            taken.extend(waiting.extract_if(.., |flight| which(flight)));
        }
        taken
    }
}

/// Whom to connect to.
fn dial(route: &Route) -> &Origin {
    route
        .proxy
        .as_ref()
        .map_or(&route.origin, |proxy| &proxy.origin)
}
