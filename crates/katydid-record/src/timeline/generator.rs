//! Totals of the generator's own health, with its first second apart: that is when connections are opened and code is loaded.

use std::collections::BTreeMap;

use crate::frame::{Frame, GeneratorWindow, RunTime, SOURCES_PER_PROCESS};
use crate::histogram::Histogram;

/// Windows that begin before this are the warm-up.
pub const WARM_UP_US: RunTime = 1_000_000;

/// Sums over windows.
#[derive(Clone, Debug, Default)]
pub struct GeneratorSums {
    /// taken − asked, µs.
    pub lag: Histogram,
    /// How late the hub was, µs.
    pub hub_lag: Histogram,
    /// How late the I/O threads were, µs.
    pub io_lag: Histogram,
    /// Time covered by windows that measured CPU, µs.
    pub covered_us: u64,
    /// CPU time of the I/O threads, µs.
    pub io_cpu_us: u64,
    /// CPU time of the hub, µs.
    pub hub_cpu_us: u64,
    /// CPU time of the process, µs.
    pub process_cpu_us: u64,
    /// Time runnable without a processor, µs.
    pub run_queue_wait_us: u64,
    /// Steal over all processors, µs.
    pub steal_us: u64,
    /// Busy time over all processors, µs.
    pub machine_busy_us: u64,
    /// Requests that had to wait for the ceiling.
    pub held_back: u64,
    /// Windows in which users looped without waiting.
    pub no_wait_windows: u64,
    /// Windows that measured CPU.
    pub windows: u64,
}

/// The generator's health over a run.
#[derive(Clone, Debug, Default)]
pub struct GeneratorTotals {
    /// The first second.
    pub warm_up: GeneratorSums,
    /// The rest.
    pub steady: GeneratorSums,
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections replaced because the server had closed them while idle.
    pub connections_replaced: u64,
    /// Largest resident memory, bytes.
    pub rss_max_bytes: u64,
    /// Most users alive.
    pub users_max: u64,
    /// Processors of the machine.
    pub processors: u32,
}

/// The generator's health, process by process: one that is late would drown among others.
#[derive(Clone, Debug, Default)]
pub struct Generators {
    /// By number; 0 is the process that writes the record.
    pub processes: BTreeMap<u32, GeneratorTotals>,
}

impl Generators {
    pub(super) fn add(&mut self, frame: &Frame, window: &GeneratorWindow) {
        let process = frame.source / SOURCES_PER_PROCESS;
        let totals = self.processes.entry(process).or_default();
        totals.add(frame.at, frame.span, window);
    }

    /// All processes as one: times and counts add up, and so do the largest memory and the most users of each.
    pub fn together(&self) -> GeneratorTotals {
        let mut all = self.processes.values();
        let first = all.next().cloned().unwrap_or_default();
        all.fold(first, |mut sum, totals| {
            sum.merge(totals);
            sum
        })
    }

    /// Most users alive: the most of each process, added up.
    pub fn users_max(&self) -> u64 {
        self.processes.values().map(|totals| totals.users_max).sum()
    }
}

impl GeneratorTotals {
    fn merge(&mut self, other: &GeneratorTotals) {
        self.warm_up.merge(&other.warm_up);
        self.steady.merge(&other.steady);
        self.connections_opened += other.connections_opened;
        self.connections_replaced += other.connections_replaced;
        self.rss_max_bytes += other.rss_max_bytes;
        self.users_max += other.users_max;
        self.processors = self.processors.max(other.processors);
    }

    fn add(&mut self, at: RunTime, span: u64, window: &GeneratorWindow) {
        let sums = if at < WARM_UP_US {
            &mut self.warm_up
        } else {
            &mut self.steady
        };
        sums.add(span, window);
        self.connections_opened += window.connections_opened;
        self.connections_replaced += window.connections_replaced;
        self.rss_max_bytes = self.rss_max_bytes.max(window.rss_bytes);
        self.users_max = self.users_max.max(window.users);
        self.processors = self.processors.max(window.processors);
    }

    /// Warm-up and the rest together.
    pub fn whole(&self) -> GeneratorSums {
        let mut whole = self.warm_up.clone();
        whole.merge(&self.steady);
        whole
    }
}

impl GeneratorSums {
    fn add(&mut self, span: u64, window: &GeneratorWindow) {
        self.lag.add(&window.lag);
        self.hub_lag.add(&window.hub_lag);
        self.io_lag.add(&window.io_lag);
        // Only the I/O thread's windows measure CPU; the hub's carry its lateness alone.
        if window.processors == 0 {
            return;
        }
        self.covered_us += span;
        self.io_cpu_us += window.io_cpu_us;
        self.hub_cpu_us += window.hub_cpu_us;
        self.process_cpu_us += window.process_cpu_us;
        self.run_queue_wait_us += window.run_queue_wait_us;
        self.steal_us += window.steal_us;
        self.machine_busy_us += window.machine_busy_us;
        self.held_back += window.held_back;
        self.no_wait_windows += u64::from(window.no_wait);
        self.windows += 1;
    }

    fn merge(&mut self, other: &GeneratorSums) {
        self.lag.merge(&other.lag);
        self.hub_lag.merge(&other.hub_lag);
        self.io_lag.merge(&other.io_lag);
        self.covered_us += other.covered_us;
        self.io_cpu_us += other.io_cpu_us;
        self.hub_cpu_us += other.hub_cpu_us;
        self.process_cpu_us += other.process_cpu_us;
        self.run_queue_wait_us += other.run_queue_wait_us;
        self.steal_us += other.steal_us;
        self.machine_busy_us += other.machine_busy_us;
        self.held_back += other.held_back;
        self.no_wait_windows += other.no_wait_windows;
        self.windows += other.windows;
    }
}
