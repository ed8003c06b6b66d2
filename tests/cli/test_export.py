"""Metrics for other tools: a page that Prometheus' own parser reads, pushes that OTLP's own schema reads, and the dashboard on them.

At the end of a run they are the numbers of its summary.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from ports import free_port
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
#: Outcomes of a request.
ENDED = ("ok", "failed", "aborted", "unjudged")
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"


@pytest.fixture(autouse=True)
def scenario(katydid: Any) -> None:
    katydid.write(MIXED)


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


#: Reads the page when the load is over and all of it has been told, but the run has not ended.
LOOKS = """
import urllib.request
import gevent

@events.test_stop.add_listener
def look(environment, **_):
    gevent.sleep(2.1)
    at = f"http://127.0.0.1:{environment.parsed_options.prometheus}/metrics"
    with urllib.request.urlopen(at) as answer, open("page.txt", "wb") as page:
        say(kind=answer.headers["Content-Type"])
        page.write(answer.read())
"""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(page: str) -> Samples:
    """The values of a page, by name and labels; none is there twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def total(samples: Samples, metric: str, **labels: str) -> float:
    """The sum of those that have these labels."""
    wanted = labels.items()
    return sum(v for (m, of), v in samples.items() if m == metric and wanted <= dict(of).items())


def as_prometheus(pushed: ExportMetricsServiceRequest) -> set[str]:
    """What Prometheus makes of names that come by OTLP (its `otlptranslator`): dots to underscores, the unit, `total`."""
    names = set()
    for metric in pushed.resource_metrics[0].scope_metrics[0].metrics:
        kind = metric.WhichOneof("data")
        words = metric.name.replace(".", "_").split("_")
        unit = {"s": "seconds", "By": "bytes", "": ""}[metric.unit]
        words += [unit] if unit and unit not in words else []
        words += ["total"] if kind == "sum" and metric.sum.is_monotonic else []
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        names |= {"_".join(words) + suffix for suffix in suffixes}
    return names


def test_the_page_has_the_numbers_of_the_summary_and_names_as_pushes_have(katydid: Any) -> None:
    katydid.write(MIXED + LOOKS)
    port = free_port()
    words = ("-H", katydid.target, *LOAD, "--no-discovery", "--prometheus", str(port))
    pages = []
    with collecting() as collector:
        running = katydid.start(*words, "--otlp", collector.url)
        while running.poll() is None:
            if page := scraped(port):
                pages.append(parsed(page))
            time.sleep(0.1)
        out, err = running.communicate()
        # On a busy machine the run is INVALID, and its numbers are equal all the same.
        assert running.returncode in (0, 3), err
        pushed = collector.pushes[-1]
    assert "text/plain; version=0.0.4" in out
    text = (katydid.folder / "page.txt").read_text()
    samples = parsed(text)
    summary = json.loads((katydid.folder / "run/summary.json").read_text())
    for row in summary["endpoints"]:
        of = {key: row[key] for key in ("method", "name", "kind")}
        ended = {o: total(samples, "katydid_requests_total", outcome=o, **of) for o in ENDED}
        assert ended["ok"] + ended["failed"] == row["requests"]
        assert ended["failed"] == row["failures"]
        assert (ended["aborted"], ended["unjudged"]) == (row["aborted"], row["unjudged"])
        assert total(samples, "katydid_received_bytes_total", **of) == row["bytes_in"]
        assert total(samples, "katydid_sent_bytes_total", **of) == row["bytes_out"]
        duration = "katydid_request_duration_seconds"
        assert total(samples, f"{duration}_count", outcome="ok", **of) == ended["ok"]
        assert total(samples, f"{duration}_bucket", outcome="ok", le="+Inf", **of) == ended["ok"]
    assert {row["name"] for row in summary["endpoints"]} == {"/", '/bad "name"'}
    failed = total(samples, "katydid_failures_total", cause="status")
    assert failed == summary["total"]["failures"] > 0
    assert total(samples, "katydid_run_info", run=summary["run"]["id"]) == 1
    # Counters never fall.
    for before, after in zip(pages, pages[1:], strict=False):
        for key, value in before.items():
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                assert after[key] >= value, key
    names = {name for name, _ in samples}
    assert names == as_prometheus(pushed)
    used = set(re.findall(r"\bkatydid_[a-z_]+", DASHBOARD.read_text()))
    assert used - names == set() and len(used) >= 10
    if promtool := shutil.which("promtool"):
        subprocess.run([promtool, "check", "metrics"], input=text.encode(), check=True)


def test_a_page_says_where_it_is_and_is_read_by_nothing_else(katydid: Any) -> None:
    port = free_port()
    (katydid.folder / "katydid.toml").write_text(f'[run]\nprometheus = "localhost:{port}"\n')
    running = katydid.start("-H", katydid.target, *LOAD, "-t", "2s", "--no-discovery")
    while running.poll() is None and scraped(port) is None:
        time.sleep(0.05)
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, b"/metrics" in answer.read()) == (404, True)
    # A connection that stays open does not hold up the end.
    running.communicate(timeout=20)
    assert running.returncode in (0, 3)


def test_a_check_exports_nothing(katydid: Any) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (katydid.folder / "katydid.toml").write_text(f'[run]\nprometheus = "{address}"\n')
        done = katydid("check", "-H", katydid.target)
    assert done.code == 1, done.text  # a task of it fails


def test_the_last_push_has_the_numbers_of_the_summary(katydid: Any) -> None:
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20aHVudGVyMg=="}
        env["COLLECTOR"] = collector.url
        words = ("-H", katydid.target, *LOAD, "--no-discovery", "--processes", "2")
        done = katydid(*words, "--otlp", "env:COLLECTOR", env=env).ended(0)
        points = collector.points()
    assert collector.headers[-1]["path"] == "/v1/metrics"
    assert collector.headers[-1]["authorization"] == "Basic aHVudGVyMg=="
    kept = [path.read_bytes() for path in done.run.rglob("*") if path.is_file()]
    assert not any(b"aHVudGVyMg" in text for text in [done.text.encode(), *kept])
    for row in done.summary["endpoints"]:
        common = {("method", row["method"]), ("name", row["name"]), ("kind", row["kind"])}

        def of(name: str, *more: tuple[str, str], common: Any = common) -> Any:
            return points[name, frozenset({*common, *more})]

        failed = of("katydid.requests", ("outcome", "failed")).as_double
        ok = of("katydid.requests", ("outcome", "ok")).as_double
        assert (ok + failed, failed) == (row["requests"], row["failures"])
        assert of("katydid.requests", ("outcome", "aborted")).as_double == row["aborted"]
        assert of("katydid.received").as_double == row["bytes_in"]
        if not ok:
            continue
        spread = of("katydid.request.duration", ("outcome", "ok"))
        assert spread.count == sum(spread.bucket_counts) == ok
        assert len(spread.bucket_counts) == len(spread.explicit_bounds) + 1
        assert spread.sum / ok * 1e3 == pytest.approx(row["from_due"]["mean"], rel=1e-6)
        # The largest lies below the bound of the last bucket that holds something.
        last = max(place for place, count in enumerate(spread.bucket_counts) if count)
        assert row["from_due"]["max"] <= spread.explicit_bounds[last] * 1e3 * 1.001
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
        done = katydid(*words, env={"KATYDID_OTLP": collector.url}).ended(0)
        total = sum(
            point.as_double
            for (name, labels), point in collector.points().items()
            if name == "katydid.requests" and ("outcome", "ok") in labels
        )
    assert total == done.summary["total"]["requests"]


def test_a_password_in_the_url_is_sent_and_kept_nowhere(katydid: Any) -> None:
    with collecting(status=429) as collector:
        url = collector.url.replace("//", "//me:hunter2@")
        done = katydid("-H", katydid.target, *LOAD, "--no-discovery", "--otlp", url).ended(0)
    assert collector.headers[-1]["authorization"] == "Basic bWU6aHVudGVyMg=="
    assert "429" in done.err and "hunter2" not in done.out + done.err
    frames = (done.run / "frames.jsonl.zst").read_bytes()
    kept = [path.read_text() for path in done.run.glob("*.json")]
    assert len(kept) >= 2 and len(frames) > 0
    assert "hunter2" not in "".join(kept)


@pytest.mark.parametrize("how", ["fails", "hangs", "is not there"])
def test_whatever_becomes_of_the_collector_the_run_is_whole(katydid: Any, how: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "fails": {"status": 500},
        "hangs": {"hangs": True},
    }
    with collecting(**more.get(how, {})) as collector:
        url = f"http://127.0.0.1:{free_port()}" if how == "is not there" else collector.url
        done = katydid("-H", katydid.target, *LOAD, "--no-discovery", "--otlp", url).ended(0)
    assert done.summary["run"]["duration_s"] < 4
    (said,) = [line for line in done.err.splitlines() if "metrics are not taken" in line]
    assert said.startswith("warning: ")
    assert done.summary["run"]["complete"] is True
    assert any("metrics are not taken" in mark["text"] for mark in done.summary["marks"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--otlp", "collector:4318"), "is no URL to push to"),
        (("--otlp", "grpc://me:hunter2@c:1"), "is no URL to push to"),
        (("--otlp", "env:KATYDID_NO_SUCH"), "no variable KATYDID_NO_SUCH"),
        (("--otel", "--trace"), "katydid itself receives spans"),
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


@pytest.mark.parametrize("more", [(), ("--processes", "2")], ids=["one", "two"])
def test_a_port_in_use_is_refused_before_any_request(katydid: Any, more: tuple[str, ...]) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = katydid("-H", katydid.target, *LOAD, *more, "--prometheus", address)
    assert done.code == 2 and done.err.count("choose another port") == 1
    assert not done.run.exists()
