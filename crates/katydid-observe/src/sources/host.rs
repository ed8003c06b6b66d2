//! `host`: the machine that katydid runs on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use katydid_record::Watched;

use crate::address::Address;
use crate::batch::Batch;
use crate::machine::host::Host;
use crate::machine::local::Local;
use crate::observer::{Boxed, Observer, Source, Trouble};

/// A machine began anew if its start moved by more than its clock is corrected, s.
const CORRECTED_S: u64 = 60;

/// This machine.
#[derive(Default)]
struct HostSource {
    booted: Arc<AtomicU64>,
}

struct HostObserver {
    host: Host,
    before: u64,
}

/// Reads the address.
#[allow(clippy::unnecessary_wraps)] // as all in the list
pub fn make(_: &Address) -> Result<Box<dyn Source>, String> {
    Ok(Box::new(HostSource::default()))
}

/// Says so if the machine was started anew since it was last seen.
pub(crate) fn tell_restart(before: &mut u64, booted: u64, batch: &mut Batch) {
    if *before > 0 && before.abs_diff(booted) > CORRECTED_S {
        batch.restarted("the machine was started anew");
    }
    *before = booted;
}

impl Source for HostSource {
    fn subject(&self) -> String {
        "host".into()
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let host = Host::open(&mut Local).await?;
            let before = self.booted.swap(host.booted, Ordering::Relaxed);
            Ok(Box::new(HostObserver { host, before }) as Box<dyn Observer>)
        })
    }
}

impl Observer for HostObserver {
    fn watched(&self) -> Watched {
        Watched {
            subject: "host".into(),
            kind: "host".into(),
            title: self.host.title.clone(),
            every_ms: 1_000,
            sights: self.host.sights(),
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            tell_restart(&mut self.before, self.host.booted, batch);
            self.host.look(&mut Local, batch).await
        })
    }
}
