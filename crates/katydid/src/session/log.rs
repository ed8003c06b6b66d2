//! The log: one thread that takes frames from every recorder, folds them into the timeline, writes them to the run
//! directory and shows progress. Nothing that goes wrong here fails or slows the run: it becomes a note.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use katydid_observe::Wanted;
use katydid_record::{Body, Frame, Mark, OBSERVERS, Plan, RunTime, RunWriter, SourceId, Timeline};

use super::abort::{self, End, Watch};
use super::csv_files::CsvFiles;
use super::hooks;
use super::progress::Progress;
use super::seek::Seek;
use super::workers::FramePipe;

/// Batches of frames on their way; each source sends one a second.
const QUEUE: usize = 1_024;

/// The log's own source number: what it marks itself.
pub(super) const LOG: SourceId = 2;

/// A question to the timeline, answered on the log's thread.
type Question = Box<dyn FnOnce(&Timeline) + Send>;

enum Entry {
    Frames(Vec<Frame>),
    Ask(Question),
    Finish(SyncSender<Finished>),
}

/// Where frames are kept.
pub enum Sink {
    /// In a run directory.
    Directory(RunWriter),
    /// By the process that this one is a worker of.
    Parent(FramePipe),
}

impl Sink {
    fn write(&mut self, frames: &[Frame]) -> Result<(), String> {
        match self {
            Self::Directory(writer) => {
                // What observers saw goes with the next window: together it takes less room.
                let is_due = frames.iter().any(|frame| frame.source < OBSERVERS);
                let written = writer.append(frames);
                let written = written.and_then(|()| if is_due { writer.flush() } else { Ok(()) });
                written.map_err(|error| error.to_string())
            }
            Self::Parent(pipe) => pipe.send(frames).map_err(|error| error.to_string()),
        }
    }

    fn finish(self) -> Result<(), String> {
        match self {
            Self::Directory(writer) => writer.finish().map_err(|error| error.to_string()),
            Self::Parent(_) => Ok(()),
        }
    }
}

/// What is left when the log has ended.
pub struct Finished {
    /// The fold of all frames.
    pub timeline: Timeline,
    /// What went wrong while writing; empty when the record is whole.
    pub problems: Vec<String>,
}

/// Hands frames to the log; never blocks.
#[derive(Clone)]
pub struct Sender {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Sender {
    /// Queues a batch. If the log is that far behind, the batch is lost, and counted.
    pub fn send(&self, frames: Vec<Frame>) {
        if let Err(TrySendError::Full(Entry::Frames(frames))) =
            self.entries.try_send(Entry::Frames(frames))
        {
            self.lost.fetch_add(frames.len() as u64, Ordering::Relaxed);
        }
    }
}

impl Sender {
    /// As [`Sender::send`], for a thread that may wait for the log.
    pub fn send_all(&self, frames: Vec<Frame>) {
        // The log has ended: nobody reads it any more.
        let _ = self.entries.send(Entry::Frames(frames));
    }

    /// Asks the timeline something, after everything that was queued before.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Timeline) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        let question = Box::new(move |timeline: &Timeline| {
            // Whoever asked may have gone.
            let _ = answer.send(question(timeline));
        });
        self.entries.send(Entry::Ask(question)).ok()?;
        answered.recv().ok()
    }
}

/// The log's handle.
pub struct Log {
    sender: Sender,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Starts the log; without a writer it only folds. It counts for the plan's objectives. `load_ended` is called when the plan is over.
    pub fn start(
        writer: Option<Sink>,
        progress: Option<Progress>,
        csv: Option<CsvFiles>,
        plan: &Plan,
        early_end: Arc<End>,
        wanted: Option<Wanted>,
        load_ended: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (entries, queue) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let for_thread = lost.clone();
        let keeper = Keeper {
            timeline: Timeline::watching(plan),
            seek: Seek::new(plan, early_end.clone()),
            watch: Watch::new(plan, early_end),
            writer,
            problems: Vec::new(),
            progress,
            csv,
            lost: for_thread,
            wanted,
            load_ended: Box::new(load_ended),
        };
        let thread = std::thread::Builder::new()
            .name("katydid-log".into())
            .spawn(move || keeper.run(&queue))?;
        Ok(Self {
            sender: Sender { entries, lost },
            thread: Some(thread),
        })
    }

    /// A handle for a source.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// As [`Sender::ask`].
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Timeline) -> T + Send + 'static,
    ) -> Option<T> {
        self.sender.ask(question)
    }

    /// Writes what is queued and ends the thread.
    pub fn finish(&mut self) -> Option<Finished> {
        let (answer, answered) = sync_channel(1);
        self.sender.entries.send(Entry::Finish(answer)).ok()?;
        let finished = answered.recv().ok();
        if let Some(thread) = self.thread.take() {
            // A panic there has already shown itself by an empty answer.
            let _ = thread.join();
        }
        finished
    }
}

struct Keeper {
    timeline: Timeline,
    watch: Watch,
    seek: Option<Seek>,
    writer: Option<Sink>,
    problems: Vec<String>,
    progress: Option<Progress>,
    csv: Option<CsvFiles>,
    lost: Arc<AtomicU64>,
    wanted: Option<Wanted>,
    load_ended: Box<dyn Fn() + Send>,
}

impl Keeper {
    fn run(mut self, queue: &Receiver<Entry>) {
        while let Ok(entry) = queue.recv() {
            match entry {
                Entry::Frames(frames) => self.take(&frames),
                Entry::Ask(question) => question(&self.timeline),
                Entry::Finish(answer) => {
                    if let Some(progress) = &mut self.progress {
                        progress.clear();
                    }
                    self.close();
                    // Whoever asked may have gone; the files are closed all the same.
                    let _ = answer.send(Finished {
                        timeline: self.timeline,
                        problems: self.problems,
                    });
                    return;
                }
            }
        }
        self.close();
    }

    fn take(&mut self, frames: &[Frame]) {
        self.fold(frames);
        for body in self.watch.look(&self.timeline) {
            self.note(body);
        }
        self.seek();
        if let Some(progress) = &mut self.progress {
            progress.show(&self.timeline);
        }
        if let Some(csv) = &mut self.csv
            && let Err(error) = csv.append(&self.timeline)
        {
            self.problems
                .push(format!("the CSV files stopped being written: {error}"));
            self.csv = None;
        }
    }

    /// Has a search go on.
    fn seek(&mut self) {
        let Some(seek) = &mut self.seek else { return };
        let look = seek.look(&self.timeline);
        if let Some(line) = look.line {
            self.tell(self.timeline.end, &line, false);
        }
        if !look.facts.is_empty() {
            self.note(Body::Facts(look.facts));
        }
    }

    /// What the log itself has to say.
    fn note(&mut self, body: Body) {
        let at = self.timeline.end;
        self.fold(&[Frame {
            at,
            span: 0,
            source: LOG,
            phase: 0,
            body,
        }]);
    }

    /// Into the timeline and the record.
    fn fold(&mut self, frames: &[Frame]) {
        for frame in frames {
            self.timeline.apply(frame);
            self.say(frame);
            self.want(frame);
            if frame.body == Body::Mark(Mark::LoadEnded) {
                (self.load_ended)();
            }
        }
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.write(frames)
        {
            let problem = format!("the record stopped being written: {error}");
            // Standard error may be closed too.
            let _ = writeln!(std::io::stderr(), "warning: {problem}");
            self.problems.push(problem);
            self.writer = None;
        }
    }

    /// Has the spans kept of requests that are worth looking at.
    fn want(&self, frame: &Frame) {
        if let (Some(wanted), Body::Exemplars(exemplars)) = (&self.wanted, &frame.body) {
            let traces = exemplars.iter().filter_map(|exemplar| exemplar.trace);
            traces
                .filter(|trace| self.timeline.traces.wants(*trace))
                .for_each(|trace| wanted.add(trace));
        }
    }

    /// Events are told when they happen, and so is a condition that cannot be watched.
    fn say(&mut self, frame: &Frame) {
        let line = match &frame.body {
            // What the log's own source warns of nobody else has said.
            Body::Mark(Mark::Warning { text }) if frame.source == LOG => Some((text.clone(), true)),
            Body::Mark(mark) => hooks::line(mark),
            Body::Facts(facts) => abort::line(facts),
            _ => None,
        };
        if let Some((line, wrong)) = line {
            self.tell(frame.at, &line, wrong);
        }
    }

    fn tell(&mut self, at: RunTime, line: &str, wrong: bool) {
        match &mut self.progress {
            Some(progress) => progress.clear(),
            None if !wrong => return,
            None => {}
        }
        let line = katydid_report::progress::event(at as f64 / 1e6, line, wrong);
        // Whether anybody sees it does not concern the run.
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    fn close(&mut self) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            self.problems.push(format!(
                "{lost} frames were lost because the log could not keep up"
            ));
        }
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.finish()
        {
            self.problems
                .push(format!("the end of the record was not written: {error}"));
        }
    }
}
