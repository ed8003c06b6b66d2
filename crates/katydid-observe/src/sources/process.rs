//! `port:8000`, `pid:1234`: a server on this machine, with all its processes.

use std::collections::{BTreeSet, HashMap};

use katydid_record::Watched;

use crate::address::Address;
use crate::batch::Batch;
use crate::machine::local::{self, Local};
use crate::machine::process::{Processes, Wanted};
use crate::machine::text::{listeners, stat};
use crate::machine::who::{called, without_children};
use crate::observer::{Boxed, Observer, Source, Trouble};

struct ProcessSource {
    wanted: Wanted,
}

struct ProcessObserver {
    wanted: Wanted,
    processes: Processes,
}

/// Something that listens on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The roots of the server: their parents do not hold the port. Empty where it may not be seen who listens.
    pub pids: Vec<u32>,
    /// For a reader: `uvicorn, port 8000`.
    pub title: String,
}

/// Who listens on a port of this machine, if anybody does.
pub fn listening(port: u16) -> Option<Listening> {
    let table = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}"));
    let tables = ["tcp", "tcp6"].map(|name| table(name).unwrap_or_default());
    let inodes: BTreeSet<u64> = tables
        .iter()
        .flat_map(|table| listeners(table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let holders: BTreeSet<u32> = local::sockets()
        .into_iter()
        .filter_map(|(pid, inode)| inodes.contains(&inode).then_some(pid))
        .collect();
    let read = |pid: u32, file: &str| {
        let content = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&content).into_owned()
    };
    let parent = |pid: &u32| Some((*pid, stat(&read(*pid, "stat"))?.parent));
    let parents: HashMap<u32, u32> = holders.iter().filter_map(parent).collect();
    let pids = without_children(&holders, &parents);
    let name = pids.first().map_or_else(
        || "a process of another user".to_owned(),
        |pid| called(&read(*pid, "cmdline"), read(*pid, "comm").trim_end()),
    );
    let title = format!("{name}, port {port}");
    Some(Listening { pids, title })
}

/// Reads the address.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let wanted = wanted(&address.scheme, &address.rest)?;
    Ok(Box::new(ProcessSource { wanted }))
}

/// What `port` or `pid` and a number mean.
pub(crate) fn wanted(what: &str, number: &str) -> Result<Wanted, String> {
    let number = number.trim_start_matches('/');
    let wanted = match what {
        "port" => number
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .map(Wanted::Port),
        _ => number.parse().ok().filter(|pid| *pid > 0).map(Wanted::Pid),
    };
    wanted.ok_or_else(|| format!("a number is wanted, for example {what}:8000"))
}

impl Source for ProcessSource {
    fn subject(&self) -> String {
        self.wanted.to_string()
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        let wanted = self.wanted;
        Box::pin(async move {
            let processes = Processes::open(wanted, &mut Local).await?;
            Ok(Box::new(ProcessObserver { wanted, processes }) as Box<dyn Observer>)
        })
    }
}

impl Observer for ProcessObserver {
    fn watched(&self) -> Watched {
        Watched {
            subject: self.wanted.to_string(),
            kind: "process".into(),
            title: self.processes.title.clone(),
            every_ms: 1_000,
            sights: self.processes.sights(),
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move { self.processes.look(&mut Local, batch).await })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_here() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let found = listening(port).expect("it listens");
        assert_eq!(found.pids, [std::process::id()]);
        assert!(
            found.title.ends_with(&format!(", port {port}")),
            "{found:?}"
        );
        drop(listener);
        assert_eq!(listening(port), None);
    }

    #[test]
    fn numbers_are_wanted() {
        assert_eq!(wanted("port", "8000"), Ok(Wanted::Port(8000)));
        assert_eq!(wanted("pid", "//12"), Ok(Wanted::Pid(12)));
        for (what, number) in [
            ("port", "70000"),
            ("port", "0"),
            ("port", ""),
            ("pid", "-1"),
        ] {
            assert!(wanted(what, number).is_err(), "{what} {number}");
        }
    }
}
