//! katydid's own metrics for other tools, for the time of the run: a page for Prometheus, or pushed over OTLP.
//!
//! On a thread of its own. Whatever becomes of those who collect, the run goes on: what fails is said once.

mod page;
mod push;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use katydid_analyze::metrics::metrics;
use katydid_record::metric::Metric;
use katydid_record::{Body, Frame, Manifest, Mark};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::log::{self, LOG};
use crate::error::UsageError;
use push::Push;

/// How long the end waits for the last push.
const LAST_WITHIN: Duration = Duration::from_secs(4);
/// Numbers that are not older are given again: whoever asks often must not keep the log busy.
const FRESH: Duration = Duration::from_millis(500);

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Where the page is to be: `127.0.0.1:9646`.
    pub prometheus: Option<String>,
    /// Whom to push to: a base URL.
    pub otlp: Option<String>,
    /// Push to where the `OTEL_…` variables say.
    pub otel: bool,
}

/// Able to begin: the port is taken, the URL is one.
#[derive(Debug)]
pub struct Ready {
    page: Option<TcpListener>,
    push: Option<Push>,
}

impl Ready {
    /// Reads what was asked for; `None` if nothing was. `receiver`: where katydid itself receives spans.
    ///
    /// # Errors
    /// What is wrong with an address, or that it is in use.
    pub fn of(
        wishes: &Wishes,
        env: &BTreeMap<String, String>,
        receiver: Option<SocketAddr>,
    ) -> Result<Option<Self>, UsageError> {
        let page = wishes.prometheus.as_deref().map(listen).transpose()?;
        let push = match (&wishes.otlp, wishes.otel) {
            (Some(url), _) => Some(push::to(url, env, receiver)?),
            (None, true) => push::around(env, receiver)?,
            (None, false) => None,
        };
        Ok((page.is_some() || push.is_some()).then_some(Self { page, push }))
    }

    /// Begins: from here on the page is there, and metrics are pushed.
    ///
    /// # Errors
    /// The operating system gives no thread, or not what a runtime needs.
    pub fn start(self, log: log::Sender, manifest: Arc<Manifest>) -> std::io::Result<Export> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let desk = Arc::new(Desk {
            log,
            manifest,
            newest: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let (tell, ended) = channel();
        let for_thread = desk.clone();
        let thread = std::thread::Builder::new()
            .name("katydid-export".into())
            .spawn(move || {
                runtime.block_on(run(self, for_thread, stopped));
                // A name that is being resolved is not waited for.
                runtime.shutdown_background();
                // Nobody may wait for it.
                let _ = tell.send(());
            })?;
        Ok(Export {
            desk,
            stop: Some(stop),
            ended,
            thread: Some(thread),
        })
    }
}

fn listen(address: &str) -> Result<TcpListener, UsageError> {
    let at = katydid_observe::listen::address(address).ok_or_else(|| {
        UsageError::new(format!(
            "--prometheus: '{address}' is no address to listen at; write 127.0.0.1:9646"
        ))
    })?;
    TcpListener::bind(at).map_err(|error| {
        UsageError::new(format!(
            "--prometheus: cannot listen at {at}: {error}; choose another port"
        ))
    })
}

async fn run(ready: Ready, desk: Arc<Desk>, stopped: oneshot::Receiver<Option<Vec<u8>>>) {
    let page = async {
        match ready.page {
            Some(listener) => page::serve(listener, desk.clone()).await,
            None => std::future::pending().await,
        }
    };
    let mut push = ready.push;
    let pushing = async {
        match &mut push {
            Some(push) => push.keep_on(&desk).await,
            None => std::future::pending().await,
        }
    };
    let last = tokio::select! {
        () = page => None,
        () = pushing => None,
        // An error is the end without a last word.
        last = stopped => last.ok().flatten(),
    };
    if let (Some(push), Some(last)) = (&mut push, last) {
        push.once(&desk, last).await;
    }
}

/// The metrics of one instant.
pub(super) struct Snapshot {
    metrics: Vec<Metric>,
    /// µs of the run's clock.
    at: u64,
    page: OnceLock<Bytes>,
}

impl Snapshot {
    /// As Prometheus reads it; made once.
    fn page(&self) -> Bytes {
        let page = || katydid_report::metrics::prometheus(&self.metrics).into();
        self.page.get_or_init(page).clone()
    }
}

/// Where numbers come from, and where troubles are told.
pub(super) struct Desk {
    log: log::Sender,
    manifest: Arc<Manifest>,
    newest: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Desk {
    /// The numbers as they stand, or stood a moment ago; `None` if the log does not answer.
    fn now(&self) -> Option<Arc<Snapshot>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, snapshot)) = &*newest
            && made.elapsed() < FRESH
        {
            return Some(snapshot.clone());
        }
        let snapshot = self.exactly_now()?;
        *newest = Some((Instant::now(), snapshot.clone()));
        Some(snapshot)
    }

    /// After everything that was queued before.
    fn exactly_now(&self) -> Option<Arc<Snapshot>> {
        let manifest = self.manifest.clone();
        let asked = self
            .log
            .ask(move |timeline| (metrics(&manifest, timeline), timeline.end));
        let (metrics, at) = asked?;
        Some(Arc::new(Snapshot {
            metrics,
            at,
            page: OnceLock::new(),
        }))
    }

    /// The same as a message of OTLP.
    fn message(&self, snapshot: &Snapshot) -> Vec<u8> {
        let manifest = &self.manifest;
        let began = manifest.started_epoch_us * 1_000;
        let now = began + snapshot.at * 1_000;
        let metrics = &snapshot.metrics;
        katydid_report::metrics::otlp(metrics, &manifest.id, &manifest.tool_version, began, now)
    }

    /// Has the log say it, and keep it in the record.
    fn warn(&self, text: String) {
        let at = self.log.ask(|timeline| timeline.end).unwrap_or(0);
        self.log.send(vec![Frame {
            at,
            span: 0,
            source: LOG,
            phase: 0,
            body: Body::Mark(Mark::Warning { text }),
        }]);
    }
}

/// Metrics on their way.
pub struct Export {
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<Option<Vec<u8>>>>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Export {
    /// Pushes the numbers of the whole run and ends. Called while the log still takes frames.
    pub fn finish(&mut self) {
        let last = self.desk.exactly_now();
        let last = last.map(|now| self.desk.message(&now));
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(last);
        }
        if self.ended.recv_timeout(LAST_WITHIN).is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic there has shown itself.
            let _ = thread.join();
        }
    }
}
