"""A pool that tells itself that it is full: PgBouncer before a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from pgbouncer import Pool, pooled
from served import served

LOCUSTFILE = """
from locust import HttpUser, constant, task

class Clerk(HttpUser):
    wait_time = constant(PAUSE)

    @task
    def work(self):
        self.client.get("/")
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pooled(tmp_path_factory.mktemp("pooled")) as pool:
        yield pool


@contextmanager
def service(pool: Pool) -> Iterator[str]:
    """Needs a connection for 50 ms of each request."""
    url = pool.url("app", "postgresql", "shop")
    local = threading.local()

    def answer(_: str) -> str:
        if not hasattr(local, "session"):
            local.session = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        local.session.execute("SELECT pg_sleep(0.05)")
        return ""

    with served(answer) as host:
        yield host


def findings(katydid: Any, pool: Pool, pause: float) -> Any:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE.replace("PAUSE", str(pause)))
    with service(pool) as host:
        words = ["-H", host, "--headless", "-u", "12", "-r", "12", "-t", "12s", "--run-dir", "run"]
        done = katydid(*words, "--watch", pool.url("stats")).ended(0)
    return json.loads((done.run / "findings.json").read_text())


def test_a_full_pool_is_found_without_spans_or_probe(katydid: Any, pool: Pool) -> None:
    found = findings(katydid, pool, 0.0)
    (one,) = found["findings"]
    assert (one["rule"], one["confidence"]) == ("pool", "strong"), found
    # Twelve users, two connections: ten wait; no more than four times two are counted, and twice the root of eight.
    assert one["fixes"] == [{"in": "PgBouncer", "text": "default_pool_size = 14"}]


def test_a_pool_in_which_nobody_waits_is_none(katydid: Any, pool: Pool) -> None:
    found = findings(katydid, pool, 3.0)
    assert found["findings"] == []
