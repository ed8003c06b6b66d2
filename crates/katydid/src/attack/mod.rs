//! `katydid attack URL`: one URL under load, as a closed loop or at a fixed rate, without a script.

pub mod driver;
mod open_files;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use katydid_engine::clock::SECOND;
use katydid_engine::http1::{self, Body, HeaderBlock, RequestKind, Scheme, Url};
use katydid_engine::message::{Judge, Payload, Request, Route, TlsMode};
use katydid_record::Plan;
use katydid_record::frame::Kind;

use crate::cli::AttackOptions;
use crate::condition;
use crate::error::UsageError;
use crate::here;
use crate::session::base::parse_proxy;
use crate::session::export::Wishes;
use crate::session::outputs::Outputs;
use crate::session::{Closing, Live, Options};
use driver::{Attack, Pace};

/// Files besides connections.
const SPARE_FILES: u64 = 100;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// Time that answers get after the last request was due.
const GRACE: Duration = Duration::from_secs(2);

/// Puts the URL under load and gives the exit code.
pub fn attack(options: &AttackOptions) -> anyhow::Result<i32> {
    let url = Url::parse(&options.url)
        .map_err(|error| UsageError::new(format!("{}: {error}", options.url)))?;
    let template = request(options, &url)?;
    let plan = plan(options)?;
    let signals = Arc::new(AtomicUsize::new(0));
    for signal in [libc::SIGINT, libc::SIGTERM] {
        signal_hook::flag::register_usize(signal, signals.clone(), signal as usize)
            .context("cannot watch for signals")?;
    }
    let (stop, finished) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let blocked = Arc::new(AtomicU64::new(0));
    let pace = options.rate.map_or(Pace::Closed, Pace::Rate);
    let seconds = options.time.0.max(1);
    let driver = Attack::new(
        template,
        u32::try_from(options.connections()).unwrap_or(u32::MAX),
        pace,
        seconds * SECOND,
        stop.clone(),
        finished.clone(),
        blocked.clone(),
    );
    open_files::allow(options.connections() + SPARE_FILES);
    let session = Options {
        record: true,
        run_dir: options.run_dir.clone(),
        name: options
            .name
            .clone()
            .unwrap_or_else(|| options.host().to_owned()),
        argv: std::env::args().collect(),
        plan,
        progress: true,
        csv: options.csv.clone(),
        watch: options.watch.clone(),
        hosts: Vec::from_iter((!options.no_discovery).then(|| options.url.clone())),
        export: Wishes {
            prometheus: options.prometheus.clone(),
            otlp: options.otlp.clone(),
            otel: false,
        },
        ..Options::default()
    };
    let mut live = Live::drive(&session, Box::new(driver))?;
    let endpoint = live.endpoint(Kind::Request, options.method(), &url.target, None);
    live.command(katydid_engine::message::Command::NoWait(
        pace == Pace::Closed,
    ));
    let reason = wait(
        &live,
        &signals,
        &stop,
        &finished,
        Duration::from_secs(seconds),
    );
    let slots = blocked.swap(0, Ordering::Relaxed) as u32;
    live.recorder().skipped_slots(endpoint, slots, 0);
    let outputs = Outputs {
        html: options.html.clone(),
        csv: options.csv.clone(),
        summary: options.summary.clone(),
        junit: options.junit.clone(),
        markdown: options.markdown.clone(),
        ..Outputs::default()
    };
    let closing = Closing {
        reason: reason.to_owned(),
        strict: options.strict,
        outputs,
        ..Closing::default()
    };
    Ok(live.finish(&closing)?.exit_code)
}

/// With its goals, which are refused if they cannot be watched.
fn plan(options: &AttackOptions) -> Result<Plan, UsageError> {
    let (abort_on, abort_on_machine) = condition::apart(options.conditions()?);
    let mut hosts = vec![("the URL".to_owned(), Some(options.url.clone()))];
    if let Some(proxy) = &options.http_proxy {
        hosts.push(("the proxy".to_owned(), Some(proxy.clone())));
    }
    here::require(&abort_on_machine, &hosts)?;
    Ok(Plan {
        slos: options.slos()?,
        abort_on,
        abort_on_machine,
        ..options.plan()
    })
}

/// Until the load has ended by itself or by a signal; a second signal does not wait for answers.
fn wait(
    live: &Live,
    signals: &AtomicUsize,
    stop: &AtomicBool,
    finished: &AtomicBool,
    duration: Duration,
) -> &'static str {
    let began = std::time::Instant::now();
    let mut reason = "run-time";
    let mut deadline = began + duration + GRACE;
    while !finished.load(Ordering::Acquire)
        && !live.lost_its_thread()
        && std::time::Instant::now() < deadline
    {
        let signal = signals.swap(0, Ordering::AcqRel);
        if signal != 0 {
            if stop.swap(true, Ordering::AcqRel) {
                break;
            }
            reason = if signal == libc::SIGTERM as usize {
                "terminated"
            } else {
                "interrupted"
            };
            deadline = deadline.min(std::time::Instant::now() + GRACE);
        }
        if live.is_to_end() && !stop.swap(true, Ordering::AcqRel) {
            deadline = deadline.min(std::time::Instant::now() + GRACE);
        }
        std::thread::sleep(LOOK);
    }
    live.end_load();
    reason
}

fn request(options: &AttackOptions, url: &Url) -> anyhow::Result<Request> {
    let bad = |error: http1::EncodeError| UsageError::new(error.to_string());
    let mut block = HeaderBlock::new();
    let has = |name: &str| {
        options
            .headers
            .iter()
            .any(|(given, _)| given.eq_ignore_ascii_case(name))
    };
    let host = url.origin.host_header();
    for (name, value) in [
        ("Host", host.as_str()),
        ("User-Agent", "katydid"),
        ("Accept", "*/*"),
    ] {
        if !has(name) {
            block.push(name.as_bytes(), value.as_bytes()).map_err(bad)?;
        }
    }
    if let Some((user, password)) = url.credentials.as_ref().filter(|_| !has("Authorization")) {
        let encoded =
            base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        block
            .push(b"Authorization", format!("Basic {encoded}").as_bytes())
            .map_err(bad)?;
    }
    for (name, value) in &options.headers {
        block.push(name.as_bytes(), value.as_bytes()).map_err(bad)?;
    }
    let proxy = options
        .http_proxy
        .as_deref()
        .map(parse_proxy)
        .transpose()
        .map_err(UsageError::new)?;
    let through = proxy.is_some() && url.origin.scheme == Scheme::Http;
    let target = if through {
        format!("{}{}", url.origin, url.target)
    } else {
        url.target.clone()
    };
    let body = options.body()?;
    let head = http1::Request {
        method: options.method(),
        target: &target,
        block: &block,
        headers: &[],
        body: Body::Bytes(&body),
    };
    let mut bytes = Vec::new();
    http1::encode_request(&mut bytes, &head).map_err(bad)?;
    let tls = if options.insecure {
        TlsMode::Accept
    } else {
        TlsMode::Verify
    };
    let timeout = (options.timeout * SECOND as f64) as u64;
    Ok(Request {
        token: 0,
        client: 0,
        route: Arc::new(Route {
            id: 0,
            origin: url.origin.clone(),
            tls,
            proxy,
        }),
        payload: Payload::Shared(bytes.into()),
        kind: if options.method() == "HEAD" {
            RequestKind::Head
        } else {
            RequestKind::Plain
        },
        idempotent: matches!(
            options.method(),
            "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE"
        ),
        endpoint: 0,
        judge: Judge::Engine,
        due: 0,
        asked: 0,
        blocked: 0,
        missed: 0,
        connect_timeout: timeout,
        read_timeout: timeout,
        body_limit: 64 << 20,
        discard_body: true,
        stream: false,
    })
}
