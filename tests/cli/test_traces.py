"""`--trace`: requests carry `traceparent`, the target's spans come back, are counted by endpoint, and open the slowest requests.

The target is a service on OpenTelemetry's own SDK of which it is known what it calls.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from page import run_in
from ports import free_port
from waiting import until

APP = Path(__file__).parents[1] / "support" / "traced_app.py"

CALLS = """
class U(FastHttpUser):
    wait_time = constant(0.02)

    @task(3)
    def three(self):
        self.client.get("/calls/3")

    @task(1)
    def none(self):
        with self.client.get("/calls/0?fail=true", name="/fails", catch_response=True) as response:
            response.failure("as it should")

    @task(1)
    def redirected(self):
        self.client.get("/calls/1", headers={"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}, name="/own")
"""

LOAD = ("-u", "4", "-r", "4", "-t", "2s", "--run-dir", "run", "--exit-code-on-error", "0")


@dataclass
class Counted:
    """The service, up: its URL, and where it sends its spans."""

    url: str
    spans: int


@contextlib.contextmanager
def service(**more: str) -> Iterator[Counted]:
    port, spans = free_port(), free_port()
    env = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_BSP_SCHEDULE_DELAY": "300",
        # What it cannot send while nobody receives it tries again for so long, and sends nothing else meanwhile.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        **more,
    }
    process = subprocess.Popen([sys.executable, APP, str(port)], env=env)

    def answers() -> bool:
        assert process.poll() is None
        with contextlib.suppress(OSError):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/openapi.json")
            return connection.getresponse().status == 200
        return False

    try:
        until(answers, "the service answers")
        yield Counted(f"http://127.0.0.1:{port}", spans)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    with service() as up:
        yield up


def spans_of(summary: Any) -> dict[str, Any]:
    return {f"{row['method']} {row['name']}": row for row in summary["spans"]}


def receiver_of(summary: Any) -> Any:
    (target,) = [target for target in summary["target"] if target["subject"].startswith("spans at")]
    return target


def test_calls_are_counted_and_the_slowest_request_opens(katydid: Any, counted: Counted) -> None:
    katydid.write(CALLS)
    receiver = ("--watch", f"otlp:{counted.spans}", "--trace-share", "100%")
    words = ("-H", counted.url, *LOAD, *receiver)
    done = katydid(*words, "--html", "page.html").ended(0)
    spans = spans_of(done.summary)
    ended = done.counts
    three, fails = spans["GET /calls/3"], spans["GET /fails"]
    assert [row["asked"] for row in (three, fails)] == [
        ended["GET /calls/3"][0],
        ended["GET /fails"][0],
    ]
    # All of them: nothing is lost on the way, and the end is waited for. Requests given up at the end may have been served.
    for row, endpoint in ((three, "GET /calls/3"), (fails, "GET /fails")):
        assert ended[endpoint][0] <= row["requests"] <= ended[endpoint][0] + 4
    assert three["db_calls"] == 3 * three["requests"] and three["db_calls_per_request"] == 3
    assert three["spans"] == 5 * three["requests"]
    assert fails["db_calls"] == 0 and fails["spans"] == 2 * fails["requests"]
    assert "GET /own" not in spans, "the script's own header stays as it is"
    assert "Traced" in done.out and "GET /calls/3 3.00" in done.out
    tables = {(t["phase"], t["id"]): t for t in receiver_of(done.summary)["tables"]}
    (call,) = [row for row in tables["", "calls"]["rows"] if row[0] == "GET /calls/3"]
    assert call[1:4] == ["postgresql", "SELECT * FROM item WHERE id = $1", 3]
    by_phase = [t["rows"] for (phase, kind), t in tables.items() if phase and kind == "endpoints"]
    assert sum(row[1] for rows in by_phase for row in rows) == three["requests"] + fails["requests"]
    traces = run_in(katydid.folder / "page.html")["view"]["traces"]
    names = [[span["name"] for span in trace["spans"]] for trace in traces]
    assert ["GET /calls/{count}", "SELECT", "SELECT", "SELECT", "work"] in names
    traced = (e for e in done.summary["exemplars"] if e["name"] != "/own")
    slowest = max(traced, key=lambda e: e["from_due_ms"])
    assert slowest["trace"] in [trace["id"] for trace in traces]
    failing = next(trace for trace in traces if trace["name"] == "/fails")
    assert failing["failure"] == "as it should" and failing["status"] == 500
    assert [span["failed"] for span in failing["spans"]] == [True, True]
    for trace in traces:
        first = trace["spans"][0]
        before, after = (
            first["from_send_ms"],
            trace["from_send_ms"] - first["from_send_ms"] - first["ms"],
        )
        assert before == pytest.approx(after, abs=0.01) and before >= 0
    again = katydid("report", "run", "--summary", "-").ended(0)
    assert json.loads(again.out) == done.summary


def test_a_share_is_asked_for_and_workers_are_told_apart(katydid: Any, counted: Counted) -> None:
    katydid.write(CALLS)
    receiver = ("--watch", f"otlp:{counted.spans}", "--trace-share", "0.3")
    words = ("-H", counted.url, *LOAD, *receiver)
    done = katydid(*words, "--processes", "2").ended(0)
    three = spans_of(done.summary)["GET /calls/3"]
    requests = done.counts["GET /calls/3"][0]
    # The first twenty of each process, and a share of the others: six standard deviations of a binomial.
    others = requests - 2 * 20
    assert abs(three["requests"] - 40 - 0.3 * others) < 6 * (0.21 * others) ** 0.5
    assert three["db_calls_per_request"] == 3
    assert receiver_of(done.summary)["sights"][0]["seen"]


def test_an_attack_is_traced_too(katydid: Any, counted: Counted) -> None:
    words = ("--watch", f"otlp:{counted.spans}", "--trace-share", "1", "-t", "1s", "-c", "2")
    done = katydid("attack", f"{counted.url}/calls/2", *words, "--run-dir", "run").ended(0)
    (row,) = done.summary["spans"]
    # Calls of a request that was given up at the end may have come, and its first span not.
    assert row["db_calls_per_request"] == pytest.approx(2, rel=0.05) and row["requests"] > 10


def test_a_target_that_begins_its_own_traces_is_a_blind_spot(katydid: Any) -> None:
    katydid.write(CALLS)
    with service(OTEL_PROPAGATORS="baggage") as up:
        done = katydid("-H", up.url, *LOAD, "--watch", f"otlp:{up.spans}").ended(0)
    (sight, *_) = receiver_of(done.summary)["sights"]
    assert not sight["seen"] and "none of a request of this run" in sight["note"]
    spans = done.summary["spans"]
    assert spans and all(row["asked"] > 0 and row["requests"] == 0 for row in spans)


def test_a_port_in_use_is_said_and_the_run_goes_on(katydid: Any) -> None:
    katydid.write(CALLS)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        done = katydid("-H", katydid.target, *LOAD, "--watch", f"otlp:{port}").ended(0)
    assert f"cannot listen for spans at 127.0.0.1:{port}" in done.err
    (loss,) = receiver_of(done.summary)["losses"]
    assert loss["until_s"] is None


def test_no_spans_say_what_the_target_is_to_be_told(katydid: Any) -> None:
    katydid.write(CALLS)
    port = free_port()
    done = katydid("-H", katydid.target, *LOAD, "--watch", f"otlp:{port}").ended(0)
    (sight,) = receiver_of(done.summary)["sights"]
    assert not sight["seen"]
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port}" in sight["remedy"]
    looked = katydid("doctor", "--watch", f"otlp:{port}").ended(0)
    assert sight["remedy"] in looked.out


@pytest.mark.parametrize("word", ["0", "101%", "-1", "ten"])
def test_a_share_that_is_none_is_refused(katydid: Any, word: str) -> None:
    katydid.write(CALLS)
    done = katydid("-H", katydid.target, *LOAD, "--trace", f"--trace-share={word}")
    assert done.code == 2 and "is not a share" in done.err


def test_an_address_that_is_none_is_refused(katydid: Any) -> None:
    katydid.write(CALLS)
    done = katydid("-H", katydid.target, *LOAD, "--watch", "otlp:tempo:4318")
    assert done.code == 2 and "otlp:127.0.0.1:4318" in done.err
