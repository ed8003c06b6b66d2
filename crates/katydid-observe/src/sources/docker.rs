//! `docker:NAME`: a container, through the socket of Docker or of what speaks its API (Podman). It only asks.

use std::io::ErrorKind;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use katydid_record::{Sight, Watched};
use serde_json::Value;
use tokio::net::UnixStream;

use crate::address::Address;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer, Source, Trouble};

/// Where Docker listens unless it was told otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Longest answer, bytes.
const MOST: usize = 4 << 20;

#[derive(Clone)]
struct DockerSource {
    name: String,
    socket: PathBuf,
    /// When it was started, as last seen.
    started: String,
}

struct Container {
    from: DockerSource,
    id: String,
    title: String,
    quota: Option<f64>,
    has_limit: bool,
    was_restarted: bool,
}

/// Reads the address: `docker:NAME` or `docker:NAME@/path/of/docker.sock`.
pub fn make(address: &Address) -> Result<Box<dyn Source>, String> {
    let (name, socket) = match address.rest.split_once('@') {
        Some((name, socket)) => (name, PathBuf::from(socket)),
        None => (address.rest.as_str(), default_socket()),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err("it names no container; write for example docker:web".into());
    }
    Ok(Box::new(DockerSource {
        name: name.to_owned(),
        socket,
        started: String::new(),
    }))
}

fn default_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or(SOCKET).into()
}

impl DockerSource {
    /// Asks for something below `/containers/`.
    async fn ask(&self, path: &str) -> Result<Value, Trouble> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let lost = |error: hyper::Error| Trouble::Lost(format!("docker does not answer: {error}"));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(lost)?;
        let connection = tokio::spawn(connection);
        let request = Request::get(format!("/containers/{path}"))
            .header("host", "docker")
            .body(Empty::<Bytes>::new())
            .map_err(Trouble::lost)?;
        let answer = sender.send_request(request).await.map_err(lost)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let body =
            body.map_err(|error| Trouble::Lost(format!("docker's answer broke: {error}")))?;
        connection.abort();
        let value: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        match status {
            StatusCode::OK => Ok(value),
            StatusCode::NOT_FOUND => Err(Trouble::Lost(format!(
                "docker has no container {}",
                self.name
            ))),
            _ => Err(Trouble::Lost(format!(
                "docker answers {status}: {}",
                value["message"].as_str().unwrap_or("without a reason")
            ))),
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> Trouble {
        let socket = self.socket.display();
        match error.kind() {
            ErrorKind::PermissionDenied => Trouble::Refused {
                why: format!("{socket} may not be used by this user"),
                remedy: "sudo usermod -aG docker $USER, then log in anew".into(),
            },
            ErrorKind::NotFound => Trouble::Refused {
                why: format!("there is no docker at {socket}"),
                remedy: format!("docker:{}@/path/of/docker.sock", self.name),
            },
            _ => Trouble::Lost(format!("docker does not answer at {socket}: {error}")),
        }
    }
}

impl Source for DockerSource {
    fn subject(&self) -> String {
        format!("docker {}", self.name)
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            let told = self.ask(&format!("{}/json", self.name)).await?;
            let state = &told["State"];
            if !state["Running"].as_bool().unwrap_or(false) {
                let status = state["Status"].as_str().unwrap_or("not running");
                let name = &self.name;
                return Err(Trouble::Lost(format!("the container {name} is {status}")));
            }
            let started = state["StartedAt"].as_str().unwrap_or_default().to_owned();
            let before = std::mem::replace(&mut self.started, started);
            let image = told["Config"]["Image"].as_str().unwrap_or("unknown");
            Ok(Box::new(Container {
                from: self.clone(),
                id: told["Id"].as_str().unwrap_or(&self.name).to_owned(),
                title: format!("container {}, image {image}", self.name),
                quota: quota(&told["HostConfig"]),
                has_limit: told["HostConfig"]["Memory"].as_f64().unwrap_or(0.0) > 0.0,
                was_restarted: !before.is_empty() && before != self.started,
            }) as Box<dyn Observer>)
        })
    }
}

/// Cores that it may use, if that is limited.
fn quota(host: &Value) -> Option<f64> {
    let number = |name: &str| host[name].as_f64().filter(|value| *value > 0.0);
    if let Some(nanos) = number("NanoCpus") {
        return Some(nanos / 1e9);
    }
    // Docker's period where none is said, µs.
    number("CpuQuota").map(|quota| quota / number("CpuPeriod").unwrap_or(100_000.0))
}

impl Observer for Container {
    fn watched(&self) -> Watched {
        Watched {
            subject: self.from.subject(),
            kind: "process".into(),
            title: self.title.clone(),
            every_ms: 1_000,
            sights: vec![Sight::seen("container")],
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            if std::mem::take(&mut self.was_restarted) {
                batch.restarted("the container was started anew");
            }
            let path = format!("{}/stats?stream=false&one-shot=true", self.id);
            let read = batch.begin();
            let stats = self.from.ask(&path).await?;
            // Of one that stopped, docker answers zeros.
            if !stats["memory_stats"]["usage"].is_number() {
                return Err(Trouble::lost("the container stopped"));
            }
            self.tell(&stats, batch);
            batch.end(read);
            Ok(())
        })
    }
}

impl Container {
    fn tell(&self, stats: &Value, batch: &mut Batch) {
        let cpu = &stats["cpu_stats"];
        let throttling = &cpu["throttling_data"];
        let nanos = |value: &Value| value.as_f64().map(|nanos| nanos / 1e9);
        let memory = &stats["memory_stats"];
        let kept = &memory["stats"];
        // What `docker stats` subtracts: version 2 of cgroups, then version 1.
        let idle = kept["inactive_file"].as_f64();
        let idle = kept["total_inactive_file"].as_f64().or(idle).unwrap_or(0.0);
        let used = memory["usage"]
            .as_f64()
            .map(|usage| (usage - idle).max(0.0));
        let anon = kept["anon"].as_f64().or_else(|| kept["total_rss"].as_f64());
        let limit = memory["limit"].as_f64().filter(|_| self.has_limit);
        let counters = [
            (
                "cgroup.cpu.used",
                "s",
                nanos(&cpu["cpu_usage"]["total_usage"]),
            ),
            ("cgroup.cpu.periods", "", throttling["periods"].as_f64()),
            (
                "cgroup.cpu.throttled",
                "",
                throttling["throttled_periods"].as_f64(),
            ),
            (
                "cgroup.cpu.throttled.time",
                "s",
                nanos(&throttling["throttled_time"]),
            ),
            ("container.received", "bytes", network(stats, "rx_bytes")),
            ("container.sent", "bytes", network(stats, "tx_bytes")),
            ("cgroup.read", "bytes", blocks(stats, "read")),
            ("cgroup.written", "bytes", blocks(stats, "write")),
        ];
        let gauges = [
            ("cgroup.cpu.quota", "cores", self.quota),
            ("process.cores", "", cpu["online_cpus"].as_f64()),
            ("cgroup.memory", "bytes", used),
            ("cgroup.memory.anon", "bytes", anon),
            ("cgroup.memory.limit", "bytes", limit),
            ("cgroup.pids", "", stats["pids_stats"]["current"].as_f64()),
        ];
        for (name, unit, value) in counters {
            if let Some(value) = value {
                batch.counter(name, unit, &[], value);
            }
        }
        for (name, unit, value) in gauges {
            if let Some(value) = value {
                batch.gauge(name, unit, &[], value);
            }
        }
    }
}

fn network(stats: &Value, what: &str) -> Option<f64> {
    let interfaces = stats["networks"].as_object()?.values();
    Some(interfaces.filter_map(|of| of[what].as_f64()).sum())
}

fn blocks(stats: &Value, what: &str) -> Option<f64> {
    let of = stats["blkio_stats"]["io_service_bytes_recursive"].as_array()?;
    let values = of.iter().filter(|of| {
        of["op"]
            .as_str()
            .is_some_and(|op| op.eq_ignore_ascii_case(what))
    });
    Some(values.filter_map(|of| of["value"].as_f64()).sum())
}
