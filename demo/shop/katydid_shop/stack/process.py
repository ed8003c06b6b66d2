"""Processes of a stack: start one, see whether it is well, stop it, and find every one that is
left.

Knows Linux (prctl, /proc); elsewhere the guards against an abrupt death of the parent are missing.
Does not know what the processes do. Every process starts in its stack's directory, and so do its
children whatever session they move to: that is how leftovers are recognised.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Failure(Exception):
    """A component could not be started; the text says which and why, with the end of its log."""


@dataclass
class Component:
    """A running part of the stack."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals

    def failure(self, why: str) -> Failure:
        """The message for the user: what went wrong, and the last lines of the log."""
        return Failure(f"{self.name} {why}; the end of {self.log}:\n{tail(self.log)}")


def start(
    name: str,
    command: Sequence[str | Path],
    place: Path,
    *,
    env: Mapping[str, str] | None = None,
    owner: tuple[int, int] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    death_signal: signal.Signals | None = None,
) -> Component:
    """Starts `command` in `place` as its own process group. If we die, it gets `death_signal` (or
    `stop_signal`).
    """
    log = place / f"{name}.log"
    last_wish = death_signal or stop_signal
    parent = os.getpid()

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(last_wish))
            if os.getppid() != parent:  # the parent was gone before the wish was known
                os._exit(1)

    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command),
            cwd=place,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            user=owner[0] if owner else None,
            group=owner[1] if owner else None,
            extra_groups=[] if owner else None,
            process_group=0,
            preexec_fn=in_child,  # noqa: PLW1509 - the stack is started from a single thread
        )
    return Component(name, process, log, stop_signal)


def await_ready(component: Component, ready: Callable[[], bool], deadline: float) -> None:
    """Returns once `ready()`; raises if the component ends first or `deadline` seconds pass."""
    end = time.monotonic() + deadline
    while not ready():
        if component.process.poll() is not None:
            raise component.failure(
                f"ended with status {component.process.returncode} while starting"
            )
        if time.monotonic() > end:
            raise component.failure(f"was not ready after {deadline:.0f} s")
        time.sleep(0.02)


def stop(component: Component, patience: float) -> None:
    """Asks the component to stop; kills its group if it has not done so within `patience`
    seconds.
    """
    if component.process.poll() is None:
        component.process.send_signal(component.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            component.process.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(component.process.pid, signal.SIGKILL)
    component.process.wait()


def living_in(place: Path) -> list[int]:
    """The processes whose working directory is `place` or below it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # A directory that was removed meanwhile reads as "<path> (deleted)": still below `place`.
        with contextlib.suppress(OSError):
            where = os.readlink(entry / "cwd").removesuffix(" (deleted)")
            if Path(where).is_relative_to(place) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def clear(place: Path, patience: float = 5.0) -> None:
    """Kills whatever still lives in `place`, and sees it gone."""
    end = time.monotonic() + patience
    while left := living_in(place):
        if time.monotonic() > end:
            raise Failure(f"processes {left} in {place} cannot be stopped")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def reserve_port() -> socket.socket:
    """A free port of 127.0.0.1, bound but not listening.

    A server that sets SO_REUSEADDR can take it over while we keep it from everyone who asks for any
    free port.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def listening(port: int) -> bool:
    """Whether someone takes connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"
