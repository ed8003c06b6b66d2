//! The plan's events: each runs its command when it is due, and is watched to its end, on threads that the load does not share.
//!
//! A command runs in a process group of its own under a shell that stays until the run is over, held by a socket (its leash): so
//! the group's number is not given to others meanwhile, and all that the command left behind can be ended with it. The shell says
//! the command's status over the leash, because whoever else waits for children in this process may take that away.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use katydid_analyze::events::sentence;
use katydid_engine::clock::{self, MILLISECOND, Nanos, SECOND};
use katydid_engine::message::{self, Follow};
use katydid_engine::pacer::Share;
use katydid_record::redact::redact;
use katydid_record::{Body, Event, EventId, EventOutcome, Frame, Mark, Plan, Schedule};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Live, SessionError, log};

/// The end of what a command prints that is kept, bytes.
const OUTPUT: usize = 2_048;
/// So much is held before secrets are taken out, so that a key is not cut off from its value.
const HELD: usize = 4 * OUTPUT;
/// Between being asked to end and being killed.
const GRACE: Nanos = 2 * SECOND;
/// Output may come so long after the command has ended.
const LAST_WORDS: Nanos = 200 * MILLISECOND;

/// Runs the command `$1`, says its status, and stays while the leash is held.
const SHELL: &str = r#"trap : TERM
/bin/sh -c "$1" </dev/null
status=$?
exec >/dev/null 2>&1
echo $status >&0
read -r status"#;

/// What the thread is told.
enum News {
    LoadBegan(Nanos),
    /// Nothing is begun any more.
    LoadEnded,
    /// A command has ended at this instant; without a status by a signal.
    Ended(EventId, Option<i32>, Nanos),
    /// All of its output has come.
    Quiet(EventId),
    /// Everything is to end now.
    RunEnded,
}

/// The handle of the events' thread; of a run without events nothing.
#[derive(Default)]
pub struct Hooks(Option<(Sender<News>, JoinHandle<()>)>);

impl Hooks {
    /// Waits for the load to begin. Only the session that keeps the run in a directory runs its events.
    pub fn ready(
        plan: &Plan,
        run_dir: Option<&Path>,
        start: Nanos,
        frames: log::Sender,
    ) -> Result<Self, SessionError> {
        let Some(run_dir) = run_dir.filter(|_| !plan.events.is_empty()) else {
            return Ok(Self::default());
        };
        let (tell, told) = channel();
        let run_dir = std::path::absolute(run_dir).unwrap_or_else(|_| run_dir.to_owned());
        // Taken now: a script may change them while another thread reads them.
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        variables.push(("KATYDID_RUN_DIR".into(), run_dir.into()));
        let keeper = Keeper {
            waiting: (0..).zip(plan.events.clone()).collect(),
            running: Vec::new(),
            start,
            load_began: None,
            variables,
            tell: tell.clone(),
            frames,
        };
        let thread = thread::Builder::new().name("katydid-events".into());
        let thread = thread.spawn(move || keeper.run(&told));
        let thread = thread.map_err(SessionError::Hooks)?;
        Ok(Self(Some((tell, thread))))
    }

    fn tell(&self, news: News) {
        if let Some((tell, _)) = &self.0 {
            // It ends only when it is told to.
            let _ = tell.send(news);
        }
    }

    /// Ends every command that is still at work; nothing of them is left afterwards.
    pub fn stop(&mut self) {
        self.tell(News::RunEnded);
        if let Some((_, thread)) = self.0.take() {
            // A panic there has shown itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Live {
    /// Follows a schedule that began at this instant, which all processes of the run know, or begins now; its end ends the run. The
    /// plan's events count from there.
    pub fn follow(&mut self, schedule: Schedule, began: Option<Nanos>) {
        let began = began.unwrap_or_else(clock::now);
        self.load_began(began);
        let share = self.worker.map_or(Share::WHOLE, |place| place.share());
        self.command(message::Command::Follow(Box::new(Follow {
            schedule,
            began,
            share,
        })));
    }

    /// The load begins at this instant; it may be others that make it.
    pub fn load_began(&self, began: Nanos) {
        self.hooks.tell(News::LoadBegan(began));
    }

    /// No event of the plan is begun any more.
    pub fn end_events(&self) {
        self.hooks.tell(News::LoadEnded);
    }

    /// Nothing of the plan comes any more.
    pub fn end_load(&self) {
        self.end_events();
        self.command(message::Command::EndLoad);
    }
}

/// The plan as it may be kept.
pub fn without_secrets(mut plan: Plan) -> Plan {
    for event in &mut plan.events {
        event.command = redact(&event.command);
    }
    plan
}

/// What is said of an event when it happens, and whether it went wrong.
pub fn line(mark: &Mark) -> Option<(String, bool)> {
    match mark {
        Mark::EventBegan { name, command, .. } => Some((format!("event {name}: {command}"), false)),
        Mark::EventEnded {
            name,
            outcome,
            status,
            took_us,
            output,
            ..
        } => {
            let how = sentence(*outcome, *status, *took_us);
            let wrong = outcome.is_failure();
            let last = output.lines().last().filter(|_| wrong);
            let last = last.map(|last| format!(": {last}")).unwrap_or_default();
            Some((format!("event {name}: {how}{last}"), wrong))
        }
        _ => None,
    }
}

struct Keeper {
    /// In the order of their times.
    waiting: VecDeque<(EventId, Event)>,
    running: Vec<Running>,
    start: Nanos,
    load_began: Option<Nanos>,
    variables: Vec<(OsString, OsString)>,
    tell: Sender<News>,
    frames: log::Sender,
}

/// A command that was begun, and its group until the end of the run.
struct Running {
    event: EventId,
    name: String,
    began: Nanos,
    shell: Child,
    tail: Arc<Mutex<Tail>>,
    quiet: bool,
    state: State,
    /// Nobody is left of its group, whose number may be another's by now.
    killed: bool,
    /// The shell goes when this is dropped.
    _leash: UnixStream,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// At work, with so much time.
    Working { until: Nanos },
    /// Asked to end.
    Leaving { why: EventOutcome, until: Nanos },
    /// Killed.
    Killed { why: EventOutcome, until: Nanos },
    /// It has ended; its last words may be on the way.
    Ended {
        how: EventOutcome,
        status: Option<i32>,
        at: Nanos,
        until: Nanos,
    },
    /// And that was told.
    Told,
}

impl Keeper {
    fn run(mut self, told: &Receiver<News>) {
        let mut ending = false;
        loop {
            let now = clock::now();
            self.begin_what_is_due(now);
            self.look_after(now);
            if ending && self.running.iter().all(|r| r.state == State::Told) {
                break;
            }
            match told.recv_timeout(self.patience()) {
                Ok(News::LoadBegan(at)) => self.load_began = Some(at),
                Ok(News::LoadEnded) => self.waiting.clear(),
                Ok(News::Ended(event, status, at)) => self.ended(event, status, at),
                Ok(News::Quiet(event)) => self.of(event, |running| running.quiet = true),
                Ok(News::RunEnded) => {
                    ending = true;
                    self.waiting.clear();
                    let now = clock::now();
                    for running in &mut self.running {
                        if matches!(running.state, State::Working { .. }) {
                            running.leave(EventOutcome::Stopped, now);
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ending = true,
            }
        }
        self.running.iter_mut().for_each(Running::clear_away);
    }

    /// Until something is due.
    fn patience(&self) -> Duration {
        const LONG: Nanos = 3_600 * SECOND;
        let now = clock::now();
        let first = self.due_of_first();
        let limits = self
            .running
            .iter()
            .filter_map(|running| match running.state {
                State::Ended { .. } if running.quiet => Some(now),
                State::Working { until }
                | State::Leaving { until, .. }
                | State::Killed { until, .. }
                | State::Ended { until, .. } => Some(until),
                State::Told => None,
            });
        let next = limits.chain(first).min().unwrap_or(now + LONG);
        Duration::from_nanos(next.saturating_sub(now))
    }

    fn due_of_first(&self) -> Option<Nanos> {
        let (_, event) = self.waiting.front()?;
        Some(self.load_began? + (event.at_s * SECOND as f64) as Nanos)
    }

    fn begin_what_is_due(&mut self, now: Nanos) {
        while let Some(due) = self.due_of_first().filter(|due| *due <= now)
            && let Some((number, event)) = self.waiting.pop_front()
        {
            self.begin(number, &event, due);
        }
    }

    fn begin(&mut self, number: EventId, event: &Event, due: Nanos) {
        let began = clock::now();
        let mark = Mark::EventBegan {
            event: number,
            name: event.name.clone(),
            command: redact(&event.command),
            late_us: clock::micros_between(due, began),
        };
        self.send(began, mark);
        let until = began + (event.limit_s * SECOND as f64) as Nanos;
        match self.spawn(number, event, began, until) {
            Ok(running) => self.running.push(running),
            Err(error) => {
                let mark = Mark::EventEnded {
                    event: number,
                    name: event.name.clone(),
                    outcome: EventOutcome::NotStarted,
                    status: None,
                    took_us: 0,
                    output: error.to_string(),
                };
                self.send(clock::now(), mark);
            }
        }
    }

    fn spawn(
        &self,
        event: EventId,
        planned: &Event,
        began: Nanos,
        until: Nanos,
    ) -> io::Result<Running> {
        let (leash, other_end) = UnixStream::pair()?;
        let (output, printed) = io::pipe()?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let status = BufReader::new(leash.try_clone()?);
        let shell = Command::new("/bin/sh")
            .args(["-c", SHELL, "sh"])
            .arg(&planned.command)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("KATYDID_EVENT", &planned.name)
            .stdin(OwnedFd::from(other_end))
            .stdout(printed.try_clone()?)
            .stderr(printed)
            .process_group(0)
            .spawn()?;
        let mut running = Running {
            event,
            name: planned.name.clone(),
            began,
            shell,
            tail: tail.clone(),
            quiet: false,
            state: State::Working { until },
            killed: false,
            _leash: leash,
        };
        let (tell, tell_too) = (self.tell.clone(), self.tell.clone());
        let watched = in_the_background(move || keep_the_end(output, &tail, event, &tell))
            .and_then(|()| in_the_background(move || wait_for_status(status, event, &tell_too)));
        if let Err(error) = watched {
            running.clear_away();
            return Err(error);
        }
        Ok(running)
    }

    fn of(&mut self, event: EventId, change: impl FnOnce(&mut Running)) {
        let mut all = self.running.iter_mut();
        if let Some(running) = all.find(|running| running.event == event) {
            change(running);
        }
    }

    fn ended(&mut self, event: EventId, status: Option<i32>, at: Nanos) {
        self.of(event, |running| {
            let in_time = matches!(running.state, State::Working { .. });
            // Without a status the shell is gone, too, and no longer keeps the group's number.
            if status.is_none() || !in_time {
                running.kill();
            }
            let how = match running.state {
                State::Working { .. } if status == Some(0) => EventOutcome::Done,
                State::Working { .. } => EventOutcome::Failed,
                State::Leaving { why, .. } | State::Killed { why, .. } => why,
                State::Ended { .. } | State::Told => return,
            };
            let until = at + LAST_WORDS;
            running.state = State::Ended {
                how,
                status,
                at,
                until,
            };
        });
    }

    /// Limits that have passed, and last words that have come.
    fn look_after(&mut self, now: Nanos) {
        let mut told = Vec::new();
        for running in &mut self.running {
            match running.state {
                State::Working { until } if now >= until => {
                    running.leave(EventOutcome::TookTooLong, now);
                }
                State::Leaving { why, until } if now >= until => {
                    running.kill();
                    running.state = State::Killed {
                        why,
                        until: now + GRACE,
                    };
                }
                State::Killed { why, until } if now >= until => {
                    told.push(running.tell(why, None, now));
                }
                State::Ended {
                    how,
                    status,
                    at,
                    until,
                } if running.quiet || now >= until => {
                    told.push(running.tell(how, status, at));
                }
                _ => {}
            }
        }
        for (at, mark) in told {
            self.send(at, mark);
        }
    }

    fn send(&self, at: Nanos, mark: Mark) {
        self.frames.send_all(vec![Frame {
            at: at.saturating_sub(self.start) / 1_000,
            span: 0,
            source: log::LOG,
            phase: 0,
            body: Body::Mark(mark),
        }]);
    }
}

impl Running {
    fn leave(&mut self, why: EventOutcome, now: Nanos) {
        self.signal(Signal::TERM);
        self.state = State::Leaving {
            why,
            until: now + GRACE,
        };
    }

    /// To all of its group.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw) {
            // That nobody is left is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    fn kill(&mut self) {
        if !std::mem::replace(&mut self.killed, true) {
            self.signal(Signal::KILL);
        }
    }

    /// Once: how it ended, and when.
    fn tell(&mut self, outcome: EventOutcome, status: Option<i32>, at: Nanos) -> (Nanos, Mark) {
        self.state = State::Told;
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = Mark::EventEnded {
            event: self.event,
            name: self.name.clone(),
            outcome,
            status,
            took_us: clock::micros_between(self.began, at),
            output: tail.text(),
        };
        (at, mark)
    }

    /// Whatever is left of its group.
    fn clear_away(&mut self) {
        self.kill();
        // Somebody else may have waited for it.
        let _ = self.shell.wait();
    }
}

fn in_the_background(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("katydid-event".into());
    thread.stack_size(128 << 10).spawn(work).map(|_| ())
}

fn wait_for_status(mut leash: BufReader<UnixStream>, event: EventId, tell: &Sender<News>) {
    let mut line = String::new();
    let status = leash.read_line(&mut line).ok();
    let status = status.and_then(|_| line.trim().parse().ok());
    // Nobody may be waiting any more.
    let _ = tell.send(News::Ended(event, status, clock::now()));
}

fn keep_the_end(mut output: PipeReader, tail: &Mutex<Tail>, event: EventId, tell: &Sender<News>) {
    let mut bytes = [0; 4_096];
    loop {
        match output.read(&mut bytes) {
            Ok(n) if n > 0 => {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.push(&bytes[..n]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    // Nobody may be waiting any more.
    let _ = tell.send(News::Quiet(event));
}

/// The end of what a command prints.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * HELD {
            self.bytes.drain(..self.bytes.len() - HELD);
            self.cut = true;
        }
    }

    /// Whole lines where it can be, without secrets.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let whole = match text.split_once('\n') {
            Some((_, whole)) if self.cut => whole,
            _ => &text,
        };
        let text = redact(whole.trim_end());
        if text.len() <= OUTPUT {
            return text;
        }
        let mut from = text.len() - OUTPUT;
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let end = &text[from..];
        let lines = end.split_once('\n').map_or(end, |(_, lines)| lines);
        format!("…\n{lines}")
    }
}

#[cfg(test)]
mod tests;
