"""Tables and columns that SQL knows only in quotes, as Prisma and TypeORM make them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from postgres import Server, serving
from served import Session, asks, served

TABLE = """
CREATE TABLE "Order" AS
    SELECT g AS id, g % 40 AS "tenantId", now() - g * interval '1 s' AS "createdAt", repeat('x', 80) AS note
    FROM generate_series(1, 200000) AS g;
CREATE INDEX "byTenant" ON "Order" ("tenantId");
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE ROLE looker LOGIN PASSWORD 'looker' IN ROLE pg_monitor, pg_read_all_data;
"""
LOCUSTFILE = """
from locust import HttpUser, task

class Buyer(HttpUser):
    @task
    def latest(self):
        self.client.get("/latest")

    @task
    def home(self):
        self.client.get("/")
"""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pg"), "18") as server:
        server.do(TABLE)
        server.do('VACUUM ANALYZE "Order"')
        yield server


def latest(session: Session, _path: str) -> Any:
    sql = (
        """SELECT id, note FROM "Order" WHERE "tenantId" = %s ORDER BY "createdAt" DESC LIMIT 10"""
    )
    return session.execute(sql, (7,))


def test_the_index_that_is_advised_can_be_built_as_it_is_printed(
    katydid: Any, server: Server
) -> None:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)

    def probed(folder: str) -> Any:
        watch = server.url(user="looker", password="looker")
        with served(asks(server, latest)) as host:
            katydid("probe", "-H", host, "--run-dir", folder, "--watch", watch).ended(0)
        told = json.loads((katydid.folder / folder / "findings.json").read_text())
        return [of for of in told["findings"] + told["suspected"] if of["rule"] == "missing_index"]

    (index,) = probed("run")
    assert index["about"] == '"Order" ("tenantId", "createdAt" DESC)'
    assert "what byTenant does" in index["advice"], "the index of fewer columns was not known"
    (fix,) = index["fixes"]
    server.do(fix["text"])
    assert probed("again") == []
