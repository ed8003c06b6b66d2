//! A page of metrics, as applications and exporters show them to Prometheus.
//!
//! What is known by name is kept; the rest is only counted. Nothing is judged here.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use katydid_record::{Mark, Sight, Watched};

use super::http::{self, To};
use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Source, Trouble};
use text::Page;

const EVERY: Duration = Duration::from_secs(5);
/// Series of one page that are kept.
const SERIES: usize = 1_000;
/// Names that are kept begin like this.
const PREFIXES: &[&str] = &[
    "hikaricp_",
    "db_client_connection",
    "go_",
    "process_",
    "python_gc_",
    "nodejs_",
    "jvm_",
    "tomcat_",
    "executor_",
    "dotnet_",
    "http_server_",
    "http_request",
    "nginx_",
    "uvicorn_",
    "gunicorn_",
    "node_",
    "container_",
    "kubelet_",
    "pg_",
    "pgbouncer_",
    "redis_",
    "kafka_consumergroup_lag",
    "rabbitmq_",
];

struct Prometheus {
    to: To,
    subject: String,
}

/// Reads an address: `prometheus:http://host:port/metrics`.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let to = To::read(&address.rest)?;
    let subject = format!("prometheus {}{}", to.place(), to.path);
    Ok(Box::new(Prometheus { to, subject }))
}

impl Source for Prometheus {
    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async {
            let page = page(&self.to).await?;
            let mut sights = vec![Sight::seen("metrics")];
            sights[0].note = format!("{} of {} values are known", page.samples.len(), page.values);
            if page.is_cut || page.samples.len() > SERIES {
                let note = format!(
                    "the page is long: {SERIES} series of its first {} lines are kept",
                    text::LINES
                );
                sights.push(Sight::blind("the whole page", note, ""));
            }
            let observer = Scraped {
                to: self.to.clone(),
                watched: Watched {
                    subject: self.subject.clone(),
                    kind: "prometheus".into(),
                    title: format!("metrics of {}", self.to.place()),
                    every_ms: EVERY.as_millis() as u64,
                    sights,
                },
                started: None,
                is_told: false,
            };
            Ok(Box::new(observer) as Box<dyn Observer>)
        })
    }
}

struct Scraped {
    to: To,
    watched: Watched,
    /// The process that answered last, by its start.
    started: Option<f64>,
    /// That there are several has been said.
    is_told: bool,
}

impl Scraped {
    async fn once(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let mut read = batch.begin();
        let mut found = page(&self.to).await?;
        let started = |page: &Page| {
            let mut samples = page.samples.iter();
            samples
                .find(|sample| sample.name == "process_start_time_seconds")
                .map(|sample| sample.value)
        };
        let now = started(&found);
        // Growth from one process to another means nothing.
        if let (Some(before), Some(now)) = (self.started, now)
            && (before - now).abs() > 0.5
        {
            batch.restarted("another process answers");
            if now < before && !std::mem::replace(&mut self.is_told, true) {
                let what = &self.watched.subject;
                let text = format!(
                    "{what}: several processes answer on this port, one at a time: give each a port of its own"
                );
                batch.mark(Mark::Warning { text });
            }
            read = batch.begin();
            let again = page(&self.to).await?;
            if started(&again) == Some(now) {
                found = again;
            }
        }
        self.started = now;
        let mut kept = BTreeMap::new();
        for sample in &found.samples {
            if kept.len() < SERIES && sample.value.is_finite() {
                kept.entry((&sample.name, &sample.labels))
                    .or_insert(sample.value);
            }
        }
        for ((name, labels), value) in kept {
            let labels: Vec<(&str, &str)> = labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            if found.is_counter(name) {
                batch.counter(name, "", &labels, value);
            } else {
                batch.gauge(name, "", &labels, value);
            }
        }
        batch.end(read);
        Ok(())
    }
}

async fn page(to: &To) -> Result<Page, Trouble> {
    let body = http::get(to, &to.path).await?;
    let text = String::from_utf8_lossy(&body);
    let page = Page::read(&text, |name| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    });
    if page.values > 0 && page.garbled <= page.values {
        return Ok(page);
    }
    let what = match text.trim_start().chars().next() {
        Some('<') => "it answers with a web page, not with metrics",
        Some('{' | '[') => "it answers with JSON, not with metrics",
        None => "its answer is empty",
        _ => "its answer is not a text of metrics",
    };
    Err(http::refused(&format!(
        "{what}; is the path right? /metrics is usual"
    )))
}

impl Observer for Scraped {
    fn watched(&self) -> Watched {
        self.watched.clone()
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(self.once(batch))
    }
}
