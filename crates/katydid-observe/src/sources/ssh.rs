//! `ssh://user@host/?port=8000`: another machine, and a server on it, through its ssh.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use katydid_record::Watched;
use url::Url;

use crate::address::Address;
use crate::batch::Batch;
use crate::machine::host::Host;
use crate::machine::process::{Processes, Wanted};
use crate::machine::remote::Remote;
use crate::observer::{Boxed, Observer, Source, Trouble};
use crate::sources::host::tell_restart;
use crate::sources::process::wanted;

#[derive(Clone)]
struct SshSource {
    /// As ssh takes it: `user@host`.
    target: String,
    port: Option<u16>,
    wanted: Option<Wanted>,
    booted: Arc<AtomicU64>,
}

struct SshObserver {
    subject: String,
    remote: Remote,
    host: Host,
    processes: Option<Processes>,
    before: u64,
}

/// Reads the address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let url = Url::parse(&address.whole).map_err(|error| error.to_string())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or("it names no machine; write for example ssh://user@host/?port=8000")?;
    if url.password().is_some() {
        return Err("a password cannot be given: ssh wants a key".into());
    }
    let target = match url.username() {
        "" => host.trim_matches(['[', ']']).to_owned(),
        user => format!("{user}@{}", host.trim_matches(['[', ']'])),
    };
    let mut process = None;
    for (name, value) in url.query_pairs() {
        if !matches!(&*name, "port" | "pid") || process.is_some() {
            return Err(format!(
                "'{name}' is not known here; write ?port=8000 or ?pid=1234"
            ));
        }
        process = Some(wanted(&name, &value)?);
    }
    Ok(Box::new(SshSource {
        target,
        port: url.port(),
        wanted: process,
        booted: Arc::default(),
    }))
}

impl Source for SshSource {
    fn subject(&self) -> String {
        let port = self
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        let process = self
            .wanted
            .map_or_else(String::new, |wanted| format!(" {wanted}"));
        format!("ssh {}{port}{process}", self.target)
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let mut remote = Remote::connect(&self.target, self.port).await?;
            let host = Host::open(&mut remote).await?;
            let processes = match self.wanted {
                Some(wanted) => Some(Processes::open(wanted, &mut remote).await?),
                None => None,
            };
            let before = self.booted.swap(host.booted, Ordering::Relaxed);
            Ok(Box::new(SshObserver {
                subject: self.subject(),
                remote,
                host,
                processes,
                before,
            }) as Box<dyn Observer>)
        })
    }
}

impl Observer for SshObserver {
    fn watched(&self) -> Watched {
        let mut title = self.host.title.clone();
        let mut sights = self.host.sights();
        if let Some(processes) = &self.processes {
            title = format!("{}, on {title}", processes.title);
            sights.extend(processes.sights());
        }
        Watched {
            subject: self.subject.clone(),
            kind: "host".into(),
            title,
            every_ms: 1_000,
            sights,
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            tell_restart(&mut self.before, self.host.booted, batch);
            self.host.look(&mut self.remote, batch).await?;
            if let Some(processes) = &mut self.processes {
                processes.look(&mut self.remote, batch).await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(word: &str) -> Result<String, String> {
        let source = Address::read(word).and_then(Address::source);
        let subject = source.map(|source| source.subject());
        subject.map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_address_means() {
        let check = |word, expected: &str| assert_eq!(subject(word).as_deref(), Ok(expected));
        check("ssh://box", "ssh box");
        check("ssh://me@box:2222/?port=8000", "ssh me@box:2222 port 8000");
        check("ssh://me@[::1]?pid=7", "ssh me@::1 pid 7");
        for word in ["ssh://", "ssh:box", "ssh://box?x=1", "ssh://box?port=x"] {
            assert!(subject(word).is_err(), "{word}");
        }
        let text = subject("ssh://me:hunter2@box").expect_err("a password");
        assert!(
            text.contains("ssh wants a key") && !text.contains("hunter2"),
            "{text}"
        );
    }
}
