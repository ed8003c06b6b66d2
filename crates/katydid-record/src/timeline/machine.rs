//! What was in use of the machine in the newest seconds, as the process that writes the record saw it.

use std::collections::BTreeMap;

use super::newest::{NEWEST, keep_newest};
use crate::frame::{Frame, GeneratorWindow, SOURCES_PER_PROCESS};
use crate::machine::Resource;

/// The machine's newest seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineSeconds {
    /// By number.
    pub newest: BTreeMap<u64, MachineSecond>,
}

/// One second of the machine, which may be several windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineSecond {
    busy_us: u64,
    processors_us: u64,
    used_bytes: u64,
    memory_bytes: u64,
}

impl MachineSeconds {
    /// Workers run on the same machine: one process is enough.
    pub(super) fn add(&mut self, frame: &Frame, window: &GeneratorWindow) {
        // Only the I/O thread's windows tell of the machine.
        if window.processors == 0 || frame.source >= SOURCES_PER_PROCESS {
            return;
        }
        let second = self.newest.entry(frame.at / 1_000_000).or_default();
        let busy_us = window.machine_busy_us + window.steal_us;
        second.busy_us += busy_us;
        second.processors_us += busy_us + window.machine_idle_us;
        let available = window.machine_available_bytes;
        second.used_bytes += window.machine_memory_bytes.saturating_sub(available);
        second.memory_bytes += window.machine_memory_bytes;
        keep_newest(&mut self.newest, NEWEST);
    }
}

impl MachineSecond {
    /// How much was in use, and of how much, in a unit of its own; `None` if it could not be read.
    pub fn in_use(&self, resource: Resource) -> Option<(u64, u64)> {
        let (used, all) = match resource {
            Resource::Cpu => (self.busy_us, self.processors_us),
            Resource::Memory => (self.used_bytes, self.memory_bytes),
        };
        (all > 0).then_some((used, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: u32, window: &GeneratorWindow) -> Option<MachineSecond> {
        let mut seconds = MachineSeconds::default();
        let frame = Frame {
            at: 7_400_000,
            span: 500_000,
            source,
            phase: 1,
            body: crate::Body::Unknown,
        };
        let before = Frame {
            at: 7_000_000,
            ..frame.clone()
        };
        seconds.add(&before, window);
        seconds.add(&frame, window);
        seconds.newest.get(&7).copied()
    }

    #[test]
    fn windows_of_a_second_add_up_and_what_was_not_read_is_unknown() {
        let window = GeneratorWindow {
            processors: 2,
            machine_busy_us: 500_000,
            steal_us: 100_000,
            machine_idle_us: 400_000,
            ..GeneratorWindow::default()
        };
        let second = seen(0, &window).expect("it was seen");
        assert_eq!(second.in_use(Resource::Cpu), Some((1_200_000, 2_000_000)));
        assert_eq!(second.in_use(Resource::Memory), None);
        let memory = GeneratorWindow {
            processors: 2,
            machine_memory_bytes: 100,
            machine_available_bytes: 30,
            ..GeneratorWindow::default()
        };
        let second = seen(0, &memory).expect("it was seen");
        assert_eq!(second.in_use(Resource::Memory), Some((140, 200)));
        assert_eq!(second.in_use(Resource::Cpu), None);
        assert_eq!(seen(SOURCES_PER_PROCESS, &window), None, "a worker's");
        let hub = GeneratorWindow {
            processors: 0,
            ..memory
        };
        assert_eq!(seen(1, &hub), None, "the hub's");
    }
}
