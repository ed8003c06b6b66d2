//! What the generator itself costs and suffers, from Linux' /proc. Everything that is specific to Linux sits here.
//!
//! Read once a second by the I/O thread: five small files.

use std::fs;

use katydid_record::GeneratorWindow;

/// Running totals at one instant.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names)] // the unit
struct Totals {
    io_cpu_us: u64,
    hub_cpu_us: u64,
    wait_us: u64,
    process_cpu_us: u64,
}

/// Time of all processors since the machine started, ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MachineTicks {
    busy: u64,
    steal: u64,
    /// Waiting for a disk is in it.
    idle: u64,
}

/// Watches this process's I/O thread and hub thread.
#[derive(Debug)]
pub struct Health {
    io_thread: i32,
    hub_thread: Option<i32>,
    processors: u32,
    microseconds_per_tick: u64,
    page_bytes: u64,
    last: Totals,
    last_ticks: Option<MachineTicks>,
}

/// The calling thread's number, as /proc has it.
pub fn this_thread() -> i32 {
    // SAFETY: gettid takes no arguments and cannot fail.
    unsafe { libc::gettid() }
}

impl Health {
    /// Starts watching; to be called on the I/O thread.
    pub fn new(hub_thread: Option<i32>) -> Self {
        // SAFETY: sysconf takes a constant and returns a number.
        let sysconf = |name| unsafe { libc::sysconf(name) };
        let mut health = Self {
            io_thread: this_thread(),
            hub_thread,
            processors: sysconf(libc::_SC_NPROCESSORS_ONLN).max(1) as u32,
            microseconds_per_tick: 1_000_000 / sysconf(libc::_SC_CLK_TCK).max(1) as u64,
            page_bytes: sysconf(libc::_SC_PAGESIZE).max(1) as u64,
            last: Totals::default(),
            last_ticks: machine_ticks(&read("/proc/stat")),
        };
        health.last = health.totals();
        health
    }

    /// Fills in what was used since the last call.
    pub fn sample(&mut self, into: &mut GeneratorWindow) {
        let (now, last) = (self.totals(), self.last);
        into.io_cpu_us = now.io_cpu_us.saturating_sub(last.io_cpu_us);
        into.hub_cpu_us = now.hub_cpu_us.saturating_sub(last.hub_cpu_us);
        into.run_queue_wait_us = now.wait_us.saturating_sub(last.wait_us);
        into.process_cpu_us = now.process_cpu_us.saturating_sub(last.process_cpu_us);
        into.processors = self.processors;
        into.rss_bytes = self.rss_bytes();
        self.last = now;
        self.sample_machine(into);
    }

    /// What cannot be read stays zero, and the next window in which it can be tells of both: while no more files may be open, `/proc` cannot
    /// be read either.
    fn sample_machine(&mut self, into: &mut GeneratorWindow) {
        if let Some(now) = machine_ticks(&read("/proc/stat")) {
            let last = self.last_ticks.replace(now).unwrap_or(now);
            let since = |now: u64, last: u64| now.saturating_sub(last) * self.microseconds_per_tick;
            into.machine_busy_us = since(now.busy, last.busy);
            into.machine_idle_us = since(now.idle, last.idle);
            into.steal_us = since(now.steal, last.steal);
        }
        if let Some((all, available)) = machine_memory(&read("/proc/meminfo")) {
            (into.machine_memory_bytes, into.machine_available_bytes) = (all, available);
        }
    }

    fn totals(&self) -> Totals {
        let (io_cpu_us, io_wait) = schedstat(self.io_thread);
        let (hub_cpu_us, hub_wait) = self.hub_thread.map_or((0, 0), schedstat);
        Totals {
            io_cpu_us,
            hub_cpu_us,
            wait_us: io_wait + hub_wait,
            process_cpu_us: process_cpu_us(),
        }
    }

    fn rss_bytes(&self) -> u64 {
        read("/proc/self/statm")
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok())
            .unwrap_or(0)
            * self.page_bytes
    }
}

/// Empty if it cannot be read.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// CPU time and time spent runnable without a processor, µs.
fn schedstat(thread: i32) -> (u64, u64) {
    let text = read(&format!("/proc/self/task/{thread}/schedstat"));
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|n| n.parse::<u64>().unwrap_or(0) / 1_000);
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn process_cpu_us() -> u64 {
    let mut spec = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `spec` is valid for writing; this clock always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spec) };
    spec.tv_sec as u64 * 1_000_000 + spec.tv_nsec as u64 / 1_000
}

/// From the text of `/proc/stat`.
fn machine_ticks(text: &str) -> Option<MachineTicks> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Option<Vec<u64>> = numbers
        .split_ascii_whitespace()
        .map(|number| number.parse().ok())
        .collect();
    // What runs in guests is in user and nice.
    let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = numbers?[..] else {
        return None;
    };
    Some(MachineTicks {
        busy: user + nice + system + irq + softirq,
        steal,
        idle: idle + iowait,
    })
}

/// All memory and what is available, bytes, from the text of `/proc/meminfo`.
fn machine_memory(text: &str) -> Option<(u64, u64)> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kib * 1_024)
    };
    Some((bytes("MemTotal:")?, bytes("MemAvailable:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_the_machine() {
        let check = |text: &str, expected: Option<(u64, u64, u64)>| {
            let found = machine_ticks(text);
            let found = found.map(|ticks| (ticks.busy, ticks.steal, ticks.idle));
            assert_eq!(found, expected, "{text}");
        };
        let text = "cpu  10 2 30 400 50 6 7 8 9 1\ncpu0 1 2 3 4 5 6 7 8 9 1\n";
        check(text, Some((55, 8, 450)));
        check("cpu  10 2 30 400 50 6 7 8\n", Some((55, 8, 450)));
        check("cpu  10 2 30 400 50 6 7\n", None);
        check("cpu  10 2 x 400 50 6 7 8\n", None);
        check("intr 1 2 3 4 5 6 7 8\n", None);
        check("", None);
    }

    #[test]
    fn memory_of_the_machine() {
        let check = |text: &str, expected| assert_eq!(machine_memory(text), expected, "{text}");
        let text = "MemTotal:       2000 kB\nMemFree:  100 kB\nMemAvailable:    500 kB\n";
        check(text, Some((2_048_000, 512_000)));
        check("MemTotal:       2000 kB\nMemFree:  100 kB\n", None);
        check("MemTotal: 2000\nMemAvailable: 500\n", None);
        check("", None);
    }

    #[test]
    fn this_machine_says_what_is_in_use() {
        let mut health = Health::new(None);
        let mut window = GeneratorWindow::default();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while window.machine_busy_us + window.machine_idle_us == 0 {
            assert!(std::time::Instant::now() < deadline, "no tick has passed");
            health.sample(&mut window);
        }
        assert!(window.machine_available_bytes > 0);
        assert!(window.machine_available_bytes < window.machine_memory_bytes);
    }

    /// Where nothing could be read once, the next window is not told all since the machine started.
    #[test]
    fn a_gap_is_filled_by_the_next_window() {
        let mut health = Health::new(None);
        let mut window = GeneratorWindow::default();
        health.last_ticks = None;
        health.sample(&mut window);
        assert_eq!((window.machine_busy_us, window.machine_idle_us), (0, 0));
        assert!(health.last_ticks.is_some());
    }
}
