//! Writes a run directory so that a killed process leaves everything up to its last second.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zstd::stream::write::Encoder;

use crate::frame::Frame;
use crate::manifest::Manifest;

/// Name of the manifest in a run directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the frames in a run directory.
pub const FRAMES_FILE: &str = "frames.jsonl.zst";
const LEVEL: i32 = 3;
/// Flushes that share a zstd frame: what was seen a second before says most of what is seen now, and a damaged place costs a minute.
const FLUSHES: u32 = 60;

/// Why a run could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The directory cannot be made.
    #[error("cannot create the run directory {path}: {source}")]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory holds a run already.
    #[error("{0} already holds a run; give another --run-dir")]
    Taken(PathBuf),
    /// A file of the run cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A frame cannot be turned into JSON: a defect of katydid.
    #[error("cannot encode a frame: {0}")]
    Encode(#[from] serde_json::Error),
}

/// An open run directory. Each [`RunWriter::flush`] ends a block, so what was flushed stays readable.
pub struct RunWriter {
    dir: PathBuf,
    lines: Vec<u8>,
    packer: Encoder<'static, File>,
    flushes: u32,
}

impl std::fmt::Debug for RunWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RunWriter({})", self.dir.display())
    }
}

impl RunWriter {
    /// Makes the directory and writes the manifest.
    pub fn create(dir: &Path, manifest: &Manifest) -> Result<Self, WriteError> {
        fs::create_dir_all(dir).map_err(|source| WriteError::Create {
            path: dir.to_owned(),
            source,
        })?;
        let path = dir.join(MANIFEST_FILE);
        if path.exists() {
            return Err(WriteError::Taken(dir.to_owned()));
        }
        write_whole(&path, &serde_json::to_vec_pretty(manifest)?)?;
        let path = dir.join(FRAMES_FILE);
        let made = File::create(&path).and_then(|file| Encoder::new(file, LEVEL));
        let packer = made.map_err(|source| WriteError::Write { path, source })?;
        Ok(Self {
            dir: dir.to_owned(),
            lines: Vec::new(),
            packer,
            flushes: 0,
        })
    }

    /// Where it writes.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes frames for the next flush.
    pub fn append(&mut self, frames: &[Frame]) -> Result<(), WriteError> {
        for frame in frames {
            serde_json::to_writer(&mut self.lines, frame)?;
            self.lines.push(b'\n');
        }
        Ok(())
    }

    /// Writes what was appended.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let result = self.pack();
        self.lines.clear();
        result.map_err(|source| self.failed(source))
    }

    fn pack(&mut self) -> io::Result<()> {
        if self.flushes == FLUSHES {
            self.flushes = 0;
            self.packer.do_finish()?;
            let file = self.packer.get_ref().try_clone()?;
            self.packer = Encoder::new(file, LEVEL)?;
        }
        self.flushes += 1;
        self.packer.write_all(&self.lines)?;
        self.packer.flush()
    }

    fn failed(&self, source: io::Error) -> WriteError {
        WriteError::Write {
            path: self.dir.join(FRAMES_FILE),
            source,
        }
    }

    /// Writes the rest and closes the file.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.flush()?;
        let ended = self.packer.do_finish();
        let ended = ended.and_then(|()| self.packer.get_ref().sync_all());
        ended.map_err(|source| self.failed(source))
    }
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let part = path.with_extension("part");
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .map_err(|source| WriteError::Write {
            path: path.to_owned(),
            source,
        })
}
