//! Writes a run: the manifest, then frames as JSON lines in independent zstd frames.
//!
//! Each flush ends a zstd frame, so that what a killed process leaves can be read up to its last
//! flush. Failures are data: after one the writer writes nothing more, counts what is lost, and the
//! run goes on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::frame::{Body, Frame};
use crate::manifest::Manifest;
use crate::redact::{redact_frame, redact_manifest};

/// File name of the manifest.
pub const MANIFEST_FILE: &str = "manifest.json";
/// File name of the frames.
pub const FRAMES_FILE: &str = "frames.jsonl.zst";
/// Uncompressed bytes after which `append` flushes by itself.
const FLUSH_ABOVE: usize = 8 << 20;
/// zstd's own default: about 400 MB/s, a tenth of the size.
const LEVEL: i32 = 3;

/// Why a run cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder holds a run already.
    #[error("{} already holds a run; give another folder", .0.display())]
    Exists(PathBuf),
    /// The folder or a file in it cannot be made.
    #[error("cannot keep the run in {}: {source}", path.display())]
    Create {
        /// What could not be made.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Frames could not be written; nothing more will be.
    #[error("cannot write {}: {source}; the rest of this run is not recorded", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something cannot be expressed as JSON.
    #[error("cannot encode {what}: {source}")]
    Encode {
        /// What.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// An open run being written.
#[derive(Debug)]
pub struct RunWriter {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
    pending_frames: u64,
    written_bytes: u64,
    written_frames: u64,
    lost_frames: u64,
    broken: bool,
}

impl RunWriter {
    /// Makes the folder where needed and writes the manifest, secrets masked.
    pub fn create(dir: &Path, manifest: &Manifest) -> Result<Self, WriteError> {
        let created = |path: &Path| {
            let path = path.to_owned();
            move |source: std::io::Error| match source.kind() {
                ErrorKind::AlreadyExists => {
                    WriteError::Exists(path.parent().map_or_else(|| path.clone(), Path::to_owned))
                }
                _ => WriteError::Create { path, source },
            }
        };
        std::fs::create_dir_all(dir)
            .map_err(|source| WriteError::Create { path: dir.to_owned(), source })?;
        let mut manifest = manifest.clone();
        redact_manifest(&mut manifest);
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|source| WriteError::Encode { what: "the manifest", source })?;
        text.push(b'\n');
        let path = dir.join(FRAMES_FILE);
        let new = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path).map_err(created(path));
        let manifest_path = dir.join(MANIFEST_FILE);
        let mut manifest_file = new(&manifest_path)?;
        manifest_file.write_all(&text).map_err(created(&manifest_path))?;
        let file = new(&path)?;
        Ok(Self {
            path,
            file,
            pending: Vec::new(),
            pending_frames: 0,
            written_bytes: 0,
            written_frames: 0,
            lost_frames: 0,
            broken: false,
        })
    }

    /// Takes frames; they are on disk after the next flush.
    pub fn append(&mut self, frames: &[Frame]) -> Result<(), WriteError> {
        if self.broken {
            self.lost_frames += frames.len() as u64;
            return Ok(());
        }
        for frame in frames {
            if matches!(frame.body, Body::Unknown) {
                continue;
            }
            let encoded = if holds_text(&frame.body) {
                let mut frame = frame.clone();
                redact_frame(&mut frame);
                serde_json::to_writer(&mut self.pending, &frame)
            } else {
                serde_json::to_writer(&mut self.pending, frame)
            };
            encoded.map_err(|source| WriteError::Encode { what: "a frame", source })?;
            self.pending.push(b'\n');
            self.pending_frames += 1;
        }
        if self.pending.len() > FLUSH_ABOVE { self.flush() } else { Ok(()) }
    }

    /// Writes what was taken, as one zstd frame. To be called every second.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.broken || self.pending.is_empty() {
            return Ok(());
        }
        let written = zstd::bulk::compress(&self.pending, LEVEL)
            .and_then(|bytes| self.file.write_all(&bytes).map(|()| bytes.len()));
        let frames = std::mem::take(&mut self.pending_frames);
        self.pending.clear();
        match written {
            Ok(bytes) => {
                self.written_bytes += bytes as u64;
                self.written_frames += frames;
                Ok(())
            }
            Err(source) => {
                self.lost_frames += frames;
                Err(self.give_up(source))
            }
        }
    }

    /// Flushes and waits until the disk has everything.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        if self.broken {
            return Ok(());
        }
        self.file.sync_all().map_err(|source| self.give_up(source))
    }

    /// Frames that were given to the writer and are not in the file. The record is incomplete unless 0.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Frames in the file.
    pub fn written_frames(&self) -> u64 {
        self.written_frames
    }

    /// Compressed bytes in the file.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The file of frames.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn give_up(&mut self, source: std::io::Error) -> WriteError {
        self.broken = true;
        // Half a zstd frame helps nobody; readers tolerate it when even this fails.
        let _ = self.file.set_len(self.written_bytes);
        WriteError::Write { path: self.path.clone(), source }
    }
}

fn holds_text(body: &Body) -> bool {
    matches!(body, Body::Names(_) | Body::Mark(_) | Body::Facts(_) | Body::Exemplars(_))
}
