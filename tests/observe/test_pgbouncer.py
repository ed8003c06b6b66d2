"""What is seen of PgBouncer: its pools, who waits, and what happens when it is taken for PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from looking import looking
from pgbouncer import Pool, pooled


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pooled(tmp_path_factory.mktemp("pooled")) as pool:
        yield pool


def test_pools_and_who_waits(pool: Pool) -> None:
    labels = {"database": "shop", "user": "app"}
    with looking(pool.url("stats")) as look, contextlib.ExitStack() as ends:
        look.until(lambda look: look.watched())
        assert look.watched()[0]["subject"] == f"pgbouncer 127.0.0.1:{pool.port}"
        assert look.watched()[0]["title"].startswith("PgBouncer 1.")
        # They come right after it.
        look.until(lambda look: look.facts("setting"))
        assert look.facts("setting")["default_pool_size"] == "2"

        def session() -> psycopg.Connection[Any]:
            url = pool.url("app", "postgresql", "shop")
            return ends.enter_context(psycopg.connect(url, autocommit=True))

        holders, waiter = [session(), session()], session()
        for holder in holders:
            holder.execute("BEGIN")
        waits = threading.Thread(target=lambda: waiter.execute("SELECT 1"))
        waits.start()
        look.until(lambda look: look.last("pool.servers_active", **labels) == 2)
        look.until(lambda look: look.last("pool.clients_waiting", **labels) == 1)
        assert look.last("database.pool_size", database="shop") == 2
        look.until(lambda look: (look.last("pool.longest_wait", **labels) or 0) > 0.5)
        for holder in holders:
            holder.execute("COMMIT")
        waits.join()
        look.until(lambda look: look.last("pool.clients_waiting", **labels) == 0)
        look.until(lambda look: (look.last("stats.wait_time", database="shop") or 0) > 0.5)
        assert (look.last("stats.transactions", database="shop") or 0) >= 3
        # 1.23 and later count how often a client was given a server.
        version = look.watched()[0]["title"].split()[1]
        counts = tuple(int(part) for part in version.split(".")[:2]) >= (1, 23)
        assert bool(look.last("stats.assignments", database="shop")) == counts
        assert not look.series("pool.clients_active", database="pgbouncer")
    assert not look.marks("lost")
    assert "stats:stats" not in json.dumps(look.frames)


def test_who_may_not_look_is_told_what_would_help(pool: Pool) -> None:
    for word in (pool.url("nosy"), pool.url("stats").replace("stats:stats", "stats:wrong")):
        with looking(word) as look:
            look.until(lambda look: look.marks("lost"))
            assert (
                "refused" in look.marks("lost")[0]["why"]
                or "may not" in look.marks("lost")[0]["why"]
            )


def test_postgres_is_not_watched_through_it(pool: Pool) -> None:
    with looking(pool.url("app", "postgres", "shop")) as look:
        look.until(lambda look: look.marks("lost"))
        assert "PgBouncer: give the address of PostgreSQL itself" in look.marks("lost")[0]["why"]


def test_a_pooler_that_drops_settings_is_noticed(pool: Pool) -> None:
    settings = pool.server.data.parent / "pooler" / "pgbouncer.ini"
    settings.write_text(settings.read_text() + "ignore_startup_parameters = options\n")
    admin = pool.url("boss", "postgresql", "pgbouncer")
    with psycopg.connect(admin, autocommit=True, cursor_factory=psycopg.ClientCursor) as console:
        console.execute("RELOAD")
    url = pool.url("app", "postgres", "shop")
    for word in (url, f"sql:{url} jobs=SELECT 1"):
        with looking(word) as look:
            look.until(lambda look: look.marks("lost"))
            assert "does not take session settings" in look.marks("lost")[0]["why"]


def test_postgres_is_not_pgbouncer(pool: Pool) -> None:
    word = pool.server.url(scheme="pgbouncer", database="")
    with looking(word) as look:
        look.until(lambda look: look.marks("lost"))
        assert 'database "pgbouncer" does not exist' in look.marks("lost")[0]["why"]
