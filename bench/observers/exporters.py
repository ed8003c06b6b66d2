"""Records pages of real exporters for tests/cli/test_exporters.py: node_exporter (Debian's) and Node.js (npm's prom-client).

    .venv/bin/python bench/observers/exporters.py

Each is read twice, with work done in between, into tests/fixtures/prometheus. What is told of a name (`# HELP`) is left out.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from observers.packages import KEPT, ROOT
from ports import free_port

FIXTURES = ROOT / "tests/fixtures/prometheus"
PATIENCE_S = 30.0
#: An application with prom-client's own metrics and one histogram, which does something worth collecting.
NODE = """
const http = require("http"), client = require("prom-client");
client.collectDefaultMetrics();
const buckets = [0.001, 0.01, 0.1, 1];
const labelNames = ["route"];
const seconds = new client.Histogram({name: "http_request_duration_seconds", help: "x", labelNames, buckets});
http.createServer(async (request, answer) => {
  const done = seconds.startTimer({route: request.url});
  if (request.url === "/metrics") answer.end(await client.register.metrics());
  else answer.end(String(Array.from({length: 3e5}, (_, n) => ({n})).length));
  done();
}).listen(Number(process.argv[2]), "127.0.0.1");
"""


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


@contextlib.contextmanager
def running(command: Sequence[str | Path], cwd: Path, port: int) -> Iterator[None]:
    """A server, from when it answers."""
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            with contextlib.suppress(OSError):
                read(f"http://127.0.0.1:{port}/metrics")
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not answer")
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def record(name: str, port: int, work: str) -> None:
    """Its page, twice, into the fixtures."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        for _ in range(40):
            read(f"http://127.0.0.1:{port}{work}")
        lines = read(f"http://127.0.0.1:{port}/metrics").splitlines()
        kept = [line for line in lines if line and not line.startswith("# HELP")]
        (FIXTURES / f"{name}-{number}.txt").write_text("\n".join(kept) + "\n")


def node_exporter() -> None:
    place = KEPT / "node_exporter"
    program = place / "root/usr/bin/prometheus-node-exporter"
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        package = "prometheus-node-exporter"
        download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
        subprocess.run(download, cwd=place, check=True)
        for packed in place.glob("*.deb"):
            subprocess.run(["dpkg", "-x", packed, place / "root"], check=True)
    port = free_port()
    # All of its collectors would be 100 kB.
    words = ["--collector.disable-defaults", "--collector.cpu", "--collector.meminfo"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with running([program, *words], place, port):
        record("node_exporter", port, "/metrics")


def nodejs() -> None:
    place = KEPT / "nodejs"
    if not (place / "node_modules/prom-client").exists():
        place.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "prom-client@15"]
        subprocess.run([*install, "--prefix", place], cwd=place, check=True)
    (place / "page.js").write_text(NODE)
    port = free_port()
    with running(["node", "page.js", str(port)], place, port):
        record("nodejs", port, "/")


if __name__ == "__main__":
    node_exporter()
    nodejs()
