//! Facts about the machine that makes the load, for the manifest: what a reader needs to compare two runs.
//!
//! Read once, from /proc and /sys; what cannot be read is left out. Nothing here changes during a run.

use std::collections::BTreeMap;
use std::fs::read_to_string;

/// Facts by name: `hostname`, `kernel`, `cpu`, `processors`, `cpu_limit`, `memory_bytes`, `open_files_limit`, `load_average`,
/// `local_ports`, `os`, `architecture`.
pub fn facts() -> BTreeMap<String, String> {
    let facts = [
        ("architecture", Some(std::env::consts::ARCH.to_owned())),
        ("cpu", field("/proc/cpuinfo", "model name")),
        ("cpu_limit", cpu_limit()),
        ("hostname", line("/proc/sys/kernel/hostname")),
        ("kernel", line("/proc/sys/kernel/osrelease")),
        (
            "load_average",
            line("/proc/loadavg").and_then(|text| words(&text, 3)),
        ),
        (
            "local_ports",
            line("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| words(&text, 2)),
        ),
        ("memory_bytes", memory()),
        ("open_files_limit", open_files()),
        ("os", field("/etc/os-release", "PRETTY_NAME")),
        ("processors", processors()),
    ];
    facts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
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

fn memory() -> Option<String> {
    let kib: u64 = field("/proc/meminfo", "MemTotal")?
        .split(' ')
        .next()?
        .parse()
        .ok()?;
    Some((kib * 1024).to_string())
}

fn open_files() -> Option<String> {
    let text = read_to_string("/proc/self/limits").ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Processors that this process may use, affinity and cgroup counted.
fn processors() -> Option<String> {
    std::thread::available_parallelism()
        .ok()
        .map(|count| count.to_string())
}

/// The cgroup's share of processors, when it sets one: quota over period.
fn cpu_limit() -> Option<String> {
    let text = line("/sys/fs/cgroup/cpu.max")?;
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| format!("{:.2}", quota / period))
}
