"""One child process: started, watched, waited for with its CPU time, and never left running.

Knows nothing of HTTP or of which program it is. A child leads a process group of its own and gets SIGKILL when this
process dies, whatever the reason; whoever leaves the `with` block kills the whole group.
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from harness.errors import BenchError
from harness.proc import Machine, machine, peak_rss_bytes

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.05
_PATIENCE_S = 10.0  # between asking a child to end and killing it


def end_as_an_error_would() -> None:
    """From now on SIGTERM and SIGHUP leave every `with` block of this process on their way out."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


@dataclass(frozen=True)
class Finished:
    """A child that has ended. Shares are of all cores of the machine, while it lived."""

    exit_code: int
    user_s: float
    system_s: float
    seconds: float
    peak_rss_bytes: int
    machine_busy: float
    machine_steal: float
    stdout: str
    stderr: str

    @property
    def cpu_s(self) -> float:
        """User and system time of the child and of the children that it waited for."""
        return self.user_s + self.system_s


class Child:
    """A running child whose output goes to files; use it as a context."""

    def __init__(
        self,
        argv: Sequence[str],
        output: Path,
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        kept: Sequence[int] = (),
    ) -> None:
        """`kept`: files of ours that it holds too, and whatever it leaves behind."""
        self.argv = list(argv)
        self.name = Path(argv[0]).name
        self._stdout = output.with_suffix(".out")
        self._stderr = output.with_suffix(".err")
        self._env = dict(os.environ) | dict(env or {})
        self._before = before
        self._kept = tuple(kept)
        self._usage: resource.struct_rusage | None = None
        self._peak = 0

    def __enter__(self) -> "Child":
        self._began = time.monotonic()
        self._machine: Machine = machine()
        with open(self._stdout, "wb") as out, open(self._stderr, "wb") as err:
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=self._env,
                    start_new_session=True,
                    pass_fds=self._kept,
                    preexec_fn=self._in_child,
                )
            except OSError as error:
                raise BenchError(f"{self.name}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signal(signal.SIGKILL)
        if self._usage is None:
            self._reap(block=True)

    def _in_child(self) -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if self._before is not None:
            self._before()

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._began

    def stdout(self) -> str:
        """What it has printed so far."""
        return self._stdout.read_text(encoding="utf-8", errors="replace")

    def stderr(self) -> str:
        """The same of standard error."""
        return self._stderr.read_text(encoding="utf-8", errors="replace")

    def ended(self) -> bool:
        """Whether it has ended; looks at its memory if not."""
        if self._usage is None and not self._reap(block=False):
            self._peak = max(self._peak, peak_rss_bytes(self.pid))
        return self._usage is not None

    def wait(self, limit_s: float) -> Finished:
        """Waits for its end; past the limit it is killed and that is an error."""
        deadline = time.monotonic() + limit_s
        while not self.ended():
            if time.monotonic() > deadline:
                self.kill()
                raise BenchError(f"{self.name} did not end within {limit_s:.0f} s")
            time.sleep(_POLL_S)
        return self._finished()

    def interrupt(self) -> Finished:
        """Ends it as Ctrl-C does, by force if that does not help."""
        self._signal(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE_S
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if not self.ended():
            self.kill()
        return self._finished()

    def kill(self) -> None:
        """Ends it and its group at once."""
        self._signal(signal.SIGKILL)
        if self._usage is None:
            self._reap(block=True)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # nobody is left in the group
            os.killpg(self.pid, number)

    def _reap(self, block: bool) -> bool:
        pid, status, usage = os.wait4(self.pid, 0 if block else os.WNOHANG)
        if pid == 0:
            return False
        self._usage = usage
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._seconds = self.seconds
        self._after: Machine = machine()
        return True

    def _finished(self) -> Finished:
        assert self._usage is not None
        used = self._after.since(self._machine)
        return Finished(
            exit_code=self._process.returncode,
            user_s=self._usage.ru_utime,
            system_s=self._usage.ru_stime,
            seconds=self._seconds,
            peak_rss_bytes=self._peak,
            machine_busy=used.busy,
            machine_steal=used.steal,
            stdout=self.stdout(),
            stderr=self.stderr(),
        )
