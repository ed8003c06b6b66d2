//! Facts about the machine that makes the load: what a reader needs to compare two runs.
//!
//! Read once, from /proc, /sys and /etc; what cannot be read is left out. Nothing here changes during a run.

use std::fs::read_to_string;

use katydid_record::{Fact, HostFacts};

/// Topic of [`details`].
pub const TOPIC: &str = "generator.host";

/// The machine, for the manifest.
pub fn facts() -> HostFacts {
    let name =
        field("/etc/os-release", "PRETTY_NAME").unwrap_or_else(|| std::env::consts::OS.to_owned());
    let kernel = line("/proc/sys/kernel/osrelease").map(|release| format!(", kernel {release}"));
    HostFacts {
        os: format!("{name}{}", kernel.unwrap_or_default()),
        cpu: field("/proc/cpuinfo", "model name")
            .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        processors: processors(),
        memory_bytes: memory().unwrap_or_default(),
    }
}

/// Limits that may hold the generator back, as facts of the record: `cpu_limit` (processors, from the cgroup),
/// `load_average` before the run, `local_ports`, `open_files`.
pub fn details() -> Vec<Fact> {
    let details = [
        ("cpu_limit", cpu_limit()),
        (
            "load_average",
            line("/proc/loadavg").and_then(|text| words(&text, 3)),
        ),
        (
            "local_ports",
            line("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| words(&text, 2)),
        ),
        ("open_files", open_files()),
    ];
    let known = details.into_iter().filter_map(|(subject, text)| {
        Some(Fact {
            topic: TOPIC.to_owned(),
            subject: subject.to_owned(),
            text: text?,
        })
    });
    known.collect()
}

/// Whether this machine lets programs bind to addresses that are not its own.
pub(crate) fn binds_anywhere() -> bool {
    ["ipv4", "ipv6"].iter().any(|family| {
        let switch = line(&format!("/proc/sys/net/{family}/ip_nonlocal_bind"));
        switch.is_some_and(|switch| switch != "0")
    })
}

fn line(path: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// The first `name: value` or `name=value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once([':', '='])?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn words(text: &str, count: usize) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().take(count).collect();
    (words.len() == count).then(|| words.join(" "))
}

fn memory() -> Option<u64> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kib: u64 = total.split(' ').next()?.parse().ok()?;
    Some(kib * 1024)
}

fn open_files() -> Option<String> {
    let text = read_to_string("/proc/self/limits").ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Processors that this process may use, affinity and cgroup counted.
fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// The cgroup's share of processors, when it sets one: quota over period.
fn cpu_limit() -> Option<String> {
    let text = line("/sys/fs/cgroup/cpu.max")?;
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| format!("{:.2}", quota / period))
}
