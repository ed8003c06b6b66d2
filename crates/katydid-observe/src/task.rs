//! The life of one observer: opened, looked through at its distance, lost, opened again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use katydid_record::{Body, Frame, Mark, SourceId, Watched, redact::redact};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch::Receiver;
use tokio::time::{sleep, timeout};

use crate::batch::{Batch, Clock};
use crate::observer::{Observer, Source, Trouble};
use crate::watch::{Opened, Signal, Sink};

/// To connect and to find out what can be seen.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// Longer without an answer is a loss.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// What is still on its way when the load is over.
const LINGER_WITHIN: Duration = Duration::from_secs(7);
/// What is done outside the load.
const SURVEY_WITHIN: Duration = Duration::from_secs(3);
/// After a loss it is tried again after so long, then after twice that, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Looks are not made at whole seconds, when windows are cut, nor all at once.
const FIRST_OFFSET_US: u64 = 150_000;
const NEXT_OFFSET_US: u64 = 70_000;

/// One observer with what surrounds it.
pub(crate) struct Task {
    pub source: Box<dyn Source>,
    pub id: SourceId,
    /// From 0: spreads the looks.
    pub place: u64,
    pub clock: Clock,
    pub sink: Sink,
    pub signal: Receiver<Signal>,
    /// Told once, when it is known whether it can be seen.
    pub opened: Option<Sender<Opened>>,
    /// Told with the number of each look that a probe asked for.
    pub counted: Sender<u64>,
    /// Raised while it is seen.
    pub seeing: Arc<AtomicUsize>,
}

impl Task {
    /// Until it is told to stop.
    pub async fn run(mut self) {
        let subject = self.source.subject();
        let mut batch = Batch::new(self.clock.clone(), self.id, &subject);
        let (mut is_lost, mut pause) = (false, FIRST_PAUSE);
        loop {
            let opened = timeout(OPEN_WITHIN, self.source.open()).await;
            let opened = opened.unwrap_or_else(|_| Err(no_answer(OPEN_WITHIN)));
            let trouble = match opened {
                Ok(observer) => {
                    if std::mem::take(&mut is_lost) {
                        let what = subject.clone();
                        batch.mark(Mark::Regained { what });
                    }
                    pause = FIRST_PAUSE;
                    self.seeing.fetch_add(1, Ordering::Release);
                    let ended = self.observe(observer, &mut batch).await;
                    self.seeing.fetch_sub(1, Ordering::Release);
                    match ended {
                        Ok(()) => return,
                        Err(trouble) => trouble,
                    }
                }
                Err(trouble) => trouble,
            };
            if !std::mem::replace(&mut is_lost, true) {
                let (what, why) = (subject.clone(), redact(&trouble.to_string()));
                batch.mark(Mark::Lost { what, why });
            }
            (self.sink)(batch.take());
            if matches!(trouble, Trouble::Refused { .. }) {
                pause = LONGEST_PAUSE;
            }
            self.tell(Err(trouble));
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(&mut self.signal) => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn observe(
        &mut self,
        mut observer: Box<dyn Observer>,
        batch: &mut Batch,
    ) -> Result<(), Trouble> {
        let watched = observer.watched();
        batch.announce(watched.clone());
        let every = self.source.every();
        let longest = every / 2;
        let mut spent = Duration::ZERO;
        let known = *self.signal.borrow();
        let (mut edges, mut counts, mut surveys) = (known.edges, known.counts, known.surveys);
        batch.look(0, true, Duration::MAX);
        self.look(observer.as_mut(), batch, &mut spent).await?;
        if self.opened.is_some() {
            survey(observer.as_mut(), batch).await?;
            (self.sink)(batch.take());
        }
        self.tell(Ok(watched));
        for number in 1.. {
            let is_edge = tokio::select! {
                // Between the looks that a probe asks for, others would only disturb.
                () = sleep(self.until_next(every)), if counts == 0 => false,
                // The watch ended without a word: nobody wants to see any more.
                changed = self.signal.changed() => changed.is_ok(),
            };
            let told = *self.signal.borrow_and_update();
            let is_over = told.stop || self.signal.has_changed().is_err();
            if std::mem::replace(&mut counts, told.counts) != told.counts {
                batch.look(number, false, Duration::MAX);
                self.count(observer.as_mut(), batch).await?;
                if std::mem::replace(&mut surveys, told.surveys) != told.surveys {
                    survey(observer.as_mut(), batch).await?;
                    (self.sink)(batch.take());
                }
                // Nobody may wait for it.
                let _ = self.counted.send(told.counts);
            }
            if std::mem::replace(&mut edges, told.edges) == told.edges && is_edge && !is_over {
                continue;
            }
            if is_over {
                // What has not come by then is not waited for.
                let _ = timeout(LINGER_WITHIN, observer.linger()).await;
            }
            let limit = if is_edge { Duration::MAX } else { longest };
            batch.look(number, is_edge, limit);
            self.look(observer.as_mut(), batch, &mut spent).await?;
            if is_over {
                survey(observer.as_mut(), batch).await?;
                (self.sink)(batch.take());
                return Ok(());
            }
        }
        Ok(())
    }

    async fn count(
        &mut self,
        observer: &mut dyn Observer,
        batch: &mut Batch,
    ) -> Result<(), Trouble> {
        let result = timeout(LOOK_WITHIN, observer.count(batch))
            .await
            .unwrap_or_else(|_| Err(no_answer(LOOK_WITHIN)));
        (self.sink)(batch.take());
        result
    }

    async fn look(
        &mut self,
        observer: &mut dyn Observer,
        batch: &mut Batch,
        spent: &mut Duration,
    ) -> Result<(), Trouble> {
        let began = Instant::now();
        let look = Metered {
            spent: Duration::ZERO,
            inner: observer.look(batch),
        };
        let (result, cpu) = timeout(LOOK_WITHIN, look)
            .await
            .unwrap_or_else(|_| (Err(no_answer(LOOK_WITHIN)), Duration::ZERO));
        *spent += cpu;
        let (took, beside) = (began.elapsed(), observer.spent_beside());
        if result.is_ok() {
            batch.cost(took, *spent + beside);
        }
        (self.sink)(batch.take());
        result
    }

    /// Until the next instant at which it looks: multiples of the distance, a little later for each observer.
    fn until_next(&self, every: Duration) -> Duration {
        let every = every.as_micros().max(1) as u64;
        let offset = (FIRST_OFFSET_US + self.place * NEXT_OFFSET_US) % every;
        let now = (self.clock)() + every - offset;
        Duration::from_micros(every - now % every)
    }

    fn tell(&mut self, result: Result<Watched, Trouble>) {
        if let Some(sender) = self.opened.take() {
            let subject = self.source.subject();
            // Nobody waits any more.
            let _ = sender.send(Opened { subject, result });
        }
    }
}

fn no_answer(within: Duration) -> Trouble {
    Trouble::Lost(format!("no answer within {} s", within.as_secs()))
}

async fn survey(observer: &mut dyn Observer, batch: &mut Batch) -> Result<(), Trouble> {
    batch.look(0, true, Duration::MAX);
    // What is not seen in time is not seen: it is not needed for anything else.
    timeout(SURVEY_WITHIN, observer.survey(batch))
        .await
        .unwrap_or(Ok(()))
}

async fn stopped(signal: &mut Receiver<Signal>) {
    // An error is the end of the watch.
    let _ = signal.wait_for(|signal| signal.stop).await;
}

/// A frame that says that an observer has ended by a defect.
pub(crate) fn defect(id: SourceId, subject: &str, at: u64) -> Frame {
    Frame {
        at,
        span: 0,
        source: id,
        phase: 0,
        body: Body::Mark(Mark::Lost {
            what: subject.to_owned(),
            why: "its observer failed: a defect in katydid".to_owned(),
        }),
    }
}

/// Measures the processor time of the thread while the inner future is polled.
struct Metered<F> {
    spent: Duration,
    inner: F,
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let began = thread_cpu();
        let polled = Pin::new(&mut self.inner).poll(context);
        self.spent += thread_cpu().saturating_sub(began);
        polled.map(|output| (output, self.spent))
    }
}

/// Processor time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u32)
}
