//! What is known of a run when it begins.

use jiff::Timestamp;
use katydid_record::redact::{redact, redact_argv};
use katydid_record::{FORMAT, Manifest, ScenarioFile};

use super::{Options, hooks};

/// The manifest of the run of these options, without secrets.
pub fn of(options: &Options, id: String, now: Timestamp) -> Manifest {
    let mut plan = hooks::without_secrets(options.plan.clone());
    plan.host = plan.host.map(|host| redact(&host));
    for text in plan.options.values_mut() {
        *text = redact(text);
    }
    Manifest {
        format: FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        id,
        name: options.name.clone(),
        started: now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        started_epoch_us: now.as_microsecond().max(0) as u64,
        argv: redact_argv(&options.argv),
        plan,
        host: crate::host::facts(),
        scenario: options
            .scenario
            .iter()
            .map(|path| scenario_file(path))
            .collect(),
    }
}

fn scenario_file(path: &str) -> ScenarioFile {
    use std::fmt::Write as _;

    use sha2::Digest as _;
    // A file that cannot be read any more has no hash; it was loaded, so it is named all the same.
    let sha256 = std::fs::read(path).map(|bytes| {
        let digest = sha2::Sha256::digest(bytes);
        digest.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    });
    ScenarioFile {
        path: path.to_owned(),
        sha256: sha256.unwrap_or_default(),
    }
}
