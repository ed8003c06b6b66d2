"""Pages of metrics, watched: good ones, wrong ones, and such as do not end."""

from __future__ import annotations

import base64
import http.server
import itertools
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from looking import Look, looking

GOOD = """# HELP hikaricp_connections_active Active connections
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{pool="HikariPool-1",} 7.0
hikaricp_connections_max{pool="HikariPool-1",} 10.0
http_server_requests_seconds_bucket{uri="/a",le="+Inf",} 12.0 # {trace_id="x"} 0.2
jvm_memory_used_bytes{area="heap",id="G1 Eden Space",} 1.2E7
my_own_thing 5
"""


@contextmanager
def page(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers like this; its host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def send(
    handler: http.server.BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_what_is_known_is_kept_and_the_rest_is_counted() -> None:
    with (
        page(lambda handler: send(handler, GOOD.encode())) as place,
        looking(f"prometheus:http://{place}/metrics") as look,
    ):
        look.until(lambda look: look.last("hikaricp_connections_active", pool="HikariPool-1") == 7)
        assert look.last("http_server_requests_seconds_bucket", le="+Inf") == 12
        assert look.last("my_own_thing") is None
        assert look.watched()[0]["subject"] == f"prometheus {place}/metrics"
        assert look.sights()["metrics"]["note"] == "4 of 5 values are known"


@pytest.mark.parametrize(
    ("body", "status", "headers", "expected"),
    [
        (b"<html>hello</html>", 200, {}, "web page"),
        (b'{"a": 1}', 200, {}, "JSON"),
        (b"", 200, {}, "empty"),
        (bytes(range(256)) * 9, 200, {}, "not a text of metrics"),
        (b"", 404, {}, "404"),
        (b"", 401, {}, "user or password"),
        (b"", 302, {"Location": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_what_is_no_page_of_metrics_is_said(
    body: bytes, status: int, headers: dict[str, str], expected: str
) -> None:
    with (
        page(lambda handler: send(handler, body, status, headers)) as place,
        looking(f"prometheus:http://{place}/metrics") as look,
    ):
        look.until(lambda look: look.marks("lost"))
        assert expected in look.marks("lost")[0]["why"]


def test_a_password_is_sent_and_not_shown() -> None:
    wanted = "Basic " + base64.b64encode(b"me:hunt/er2").decode()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        is_right = handler.headers.get("Authorization") == wanted
        send(handler, GOOD.encode() if is_right else b"", 200 if is_right else 401)

    with (
        page(answer) as place,
        looking(f"prometheus:http://me:hunt%2Fer2@{place}/metrics") as look,
    ):
        look.until(lambda look: look.last("hikaricp_connections_active"))
        assert "hunt" not in json.dumps(look.frames)


def test_a_page_of_100_000_series_is_cut() -> None:
    body = "".join(f'node_x{{n="{n}"}} 1\n' for n in range(100_000)).encode()
    with (
        page(lambda handler: send(handler, body)) as place,
        looking(f"prometheus:http://{place}/metrics") as look,
    ):
        look.until(lambda look: look.last("node_x", n="1"))
        assert not look.sights()["the whole page"]["seen"]
        assert len(look.series("node_x")) <= 1_000


def test_pages_that_stall_or_do_not_end() -> None:
    over = threading.Event()

    def stall(handler: http.server.BaseHTTPRequestHandler) -> None:
        over.wait(30)

    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not over.is_set():
                handler.wfile.write(b"node_x 1\n" * 100_000)
        except OSError:
            pass

    with page(stall) as first, page(endless) as second:
        with looking(
            f"prometheus:http://{first}/metrics", f"prometheus:http://{second}/metrics"
        ) as look:
            look.until(lambda look: len(look.marks("lost")) == 2)
            whys = " ".join(lost["why"] for lost in look.marks("lost"))
            assert "no whole answer within 3 s" in whys
            assert "longer than 16 MiB" in whys
        over.set()


@pytest.mark.slow
def test_several_processes_behind_one_port_are_said_once() -> None:
    starts = itertools.cycle([100, 200, 200])

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        start = next(starts)
        send(handler, f"process_start_time_seconds {start}\nprocess_open_fds 3\n".encode())

    def warnings(frames: object) -> int:
        return json.dumps(frames).count("several processes answer")

    with page(answer) as place, looking(f"prometheus:http://{place}/metrics") as look:
        look.until(lambda look: len(look.marks("restarted")) >= 3, 60)
        assert warnings(look.frames) == 1


APP = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, Histogram, generate_latest

took = Histogram("http_request_duration_seconds", "Time of a request", ["path"])
total = Gauge("http_requests_waiting_total", "A level with the name of a total")
total.set(4)


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello"
        if self.path == "/metrics":
            body = generate_latest()
        else:
            took.labels("/").observe(0.02)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), App)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def kinds(look: Look) -> dict[str, str]:
    """Of each series, what it was announced as."""
    series = [name["series"] for names in look.bodies("names") for name in names]
    return {one["name"]: one["kind"].lower() for one in series}


def test_an_application_with_prometheus_client() -> None:
    app = subprocess.Popen([sys.executable, "-c", APP], stdout=subprocess.PIPE, text=True)
    try:
        assert app.stdout is not None
        place = f"127.0.0.1:{int(app.stdout.readline())}"
        for _ in range(30):
            with urllib.request.urlopen(f"http://{place}/") as answer:
                assert answer.read() == b"hello"
        with looking(f"prometheus:http://{place}/metrics") as look:
            bucket = "http_request_duration_seconds_bucket"
            look.until(lambda look: look.last(bucket, le="+Inf") == 30)
            assert look.last(bucket, le="0.01") == 0
            assert look.last(bucket, le="0.025") == 30
            assert look.last("process_cpu_seconds_total") is not None
            assert look.last("process_resident_memory_bytes") is not None
            assert look.last("python_gc_collections_total", generation="0") is not None
            assert kinds(look)["http_requests_waiting_total"] == "gauge"
            assert kinds(look)[bucket] == "counter"
            assert kinds(look)["process_resident_memory_bytes"] == "gauge"
    finally:
        app.kill()
        app.wait()


PAGES = """
# TYPE hikaricp_connections gauge
hikaricp_connections{pool="HikariPool-1",} 10.0
# TYPE hikaricp_connections_usage_seconds summary
hikaricp_connections_usage_seconds_count{pool="HikariPool-1",} 42.0
hikaricp_connections_usage_seconds_sum{pool="HikariPool-1",} 1.5
# TYPE db_client_connection_count gauge
db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="used"} 7
# TYPE nodejs_eventloop_lag_p99_seconds gauge
nodejs_eventloop_lag_p99_seconds 0.012
# TYPE nodejs_gc_duration_seconds histogram
nodejs_gc_duration_seconds_bucket{le="0.001",kind="minor"} 1
nodejs_gc_duration_seconds_sum{kind="minor"} 0.004
# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{area="heap",id="G1 Eden Space",} 1.2E7
jvm_memory_used_bytes{area="nonheap",id="Metaspace",} 9.9E7
# TYPE jvm_gc_pause_seconds summary
jvm_gc_pause_seconds_count{action="end of minor GC",cause="G1 Evacuation Pause",} 3.0
jvm_gc_pause_seconds_sum{action="end of minor GC",cause="G1 Evacuation Pause",} 0.04
# TYPE jvm_gc_pause_seconds_max gauge
jvm_gc_pause_seconds_max{action="end of minor GC",cause="G1 Evacuation Pause",} 0.02
"""


def test_pages_of_usual_libraries_are_read_as_they_say_they_are() -> None:
    with (
        page(lambda handler: send(handler, PAGES.encode())) as place,
        looking(f"prometheus:http://{place}/metrics") as look,
    ):
        look.until(lambda look: look.last("hikaricp_connections") == 10)
        assert look.last("jvm_memory_used_bytes", area="heap") == 1.2e7
        assert look.last("nodejs_eventloop_lag_p99_seconds") == 0.012
        counters = {name for name, kind in kinds(look).items() if kind == "counter"}
        assert counters - {name for name in counters if name.startswith("observer.")} == {
            "hikaricp_connections_usage_seconds_count",
            "hikaricp_connections_usage_seconds_sum",
            "nodejs_gc_duration_seconds_bucket",
            "nodejs_gc_duration_seconds_sum",
            "jvm_gc_pause_seconds_count",
            "jvm_gc_pause_seconds_sum",
        }
