//! Short turns on the processor, so that a thread that wakes up need not wait for others to end theirs. Linux 6.12 and later (EEVDF: the length
//! of a turn is a thread's own, and one with shorter turns goes before); elsewhere nothing changes. It takes no privilege and no more of the
//! processor than before.

use std::mem::size_of;

/// The shortest turn that the kernel knows, ns.
const TURN: u64 = 100_000;

/// For the calling thread, from now on. Its share of the processor (`nice`) stays what it is.
pub fn be_short() {
    let size = size_of::<libc::sched_attr>() as u32;
    // SAFETY: all fields are plain numbers.
    let mut attr: libc::sched_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most `size` bytes, which is how many there are.
    let known = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) };
    if known != 0 || attr.sched_policy != libc::SCHED_OTHER as u32 {
        return;
    }
    attr.size = size;
    attr.sched_runtime = TURN;
    // SAFETY: the kernel reads `size` bytes of what it gave a moment before. What it refuses stays as it was.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_length_of_a_turn_changes() {
        let of_this_thread = || {
            // SAFETY: as above.
            let mut attr: libc::sched_attr = unsafe { std::mem::zeroed() };
            let size = size_of::<libc::sched_attr>() as u32;
            // SAFETY: as above.
            let read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) };
            assert_eq!(read, 0);
            (attr.sched_policy, attr.sched_nice, attr.sched_priority)
        };
        let before = of_this_thread();
        be_short();
        assert_eq!(of_this_thread(), before);
    }
}
