//! What a run was asked to do, resolved: the plan as the manifest keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::MachineLimit;
use crate::schedule::Schedule;
use crate::search::Wish;
use crate::slo::Slo;
use crate::trace::Tracing;

/// Everything that was decided before the first request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// `run`, `find`, `probe`, `attack` or `check`.
    pub command: String,
    /// Where load goes.
    pub host: Option<String>,
    /// Peak number of users, or connections of an attack.
    pub users: u64,
    /// Users started per second.
    pub spawn_rate: Option<f64>,
    /// Arrivals per second of an attack at a fixed rate.
    pub rate: Option<f64>,
    /// Length asked for, seconds.
    pub run_time_s: Option<f64>,
    /// Time that running tasks get at the end, seconds.
    pub stop_timeout_s: Option<f64>,
    /// Task iterations after which the run ends.
    pub iterations: Option<u64>,
    /// User classes that take part.
    pub user_classes: Vec<PlannedUser>,
    /// Tags that tasks must have.
    pub tags: Vec<String>,
    /// Tags that tasks must not have.
    pub exclude_tags: Vec<String>,
    /// Name of the load shape.
    pub shape: Option<String>,
    /// How much load when, where it was described (`--load`).
    pub schedule: Option<Schedule>,
    /// What is searched for, where the load follows from what is seen (`find`); the schedule is then its first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Wish>,
    /// Commands that are run while the load is on, in the order of their times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// Conditions that end the load: broken as an objective is.
    pub abort_on: Vec<Slo>,
    /// More of them, about the machine that the target runs on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub abort_on_machine: Vec<MachineLimit>,
    /// How requests are traced, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Tracing>,
    /// Endpoints that are reads, whatever their method: names, or methods and names.
    pub reads: Vec<String>,
    /// Endpoints that are writes.
    pub writes: Vec<String>,
    /// The rest of the options, as text, redacted.
    pub options: BTreeMap<String, String>,
}

/// A command that is run at its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique in its plan.
    pub name: String,
    /// When, seconds after the beginning of the load.
    pub at_s: f64,
    /// For the shell. In a manifest without secrets.
    pub command: String,
    /// How long it may take, seconds.
    pub limit_s: f64,
}

/// One user class of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedUser {
    /// Class name.
    pub name: String,
    /// Relative share.
    pub weight: f64,
    /// Exact number, where one is fixed.
    pub fixed_count: u64,
}
