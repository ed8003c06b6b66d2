"""PostgreSQL servers of a test: made in a folder, started, killed and started again.

`with serving(folder, "18") as server: server.connect()`. Version 18 comes with the demo's package;
`debian` is what Debian has: 15 in bookworm. A version may also be a folder of programs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from ports import free_port
from waiting import until

from katydid_shop.stack import places
from katydid_shop.stack import postgres as demo

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 32MB
fsync = off
"""
#: What a server has to have for all to be seen.
STATEMENTS = (
    "shared_preload_libraries=pg_stat_statements",
    "track_io_timing=on",
    "pg_stat_statements.track=all",
)


def programs(version: str) -> Path:
    """Where initdb and postgres of a version are; skips the test where they are not."""
    if "/" in version:
        return Path(version)
    if version == "18":
        return demo._programs()
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("Debian's PostgreSQL is not installed: scripts/test-packages")
    return found[-1].parent


def as_owner(owner: tuple[int, int] | None) -> dict[str, Any]:
    """For subprocess: PostgreSQL does not run as root."""
    return {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}


@dataclass
class Server:
    """A server and its data."""

    programs: Path
    data: Path
    port: int
    settings: Sequence[str] = STATEMENTS
    password: str = "s3cret-of-root"
    process: subprocess.Popen[bytes] | None = field(default=None)

    def url(
        self,
        user: str = "postgres",
        password: str | None = None,
        database: str = "postgres",
        scheme: str = "postgresql",
    ) -> str:
        """Its address."""
        return f"{scheme}://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = [word for setting in self.settings for word in ("-c", setting)]
        with (self.data.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                cwd=self.data.parent,
                **as_owner(places.postgres_owner()),
            )
        until(self._answers, "PostgreSQL does not answer")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.data.parent / "log").read_text()[-2000:]
        with contextlib.suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it: fast, or with SIGQUIT as in a crash."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    @contextlib.contextmanager
    def copied(self, *settings: str) -> Iterator[Server]:
        """A replica of it, as a copy of its files at rest: it is stopped meanwhile. Runs already, and follows."""
        self.stop()
        data = self.data.with_name(f"{self.data.name}-replica")
        places.copy_tree(self.data, data, places.postgres_owner())
        (data / "standby.signal").touch()
        settings = (*self.settings, f"primary_conninfo={self.url()}", *settings)
        replica = Server(self.programs, data, free_port(), settings, self.password)
        self.start()
        try:
            replica.start()
            yield replica
        finally:
            replica.stop(signal.SIGQUIT)
            shutil.rmtree(data)

    def connect(self, **parts: Any) -> psycopg.Connection[Any]:
        """A session, each statement its own transaction."""
        return psycopg.connect(
            self.url(**parts), autocommit=True, connect_timeout=5, application_name="test"
        )

    def do(self, *statements: LiteralString) -> list[Any]:
        """Runs statements; the rows of the last one."""
        with self.connect() as session:
            cursor = session.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def made(folder: Path, version: str, *settings: str) -> Iterator[Server]:
    """A server that does not run yet; stopped at the end."""
    found = programs(version)
    owner = places.postgres_owner()
    # pytest's folders are closed to others.
    place = (
        Path(tempfile.gettempdir(), f"katydid-test-{os.getpid()}-{folder.name}")
        if owner
        else folder
    )
    place.mkdir(parents=True, exist_ok=True)
    handed = place / "password"
    server = Server(found, place / "data", free_port(), settings or STATEMENTS)
    handed.write_text(server.password)
    if owner:
        os.chown(place, *owner)
    command: list[str | Path] = [found / "initdb", "-D", server.data, "-U", "postgres", "-N"]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale", "C", "--pwfile", handed]
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, check=False, **as_owner(owner)
    )
    assert done.returncode == 0, done.stderr
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write(SETTINGS)
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        if owner:
            shutil.rmtree(place)


@contextlib.contextmanager
def serving(folder: Path, version: str, *settings: str) -> Iterator[Server]:
    """A server that runs, with the extensions created that it has: where its library is loaded, and HypoPG."""
    with made(folder, version, *settings) as server:
        server.start()
        if any("pg_stat_statements" in setting for setting in server.settings):
            server.do("CREATE EXTENSION pg_stat_statements")
        if server.do("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'"):
            server.do("CREATE EXTENSION hypopg")
        yield server
