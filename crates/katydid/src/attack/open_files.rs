//! How many files this process may have open: each connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit to so many, or as near as it may be. Where that is too few, connections fail, and say why.
pub fn allow(wanted: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(wanted, |most| wanted.min(most));
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(wanted);
        // Within the hard limit it cannot be refused; if it is, connections say so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
