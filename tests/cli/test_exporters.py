"""Pages of real exporters become charts: what node_exporter and prom-client tell is known by name.

The pages are recorded, twice each (bench/observers/exporters.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from page import run_in

PAGES = Path(__file__).parents[1] / "fixtures/prometheus"
#: The second recording is shown after so many requests.
LATER = 120


@pytest.fixture
def exporters() -> Iterator[str]:
    """A server that is under load and shows the recorded pages, `/NAME`."""
    served = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal served
            body = b"hello"
            if self.path == "/":
                served += 1
            else:
                number = 2 if served > LATER else 1
                body = (PAGES / f"{self.path[1:]}-{number}.txt").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_real_exporters_tell_is_drawn(katydid: Any, exporters: str) -> None:
    names = ("node_exporter", "nodejs")
    watch = [word for name in names for word in ("--watch", f"prometheus:{exporters}/{name}")]
    words = ("attack", exporters, "--rate", "40", "-t", "12s", "--no-discovery", "--run-dir", "run")
    page = katydid.folder / "page.html"
    katydid(*words, *watch, "--html", str(page)).ended(0)
    targets = run_in(page)["view"]["target"]
    machine, node = (
        next(target for target in targets if target["subject"].endswith(f"/{name}"))
        for name in names
    )

    def last(target: Any, chart: str) -> dict[str, float]:
        """The newest value of each line."""
        (found,) = [one for one in target["charts"] if one["id"] == chart]
        lines = {line["name"]: line["values"] for line in found["lines"]}
        return {name: [v for v in values if v is not None][-1] for name, values in lines.items()}

    drawn = {chart["id"] for chart in machine["charts"]}
    assert drawn == {"node_cpu", "node_memory", "gc", "heap", "resident", "process", "threads"}
    assert last(machine, "node_cpu").keys() >= {"user", "system"}
    assert last(machine, "node_memory")["used"] > 1e8
    drawn = {chart["id"] for chart in node["charts"]}
    assert drawn == {"loop", "gc", "heap", "resident", "process", "latency"}
    assert last(node, "loop")["nodejs_eventloop_lag_p99_seconds"] > 0
    (gc,) = [chart for chart in node["charts"] if chart["id"] == "gc"]
    (minor,) = [line["values"] for line in gc["lines"] if line["name"] == "minor"]
    # Between the two recordings there were collections; before and after, the page does not change.
    assert max(value for value in minor if value is not None) > 0
    assert last(node, "latency")["p99"] >= last(node, "latency")["p50"] > 0
    assert last(node, "resident")["process_resident_memory_bytes"] > 1e7
