//! Processes that a validation starts and waits for: runs, and hooks. Each has a process group of its own, so that what it starts ends
//! with it.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicUsize;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use katydid_record::redact::redact;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{LOOK, is_stopped};

/// The end of a log that is told.
const TOLD: u64 = 2_000;
/// Variables that say what is ours to say, or would have each run write over the last one's files.
const OURS: [&str; 18] = [
    "KATYDID_BASELINE",
    "KATYDID_EXPERIMENT",
    "KATYDID_JUNIT",
    "KATYDID_LOAD",
    "KATYDID_MARKDOWN",
    "KATYDID_PROBE",
    "KATYDID_PROBED",
    "KATYDID_RUN_DIR",
    "KATYDID_STRICT",
    "KATYDID_SUMMARY",
    "GITHUB_STEP_SUMMARY",
    "LOCUST_CSV",
    "LOCUST_CSV_FULL_HISTORY",
    "LOCUST_HOST",
    "LOCUST_HTML",
    "LOCUST_RUN_TIME",
    "LOCUST_SPAWN_RATE",
    "LOCUST_USERS",
];
/// A run that was asked to end keeps its record first.
const GRACE: Duration = Duration::from_secs(20);

/// A process that was started.
pub struct Child {
    process: std::process::Child,
    /// It is over, and its number may be another's.
    is_over: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself; 128 and more by a signal.
    With(i32),
    /// Because we were asked to end.
    Interrupted,
}

impl Child {
    /// A run, whose output goes to a log.
    pub fn start(launcher: &[String], words: &[String], log: &Path) -> anyhow::Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output
            .try_clone()
            .context("cannot write the run's output")?;
        let mut command = Command::new(&launcher[0]);
        for name in OURS {
            command.env_remove(name);
        }
        command
            .args(&launcher[1..])
            .args(words)
            .env("KATYDID_WITH_PARENT", "1")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        Self::of(command).context("cannot start a run")
    }

    /// Any command.
    pub fn of(mut command: Command) -> io::Result<Self> {
        Ok(Self {
            process: command.process_group(0).spawn()?,
            is_over: false,
        })
    }

    /// Waits for a run, and says on a terminal how far it is.
    pub fn wait(
        &mut self,
        stage: &str,
        length_s: f64,
        signals: &AtomicUsize,
    ) -> anyhow::Result<Ended> {
        let shows = io::stderr().is_terminal();
        let (began, mut last) = (Instant::now(), u64::MAX);
        let ended = loop {
            if let Some(ended) = self.look(signals)? {
                break ended;
            }
            let seconds = began.elapsed().as_secs();
            if shows && seconds != last {
                last = seconds;
                eprint!("\r\x1b[K{stage}: {seconds} s of about {length_s:.0} s");
                let _ = io::stderr().flush();
            }
            sleep(LOOK);
        };
        if shows {
            eprint!("\r\x1b[K");
        }
        Ok(ended)
    }

    /// Waits so long at most; then it is ended, and the answer is `None`.
    pub fn wait_for(
        &mut self,
        patience: Duration,
        signals: &AtomicUsize,
    ) -> anyhow::Result<Option<Ended>> {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(ended) = self.look(signals)? {
                return Ok(Some(ended));
            }
            sleep(LOOK);
        }
        self.end(Signal::KILL);
        Ok(None)
    }

    fn look(&mut self, signals: &AtomicUsize) -> anyhow::Result<Option<Ended>> {
        use std::os::unix::process::ExitStatusExt;
        if let Some(status) = self
            .process
            .try_wait()
            .context("cannot wait for a process")?
        {
            self.is_over = true;
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal));
            return Ok(Some(Ended::With(code.unwrap_or(1))));
        }
        if !is_stopped(signals) {
            return Ok(None);
        }
        self.end(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < GRACE && matches!(self.process.try_wait(), Ok(None)) {
            sleep(LOOK);
        }
        self.end(Signal::KILL);
        Ok(Some(Ended::Interrupted))
    }

    fn end(&mut self, signal: Signal) {
        if self.is_over {
            return;
        }
        if let Some(group) = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, signal);
        }
        if signal == Signal::KILL {
            let _ = self.process.wait();
            self.is_over = true;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}

/// The last lines of a log, in one.
pub fn last_words(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TOLD)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join(" / ");
    if last.is_empty() {
        format!("it said nothing; see {}", log.display())
    } else {
        redact(&last)
    }
}
