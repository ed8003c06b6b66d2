//! The first page of a run: what made it, from what, on what.

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// Version of the run directory's format. Readers accept their own major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatVersion {
    /// Changes when old readers would misread.
    pub major: u32,
    /// Changes when something was added.
    pub minor: u32,
}

/// The format that this version writes.
pub const FORMAT: FormatVersion = FormatVersion {
    major: 1,
    minor: 13,
};

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the directory.
    pub format: FormatVersion,
    /// Version of katydid that wrote it.
    pub tool_version: String,
    /// The run's id: the directory's name when it was made.
    pub id: String,
    /// Short name: the scenario's or the host's.
    pub name: String,
    /// When it started, RFC 3339, UTC.
    pub started: String,
    /// The same, µs since 1970.
    pub started_epoch_us: u64,
    /// The command line, redacted.
    pub argv: Vec<String>,
    /// What was asked for.
    pub plan: Plan,
    /// The machine that generated the load.
    pub host: HostFacts,
    /// Files of the scenario.
    pub scenario: Vec<ScenarioFile>,
}

/// The generator's machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Operating system and kernel.
    pub os: String,
    /// Processor model.
    pub cpu: String,
    /// Processors online.
    pub processors: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
}

/// One file of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioFile {
    /// As it was given.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}
