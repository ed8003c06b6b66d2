//! The process's endpoints: a number for each (kind, method, name, tag), announced to both recorders before first use.

use std::collections::HashMap;

use katydid_engine::message::Row;
use katydid_record::redact::redact;
use katydid_record::{Access, EndpointId, Kind};

/// Endpoints kept apart; the rest count in one row.
pub const ENDPOINTS: usize = 1_000;
/// The row of the rest.
pub const OTHER: &str = "(other)";

/// Numbers given out so far.
#[derive(Debug, Default)]
pub struct Registry {
    by_name: HashMap<String, Vec<Row>>,
    count: usize,
    over: HashMap<Kind, EndpointId>,
    /// How many requests went to the row of the rest.
    pub overflowed: u64,
    fresh: Vec<Row>,
}

impl Registry {
    /// The number of an endpoint. New ones are queued for [`Registry::take_fresh`].
    pub fn intern(
        &mut self,
        kind: Kind,
        method: &str,
        name: &str,
        tagged: Option<Access>,
    ) -> EndpointId {
        let same = |row: &&Row| row.kind == kind && row.method == method && row.tagged == tagged;
        if let Some(known) = self.by_name.get(name)
            && let Some(row) = known.iter().find(same)
        {
            return row.id;
        }
        let id = self.count as EndpointId + self.over.len() as EndpointId;
        if self.count >= ENDPOINTS {
            self.overflowed += 1;
            if let Some(id) = self.over.get(&kind) {
                return *id;
            }
            self.over.insert(kind, id);
            self.fresh.push(Row {
                id,
                kind,
                method: String::new(),
                name: OTHER.to_owned(),
                tagged: None,
            });
            return id;
        }
        self.count += 1;
        let row = Row {
            id,
            kind,
            method: method.to_owned(),
            // A name may be a URL with a token in its query.
            name: redact(name),
            tagged,
        };
        self.fresh.push(row.clone());
        self.by_name.entry(name.to_owned()).or_default().push(row);
        id
    }

    /// Whether something waits to be announced.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Endpoints that nobody was told of yet.
    pub fn take_fresh(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_cap_everything_is_one_row() {
        let mut registry = Registry::default();
        let first = registry.intern(Kind::Request, "GET", "/0", None);
        for n in 1..ENDPOINTS {
            registry.intern(Kind::Request, "GET", &format!("/{n}"), None);
        }
        let rest = registry.intern(Kind::Request, "GET", "/new", None);
        assert_eq!(registry.intern(Kind::Request, "POST", "/newer", None), rest);
        assert_eq!(registry.intern(Kind::Request, "GET", "/0", None), first);
        assert_ne!(registry.intern(Kind::Custom, "x", "y", None), rest);
        assert_eq!(registry.overflowed, 3);
        assert_eq!(registry.take_fresh().len(), ENDPOINTS + 2);
    }
    #[test]
    fn a_tag_makes_a_row_of_its_own() {
        let mut registry = Registry::default();
        let mut row = |tagged| registry.intern(Kind::Request, "POST", "/search", tagged);
        let (plain, read) = (row(None), row(Some(Access::Read)));
        assert_ne!(plain, read);
        assert_eq!((row(None), row(Some(Access::Read))), (plain, read));
        let tags: Vec<_> = registry.take_fresh().iter().map(|row| row.tagged).collect();
        assert_eq!(tags, [None, Some(Access::Read)]);
    }
}
