//! Several processes make one run: a worker sends its frames through a pipe to the process that writes the record.
//!
//! It knows frames and pipes; who the workers are and how they are told what to do is their caller's business.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::RawFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use katydid_engine::clock::{self, Nanos};
use katydid_engine::pacer::Share;
use katydid_record::frame::SOURCES_PER_PROCESS;
use katydid_record::{Body, Frame, Mark};
use serde::Deserialize;

use super::log::Sender;

/// How long the end of a run waits for frames of workers that have ended.
const LAST_FRAMES_WITHIN: Duration = Duration::from_secs(5);

/// This process among several, as a worker.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Place {
    /// Which, from 0.
    pub index: u32,
    /// How many workers there are.
    pub of: u32,
    /// The end of a pipe that its frames go to.
    pub frames_fd: RawFd,
}

impl Place {
    /// Its arrivals.
    pub fn share(&self) -> Share {
        Share {
            index: u64::from(self.index),
            of: u64::from(self.of.max(1)),
        }
    }
}

/// Where a worker's frames go.
#[derive(Debug)]
pub struct FramePipe(File);

impl FramePipe {
    /// The pipe of this descriptor, which the caller may close.
    pub fn open(fd: RawFd) -> io::Result<Self> {
        let pipe = File::options().write(true).open(format!("/dev/fd/{fd}"));
        pipe.map(Self)
    }

    /// Waits while the reader is behind.
    pub fn send(&mut self, frames: &[Frame]) -> io::Result<()> {
        let mut lines = Vec::new();
        for frame in frames {
            serde_json::to_writer(&mut lines, frame)?;
            lines.push(b'\n');
        }
        self.0.write_all(&lines)
    }
}

/// The threads that take in what workers send.
#[derive(Debug)]
pub struct Readers {
    count: usize,
    ended: Receiver<()>,
}

impl Readers {
    /// Reads the pipes of these descriptors, which the caller may close, and hands their frames to the log. The first is worker 0's.
    pub fn start(fds: &[RawFd], start: Nanos, log: &Sender) -> io::Result<Self> {
        let (end, ended) = sync_channel(fds.len());
        for (worker, fd) in (0..).zip(fds) {
            let pipe = File::open(format!("/dev/fd/{fd}"))?;
            let (log, end) = (log.clone(), end.clone());
            std::thread::Builder::new()
                .name(format!("katydid-w{worker}"))
                .spawn(move || read(worker, pipe, start, &log, &end))?;
        }
        Ok(Self {
            count: fds.len(),
            ended,
        })
    }

    /// Waits until everything that the workers sent is with the log; false if that does not come. They have ended, but somebody who
    /// holds their pipes open may not.
    pub fn join(&mut self) -> bool {
        let deadline = Instant::now() + LAST_FRAMES_WITHIN;
        for _ in 0..std::mem::take(&mut self.count) {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ended.recv_timeout(left).is_err() {
                return false;
            }
        }
        true
    }
}

fn read(worker: u32, pipe: File, start: Nanos, log: &Sender, end: &SyncSender<()>) {
    let first_source = (worker + 1) * SOURCES_PER_PROCESS;
    let (mut orderly, mut frames, mut line) = (false, Vec::new(), Vec::new());
    let mut pipe = BufReader::new(pipe);
    loop {
        // One entry of the log's queue for what has come together.
        if !pipe.buffer().contains(&b'\n') && !frames.is_empty() {
            log.send_all(std::mem::take(&mut frames));
        }
        line.clear();
        let length = pipe.read_until(b'\n', &mut line).unwrap_or(0);
        // What was cut off by the worker's death is no frame.
        let Some(mut frame) = (length > 0)
            .then(|| serde_json::from_slice::<Frame>(&line).ok())
            .flatten()
        else {
            break;
        };
        match frame.body {
            Body::Mark(Mark::End { .. }) => {
                orderly = true;
                continue;
            }
            // The process that writes the record says when numbers start again.
            Body::Mark(Mark::Reset) => continue,
            _ => {}
        }
        frame.source = first_source + frame.source.min(SOURCES_PER_PROCESS - 1);
        frames.push(frame);
    }
    if !orderly {
        frames.push(Frame {
            at: clock::now().saturating_sub(start) / 1_000,
            span: 0,
            source: first_source,
            phase: 0,
            body: Body::Mark(Mark::WorkerLost { worker }),
        });
    }
    log.send_all(frames);
    // Nobody may be waiting any more.
    let _ = end.try_send(());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::abort::End;
    use crate::session::log::Log;
    use std::os::fd::AsRawFd;
    use std::sync::Arc;

    fn frame(body: Body) -> Frame {
        Frame {
            at: 7,
            span: 0,
            source: 1,
            phase: 0,
            body,
        }
    }

    fn end() -> Frame {
        frame(Body::Mark(Mark::End {
            reason: "done".into(),
            exit_code: 0,
        }))
    }

    /// Marks of the timeline after two workers of which the second ends as `last` says.
    fn marks(last: &[u8]) -> Vec<(u32, Mark)> {
        let (one, to_one) = io::pipe().expect("a pipe");
        let (two, mut to_two) = io::pipe().expect("a pipe");
        let plan = katydid_record::Plan::default();
        let early_end = Arc::new(End::default());
        let mut log =
            Log::start(None, None, None, &plan, early_end, None, || ()).expect("a thread");
        let fds = [one.as_raw_fd(), two.as_raw_fd()];
        let mut readers = Readers::start(&fds, clock::now(), &log.sender()).expect("threads");
        let mut pipe = FramePipe::open(to_one.as_raw_fd()).expect("a pipe");
        drop(to_one);
        let warning = Mark::Warning { text: "w".into() };
        pipe.send(&[
            frame(Body::Mark(warning)),
            frame(Body::Mark(Mark::Reset)),
            end(),
        ])
        .expect("it is read");
        drop(pipe);
        to_two.write_all(last).expect("it is read");
        drop(to_two);
        assert!(readers.join());
        let marks = log.finish().expect("it runs").timeline.marks;
        marks.into_iter().map(|(key, mark)| (key.1, mark)).collect()
    }

    #[test]
    fn frames_get_sources_of_their_worker_and_a_worker_that_breaks_off_is_lost() {
        let warning = Mark::Warning { text: "w".into() };
        let whole = serde_json::to_vec(&end()).expect("JSON");
        assert_eq!(marks(&whole), [(17, warning.clone())]);
        let lost = Mark::WorkerLost { worker: 1 };
        for broken in [&whole[..20], b"", b"\xff\n", b"{}\n"] {
            assert_eq!(marks(broken), [(17, warning.clone()), (32, lost.clone())]);
        }
    }
}
