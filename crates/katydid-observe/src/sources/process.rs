//! `port:8000`, `pid:1234`: a server on this machine, with all its processes.

use katydid_record::Watched;

use crate::address::Address;
use crate::batch::Batch;
use crate::machine::local::Local;
use crate::machine::process::{Processes, Wanted};
use crate::observer::{Boxed, Observer, Source, Trouble};

struct ProcessSource {
    wanted: Wanted,
}

struct ProcessObserver {
    wanted: Wanted,
    processes: Processes,
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

    fn count<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        self.look(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
