"""`--watch` and what is watched without it: the run goes on whatever becomes of what it watches, and says what it did not see."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

ONE = """
class U(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def t(self):
        self.client.get("/", name="/")
"""

LOAD = ("-u", "3", "-r", "3", "-t", "4s", "--run-dir", "run")


@pytest.fixture(autouse=True)
def scenario(katydid: Any) -> None:
    katydid.write(ONE)


def kinds(summary: Any) -> list[str]:
    return [target["kind"] for target in summary["target"]]


def everything(run: Path) -> str:
    """All texts of a run's folder, frames as they are."""
    frames = subprocess.run(["zstd", "-dc", run / "frames.jsonl.zst"], capture_output=True)
    files = [path.read_text() for path in run.glob("*.*") if path.suffix in (".json", ".html")]
    return "\n".join([*files, frames.stdout.decode()])


def test_a_target_on_this_machine_is_found(katydid: Any) -> None:
    done = katydid("-H", katydid.target, *LOAD).ended(0)
    assert kinds(done.summary) == ["host", "process"]
    host, process = done.summary["target"]
    assert host["looks"] >= 4 and process["looks"] >= 4
    port = katydid.target.rsplit(":", 1)[1]
    assert process["subject"] == f"port {port}"
    assert process["losses"] == [] and process["title"] in done.err
    assert "Watched" in done.out
    assert 0 <= host["cost_share"] < 0.5 and host["read_median_ms"] > 0
    again = katydid("report", "run", "--summary", "-").ended(0)
    assert json.loads(again.out) == done.summary


def test_attack_finds_it_too_and_workers_change_nothing(katydid: Any) -> None:
    attacked = katydid("attack", katydid.target, "-t", "2s", "-c", "2", "--run-dir", "run")
    assert kinds(attacked.ended(0).summary) == ["host", "process"]
    words = ("-H", katydid.target, "-u", "4", "-r", "4", "-t", "3s", "--run-dir", "two")
    katydid(*words, "--processes", "2").ended(0)
    summary = json.loads((katydid.folder / "two/summary.json").read_text())
    assert kinds(summary) == ["host", "process"]


def test_nothing_is_watched_that_was_not_asked_for(katydid: Any) -> None:
    done = katydid("-H", katydid.target, *LOAD, "--no-discovery").ended(0)
    assert done.summary["target"] == [] and "Watched" not in done.out


def test_what_is_not_there_is_said_and_the_run_goes_on(katydid: Any) -> None:
    port = free_port()
    watch = ("--watch", "env:CACHE", "--no-discovery")
    env = {"CACHE": f"redis://:hunter2@127.0.0.1:{port}/0"}
    done = katydid("-H", katydid.target, *LOAD, *watch, env=env).ended(0)
    (target,) = done.summary["target"]
    assert target["subject"] == f"redis 127.0.0.1:{port}/0" and target["looks"] == 0
    (loss,) = target["losses"]
    assert loss["until_s"] is None and loss["from_s"] == 0
    assert f"redis 127.0.0.1:{port}/0 cannot be seen" in done.err
    assert f"redis 127.0.0.1:{port}/0, not seen from 0" in done.out
    assert "hunter2" not in done.text.replace(str(env), "")
    assert "hunter2" not in everything(done.run)


def test_a_process_that_exits_is_a_gap(katydid: Any) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running = katydid.start(
        "-H", katydid.target, *LOAD, "--watch", f"pid:{child.pid}", "--no-discovery"
    )
    try:
        for line in running.stderr:
            if "All users spawned" in line:
                break
        child.communicate(b"\n")
        out, _ = running.communicate(timeout=60)
    finally:
        child.kill()
        running.kill()
    assert running.returncode == 0, out
    summary = json.loads((katydid.folder / "run/summary.json").read_text())
    (target,) = summary["target"]
    (loss,) = target["losses"]
    assert loss["until_s"] is None and "exited" in loss["why"]
    assert target["looks"] > 0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gopher://x", "nothing is known by 'gopher:'"),
        ("8000", "does not say what it is"),
        ("env:NO_SUCH_VARIABLE", "no variable NO_SUCH_VARIABLE"),
        ("mysql://me:hunter2@db/x", "not built yet"),
        ("kafka://broker", "not built yet"),
        ("port:eight", "port"),
        ("redis://:hunter2@[::bad/0", "redis"),
    ],
)
def test_a_word_that_names_nothing_is_refused_before_any_request(
    katydid: Any, word: str, said: str
) -> None:
    done = katydid("-H", katydid.target, *LOAD, "--watch", word)
    assert done.code == 2, done.text
    (line,) = done.err.splitlines()
    assert line.startswith("error: --watch ") and said in line
    assert "hunter2" not in done.err
    assert not done.run.exists()
    attacked = katydid("attack", katydid.target, "--watch", word, "--run-dir", "run")
    assert (attacked.code, attacked.err) == (2, done.err)


def test_doctor(katydid: Any) -> None:
    port = katydid.target.rsplit(":", 1)[1]
    done = katydid("doctor", "-H", katydid.target).ended(0)
    assert f"port {port}" in done.out and "processors" in done.out
    absent = katydid("doctor", "--watch", f"postgresql://me:hunter2@127.0.0.1:{free_port()}/x")
    assert absent.code == 3 and absent.out.startswith("✗ postgres 127.0.0.1:"), absent.text
    assert "hunter2" not in absent.out + absent.err
    nothing = katydid("doctor")
    assert nothing.code == 2 and "nothing to look at" in nothing.err


class Speaking(BaseHTTPRequestHandler):
    """Says of each answer what it took."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("Server-Timing", 'db;dur=12.5, app;desc="the rest";dur=2')
        self.send_header("X-Cache", "HIT" if self.path == "/hit" else "MISS")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def speaking() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_what_answers_say_of_themselves_is_counted(katydid: Any, speaking: str) -> None:
    katydid.write(
        """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/hit")
        with self.client.get("/miss", catch_response=True) as response:
            response.failure("judged by the script")
"""
    )
    words = ("-H", speaking, "-u", "1", "-i", "5", "--run-dir", "run")
    done = katydid(*words, "--no-discovery").ended(1)
    hit, miss = (row for row in done.summary["endpoints"] if row["kind"] == "request")
    said = {hint["name"]: hint for hint in hit["hints"]}
    assert said["Server-Timing db"] == {
        "name": "Server-Timing db",
        "count": 5,
        "share": 1.0,
        "mean_ms": 12.5,
    }
    assert said["X-Cache HIT"]["mean_ms"] is None
    assert {hint["name"]: hint["count"] for hint in miss["hints"]} == {
        "Server-Timing app": 5,
        "Server-Timing db": 5,
        "X-Cache MISS": 5,
    }
