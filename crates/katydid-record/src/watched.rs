//! What is watched of the target: who watches what, and how well it can be seen.
//!
//! Observers say it when they begin; what they measure travels as series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::SourceId;

/// Observers are the sources from here on, one number each.
pub const OBSERVERS: SourceId = 1 << 24;

/// One thing that is watched. An observer that has come back after a loss says it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// Its key across sources, without secrets: `host`, `postgres 127.0.0.1:5432/shop`.
    pub subject: String,
    /// `host`, `process`, `postgres`, `redis`…: what kind of charts it has.
    pub kind: String,
    /// For a reader: `PostgreSQL 18.1, database shop`.
    pub title: String,
    /// Distance of its samples, ms; some series have a longer one.
    pub every_ms: u64,
    /// What can be seen of it, and what cannot.
    pub sights: Vec<Sight>,
}

/// Something that can be seen of a thing, or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sight {
    /// What: `statements`, `wait classes`, `pressure`.
    pub what: String,
    /// Whether it is seen.
    pub seen: bool,
    /// Why not, or what is seen of it.
    pub note: String,
    /// What opens it, to be typed as it is; empty where nothing does, or where it is seen.
    pub remedy: String,
    /// The right that it is seen by, which a bare role does not have; empty where any has it.
    pub by: String,
}

impl Sight {
    /// It is seen.
    pub fn seen(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            seen: true,
            ..Self::default()
        }
    }

    /// It is not.
    pub fn blind(what: &str, note: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            seen: false,
            note: note.into(),
            remedy: remedy.into(),
            ..Self::default()
        }
    }

    /// It is seen by a right that a bare role does not have.
    pub fn seen_by(what: &str, right: &str) -> Self {
        Self {
            by: right.to_owned(),
            ..Self::seen(what)
        }
    }
}
