//! Reads a run: the manifest, then its frames, as far as they go.
//!
//! A record may end in the middle (a killed process, a full disk): what is whole is given out and
//! the end is reported. Bodies of newer versions are skipped; a newer major format is refused.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use crate::frame::{Body, Frame, RunTime};
use crate::manifest::{FormatVersion, Manifest, RUN_FORMAT};
use crate::writer::{FRAMES_FILE, MANIFEST_FILE};

/// Longest line that is read, bytes: far above any frame, so that damage cannot eat the memory.
const LINE_LIMIT: usize = 256 << 20;

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No manifest there.
    #[error("{} is not a run: it holds no {MANIFEST_FILE}", .0.display())]
    NotARun(PathBuf),
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is not one.
    #[error("{} is damaged: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Written by a newer katydid.
    #[error("{} has run format {found}; this katydid reads up to {}.x: use a newer katydid", path.display(), RUN_FORMAT.major)]
    Newer {
        /// The run.
        path: PathBuf,
        /// Its format.
        found: FormatVersion,
    },
    /// The frames are not what they should be.
    #[error("{} is damaged after frame {frames}: {why}; what comes before it was read", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Frames read before.
        frames: u64,
        /// What is wrong.
        why: String,
    },
}

/// The record ends before the run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// End of the last whole frame, run time µs.
    pub at: RunTime,
    /// Whole frames before it.
    pub frames: u64,
}

/// A run on disk.
#[derive(Debug)]
pub struct Run {
    /// The run's folder.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Run {
    /// Opens the run in folder `path`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref().to_owned();
        let file = path.join(MANIFEST_FILE);
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(ReadError::NotARun(path));
            }
            Err(source) => return Err(ReadError::Io { path: file, source }),
        };
        // The version first: what follows may have changed its meaning.
        #[derive(serde::Deserialize)]
        struct Version {
            format: FormatVersion,
        }
        let damaged = |source| ReadError::Manifest { path: file.clone(), source };
        let Version { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format.major > RUN_FORMAT.major {
            return Err(ReadError::Newer { path, found: format });
        }
        let manifest = serde_json::from_slice(&text).map_err(damaged)?;
        Ok(Self { path, manifest })
    }

    /// The frames, in the order in which they were written.
    pub fn frames(&self) -> Result<Frames, ReadError> {
        let path = self.path.join(FRAMES_FILE);
        let opened = File::open(&path).and_then(zstd::stream::read::Decoder::new);
        match opened {
            Ok(decoder) => Ok(Frames {
                path,
                lines: BufReader::new(decoder),
                line: Vec::new(),
                frames: 0,
                end: 0,
                truncated: false,
                over: false,
            }),
            Err(source) => Err(ReadError::Io { path, source }),
        }
    }
}

/// Iterator over a run's frames. Ends after an error.
pub struct Frames {
    path: PathBuf,
    lines: BufReader<zstd::stream::read::Decoder<'static, BufReader<File>>>,
    line: Vec<u8>,
    frames: u64,
    end: RunTime,
    truncated: bool,
    over: bool,
}

impl Frames {
    /// After the last frame: where the record broke off, if it did.
    pub fn truncated(&self) -> Option<Truncated> {
        self.truncated.then_some(Truncated { at: self.end, frames: self.frames })
    }

    fn damaged(&mut self, why: String) -> ReadError {
        self.over = true;
        ReadError::Damaged { path: self.path.clone(), frames: self.frames, why }
    }

    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        loop {
            let bytes = match self.lines.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    (self.truncated, self.over) = (true, true);
                    return Ok(false);
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            };
            if bytes.is_empty() {
                self.over = true;
                // A last line without its end was cut off.
                self.truncated = !self.line.is_empty();
                return Ok(false);
            }
            if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                self.line.extend_from_slice(&bytes[..end]);
                self.lines.consume(end + 1);
                return Ok(true);
            }
            let length = bytes.len();
            self.line.extend_from_slice(bytes);
            self.lines.consume(length);
            if self.line.len() > LINE_LIMIT {
                return Err(self.damaged(format!("a line is longer than {LINE_LIMIT} bytes")));
            }
        }
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            match serde_json::from_slice::<Frame>(&self.line) {
                Ok(frame) => {
                    self.frames += 1;
                    self.end = self.end.max(frame.at.saturating_add(frame.span));
                    if !matches!(frame.body, Body::Unknown) {
                        return Some(Ok(frame));
                    }
                }
                Err(error) => return Some(Err(self.damaged(format!("not a frame: {error}")))),
            }
        }
        None
    }
}

/// Every run directly below `dir`, newest first; folders that hold none are passed over.
pub fn list_runs(dir: impl AsRef<Path>) -> Result<Vec<Run>, ReadError> {
    let dir = dir.as_ref();
    let failed = |source| ReadError::Io { path: dir.to_owned(), source };
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Ok(run) = Run::open(&path) {
            runs.push(run);
        }
    }
    let key = |run: &Run| (run.manifest.started_epoch_us, run.manifest.id.clone());
    runs.sort_by_key(|run| std::cmp::Reverse(key(run)));
    Ok(runs)
}
