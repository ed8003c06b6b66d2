//! One side of a validation: how the service is made what it is there, and that it answers before it is measured.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicUsize;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use katydid_engine::http1::{Scheme, Url};
use katydid_record::redact::redact;

use super::LOOK;
use super::children::{Child, Ended, last_words};
use crate::cli::ValidateOptions;
use crate::cli::words::has;
use crate::error::UsageError;
use crate::plan::Located;

/// Answers in a row after which a service is up.
const ANSWERS: u32 = 3;
/// One of them may take so long.
const ANSWER: Duration = Duration::from_secs(5);
/// Where nothing was switched, the service should be up.
const UP: Duration = Duration::from_secs(10);

/// One of the two.
pub struct Side {
    /// `before` or `after`.
    pub word: &'static str,
    /// For a reader.
    pub label: String,
    /// Words that its runs get.
    pub words: Vec<String>,
    hook: Option<String>,
    /// What is asked until it answers.
    health: Option<String>,
}

/// Both, before and after.
pub fn sides(options: &ValidateOptions, located: &Located) -> Result<[Side; 2], UsageError> {
    let side =
        |word, label: &str, words: Vec<String>, hook: Option<&String>, host: Option<&String>| {
            Side {
                word,
                label: redact(label),
                words,
                hook: hook.cloned(),
                health: options.health.as_ref().or(host).cloned(),
            }
        };
    let host = located.host.as_ref();
    // The environment may have said it; a run is told by a word.
    let to_host = || host.map_or_else(Vec::new, |host| vec!["--host".to_owned(), host.clone()]);
    let header = |own: &str| {
        let is_said = has(&options.rest, "--header");
        let everybody = std::env::var("KATYDID_HEADER").ok();
        // A list in brackets is for a run to read; it would have to be given as words here.
        let everybody = everybody.filter(|text| !is_said && !text.starts_with('['));
        let all = everybody.iter().map(String::as_str).chain([own]);
        all.flat_map(|header| ["--header".to_owned(), header.to_owned()])
            .collect::<Vec<_>>()
    };
    let option = |flag: &str, value: &str| vec![flag.to_owned(), value.to_owned()];
    if options.same {
        return Ok([
            side("before", "the service", to_host(), None, host),
            side("after", "the same again", to_host(), None, host),
        ]);
    }
    if let (Some(before), Some(after)) = (&options.before, &options.after) {
        if has(&options.rest, "--host") || options.rest.iter().any(|word| word == "-H") {
            return Err(UsageError::new(
                "--before and --after say where load goes; leave out --host",
            ));
        }
        return Ok([
            side(
                "before",
                before,
                option("--host", before),
                None,
                Some(before),
            ),
            side("after", after, option("--host", after), None, Some(after)),
        ]);
    }
    if let (Some(before), Some(after)) = (&options.before_hook, &options.after_hook) {
        if host.is_none() && options.health.is_none() {
            return Err(UsageError::new(
                "after a hook the service is asked until it answers: give --host URL, or --health URL",
            ));
        }
        return Ok([
            side("before", before, to_host(), Some(before), host),
            side("after", after, to_host(), Some(after), host),
        ]);
    }
    if let (Some(before), Some(after)) = (&options.before_header, &options.after_header) {
        return Ok([
            side(
                "before",
                before,
                [to_host(), header(before)].concat(),
                None,
                host,
            ),
            side(
                "after",
                after,
                [to_host(), header(after)].concat(),
                None,
                host,
            ),
        ]);
    }
    Err(UsageError::new(
        "validate needs two sides: --before URL --after URL, or --before-hook COMMAND --after-hook COMMAND, or --before-header 'Name: value' --after-header 'Name: value'",
    ))
}

impl Side {
    /// Makes the service what it is on this side, and waits until it answers.
    pub fn prepare(
        &self,
        log: &Path,
        options: &ValidateOptions,
        signals: &AtomicUsize,
    ) -> anyhow::Result<()> {
        let patience = Duration::from_secs(options.hook_timeout.0);
        if let Some(hook) = &self.hook {
            self.switch(hook, log, patience, signals)?;
        }
        let patience = if self.hook.is_some() { patience } else { UP };
        match &self.health {
            Some(url) => answers(url, patience, signals),
            None => Ok(()),
        }
    }

    fn switch(
        &self,
        hook: &str,
        log: &Path,
        patience: Duration,
        signals: &AtomicUsize,
    ) -> anyhow::Result<()> {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output
            .try_clone()
            .context("cannot write the hook's output")?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", hook])
            .env("KATYDID_SIDE", self.word)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let mut child =
            Child::of(command).with_context(|| format!("the hook '{}'", redact(hook)))?;
        match child.wait_for(patience, signals)? {
            Some(Ended::With(0)) => Ok(()),
            Some(Ended::With(code)) => {
                bail!(
                    "the hook '{}' ended with {code}: {}",
                    redact(hook),
                    last_words(log)
                )
            }
            Some(Ended::Interrupted) => bail!("interrupted"),
            None => bail!(
                "the hook '{}' has not ended after {} s (--hook-timeout): {}. What it starts has to go on in the background, without its output",
                redact(hook),
                patience.as_secs(),
                last_words(log)
            ),
        }
    }
}

/// Until it has answered a few times in a row.
fn answers(url: &str, patience: Duration, signals: &AtomicUsize) -> anyhow::Result<()> {
    let began = Instant::now();
    let parsed = Url::parse(url);
    let parsed = parsed.map_err(|error| UsageError::new(format!("{}: {error}", redact(url))))?;
    let mut answered = 0;
    loop {
        let why = match ask(&parsed) {
            Ok(()) => {
                answered += 1;
                None
            }
            Err(why) => {
                answered = 0;
                Some(why)
            }
        };
        if answered == ANSWERS {
            return Ok(());
        }
        if super::is_stopped(signals) {
            bail!("interrupted");
        }
        if let Some(why) = why
            && began.elapsed() > patience
        {
            bail!("{} does not answer: {why}. Is it started?", redact(url));
        }
        sleep(LOOK);
    }
}

/// One GET. Any answer below 500 will do; of https only that somebody listens.
fn ask(url: &Url) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let (host, port) = (url.origin.host.as_str(), url.origin.port);
    let addresses = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()
        .map_err(told)?;
    let mut why = format!("{host} has no address");
    let mut stream = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, ANSWER) {
            Ok(found) => {
                stream = Some(found);
                break;
            }
            Err(error) => why = error.to_string(),
        }
    }
    let mut stream = stream.ok_or(why)?;
    if url.origin.scheme != Scheme::Http {
        return Ok(());
    }
    stream.set_read_timeout(Some(ANSWER)).map_err(told)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: katydid\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.target,
        url.origin.host_header()
    );
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).map_err(told)?;
    let status = std::str::from_utf8(&head)
        .ok()
        .and_then(|head| head.split(' ').nth(1));
    match status {
        Some(status) if status < "500" => Ok(()),
        Some(status) => Err(format!("status {status}")),
        None => Err("it does not speak HTTP".to_owned()),
    }
}
