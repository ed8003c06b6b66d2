"""A service with few workers, all of which wait: found as such, and not where there are enough of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ports import free_port, listens
from waiting import until

SERVICE = Path(__file__).parents[1] / "support" / "few_workers.py"
LOCUSTFILE = """
from locust import HttpUser, constant, task

class Clerk(HttpUser):
    wait_time = constant(0.3)

    @task
    def report(self):
        self.client.get("/report")

    @task
    def me(self):
        self.client.get("/me")
"""


@contextmanager
def service(workers: int, spans: int) -> Iterator[str]:
    port = free_port()
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans}"}
    process = subprocess.Popen([sys.executable, SERVICE, str(port), str(workers)], env=env)
    try:
        until(lambda: listens(port), "the service does not answer")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def findings(katydid: Any, workers: int) -> Any:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    spans = free_port()
    with service(workers, spans) as host:
        words = ["-H", host, "--headless", "-u", "30", "-r", "30", "-t", "9s", "--run-dir", "run"]
        words += ["--watch", f"otlp:127.0.0.1:{spans}", "--trace-share", "0.5"]
        done = katydid(*words).ended(0)
    return json.loads((done.run / "findings.json").read_text())


def test_requests_that_wait_for_one_of_few_workers(katydid: Any) -> None:
    found = findings(katydid, 3)
    (one,) = found["findings"]
    assert (one["rule"], one["confidence"]) == ("workers", "strong"), found
    assert one["endpoints"][0] == "GET /report"
    # Three workers, which are always busy.
    inside = next(of["value"] for of in one["evidence"] if of["what"].startswith("requests in"))
    assert 2.4 <= inside <= 3.3, one["evidence"]


def test_enough_workers_are_no_finding(katydid: Any) -> None:
    found = findings(katydid, 40)
    assert [of["rule"] for of in found["findings"] + found["suspected"]] == []
    assert "workers" in [of["rule"] for of in found["ruled_out"]]
