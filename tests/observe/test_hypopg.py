"""An index that might help is tried in a plan, where HypoPG is in the database: what it says is what the index then does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest
from looking import Look, looking
from postgres import Server, serving

pytestmark = pytest.mark.skipif(
    not list(Path("/usr/share/postgresql").glob("*/extension/hypopg.control")),
    reason="no HypoPG: scripts/test-packages",
)

#: One of 500 tenants, and one of two kinds; a second table has the index.
ORDERS = """
CREATE TABLE orders AS SELECT g AS id, g % 500 AS tenant, g % 2 AS kind, 100000 - g AS at, repeat('x', 80) AS note
    FROM generate_series(1, 100000) AS g;
CREATE ROLE watcher LOGIN PASSWORD 'watcher' IN ROLE pg_monitor, pg_read_all_data;
"""
#: Their values are sent beside them: one that is caught while it runs, with values in its text, is planned for those alone.
OF_TENANT = "SELECT id FROM orders WHERE tenant = %s ORDER BY at DESC LIMIT %s"
OF_KIND = "SELECT count(*) FROM orders WHERE kind = %s"
VALUES: dict[LiteralString, tuple[int, ...]] = {OF_TENANT: (7, 10), OF_KIND: (1,)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pg"), "debian") as server:
        server.do(ORDERS)
        server.do("VACUUM ANALYZE orders")
        yield server


def looked(server: Server, *statements: LiteralString) -> Look:
    """A look that has ended, during which these ran."""
    with (
        looking(server.url(user="watcher", password="watcher")) as look,
        server.connect() as session,
    ):
        look.until(lambda look: look.series("statements.calls"))
        for statement in statements:
            for _ in range(30):
                session.execute(statement, VALUES[statement])
        look.until(lambda look: all(id_of(look, text) for text in statements))
    return look


def id_of(look: Look, statement: str) -> str | None:
    """The statement that begins like this one."""
    start = statement.split("=")[0]
    texts = look.facts("statement")
    return next((id for id, text in texts.items() if text.startswith(start)), None)


def tried(look: Look, statement: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        look.facts("plan.tried").get(str(id_of(look, statement)), "[]")
    )
    return found


def cost(server: Server) -> float:
    """What the server thinks that the orders of a tenant cost, of whichever and however many."""
    with server.connect() as session:
        session.execute("SET plan_cache_mode = force_generic_plan")
        session.execute(
            "PREPARE one AS SELECT id FROM orders WHERE tenant = $1 ORDER BY at DESC LIMIT $2"
        )
        ((plan,),) = session.execute("EXPLAIN (FORMAT JSON) EXECUTE one(7, 10)").fetchall()
        return float(plan[0]["Plan"]["Total Cost"])


def test_an_index_is_tried_and_does_what_was_told_once_it_is_built(server: Server) -> None:
    look = looked(server, OF_TENANT, OF_KIND)
    assert look.sights()["trial indexes"]["seen"]
    (one,) = tried(look, OF_TENANT)
    assert (one["table"], one["columns"], one["is_used"]) == ("orders", ["tenant", "at DESC"], True)
    assert one["before"] == pytest.approx(cost(server), rel=0.01)
    (other,) = tried(look, OF_KIND)
    assert other["columns"] == ["kind"] and other["after"] > 0.5 * other["before"]
    assert server.do("SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'") == [(0,)]
    server.do("CREATE INDEX tenant_at ON orders (tenant, at DESC)")
    assert one["after"] == pytest.approx(cost(server), rel=0.1)
    ((size,),) = server.do("SELECT pg_relation_size('tenant_at')")
    # It knows nothing of pages that are filled better than its own guess.
    assert size / 2 < one["bytes"] < size * 2
    # What is there is not tried again.
    assert tried(looked(server, OF_TENANT), OF_TENANT) == []


def test_where_it_could_be_installed_that_is_told(server: Server) -> None:
    server.do("CREATE DATABASE bare")
    with looking(server.url(database="bare")) as look:
        look.until(lambda look: look.series("connections"))
    told = look.sights()["trial indexes"]
    assert not told["seen"] and told["remedy"] == "CREATE EXTENSION hypopg;"
