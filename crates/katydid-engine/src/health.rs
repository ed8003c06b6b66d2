//! What the generator itself costs and suffers, from Linux' /proc. Everything that is specific to Linux sits here.
//!
//! Read once a second by the I/O thread: four small files.

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
    steal_us: u64,
    busy_us: u64,
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
        into.steal_us = now.steal_us.saturating_sub(last.steal_us);
        into.machine_busy_us = now.busy_us.saturating_sub(last.busy_us);
        into.processors = self.processors;
        into.rss_bytes = self.rss_bytes();
        self.last = now;
    }

    fn totals(&self) -> Totals {
        let (io_cpu_us, io_wait) = schedstat(self.io_thread);
        let (hub_cpu_us, hub_wait) = self.hub_thread.map_or((0, 0), schedstat);
        let (busy, steal) = machine_ticks();
        Totals {
            io_cpu_us,
            hub_cpu_us,
            wait_us: io_wait + hub_wait,
            process_cpu_us: process_cpu_us(),
            steal_us: steal * self.microseconds_per_tick,
            busy_us: busy * self.microseconds_per_tick,
        }
    }

    fn rss_bytes(&self) -> u64 {
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok())
            .unwrap_or(0)
            * self.page_bytes
    }
}

/// CPU time and time spent runnable without a processor, µs.
fn schedstat(thread: i32) -> (u64, u64) {
    let text =
        fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
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

/// (busy, steal) ticks of the whole machine since it started.
fn machine_ticks() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .map(|n| n.parse().unwrap_or(0))
        .collect();
    let get = |i: usize| fields.get(i).copied().unwrap_or(0);
    // user nice system idle iowait irq softirq steal
    (get(0) + get(1) + get(2) + get(5) + get(6), get(7))
}
