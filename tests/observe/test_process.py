"""The observer of a server's processes, on real ones."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from looking import looking

#: Listens, and does what its standard input says, a line each; answers a line each.
SERVER = """
    import os, resource, socket, sys, time
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    os.set_inheritable(server.fileno(), True)
    if len(sys.argv) > 2:
        os.setuid(int(sys.argv[2]))
    kept, children = [], []
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "grow":
            kept.append(b"x" * int(value))
        elif word == "burn":
            end = time.process_time() + float(value)
            while time.process_time() < end:
                pass
        elif word == "open":
            kept += [open("/dev/null") for _ in range(int(value))]
        elif word == "fork":
            child = os.fork()
            if child == 0:
                end = time.process_time() + float(value)
                while time.process_time() < end:
                    pass
                while os.getppid() != 1:
                    time.sleep(0.05)
                os._exit(0)
            children.append(child)
        elif word == "reap":
            for child in children:
                os.kill(child, 9)
                os.waitpid(child, 0)
            children.clear()
        print(time.process_time(), flush=True)
    for child in children:
        os.kill(child, 9)
"""


class Server:
    """A small server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, line: str) -> float:
        """Does it, and says what processor time it has used, s."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def serving(port: int, user: int | None = None) -> Iterator[Server]:
    """One that listens while the block runs."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(port)]
    command += [] if user is None else [str(user)]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield Server(process)
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    assert isinstance(number, int)
    return number


def test_processor_time_memory_and_files_are_what_they_are(port: int) -> None:
    with serving(port) as server, looking(f"port:{port}") as look:
        look.until(lambda look: look.last("process.cpu.all") is not None)
        first = look.last("process.cpu.all")
        before = look.last("process.anon") or 0
        files = look.last("process.files") or 0
        server.do("open 50")
        server.do("grow 80000000")
        used = server.do("burn 1.5")
        look.until(lambda look: (look.last("process.cpu.all") or 0) >= used - 0.02)
        look.until(lambda look: (look.last("process.anon") or 0) >= before + 79_000_000)
        look.until(lambda look: look.last("process.files") == files + 50)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert limit == resource.RLIM_INFINITY or look.last("process.files.limit") == limit
        pid = str(server.process.pid)
        assert look.last("process.cpu", pid=pid) == pytest.approx(used, abs=0.06)
        assert first is not None and first < used
        assert (look.last("process.ran") or 0) == pytest.approx(used, rel=0.1, abs=0.1)
    assert f"port {port}" in look.watched()[0]["title"]


def test_children_count_and_stay_counted_when_they_are_gone(port: int) -> None:
    with serving(port) as server, looking(f"port:{port}") as look:
        look.until(lambda look: look.last("process.count") == 1)
        server.do("fork 0.5")
        server.do("fork 0.5")
        look.until(lambda look: look.last("process.count") == 3)
        look.until(lambda look: (look.last("process.cpu.all") or 0) >= 1.0)
        server.do("reap")
        look.until(lambda look: look.last("process.count") == 1)
    for name in ("process.cpu.all", "process.switches.voluntary", "process.ran"):
        values = look.series(name)
        assert values == sorted(values), name
    assert 1.0 <= (look.last("process.cpu.all") or 0) < 1.6


def test_servers_that_share_a_port_are_one(port: int) -> None:
    with serving(port) as one, serving(port) as other, looking(f"port:{port}") as look:
        look.until(lambda look: look.last("process.count") == 2)
        pids = [str(server.process.pid) for server in (one, other)]
        look.until(lambda look: all(look.last("process.cpu", pid=pid) is not None for pid in pids))
    assert "(2 processes)" in look.watched()[0]["title"]


def test_one_that_ends_is_lost_and_found_again(port: int) -> None:
    with looking(f"port:{port}") as look:
        lost = look.until(lambda look: look.marks("lost"))
        assert lost[0]["why"] == f"nothing listens on port {port}"
        with serving(port):
            look.until(lambda look: look.marks("regained"))
            look.until(lambda look: len(look.series("process.cpu.all")) >= 2)
        look.until(lambda look: len(look.marks("lost")) == 2)
        assert look.marks("lost")[1]["why"] == "the process exited"
        with serving(port):
            look.until(lambda look: len(look.marks("regained")) == 2, 40)


def test_by_number_with_its_cgroup(port: int) -> None:
    with serving(port) as server, looking(f"pid:{server.process.pid}") as look:
        look.until(lambda look: look.last("process.threads") == 1)
    sights = look.sights()
    assert "cgroup" in sights
    assert sights["cgroup"]["seen"] or look.last("cgroup.memory") is None


def test_a_number_that_is_none() -> None:
    with looking("pid:4194999") as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert lost[0]["why"] == "there is no process 4194999"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
def test_a_process_of_another_user_is_seen_by_root(port: int) -> None:
    with serving(port, user=65534) as server, looking(f"port:{port}") as look:
        look.until(lambda look: look.last("process.cpu", pid=str(server.process.pid)) is not None)
        assert look.sights()["open files"]["seen"]
