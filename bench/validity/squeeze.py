"""Ways to leave a process less of the machine than it needs. Each is undone on leaving the context, whatever happened.

Only Linux. The last core is the one that is made scarce; the target keeps to the others.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.process import Child
from harness.run import SCRATCH

_CPU = Path("/sys/fs/cgroup/cpu")  # version 1
_ALL = Path("/sys/fs/cgroup")  # version 2
_PERIOD_US = 100_000
_GROUP = "katydid-bench"


@dataclass(frozen=True)
class Squeeze:
    """How a process is starved, once it is under way, and whether it is pinned to the scarce core from its start."""

    says: str
    apply: Callable[[int], AbstractContextManager[None]]
    pinned: bool = False


def scarce_core() -> int:
    """The core that pinned processes share."""
    return max(os.sched_getaffinity(0))


def other_cores() -> set[int]:
    """The rest, or the only one."""
    cores = os.sched_getaffinity(0)
    return cores - {scarce_core()} or cores


def pin() -> None:
    """Keeps the calling process on the scarce core."""
    os.sched_setaffinity(0, {scarce_core()})


FREE = Squeeze("", lambda _: nullcontext())


def pinned() -> Squeeze:
    """On one core, which is free."""
    return Squeeze("on one core", lambda _: nullcontext(), pinned=True)


def burners(number: int) -> Squeeze:
    """On one core with so many processes that never rest."""
    return Squeeze(
        f"on one core with {number} busy processes", lambda _: _burn(number), pinned=True
    )


def quota(share: float) -> Squeeze:
    """A share of one core per 100 ms, by cgroup; by stops where there is no right to make one."""
    return Squeeze(f"{100 * share:g} % of a core", lambda pid: _limited(pid, share))


def stops(stopped_ms: int, period_ms: int) -> Squeeze:
    """Stopped for the first part of every period."""
    says = f"stopped for {stopped_ms} of every {period_ms} ms"
    return Squeeze(says, lambda pid: _stopped(pid, stopped_ms / 1e3, period_ms / 1e3))


@contextmanager
def _burn(number: int) -> Iterator[None]:
    busy = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as stack:
        for one in range(number):
            stack.enter_context(Child(busy, SCRATCH / f"burner-{one}", before=pin))
        yield


@contextmanager
def _stopped(pid: int, stopped_s: float, period_s: float) -> Iterator[None]:
    over = threading.Event()

    def drive() -> None:
        with suppress(ProcessLookupError):
            while not over.is_set():
                os.kill(pid, signal.SIGSTOP)
                over.wait(stopped_s)
                os.kill(pid, signal.SIGCONT)
                over.wait(period_s - stopped_s)

    driver = threading.Thread(target=drive)
    driver.start()
    try:
        yield
    finally:
        over.set()
        driver.join()


@contextmanager
def _limited(pid: int, share: float) -> Iterator[None]:
    try:
        group = _group(int(share * _PERIOD_US))
    except OSError:
        with _stopped(pid, (1 - share) * _PERIOD_US / 1e6, _PERIOD_US / 1e6):
            yield
        return
    try:
        _write(group / "cgroup.procs", pid)
        yield
    finally:
        for member in (group / "cgroup.procs").read_text(encoding="ascii").split():
            with suppress(OSError):
                _write(group.parent / "cgroup.procs", int(member))
        group.rmdir()


def _group(quota_us: int) -> Path:
    """A new control group that may use so much per period."""
    if (_CPU / "cpu.cfs_quota_us").exists() or (_CPU / "cgroup.procs").exists():
        group = _CPU / _GROUP
        group.mkdir(exist_ok=True)
        _write(group / "cpu.cfs_period_us", _PERIOD_US)
        _write(group / "cpu.cfs_quota_us", quota_us)
        return group
    (_ALL / "cgroup.subtree_control").write_text("+cpu", encoding="ascii")
    group = _ALL / _GROUP
    group.mkdir(exist_ok=True)
    (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}", encoding="ascii")
    return group


def _write(path: Path, value: int) -> None:
    path.write_text(str(value), encoding="ascii")
