"""Metrics for other tools: a page that Prometheus' own parser reads, pushes that OTLP's own schema reads, and the dashboard on them.

At the end of a run they are the numbers of its summary.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

MIXED = """
class U(FastHttpUser):
    wait_time = constant(0.02)

    @task(3)
    def well(self):
        self.client.get("/", name="/")

    @task(1)
    def badly(self):
        self.client.get("/status/503", name="/bad \\"name\\"")
"""

LOAD = ("-u", "3", "-r", "3", "-t", "1s", "--run-dir", "run", "--exit-code-on-error", "0")
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"


@pytest.fixture(autouse=True)
def scenario(katydid: Any) -> None:
    katydid.write(MIXED)


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


class Collector:
    """Takes pushes of metrics, or answers as it is told."""

    def __init__(self, status: int = 200, hangs: bool = False) -> None:
        self.pushes: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.headers.append(
                    {
                        "path": self.path,
                        **{name.lower(): value for name, value in self.headers.items()},
                    }
                )
                if hangs:
                    collector.over.wait(60)
                pushed = ExportMetricsServiceRequest()
                pushed.ParseFromString(body)
                collector.pushes.append(pushed)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def points(self) -> dict[tuple[str, frozenset[tuple[str, str]]], Any]:
        """What was pushed last, by name and attributes."""
        (resource,) = self.pushes[-1].resource_metrics
        (scope,) = resource.scope_metrics
        found = {}
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                labels = frozenset((a.key, a.value.string_value) for a in point.attributes)
                found[metric.name, labels] = point
        return found


@contextlib.contextmanager
def collecting(**more: Any) -> Iterator[Collector]:
    collector = Collector(**more)
    try:
        yield collector
    finally:
        collector.over.set()
        collector.server.shutdown()
        collector.server.server_close()


def scraped(port: int) -> str | None:
    with contextlib.suppress(OSError):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        return text if answer.status == 200 else None
    return None


def test_a_page_while_the_run_lasts_and_a_dashboard_that_knows_its_names(katydid: Any) -> None:
    port = free_port()
    words = ("-H", katydid.target, *LOAD, "-t", "4s", "--no-discovery", "--prometheus", str(port))
    running = katydid.start(*words)
    page = ""
    while running.poll() is None:
        page = scraped(port) or page
        time.sleep(0.1)
    out, err = running.communicate()
    assert running.returncode == 0, err
    families = {family.name: family for family in text_string_to_metric_families(page)}
    summary = json.loads((katydid.folder / "run/summary.json").read_text())
    rows = {row["name"]: row for row in summary["endpoints"]}
    ok = {
        sample.labels["name"]: sample.value
        for sample in families["katydid_requests"].samples
        if sample.labels["outcome"] == "ok"
    }
    assert ok.keys() == rows.keys() == {"/", '/bad "name"'}
    # The last page is at most some tenths of a second older than the end.
    assert 0 < ok["/"] <= rows["/"]["requests"]
    duration = families["katydid_request_duration_seconds"]
    assert duration.type == "histogram"
    counts = [sample for sample in duration.samples if sample.name.endswith("_count")]
    assert {sample.labels["outcome"] for sample in counts} == {"ok", "failed"}
    assert families["katydid_run_info"].samples[0].labels["run"] == summary["run"]["id"]
    names = {sample.name for family in families.values() for sample in family.samples}
    board = DASHBOARD.read_text()
    used = set(re.findall(r"\bkatydid_[a-z_]+", board))
    assert used - names == set() and len(used) >= 8
    assert json.loads(board)["title"] == "katydid"


def test_the_last_push_has_the_numbers_of_the_summary(katydid: Any) -> None:
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20aHVudGVyMg=="}
        words = ("-H", katydid.target, *LOAD, "--no-discovery", "--processes", "2")
        done = katydid(*words, "--otlp", collector.url, env=env).ended(0)
        points = collector.points()
    assert collector.headers[-1]["path"] == "/v1/metrics"
    assert collector.headers[-1]["authorization"] == "Basic aHVudGVyMg=="
    assert "aHVudGVyMg" not in done.text.replace(str(env), "")
    for row in done.summary["endpoints"]:
        common = {("method", row["method"]), ("name", row["name"]), ("kind", row["kind"])}

        def of(name: str, *more: tuple[str, str], common: Any = common) -> Any:
            return points[name, frozenset({*common, *more})]

        failed = of("katydid.requests", ("outcome", "failed")).as_double
        ok = of("katydid.requests", ("outcome", "ok")).as_double
        assert (ok + failed, failed) == (row["requests"], row["failures"])
        assert of("katydid.requests", ("outcome", "aborted")).as_double == row["aborted"]
        assert of("katydid.received").as_double == row["bytes_in"]
        spread = of("katydid.request.duration", ("outcome", "ok"))
        assert spread.count == sum(spread.bucket_counts) == ok
        assert len(spread.bucket_counts) == len(spread.explicit_bounds) + 1
        latency = row["from_due"]
        if ok:
            assert spread.sum / ok * 1e3 == pytest.approx(latency["mean"], rel=1e-6)
            # The largest lies below the bound of the last bucket that holds something.
            last = max(place for place, count in enumerate(spread.bucket_counts) if count)
            assert latency["max"] <= spread.explicit_bounds[last] * 1e3 * 1.001
        assert spread.start_time_unix_nano < spread.time_unix_nano
    failures = points[
        "katydid.failures",
        frozenset(
            {
                ("method", "GET"),
                ("name", '/bad "name"'),
                ("kind", "request"),
                ("cause", "status"),
            }
        ),
    ]
    assert failures.as_double == done.summary["total"]["failures"]


def test_locusts_flag_pushes_to_where_the_environment_says(katydid: Any) -> None:
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        katydid("-H", katydid.target, *LOAD, "--no-discovery", "--otel", env=env).ended(0)
        assert collector.points()


def test_an_attack_exports_too(katydid: Any) -> None:
    with collecting() as collector:
        words = ("attack", katydid.target, "-t", "1s", "--run-dir", "run", "--no-discovery")
        done = katydid(*words, "--otlp", collector.url).ended(0)
        total = sum(
            point.as_double
            for (name, labels), point in collector.points().items()
            if name == "katydid.requests" and ("outcome", "ok") in labels
        )
    assert total == done.summary["total"]["requests"]


@pytest.mark.parametrize("how", ["refuses", "fails", "hangs", "is not there"])
def test_whatever_becomes_of_the_collector_the_run_is_whole(katydid: Any, how: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "refuses": {"status": 401},
        "fails": {"status": 500},
        "hangs": {"hangs": True},
    }
    with collecting(**more.get(how, {})) as collector:
        url = f"http://127.0.0.1:{free_port()}" if how == "is not there" else collector.url
        done = katydid("-H", katydid.target, *LOAD, "--no-discovery", "--otlp", url).ended(0)
    (said,) = [line for line in done.err.splitlines() if "metrics are not taken" in line]
    assert said.startswith("warning: ")
    assert done.summary["run"]["complete"] is True
    assert any("metrics are not taken" in mark["text"] for mark in done.summary["marks"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--otlp", "collector:4318"), "is no URL to push to"),
        (("--otlp", "grpc://me:hunter2@c:1"), "is no URL to push to"),
        (("--prometheus", "nowhere"), "is no address to listen at"),
        (("--prometheus", "99999"), "is no address to listen at"),
    ],
)
def test_an_address_that_is_none_is_refused_before_any_request(
    katydid: Any, words: tuple[str, ...], said: str
) -> None:
    done = katydid("-H", katydid.target, *LOAD, *words)
    assert done.code == 2 and said in done.err and "hunter2" not in done.err
    assert not done.run.exists()


def test_a_port_in_use_is_refused_before_any_request(katydid: Any) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = katydid("-H", katydid.target, *LOAD, "--prometheus", address)
    assert done.code == 2 and "choose another port" in done.err
    assert not done.run.exists()
