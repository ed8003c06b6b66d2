//! The manifest of a run: what was run, with what, where. Written once, before the first frame.
//!
//! Knows nothing of how the run went; that is in the frames.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// A format's version. Readers refuse a newer `major` and accept any `minor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FormatVersion {
    /// Changes when an old reader would misread.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

impl std::fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version of the run format that this crate writes.
pub const RUN_FORMAT: FormatVersion = FormatVersion { major: 1, minor: 0 };

/// Identity and circumstances of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Version of the run format.
    pub format: FormatVersion,
    /// Version of the tool that wrote it.
    pub tool_version: String,
    /// Unique in its folder, e.g. `20261123-101530-checkout`.
    pub id: String,
    /// Name given by the user, or the scenario's.
    pub name: String,
    /// Start, RFC 3339, given by the caller.
    pub started: String,
    /// Start, µs since 1970 UTC: the zero of the run's clock.
    pub started_epoch_us: u64,
    /// The command line, secrets masked.
    pub argv: Vec<String>,
    /// The resolved configuration.
    pub plan: Plan,
    /// The machine that made the load.
    pub host: HostFacts,
    /// The files that make up the scenario.
    pub scenario: Vec<ScenarioFile>,
}

/// One file of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioFile {
    /// Path as given.
    pub path: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
}

/// What a reader needs to compare two runs' machines. No host name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// e.g. `Debian GNU/Linux 12`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// e.g. `x86_64`.
    pub architecture: String,
    /// Processor model.
    pub cpu: String,
    /// Processors that the process may use.
    pub processors: u32,
    /// Memory of the machine, bytes.
    pub memory_bytes: u64,
    /// Anything else worth keeping, by name.
    pub other: BTreeMap<String, String>,
}
