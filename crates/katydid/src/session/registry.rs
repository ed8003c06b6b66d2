//! The process's endpoints: a number for each (kind, method, name), announced to both recorders before first use.

use std::collections::HashMap;

use katydid_engine::message::{Command, Row};
use katydid_record::redact::redact;
use katydid_record::{EndpointId, Kind};

/// Endpoints kept apart; the rest count in one row.
pub const ENDPOINTS: usize = 1_000;
/// The row of the rest.
pub const OTHER: &str = "(other)";

/// A new endpoint, to be announced.
pub type Announcement = (EndpointId, Kind, String, String);

/// Numbers given out so far.
#[derive(Debug, Default)]
pub struct Registry {
    by_name: HashMap<String, Vec<(Kind, String, EndpointId)>>,
    count: usize,
    over: HashMap<Kind, EndpointId>,
    /// How many requests went to the row of the rest.
    pub overflowed: u64,
    fresh: Vec<Announcement>,
}

impl Registry {
    /// The number of an endpoint. New ones are queued for [`Registry::take_fresh`].
    pub fn intern(&mut self, kind: Kind, method: &str, name: &str) -> EndpointId {
        if let Some(known) = self.by_name.get(name)
            && let Some((_, _, id)) = known.iter().find(|(k, m, _)| *k == kind && m == method)
        {
            return *id;
        }
        let id = self.count as EndpointId + self.over.len() as EndpointId;
        if self.count >= ENDPOINTS {
            self.overflowed += 1;
            if let Some(id) = self.over.get(&kind) {
                return *id;
            }
            self.over.insert(kind, id);
            self.fresh.push((id, kind, String::new(), OTHER.to_owned()));
            return id;
        }
        self.count += 1;
        self.by_name
            .entry(name.to_owned())
            .or_default()
            .push((kind, method.to_owned(), id));
        // A name may be a URL with a token in its query.
        self.fresh.push((id, kind, method.to_owned(), redact(name)));
        id
    }

    /// Whether something waits to be announced.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Endpoints that nobody was told of yet.
    pub fn take_fresh(&mut self) -> Vec<Announcement> {
        std::mem::take(&mut self.fresh)
    }
}

/// The announcement as the I/O thread wants it.
pub fn announce((id, kind, method, name): Announcement) -> Command {
    Command::Endpoint(Box::new(Row {
        id,
        kind,
        method,
        name,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_cap_everything_is_one_row() {
        let mut registry = Registry::default();
        let first = registry.intern(Kind::Request, "GET", "/0");
        for n in 1..ENDPOINTS {
            registry.intern(Kind::Request, "GET", &format!("/{n}"));
        }
        let rest = registry.intern(Kind::Request, "GET", "/new");
        assert_eq!(registry.intern(Kind::Request, "POST", "/newer"), rest);
        assert_eq!(registry.intern(Kind::Request, "GET", "/0"), first);
        assert_ne!(registry.intern(Kind::Custom, "x", "y"), rest);
        assert_eq!(registry.overflowed, 3);
        assert_eq!(registry.take_fresh().len(), ENDPOINTS + 2);
    }
}
