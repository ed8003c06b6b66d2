"""A container through Docker's socket, which is played here: there is no Docker where tests run.

The replies have the shape that the API's reference (v1.43) and Docker 24 on cgroup version 2 give them.
"""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from looking import looking

ID = "4fa6e0f0c678" + "0" * 52


class Docker(socketserver.ThreadingUnixStreamServer):
    """One container, `web`."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []
        self.looks = 0
        self.is_running = True
        self.started = "2026-01-01T10:00:00.000000000Z"
        super().__init__(str(path), Reply)

    def inspect(self) -> dict[str, Any]:
        """`GET /containers/web/json`, of its 60 fields those that matter and some more."""
        status = "running" if self.is_running else "exited"
        return {
            "Id": ID,
            "Name": "/web",
            "State": {
                "Status": status,
                "Running": self.is_running,
                "OOMKilled": False,
                "Pid": 4711 if self.is_running else 0,
                "StartedAt": self.started,
            },
            "HostConfig": {"NanoCpus": 1_500_000_000, "CpuQuota": 0, "Memory": 268_435_456},
            "Config": {"Image": "shop:1.2", "Env": ["PASSWORD=hunter2"]},
        }

    def stats(self) -> dict[str, Any]:
        """`GET /containers/ID/stats`; what Docker says of a stopped one, too."""
        if not self.is_running:
            return {
                "read": "0001-01-01T00:00:00Z",
                "pids_stats": {},
                "cpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {"periods": 0}},
                "memory_stats": {},
            }
        self.looks += 1
        return {
            "read": "2026-01-01T10:00:01.000000000Z",
            "preread": "0001-01-01T00:00:00Z",
            "pids_stats": {"current": 9, "limit": 18_446_744_073_709_551_615},
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 254, "minor": 0, "op": "read", "value": 4096},
                    {"major": 254, "minor": 0, "op": "write", "value": 8192},
                    {"major": 254, "minor": 16, "op": "write", "value": 8},
                ],
                "io_serviced_recursive": None,
            },
            "num_procs": 0,
            "cpu_stats": {
                "cpu_usage": {
                    "total_usage": self.looks * 500_000_000,
                    "usage_in_kernelmode": 1,
                    "usage_in_usermode": 2,
                },
                "system_cpu_usage": 99_000_000_000,
                "online_cpus": 4,
                "throttling_data": {
                    "periods": self.looks * 10,
                    "throttled_periods": self.looks,
                    "throttled_time": self.looks * 20_000_000,
                },
            },
            "memory_stats": {
                "usage": 100_000_000,
                "limit": 268_435_456,
                "stats": {"anon": 60_000_000, "file": 40_000_000, "inactive_file": 30_000_000},
            },
            "networks": {
                "eth0": {"rx_bytes": 100, "tx_bytes": 200},
                "eth1": {"rx_bytes": 1, "tx_bytes": 2},
            },
        }


class Reply(BaseHTTPRequestHandler):
    """Answers as Docker does."""

    server: Docker
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The two questions that are asked."""
        self.server.asked.append(self.path)
        if self.path == "/containers/web/json":
            self._say(200, self.server.inspect())
        elif self.path == f"/containers/{ID}/stats?stream=false&one-shot=true":
            self._say(200, self.server.stats())
        else:
            name = self.path.split("/")[2]
            self._say(404, {"message": f"No such container: {name}"})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def address_string(self) -> str:
        """A unix socket has none."""
        return "unix"


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Docker]:
    """One that answers."""
    with Docker(tmp_path / "d.sock") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_it_says(docker: Docker) -> None:
    with looking(f"docker:web@{docker.path}") as look:
        look.until(lambda look: len(look.series("cgroup.cpu.used")) >= 3)
    used = look.series("cgroup.cpu.used")
    assert used == [0.5 * number for number in range(1, len(used) + 1)]
    expected = {
        "cgroup.cpu.quota": 1.5,
        "cgroup.memory": 70_000_000,
        "cgroup.memory.anon": 60_000_000,
        "cgroup.memory.limit": 268_435_456,
        "cgroup.pids": 9,
        "cgroup.read": 4096,
        "cgroup.written": 8200,
        "container.received": 101,
        "container.sent": 202,
        "process.cores": 4,
    }
    assert {name: look.last(name) for name in expected} == expected
    assert look.last("cgroup.cpu.throttled") == len(used)
    assert look.watched()[0]["title"] == "container web, image shop:1.2"
    assert "hunter2" not in json.dumps(look.frames)


def test_one_that_stops_and_comes_back(docker: Docker) -> None:
    with looking(f"docker:web@{docker.path}") as look:
        look.until(lambda look: len(look.series("cgroup.cpu.used")) >= 2)
        docker.is_running = False
        lost = look.until(lambda look: look.marks("lost"))
        assert lost[0]["why"] == "the container stopped"
        docker.looks = 0
        docker.started = "2026-01-01T11:00:00.000000000Z"
        docker.is_running = True
        look.until(lambda look: look.marks("regained"))
        restarted = look.until(lambda look: look.marks("restarted"))
        assert restarted[0]["why"] == "the container was started anew"


def test_one_that_is_not_there(docker: Docker) -> None:
    with looking(f"docker:shop@{docker.path}") as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert lost[0]["why"] == "docker has no container shop"


def test_one_that_does_not_run(docker: Docker) -> None:
    docker.is_running = False
    with looking(f"docker:web@{docker.path}") as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert lost[0]["why"] == "the container web is exited"


def test_no_docker(tmp_path: Path) -> None:
    with looking(f"docker:web@{tmp_path}/none") as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert lost[0]["why"] == f"there is no docker at {tmp_path}/none"


@pytest.mark.skipif(os.getuid() == 0, reason="root may use every socket")
def test_a_socket_that_may_not_be_used(docker: Docker) -> None:
    docker.path.chmod(0)
    with looking(f"docker:web@{docker.path}") as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert lost[0]["why"] == f"{docker.path} may not be used by this user"
