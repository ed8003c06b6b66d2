//! A timer with nanosecond resolution in the poll, which itself counts milliseconds. Linux: timerfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::clock::{Nanos, SECOND};

/// One pending instant.
#[derive(Debug)]
pub(crate) struct PreciseTimer {
    fd: OwnedFd,
    set_for: Nanos,
}

impl PreciseTimer {
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        // SAFETY: timerfd_create takes constants; the result is checked before it is owned.
        let fd = unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a fresh descriptor that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { fd, set_for: 0 })
    }

    /// Makes the poll return at `at`.
    pub fn set(&mut self, at: Nanos) {
        if at == self.set_for {
            return;
        }
        self.set_for = at;
        let spec = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: (at / SECOND) as i64,
                tv_nsec: (at % SECOND) as i64,
            },
        };
        // SAFETY: `spec` is live and the old value is not asked for; a valid descriptor and time cannot fail.
        unsafe {
            libc::timerfd_settime(
                self.fd.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const spec,
                std::ptr::null_mut(),
            )
        };
    }

    /// It fired.
    pub fn clear(&mut self) {
        let mut count = [0_u8; 8];
        // SAFETY: reads at most eight bytes into a live array; EAGAIN is fine.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}
