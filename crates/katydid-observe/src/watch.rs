//! All observers of a run, on one thread of their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use katydid_record::{Frame, OBSERVERS, SourceId, Watched};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::batch::Clock;
use crate::observer::{Source, Trouble};
use crate::task::{self, Task};

/// Where frames go; it must not block.
pub type Sink = Arc<dyn Fn(Vec<Frame>) + Send + Sync>;

/// How long the end waits for the last looks.
const LAST_LOOK_WITHIN: Duration = Duration::from_secs(13);

/// What observers are told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signal {
    /// Counts edges of phases.
    pub edges: u64,
    /// Counts looks that a probe asks for. From the first on, no others are made but at edges.
    pub counts: u64,
    /// Counts those of them that see what is otherwise seen at the end.
    pub surveys: u64,
    /// Look once more, and end.
    pub stop: bool,
}

/// Whether something can be seen.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its key.
    pub subject: String,
    /// What can be seen of it, or why nothing.
    pub result: Result<Watched, Trouble>,
}

/// The running observers. Dropped, it ends them without a last look.
pub struct Watch {
    signal: watch::Sender<Signal>,
    counted: Mutex<Receiver<u64>>,
    /// How many observers see what they watch at the moment.
    seeing: Arc<AtomicUsize>,
    /// With what is told when it ends; nothing once somebody waits for that.
    thread: Mutex<Option<(JoinHandle<()>, Receiver<()>)>>,
}

impl Watch {
    /// Starts watching on a thread of its own and waits, at most so long, until it is known of every source whether it can be seen.
    /// What is not known by then is left out of the answer and goes on being tried.
    ///
    /// # Errors
    /// The operating system gives no thread, or not what a runtime needs.
    pub fn start(
        sources: Vec<Box<dyn Source>>,
        clock: &Clock,
        sink: impl Fn(Vec<Frame>) + Send + Sync + 'static,
        wait: Duration,
    ) -> std::io::Result<(Self, Vec<Opened>)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (signal, signalled) = watch::channel(Signal::default());
        let (told, opened) = channel();
        let (end, ended) = channel();
        let (counting, counted) = channel();
        let seeing = Arc::new(AtomicUsize::new(0));
        let sink: Sink = Arc::new(sink);
        let count = sources.len();
        let tasks = sources.into_iter().enumerate().map(|(place, source)| Task {
            source,
            id: OBSERVERS + place as SourceId,
            place: place as u64,
            clock: clock.clone(),
            sink: sink.clone(),
            signal: signalled.clone(),
            opened: Some(told.clone()),
            counted: counting.clone(),
            seeing: seeing.clone(),
        });
        let tasks: Vec<Task> = tasks.collect();
        drop(told);
        let thread = std::thread::Builder::new()
            .name("katydid-watch".into())
            .spawn(move || {
                runtime.block_on(all(tasks));
                // Nobody may wait for it.
                let _ = end.send(());
            })?;
        let watch = Self {
            signal,
            counted: Mutex::new(counted),
            seeing,
            thread: Mutex::new(Some((thread, ended))),
        };
        let deadline = Instant::now() + wait;
        let mut known = Vec::new();
        while known.len() < count
            && let Ok(next) =
                opened.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            known.push(next);
        }
        known.sort_by(|a, b| a.subject.cmp(&b.subject));
        Ok((watch, known))
    }

    /// A phase begins, or the load is over: what is read seldom is read now.
    pub fn edge(&self) {
        self.signal.send_modify(|signal| signal.edges += 1);
    }

    /// Has all that count exactly tell their counters now, and waits for it, at most so long. False: not all of them did.
    pub fn count(&self, within: Duration) -> bool {
        self.ask(0, within)
    }

    /// The same, with what is otherwise seen at the end.
    pub fn survey(&self, within: Duration) -> bool {
        self.ask(1, within)
    }

    fn ask(&self, surveys: u64, within: Duration) -> bool {
        let counted = self.counted.lock();
        let counted = counted.unwrap_or_else(PoisonError::into_inner);
        let (mut number, deadline) = (0, Instant::now() + within);
        let mut missing = self.seeing.load(Ordering::Acquire);
        self.signal.send_modify(|signal| {
            signal.counts += 1;
            signal.surveys += surveys;
            number = signal.counts;
        });
        while missing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            match counted.recv_timeout(left) {
                Ok(of) if of == number => missing -= 1,
                // Of a look that was given up.
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Looks once more and ends. False: not all of them came to an end in time, and their last looks are missing.
    pub fn finish(&self) -> bool {
        self.signal.send_modify(|signal| signal.stop = true);
        let running = self.thread.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner).take();
        let Some((thread, ended)) = running else {
            return true;
        };
        if ended.recv_timeout(LAST_LOOK_WITHIN).is_err() && !thread.is_finished() {
            return false;
        }
        thread.join().is_ok()
    }
}

async fn all(tasks: Vec<Task>) {
    let mut running = JoinSet::new();
    for task in tasks {
        let (id, subject) = (task.id, task.source.subject());
        let (clock, sink) = (task.clock.clone(), task.sink.clone());
        running.spawn(async move {
            if tokio::spawn(task.run()).await.is_err() {
                sink(vec![task::defect(id, &subject, clock())]);
            }
        });
    }
    while running.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;
