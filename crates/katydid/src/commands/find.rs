//! Which run a word means: a folder, an id, the beginning of one, or `last`.
//!
//! Looks at folder names and manifests; reads no frames.

use std::path::{Path, PathBuf};

use katydid_record::{Manifest, list_runs};

use crate::error::UsageError;
use crate::run_dir::RUNS;

/// The folder of the run that `word` means, looked for in `cwd` and its `runs/`.
pub fn find(word: &str, cwd: &Path) -> Result<PathBuf, UsageError> {
    let path = cwd.join(word);
    if !word.is_empty() && path.is_dir() {
        return Ok(path);
    }
    let known = known(&cwd.join(RUNS))?;
    if word == "last" {
        let last = known.last().map(|(path, _)| path.clone());
        return last.ok_or_else(|| UsageError::new(format!("there is no run in {RUNS}/ yet")));
    }
    let exact = known.iter().find(|(_, run)| run.id == word);
    if let Some((path, _)) = exact {
        return Ok(path.clone());
    }
    let matching: Vec<_> = known
        .iter()
        .filter(|(_, run)| !word.is_empty() && run.id.starts_with(word))
        .collect();
    match matching.as_slice() {
        [(path, _)] => Ok(path.clone()),
        [] => Err(UsageError::new(format!(
            "no run is called '{word}': it is neither a folder nor the beginning of an id in {RUNS}/; \
             `katydid runs` lists them"
        ))),
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, run)| run.id.as_str()).collect();
            let few = ids.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            Err(UsageError::new(format!(
                "'{word}' begins {} ids ({few}{}): write more of the one you mean",
                ids.len(),
                if ids.len() > 5 { ", …" } else { "" }
            )))
        }
    }
}

/// The runs in `dir`, oldest first; none when there is no such folder.
fn known(dir: &Path) -> Result<Vec<(PathBuf, Manifest)>, UsageError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    list_runs(dir).map_err(|error| UsageError::new(error.to_string()))
}
