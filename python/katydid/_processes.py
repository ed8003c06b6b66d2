"""Several processes make one run: the parent keeps the record and says what to do, its workers run users.

Workers are forks of a process that has loaded the scenario and started no thread yet. Frames go up a pipe, natively; what is said
besides goes through a socket, one JSON object per line. Knows processes and lines, not users.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns
from typing import Any

import gevent
import gevent.os
from gevent import socket
from gevent.event import Event
from gevent.lock import RLock

logger = logging.getLogger("locust.runners")

#: For scripts and feeds: which worker this is, from 0, and of how many.
INDEX = "KATYDID_PROCESS_INDEX"
COUNT = "KATYDID_PROCESSES"


class Channel:
    """One end of a connection between parent and worker."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._turn = RLock()

    def say(self, kind: str, **more: Any) -> None:
        """Sends it, unless the other side is gone. TypeError for what is not JSON."""
        line = json.dumps({"kind": kind, **more}) + "\n"
        try:
            with self._turn:
                self._socket.sendall(line.encode())
        except OSError:
            pass  # whoever reads learns it too, and acts on it

    def heard(self) -> Iterator[dict[str, Any]]:
        """What the other side says, until it is gone."""
        rest = b""
        while True:
            try:
                more = self._socket.recv(65_536)
            except OSError:
                return
            if not more:
                return
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                yield json.loads(line)


@dataclass
class Place:
    """Which worker this process is."""

    index: int
    of: int
    start_ns: int
    frames_fd: int
    channel: Channel

    def share(self, whole: int) -> int:
        """Its part of so many; the parts of all workers add up."""
        return whole // self.of + (self.index < whole % self.of)


@dataclass
class Worker:
    """A worker as its parent sees it."""

    index: int
    pid: int
    frames_fd: int
    channel: Channel
    ready: Event = field(default_factory=Event)
    prepared: Event = field(default_factory=Event)
    gone: Event = field(default_factory=Event)
    ended: bool = False
    """It has said how it ended."""
    heard_at: float = field(default_factory=monotonic)

    def end_of(self) -> str:
        """How the process ended; waits for that."""
        try:
            _, status = gevent.os.waitpid(self.pid, 0)
        except ChildProcessError:
            return "it ended"
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@dataclass
class Crew:
    """All workers of this process."""

    workers: list[Worker]
    start_ns: int

    @property
    def left(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.gone.is_set()]

    def say(self, kind: str, **more: Any) -> None:
        for worker in self.left:
            worker.channel.say(kind, **more)

    def kill(self) -> None:
        for worker in self.left:
            worker.kill()


def fork(count: int) -> Crew | Place:
    """So many workers for this process; in each of them, its place. Returns once per process."""
    start_ns = perf_counter_ns()
    ends = [_Ends() for _ in range(count)]
    pids = []
    for index, mine in enumerate(ends):
        pid = gevent.os.fork_and_watch()
        if pid == 0:
            for other in ends:
                other.close("parents")
                if other is not mine:
                    other.close("workers")
            _read_nothing()
            os.environ[INDEX], os.environ[COUNT] = str(index), str(count)
            # What a terminal or a service manager sends to all is the parent's to handle: it tells the workers.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            return Place(index, count, start_ns, mine.frames_in, Channel(mine.workers_socket))
        pids.append(pid)
    workers = []
    for index, (pid, mine) in enumerate(zip(pids, ends, strict=True)):
        mine.close("workers")
        workers.append(Worker(index, pid, mine.frames_out, Channel(mine.parents_socket)))
    return Crew(workers, start_ns)


def _read_nothing() -> None:
    """Keys are the parent's to read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


class _Ends:
    """Of a pipe for frames and of a socket; plain descriptors until it is clear whose they are."""

    def __init__(self) -> None:
        self.frames_out, self.frames_in = os.pipe()
        parents, workers = socket.socketpair()
        self.parents_socket, self.workers_socket = parents.detach(), workers.detach()

    def close(self, side: str) -> None:
        both = {
            "parents": (self.frames_out, self.parents_socket),
            "workers": (self.frames_in, self.workers_socket),
        }
        for fd in both[side]:
            os.close(fd)


def wait_for(workers: list[Worker], silent_s: float) -> None:
    """Until all of them are gone; one that has not been heard of for so long is killed."""
    for worker in workers:
        while not worker.gone.wait(1.0):
            if monotonic() - worker.heard_at > silent_s:
                logger.error("Worker %d does not end: it is killed.", worker.index)
                worker.kill()
                worker.gone.wait()
