"""`katydid probe` on the shop: what it counts is what the database counts around the same request by hand."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from katydid_shop.stack import Stack

LOCUSTFILE = """
from locust import HttpUser, constant, task

class Seller(HttpUser):
    wait_time = constant(1)

    def on_start(self):
        self.client.post("/login", json={"email": "user1@tenant-01.example", "password": "katydid"})

    @task
    def list(self):
        self.client.get("/orders?page=3", name="/orders")

    @task
    def short_lists(self):
        for status in ("new", "paid", "shipped"):
            self.client.get(f"/orders?status={status}&page=400", name="/orders/last")

    @task
    def nothing(self):
        self.client.get("/healthz")

    @task
    def left_out(self):
        self.client.get("/dashboard")

    left_out.probe = False
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Stack]:
    with Stack(planted=("n_plus_one",)) as up:
        yield up


@pytest.fixture
def words(shop: Stack, tmp_path: Path) -> list[str]:
    """Scenario, host, and what is watched."""
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    watch = ["--watch", shop.urls.observer, "--watch", shop.urls.valkey]
    return ["-f", str(tmp_path / "locustfile.py"), "-H", shop.urls.app, *watch]


def katydid(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "katydid", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def calls_by_hand(shop: Stack, path: str) -> dict[str, int]:
    """How often one request runs which statement, by text."""

    def counted() -> dict[str, int]:
        with psycopg.connect(shop.urls.postgres) as db:
            rows = db.execute(
                "SELECT query, sum(calls)::int FROM pg_stat_statements WHERE query LIKE 'SELECT %.%' AND query NOT LIKE '%pg_stat%'"
                " GROUP BY query"
            )
            return dict(rows.fetchall())

    with httpx.Client(base_url=shop.urls.app) as client:
        user = {"email": "user1@tenant-01.example", "password": "katydid"}
        client.post("/login", json=user).raise_for_status()
        before = counted()
        client.get(path).raise_for_status()
        after = counted()
    grown = {text: calls - before.get(text, 0) for text, calls in after.items()}
    return {text: calls for text, calls in grown.items() if calls}


def probed(run: Path) -> dict[str, Any]:
    found = json.loads((run / "summary.json").read_text())["probe"]["endpoints"]
    return {f"{of['method']} {of['name']}": of for of in found}


def test_a_probe_counts_as_the_database_does(shop: Stack, words: list[str], tmp_path: Path) -> None:
    done = katydid("probe", *words, "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    found = probed(tmp_path / "run")
    assert set(found) == {"POST /login", "GET /orders", "GET /orders/last", "GET /healthz"}
    by_hand = calls_by_hand(shop, "/orders?page=3")
    counted = sorted(of["per_request"] for of in found["GET /orders"]["statements"])
    assert counted == sorted(by_hand.values())
    assert found["GET /orders"]["requests"] == 20
    assert found["GET /orders"]["together"] == 8
    assert found["GET /healthz"]["queries"] == 1
    assert "One request" in done.stdout and "Its queries" in done.stdout
    findings = json.loads((tmp_path / "run/findings.json").read_text())["findings"]
    # Two endpoints make the same mistake: which of them costs a little more is chance.
    assert {of["rule"] for of in findings[:2]} == {"n_plus_one"}
    of_list = next(of for of in findings[:2] if of["endpoints"] == ["GET /orders"])
    assert of_list["confidence"] == "strong" and of_list["basis"].startswith("probe")


def test_a_run_knows_from_its_probe_what_an_endpoint_asks_for(
    words: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    load = ["-u", "10", "-r", "10", "-t", "8s", "--only-summary", "--run-dir", str(run)]
    done = katydid(*words, "--probe", *load)
    assert done.returncode in (0, 3), done.stderr  # a busy machine makes a run invalid
    assert (tmp_path / "run-probe/frames.jsonl.zst").exists()
    findings = json.loads((run / "findings.json").read_text())["findings"]
    named = {of["endpoints"][0] for of in findings if of["rule"] == "n_plus_one"}
    assert named <= {"GET /orders", "GET /orders/last"} and "GET /orders" in named
    # The probe's requests are not among the load's.
    summary = json.loads((run / "summary.json").read_text())
    assert [of["requests"] for of in summary["endpoints"] if of["name"] == "/login"] == [10]
    again = katydid("diagnose", str(run), "--json")
    assert json.loads(again.stdout)["findings"] == findings


def test_a_probe_of_what_answers_nothing_says_so(words: list[str], tmp_path: Path) -> None:
    words[3] = "http://127.0.0.1:1"
    done = katydid("probe", *words, "-t", "2s", "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 1
    assert "no request of the probe went well" in done.stderr


def test_load_is_refused(words: list[str]) -> None:
    done = katydid("probe", *words, "-u", "5")
    assert done.returncode == 2
    assert "does not apply to probe, which makes one request at a time" in done.stderr


def test_without_a_database_it_says_what_it_could_tell(words: list[str], tmp_path: Path) -> None:
    done = katydid("probe", *words[:4], "-t", "3s", "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "Not observed" in done.stdout and "none was watched" in done.stdout
    assert probed(tmp_path / "run")["GET /orders"]["queries"] is None
