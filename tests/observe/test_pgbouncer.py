"""What is seen of PgBouncer: its pools, who waits, and what happens when it is taken for PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from looking import looking
from ports import free_port
from postgres import Server, as_owner, serving
from waiting import until

from katydid_shop.stack import places


@dataclass
class Pool:
    """A running PgBouncer."""

    port: int
    server: Server

    def url(self, user: str, scheme: str = "pgbouncer", database: str = "") -> str:
        """Its address for a user, whose password is the same word."""
        return f"{scheme}://{user}:{user}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A PgBouncer with a pool of two connections before a server."""
    # Another version than Debian's: bench/observers/versions.py.
    named = os.environ.get("KATYDID_TEST_PGBOUNCER")
    program = named or shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed: scripts/test-packages")
    owner = places.postgres_owner()
    with serving(tmp_path_factory.mktemp("pooled"), "18") as server, contextlib.ExitStack() as ends:
        server.do("CREATE ROLE app LOGIN PASSWORD 'app'")
        place = server.data.parent / "pooler"
        place.mkdir()
        port = free_port()
        write_settings(place, port, server.port)
        if owner:
            os.chown(place, *owner)
        log = ends.enter_context((place / "log").open("wb"))
        process = subprocess.Popen(
            [program, place / "pgbouncer.ini"],
            cwd=place,
            stdout=log,
            stderr=log,
            **as_owner(owner),
        )
        ends.callback(process.wait, 20)
        ends.callback(process.kill)
        until(lambda: listens(port), f"PgBouncer does not listen: {(place / 'log').read_text()}")
        yield Pool(port, server)


def write_settings(place: Path, port: int, server_port: int) -> None:
    """Its two files."""
    (place / "users").write_text('"app" "app"\n"stats" "stats"\n"nosy" "nosy"\n"boss" "boss"\n')
    (place / "pgbouncer.ini").write_text(
        f"[databases]\nshop = host=127.0.0.1 port={server_port} dbname=postgres user=app password=app\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\n"
        f"auth_file = {place}/users\nstats_users = stats\nadmin_users = boss\npool_mode = transaction\n"
        "default_pool_size = 2\nunix_socket_dir =\n"
    )


def listens(port: int) -> bool:
    """Whether somebody does."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


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
