"""The wheel is whole: in a fresh environment, with neither rustc nor Node in reach, katydid runs and shows its demo."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tree import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ABSENT = ("rustc", "cargo", "rustup", "maturin", "node", "npm", "npx", "cc", "gcc", "clang")

LOCUSTFILE = """
from locust import HttpUser, constant, task
class Visitor(HttpUser):
    wait_time = constant(0.1)
    tick = task(lambda self: self.client.get("/"))
"""

SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Installed:
    """A fresh environment that holds nothing but the wheel and what it asks for."""

    def __init__(self, place: Path, wheel: Path) -> None:
        self.wheel = wheel
        self.bin = place / "venv/bin"
        self.tools = place / "tools"
        self.cwd = place / "cwd"
        self.cwd.mkdir()
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        self._link_tools()
        self.install()

    def install(self, extra: str = "") -> None:
        """The wheel, with an extra."""
        pip = [str(self.bin / "python"), "-m", "pip", "install", "-q", f"{self.wheel}{extra}"]
        subprocess.run(pip, check=True, env=self.environment(), cwd=self.cwd)

    def environment(self) -> dict[str, str]:
        """What the processes see: no compiler, no Node, nothing of the checkout."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KATYDID"))}
        return kept | {"PATH": f"{self.bin}{os.pathsep}{self.tools}"}

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """`katydid ARGUMENTS`, which has to end with status 0."""
        command: Sequence[str | Path] = [self.bin / "katydid", *arguments]
        done = subprocess.run(
            command,
            cwd=self.cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"status {done.returncode}:\n{done.stdout}"
        return done

    def _link_tools(self) -> None:
        """The system's programs, without those that a user of the wheel need not have."""
        self.tools.mkdir()
        for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
            for program in Path(folder).glob("*"):
                link = self.tools / program.name
                if program.name.startswith(ABSENT) or link.is_symlink():
                    continue
                link.symlink_to(program)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    subprocess.run(["make", "wheel"], cwd=ROOT, check=True, env=env, stdout=subprocess.DEVNULL)
    (wheel,) = (ROOT / "dist").glob("*.whl")
    return Installed(tmp_path_factory.mktemp("wheel"), wheel)


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """The URL of a small server."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    server.kill()
    server.wait()


def total(installed: Installed, name: str) -> dict[str, Any]:
    """The totals of a summary that a run wrote."""
    found: dict[str, Any] = json.loads((installed.cwd / name).read_text())["total"]
    return found


def test_no_compiler_is_in_reach(installed: Installed) -> None:
    path = installed.environment()["PATH"].split(os.pathsep)
    assert [p for p in ABSENT if any((Path(folder) / p).exists() for folder in path)] == []


def test_version(installed: Installed) -> None:
    version = installed.wheel.name.split("-")[1]
    assert version in installed.run("--version").stdout


def test_attack(installed: Installed, target: str) -> None:
    installed.run("attack", f"{target}/", "-c", "2", "-t", "2s", "--summary", "attack.json")
    assert total(installed, "attack.json")["requests"] > 20
    assert total(installed, "attack.json")["failures"] == 0


def test_locustfile(installed: Installed, target: str) -> None:
    (installed.cwd / "locustfile.py").write_text(LOCUSTFILE)
    load = ["-u", "5", "-r", "5", "-t", "3s", "-H", target, "--summary", "run.json"]
    installed.run("-f", "locustfile.py", "--headless", *load)
    assert total(installed, "run.json")["requests"] > 20
    assert total(installed, "run.json")["failures"] == 0
    assert list((installed.cwd / "runs").glob("*/frames.jsonl.zst"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the demo's Valkey needs Python 3.11")
def test_demo(installed: Installed) -> None:
    installed.install("[demo]")
    installed.run("demo", "--run-time", "10", "--summary", "demo.json", timeout=300)
    summary = json.loads((installed.cwd / "demo.json").read_text())
    assert len(summary["endpoints"]) >= 5
    assert summary["total"]["failures"] == 0
