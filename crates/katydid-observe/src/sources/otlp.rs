//! Spans of the target: a receiver of OTLP over HTTP, for the time of the run.
//!
//! The target's own instrumentation sends them. Spans of requests that this run has asked to be traced are counted by endpoint; of
//! those that are worth looking at, whole traces are kept.

mod call;
mod kept;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use katydid_record::{Sight, TraceId, Tracing, Watched};
use tokio::time::sleep;

use crate::address::{Address, AddressError};
use crate::batch::Batch;
use crate::listen;
use crate::observer::{Boxed, Observer, Source, Trouble};
use kept::Kept;
use server::Server;

const EVERY: Duration = Duration::from_secs(1);
/// Where exporters send to when nothing else is said.
const PORT: u16 = 4318;
/// Exporters send what they have every five seconds, by their default.
const LONGEST_WAIT: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(50);

/// Requests whose spans are to be kept whole, named while the run goes on.
#[derive(Clone, Default)]
pub struct Wanted(Arc<Mutex<Vec<TraceId>>>);

impl Wanted {
    /// Most names that wait to be read.
    const MOST: usize = 10_000;

    /// Keep the spans of this one.
    pub fn add(&self, trace: TraceId) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < Self::MOST {
            wanted.push(trace);
        }
    }

    fn take(&self) -> Vec<TraceId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Otlp {
    at: SocketAddr,
    run: Option<u32>,
    wanted: Wanted,
}

/// Reads an address: `otlp:127.0.0.1:4318`, `otlp:4318`.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let at = receiver_at(&address.rest)?;
    let wanted = Wanted::default();
    Ok(Box::new(Otlp {
        at,
        run: None,
        wanted,
    }))
}

/// A receiver for the requests of this run, which keeps the whole trace of those that are wanted.
pub fn receiver(
    address: &Address,
    tracing: Tracing,
    wanted: &Wanted,
) -> Result<Box<dyn Source>, AddressError> {
    let told = |why| AddressError(format!("'{}': {why}", address.whole));
    Ok(Box::new(Otlp {
        at: receiver_at(&address.rest).map_err(told)?,
        run: Some(tracing.run),
        wanted: wanted.clone(),
    }))
}

/// Where spans are received, as it is written behind `otlp:`.
///
/// # Errors
/// How to write it.
pub fn receiver_at(rest: &str) -> Result<SocketAddr, String> {
    match rest.trim_matches('/') {
        "" => Ok(([127, 0, 0, 1], PORT).into()),
        rest => listen::address(rest)
            .ok_or_else(|| "write where to listen for spans as otlp:127.0.0.1:4318".to_owned()),
    }
}

impl Source for Otlp {
    fn subject(&self) -> String {
        format!("spans at {}", self.at)
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        let opened = || {
            let listener = TcpListener::bind(self.at).map_err(|error| Trouble::Refused {
                why: format!("cannot listen for spans at {}: {error}", self.at),
                remedy: format!(
                    "--watch otlp:127.0.0.1:{}",
                    self.at.port().wrapping_add(100)
                ),
            })?;
            let at = listener.local_addr().unwrap_or(self.at);
            let kept = Arc::new(Mutex::new(Kept::new(self.run)));
            let server = Server::start(listener, kept.clone()).map_err(Trouble::lost)?;
            let receiver = Receiver {
                at,
                subject: self.subject(),
                kept,
                server,
                wanted: self.wanted.clone(),
                told: Vec::new(),
            };
            Ok(Box::new(receiver) as Box<dyn Observer>)
        };
        let opened = opened();
        Box::pin(async { opened })
    }
}

struct Receiver {
    at: SocketAddr,
    subject: String,
    kept: Arc<Mutex<Kept>>,
    server: Server,
    wanted: Wanted,
    /// Sights as they were said last.
    told: Vec<Sight>,
}

impl Receiver {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn once(&mut self, batch: &mut Batch, is_last: bool) {
        let read = batch.begin();
        let mut kept = self.kept();
        kept.want(self.wanted.take());
        for (name, value) in kept.totals() {
            batch.counter(name, "", &[], value as f64);
        }
        let names = kept.new_names();
        let counts = kept.take_counts();
        let traces = kept.take_wanted();
        drop(kept);
        batch.end(read);
        batch.calls(names, counts);
        for trace in traces {
            batch.trace(trace);
        }
        let watched = self.watched();
        let is_new = |known: &[Sight]| {
            let seen = |sights: &[Sight]| -> Vec<bool> { sights.iter().map(|s| s.seen).collect() };
            seen(known) != seen(&watched.sights)
        };
        if is_last || is_new(&self.told) {
            self.told.clone_from(&watched.sights);
            batch.announce(watched);
        }
    }

    async fn settle(&self) {
        self.kept().want(self.wanted.take());
        let began = Instant::now();
        let patience = self.kept().patience().min(LONGEST_WAIT);
        while began.elapsed() < patience && !self.kept().has_settled(began) {
            sleep(LOOK).await;
        }
    }
}

impl Observer for Receiver {
    fn watched(&self) -> Watched {
        let environment = format!(
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://{} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            self.at
        );
        Watched {
            subject: self.subject.clone(),
            kind: "spans".into(),
            title: format!("spans of the target, received at {}", self.at),
            every_ms: EVERY.as_millis() as u64,
            sights: self.kept().sights(&environment),
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        self.once(batch, false);
        Box::pin(async { Ok(()) })
    }

    fn survey<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        self.once(batch, true);
        Box::pin(async { Ok(()) })
    }

    fn linger(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.settle())
    }

    fn spent_beside(&self) -> Duration {
        self.server.cpu()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen() {
        let at = |rest: &str| receiver_at(rest).map(|at| at.to_string());
        assert_eq!(at(""), Ok("127.0.0.1:4318".into()));
        assert_eq!(at("4400"), Ok("127.0.0.1:4400".into()));
        assert_eq!(at("//0.0.0.0:4318"), Ok("0.0.0.0:4318".into()));
        assert_eq!(at("localhost:1"), Ok("127.0.0.1:1".into()));
        assert_eq!(at("[::1]:1"), Ok("[::1]:1".into()));
        assert!(at("tempo:4318").is_err());
        assert!(at("99999").is_err());
    }
}
