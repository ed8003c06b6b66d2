"""Statements that carry their route and their values, as drivers write them that put values into the text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres import Server, serving
from served import Session, asks, served

#: One order in 300 is open; a server that does not know which are asked for expects half of them.
TABLE = """
CREATE TABLE orders AS
    SELECT g AS id, CASE WHEN g % 300 = 0 THEN 'open' ELSE 'done' END AS status, repeat('x', 80) AS note
    FROM generate_series(1, 200000) AS g;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE ROLE looker LOGIN PASSWORD 'looker' IN ROLE pg_monitor, pg_read_all_data;
"""
LOCUSTFILE = """
from locust import HttpUser, constant, task

class Clerk(HttpUser):
    wait_time = constant(0.05)

    @task
    def count(self):
        self.client.get("/orders/7/count", name="/orders/[id]/count")

    @task
    def home(self):
        self.client.get("/")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pg"), "18") as server:
        server.do(TABLE)
        server.do("VACUUM ANALYZE orders")
        yield server


def found(katydid: Any, server: Server, status: str) -> tuple[Any, Path]:
    """What is found of a service that counts orders of a status, and tells its route as sqlcommenter does."""
    tag = "/*db_driver='psycopg',route='%%2Forders%%2F%%7Border_id%%7D%%2Fcount'*/"

    def count(session: Session, _path: str) -> Any:
        sql = f"SELECT count(*), max(note) FROM orders WHERE status = %s {tag}"
        return session.execute(sql, (status,))

    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    watch = server.url(user="looker", password="looker")
    # Values are put into the text here, not sent beside it.
    with served(asks(server, count, cursor_factory=psycopg.ClientCursor)) as host:
        load = ["--headless", "-u", "8", "-r", "8", "-t", "12s", "--run-dir", "run"]
        done = katydid(*load, "-H", host, "--watch", watch).ended(0)
    return json.loads((done.run / "findings.json").read_text()), done.run


def test_a_rare_value_is_worth_an_index_and_the_route_says_whose(
    katydid: Any, server: Server
) -> None:
    told, run = found(katydid, server, "open")
    (index,) = [of for of in told["findings"] if of["rule"] == "missing_index"]
    assert index["about"] == "orders (status)", told
    assert index["endpoints"] == ["GET /orders/[id]/count"]
    assert "plan with values that were asked for" in index["basis"] and "tags" in index["basis"]
    record = b"".join(file.read_bytes() for file in run.rglob("*") if file.is_file())
    assert b"'open'" not in record


def test_a_common_value_is_not(katydid: Any, server: Server) -> None:
    told, _ = found(katydid, server, "done")
    assert "missing_index" not in [of["rule"] for of in told["findings"] + told["suspected"]], told
