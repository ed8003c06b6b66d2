//! Reads a run directory back, also one whose writer was killed or whose file was cut short.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::frame::{Body, Frame, Mark};
use crate::manifest::{FORMAT, Manifest};
use crate::timeline::Timeline;
use crate::writer::{FRAMES_FILE, MANIFEST_FILE};

/// How every zstd frame begins.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Longest line believed, bytes.
const LONGEST_LINE: u64 = 256 << 20;

/// Why a run cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no run there.
    #[error("{0} is not a run: it has no {MANIFEST_FILE}")]
    NotARun(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not one.
    #[error("cannot understand {path}: {source}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The frames are not frames.
    #[error("{path} is not a record: {why}")]
    Garbage {
        /// Which file.
        path: PathBuf,
        /// What was wrong with its first bytes.
        why: String,
    },
    /// A newer katydid wrote it.
    #[error("{path} has run format {found}, this katydid reads {known}: use katydid {tool} or newer", known = FORMAT.major)]
    Newer {
        /// Which run.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The version that wrote it.
        tool: String,
    },
}

/// How a record ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// With its end mark.
    Whole,
    /// Readable to here, and then no more: the process was killed, the disk was full, or the file was cut.
    Truncated(String),
}

/// A run, read.
#[derive(Debug)]
pub struct Run {
    /// Its manifest.
    pub manifest: Manifest,
    /// The fold of its frames.
    pub timeline: Timeline,
    /// Whether its end was found.
    pub completeness: Completeness,
    /// The directory.
    pub dir: PathBuf,
}

impl Run {
    /// Reads only the manifest.
    pub fn manifest(dir: &Path) -> Result<Manifest, ReadError> {
        let path = dir.join(MANIFEST_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadError::NotARun(dir.to_owned()));
            }
            Err(source) => return Err(ReadError::Read { path, source }),
        };
        let broken = |source| ReadError::Manifest {
            path: path.clone(),
            source,
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(broken)?;
        let found = value["format"]["major"].as_u64().unwrap_or(0) as u32;
        if found > FORMAT.major {
            let tool = value["tool_version"].as_str().unwrap_or("?").to_owned();
            return Err(ReadError::Newer {
                path: dir.to_owned(),
                found,
                tool,
            });
        }
        serde_json::from_value(value).map_err(broken)
    }

    /// Reads the manifest and folds every readable frame.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        let manifest = Self::manifest(dir)?;
        let mut timeline = Timeline::watching(&manifest.plan);
        let mut ended = false;
        let stopped = for_each_frame(dir, |frame| {
            ended |= matches!(frame.body, Body::Mark(Mark::End { .. }));
            timeline.apply(&frame);
        })?;
        let completeness = match stopped {
            Some(why) => Completeness::Truncated(why),
            None if ended => Completeness::Whole,
            None => Completeness::Truncated("the run was cut off before its end".into()),
        };
        Ok(Self {
            manifest,
            timeline,
            completeness,
            dir: dir.to_owned(),
        })
    }
}

/// Hands over frame after frame; answers why it stopped early, if it did.
pub fn for_each_frame(
    dir: &Path,
    mut take: impl FnMut(Frame),
) -> Result<Option<String>, ReadError> {
    let path = dir.join(FRAMES_FILE);
    let unreadable = |source| ReadError::Read {
        path: path.clone(),
        source,
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(format!("{FRAMES_FILE} is missing")));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut file = BufReader::new(file);
    let first = file.fill_buf().map_err(unreadable)?;
    let seen = first.len().min(ZSTD_MAGIC.len());
    if first[..seen] != ZSTD_MAGIC[..seen] {
        let why = "it does not begin as a zstd file".to_owned();
        return Err(ReadError::Garbage { path, why });
    }
    let decoder = zstd::Decoder::with_buffer(file).map_err(unreadable)?;
    let mut lines = BufReader::new(decoder);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        match lines
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
        {
            Ok(0) => break,
            Ok(_) => {}
            // A killed process leaves a zstd frame without its end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => {
                return Ok(Some(format!(
                    "unreadable after frame {}: {error}",
                    number - 1
                )));
            }
        }
        match Frame::parse(&line) {
            Ok(frame) => take(frame),
            Err(error) => {
                return Ok(Some(format!(
                    "frame {number} cannot be understood: {error}"
                )));
            }
        }
    }
    Ok(None)
}

/// Run directories below `parent`, oldest first by their manifests; what is not a run is passed over.
pub fn list_runs(parent: &Path) -> Result<Vec<(PathBuf, Manifest)>, ReadError> {
    let entries = fs::read_dir(parent).map_err(|source| ReadError::Read {
        path: parent.to_owned(),
        source,
    })?;
    let mut runs: Vec<(PathBuf, Manifest)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|dir| Some((dir.clone(), Run::manifest(&dir).ok()?)))
        .collect();
    runs.sort_by(|a, b| (a.1.started_epoch_us, &a.0).cmp(&(b.1.started_epoch_us, &b.0)));
    Ok(runs)
}
