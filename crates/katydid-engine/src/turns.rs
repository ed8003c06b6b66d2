//! Short turns on the processor, so that a thread that wakes up need not wait for others to end theirs. Linux 6.12 and later (EEVDF: the length
//! of a turn is a thread's own, and one with shorter turns goes before); elsewhere nothing changes. It takes no privilege and no more of the
//! processor than before.

use std::mem::size_of;

/// The shortest turn that the kernel knows, ns.
const TURN: u64 = 100_000;

/// For the calling thread, from now on. Its share of the processor (`nice`) stays what it is.
pub fn be_short() {
    let Some(mut attr) = of_this_thread() else {
        return;
    };
    if attr.sched_policy == libc::SCHED_OTHER as u32 {
        attr.sched_runtime = TURN;
        // SAFETY: the kernel reads as many bytes as `attr.size` says, which it wrote itself. What it refuses stays as it was.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) };
    }
}

fn of_this_thread() -> Option<libc::sched_attr> {
    // SAFETY: all fields are plain numbers.
    let mut attr: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel writes at most `size` bytes, which is how many there are.
    let read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) };
    (read == 0).then_some(attr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_length_of_a_turn_changes() {
        let now = || of_this_thread().expect("Linux tells");
        let before = now();
        be_short();
        let after = now();
        assert_eq!(
            (after.sched_policy, after.sched_nice),
            (before.sched_policy, before.sched_nice)
        );
        // Older kernels tell of no turns.
        if before.sched_runtime > 0 {
            assert_eq!(after.sched_runtime, TURN);
        }
    }
}
