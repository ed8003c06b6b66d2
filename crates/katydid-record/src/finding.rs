//! What a run says about causes: findings as plain data, the published contract of `findings.json`.
//!
//! Made by the rules of the analysis; rendered by faces, which judge nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Change;

/// Version of `findings.json`.
pub const FINDINGS_VERSION: u32 = 1;

/// `findings.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Findings {
    /// Version of this format.
    pub version: u32,
    /// Strong and confirmed, what costs most first.
    pub findings: Vec<Finding>,
    /// One signal only: worth a look, and no headline.
    pub suspected: Vec<Finding>,
    /// What was looked for and is not so.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be looked for.
    pub not_observed: Vec<NotObserved>,
}

/// How sure a finding is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One signal.
    #[default]
    Suspected,
    /// Two independent sources, or an exact count.
    Strong,
    /// An experiment changed the outcome.
    Confirmed,
}

/// A cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Finding {
    /// The rule that found it; its page is `docs/rules/<rule>.md`.
    pub rule: String,
    /// What it is called: `N+1 queries`.
    pub title: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// By what: `spans + statements`.
    pub basis: String,
    /// Whom it slows down, the most hurt first: `GET /orders`.
    pub endpoints: Vec<String>,
    /// The statement, table, key or process that it is about.
    pub about: String,
    /// What is so, in a sentence with its numbers.
    pub what: String,
    /// What it costs.
    pub cost: Option<Cost>,
    /// What it was concluded from.
    pub evidence: Vec<Evidence>,
    /// What to change, in a sentence.
    pub advice: String,
    /// The change, to be typed.
    pub fixes: Vec<Fix>,
    /// How to see that it worked.
    pub check: String,
    /// What `--experiment` can change in the target to confirm it.
    pub change: Option<Change>,
    /// No statement explains it: the database does nothing meanwhile.
    #[serde(skip)]
    pub is_not_of_statements: bool,
    /// Sessions hold something while the service does other work: what it computes at that endpoint is this work.
    #[serde(skip)]
    pub is_held_meanwhile: bool,
    /// What else was seen and is explained by this.
    pub consequences: Vec<String>,
}

/// What a cause costs the endpoint that it hurts most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cost {
    /// Of each request, ms.
    pub ms: f64,
    /// Of this mean time from send, ms.
    pub of_ms: f64,
    /// Of all time that the run's requests took, 0 to 1.
    pub share: f64,
}

/// A number that a finding rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Evidence {
    /// Who says it: `spans`, `PostgreSQL 18.1, database shop`.
    pub source: String,
    /// What it is: `calls per request`.
    pub what: String,
    /// How much.
    pub value: f64,
    /// `ms`, `%`…; empty for a count.
    pub unit: String,
    /// The rule speaks from here on.
    pub limit: Option<f64>,
    /// The phase that it is of; empty for the whole run.
    pub phase: String,
}

/// A change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Fix {
    /// Where: `SQLAlchemy`, `Django`, `SQL`.
    pub r#in: String,
    /// What to write.
    pub text: String,
}

/// Something that is not the cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RuledOut {
    /// The rule.
    pub rule: String,
    /// What it would be called.
    pub title: String,
    /// Why not, with the number.
    pub why: String,
}

/// Something that nobody looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NotObserved {
    /// What could not be told.
    pub what: String,
    /// What opens it.
    pub remedy: String,
}
