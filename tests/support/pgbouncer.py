"""A PgBouncer of a test, with a pool of two connections before a server of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_port, listens
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


@contextlib.contextmanager
def pooled(folder: Path) -> Iterator[Pool]:
    """Started, with its server; gone at the end. Skips the test where there is no PgBouncer."""
    # Another version than Debian's: bench/observers/versions.py.
    named = os.environ.get("KATYDID_TEST_PGBOUNCER")
    program = named or shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed: scripts/test-packages")
    owner = places.postgres_owner()
    with serving(folder, "18") as server, contextlib.ExitStack() as ends:
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
