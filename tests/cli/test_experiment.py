"""`--experiment index`: an index that is missing is built, the endpoint is asked again, and it is dropped."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import Server, serving
from served import Session, asks, served

TABLE = """
CREATE TABLE orders AS SELECT g AS id, g % 2000 AS tenant, repeat('x', 80) AS note FROM generate_series(1, 200000) AS g;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE ROLE shop LOGIN PASSWORD 'shop';
CREATE ROLE looker LOGIN PASSWORD 'looker' IN ROLE pg_monitor, pg_read_all_data;
ALTER TABLE orders OWNER TO shop;
GRANT pg_monitor TO shop;
GRANT CREATE ON SCHEMA public TO shop;
"""
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'orders'"
LOCUSTFILE = """
import random
from locust import HttpUser, task

class Buyer(HttpUser):
    @task
    def orders(self):
        self.client.get(f"/orders?tenant={random.randrange(2000)}", name="/orders")

    @task
    def other(self):
        self.client.get("/")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pg"), "18") as server:
        server.do(TABLE)
        server.do("VACUUM ANALYZE orders")
        yield server


def of_tenant(session: Session, path: str) -> Any:
    sql = "SELECT id FROM orders WHERE tenant = %s"
    return session.execute(sql, (int(path.partition("=")[2]),))


@pytest.fixture
def shop(server: Server) -> Iterator[str]:
    """Asks the database for the orders of a tenant."""
    with served(asks(server, of_tenant)) as host:
        yield host


@pytest.fixture
def lingering(server: Server) -> Iterator[str]:
    """A shop whose answers are so late that the index stands for more than a moment."""

    def late(session: Session, path: str) -> Any:
        time.sleep(0.1)
        return of_tenant(session, path)

    with served(asks(server, late)) as host:
        yield host


def declare(katydid: Any, server: Server) -> None:
    """Writes the scenario, and that the database may be changed."""
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    place = f"127.0.0.1:{server.port}/postgres"
    (katydid.folder / "katydid.toml").write_text(f'[watch]\ndisposable = ["{place}"]\n')


def words(server: Server, shop: str, role: str = "shop") -> list[str]:
    watch = server.url(user=role, password=role)
    return ["-H", shop, "--run-dir", "run", "--watch", watch, "--experiment", "index"]


def findings(run: Path) -> Any:
    return json.loads((run / "findings.json").read_text())


def test_an_index_that_helps_is_confirmed_and_gone_again(
    katydid: Any, server: Server, shop: str
) -> None:
    declare(katydid, server)
    # Of an experiment that was killed: it would hide that it is missing.
    server.do("CREATE INDEX katydid_experiment ON orders (tenant)")
    done = katydid("probe", *words(server, shop)).ended(0)
    (found,) = findings(done.run)["findings"]
    assert (found["rule"], found["confidence"]) == ("missing_index", "confirmed"), done.text
    assert found["basis"].startswith("built and dropped again: GET /orders alone "), found["basis"]
    assert server.do(INDEXES) == []
    (made,) = done.summary["probe"]["experiments"]
    assert made["undone"] and not made["problem"]
    (tested,) = made["endpoints"]
    assert [len(tested["without"]), len(tested["with"])] == [3, 3]
    assert min(of["requests"] for of in tested["without"] + tested["with"]) >= 8
    # What the statement reads is known: all pages of the table, or those of 100 rows and of an index.
    ((pages,),) = server.do("SELECT relpages FROM pg_class WHERE relname = 'orders'")
    assert [of["blocks"] for of in tested["without"]] == pytest.approx([pages] * 3, rel=0.01)
    assert all(100 <= of["blocks"] <= 110 for of in tested["with"])
    # The probe's own numbers are of the database as it is.
    of_orders = next(of for of in done.summary["probe"]["endpoints"] if of["name"] == "/orders")
    assert of_orders["blocks"] == pytest.approx(pages, rel=0.01)
    evidence = {of["what"]: of["value"] for of in found["evidence"] if of["source"] != "experiment"}
    assert evidence["blocks per call"] == pytest.approx(pages, rel=0.01)


def test_a_run_carries_what_its_probe_tried_out(katydid: Any, server: Server, shop: str) -> None:
    declare(katydid, server)
    load = ["--headless", "-u", "4", "-r", "4", "-t", "6s"]
    done = katydid(*words(server, shop), *load).ended(0)
    assert findings(done.run)["findings"][0]["confidence"] == "confirmed", done.text
    assert "confirmed: built and dropped again" in " ".join(done.out.split())
    assert server.do(INDEXES) == []


def test_a_role_that_may_not_is_told_so_and_the_finding_stays(
    katydid: Any, server: Server, shop: str
) -> None:
    declare(katydid, server)
    done = katydid("probe", *words(server, shop, role="looker")).ended(0)
    (found,) = findings(done.run)["findings"]
    assert found["confidence"] == "strong"
    assert "experiment not made: looker may not (must be owner" in found["basis"], found["basis"]


def test_nothing_is_changed_that_is_not_declared(katydid: Any, server: Server, shop: str) -> None:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    done = katydid("probe", *words(server, shop))
    assert done.code == 2
    assert f'disposable = ["127.0.0.1:{server.port}/postgres"]' in done.err, done.text
    more = ["--disposable", f"127.0.0.1:{server.port}/postgres"]
    done = katydid("probe", *words(server, shop), *more)
    assert done.code == 2 and "is for a configuration file" in done.err, done.text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_index_is_dropped_when_its_experiment_is_interrupted(
    katydid: Any, server: Server, lingering: str, how: signal.Signals
) -> None:
    declare(katydid, server)
    running = katydid.start("probe", *words(server, lingering))
    end = time.monotonic() + 60
    while not server.do(INDEXES):
        assert running.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    os.kill(running.pid, how)
    out, err = running.communicate(timeout=60)
    assert server.do(INDEXES) == []
    (found,) = findings(katydid.folder / "run")["findings"]
    assert found["confidence"] == "strong", out + err
    assert "interrupted" in found["basis"] or "did not come to its end" in found["basis"], found
