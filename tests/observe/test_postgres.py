"""What is seen of PostgreSQL: sessions, statements, locks; and what happens when it goes, comes, forgets or refuses."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from looking import Look, looking
from postgres import Server, made, programs, serving
from waiting import until

SECRET = "hunter2-of-somebody"
#: Further servers that these tests are to be run with: folders of programs (bench/observers/versions.py).
MORE = os.environ.get("KATYDID_TEST_POSTGRES", "")
VERSIONS = MORE.split(":") if MORE else ["18", "debian"]
#: The one for tests that make their own.
FIRST = VERSIONS[0]


@pytest.fixture(scope="module", params=VERSIONS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with all that can be seen."""
    with serving(tmp_path_factory.mktemp("pg"), request.param) as running:
        running.do(
            "CREATE TABLE item (id int PRIMARY KEY, name text)",
            "INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) n",
            "ANALYZE item",
            "CREATE ROLE bare LOGIN PASSWORD 'bare'",
        )
        yield running


def version_of(version: str) -> str:
    """What its program says of itself."""
    program = programs(version) / "postgres"
    return subprocess.run(
        [program, "--version"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def statement(look: Look, *words: str) -> str | None:
    """The short name of the statement in whose text all these are."""
    found = [
        id for id, text in look.facts("statement").items() if all(word in text for word in words)
    ]
    return found[0] if found else None


def grown(look: Look, name: str, **labels: str) -> float:
    """What a counter grew by in all that was seen."""
    values = look.series(name, **labels)
    return values[-1] - values[0] if values else 0.0


def lost(look: Look) -> dict[str, str]:
    """Why it was lost first."""
    look.until(lambda look: look.marks("lost"))
    first: dict[str, str] = look.marks("lost")[0]
    return first


def test_everything_is_seen_of_a_server_that_is_set_up_well(server: Server) -> None:
    with looking(server.url(scheme="postgresql+psycopg")) as look:
        look.until(lambda look: look.series("table.bytes", table="item"))
        blind = {what: sight for what, sight in look.sights().items() if not sight["seen"]}
        assert not blind
        watched = look.watched()[-1]
        assert watched["subject"] == f"postgres 127.0.0.1:{server.port}/postgres"
        assert watched["title"].startswith("PostgreSQL 1")
        assert watched["title"].endswith(", database postgres")
        assert look.last("connections.most") == 97
        assert look.facts("setting")["max_connections"] == "100"
        # Of 13 the first look may come before the counts.
        look.until(lambda look: (look.last("table.rows", table="item") or 0) >= 1000)
    assert not look.marks("lost")
    assert not look.marks("stalled")


def test_statements_are_counted_exactly(server: Server) -> None:
    with looking(server.url()) as look, server.connect() as session:
        look.until(lambda look: look.series("statements.calls"))
        for n in range(300):
            session.execute("SELECT name FROM item WHERE id < %s", [n % 10 + 2])
        for n in range(1, 60):
            session.execute(f"SELECT id FROM item WHERE id IN ({', '.join('7' * n)})".encode())
        rows = sum(n % 10 + 1 for n in range(300))

        def counted(look: Look) -> bool:
            one, other = statement(look, "WHERE id <"), statement(look, "id IN (…)")
            if not one or not other:
                return False
            return (
                grown(look, "statement.calls", statement=one) >= 300
                and grown(look, "statement.calls", statement=other) >= 59
            )

        look.until(counted)
        id = statement(look, "WHERE id <")
        assert id is not None
        assert look.series("statement.calls", statement=id)[0] == 0
        assert grown(look, "statement.calls", statement=id) == 300
        assert grown(look, "statement.rows", statement=id) == rows
        assert 300 <= grown(look, "statement.blocks_hit", statement=id) <= 3000
        # One row for lists of all lengths.
        lists = [text for text in look.facts("statement").values() if "id IN" in text]
        assert lists == ["SELECT id FROM item WHERE id IN (…)"]
        other = statement(look, "id IN (…)")
        assert other is not None
        assert grown(look, "statement.calls", statement=other) == 59
        # Its own are told apart, and cost something.
        assert not statement(look, "pg_stat_activity")
        look.until(lambda look: grown(look, "observer.db_time") > 0)


def test_no_value_of_anybody_is_stored(server: Server) -> None:
    with looking(server.url()) as look, server.connect() as session, server.connect() as other:
        look.until(lambda look: look.series("statements.calls"))
        for text in (
            f"SELECT '{SECRET}' /* {SECRET} */ FROM item WHERE name = $$%s$$",
            f"CREATE ROLE leak PASSWORD '{SECRET}'",
            "DROP ROLE leak",
            f"SET application_name = '{SECRET}x'",
            "SET application_name = 'test'",
            f"DO $x$ BEGIN PERFORM '{SECRET}'; END $x$ -- {SECRET}",
            f"COMMENT ON TABLE item IS '{SECRET}'",
            f"PREPARE p AS SELECT name FROM item WHERE name = '{SECRET}'",
            "EXECUTE p",
            f"DECLARE c CURSOR WITH HOLD FOR SELECT '{SECRET}'",
            "CLOSE c",
        ):
            session.execute(text.replace("%s", SECRET).encode())
        session.execute("BEGIN")
        session.execute(f"UPDATE item SET name = '{SECRET}' WHERE id = 1".encode())
        waits = threading.Thread(
            target=lambda: other.execute(
                f"UPDATE item SET name = '{SECRET}2' WHERE id = 1".encode()
            )
        )
        waits.start()
        look.until(lambda look: look.facts("blocking"))
        session.execute("ROLLBACK")
        waits.join()
        look.until(lambda look: statement(look, "COMMENT ON TABLE"))
        look.until(lambda look: statement(look, "CREATE ROLE"))
    assert SECRET not in json.dumps(look.frames)
    assert server.password not in json.dumps(look.frames)


def test_who_keeps_whom_waiting(server: Server) -> None:
    with looking(server.url()) as look, server.connect() as holder, server.connect() as waiter:
        look.until(lambda look: look.series("lock.waiters"))
        holder.execute("BEGIN")
        holder.execute("UPDATE item SET name = 'held' WHERE id = 2")
        waits = threading.Thread(
            target=lambda: waiter.execute(
                "UPDATE item SET name = name WHERE id = 2 AND name = 'item 2'"
            )
        )
        waits.start()
        look.until(lambda look: (look.last("lock.longest") or 0) > 1)
        assert look.last("lock.waiters") == 1
        assert look.last("lock.idle_blockers") == 1
        assert look.last("sessions", **{"class": "lock"}) == 1
        assert look.last("sessions", **{"class": "idle in transaction"}) == 1
        told = "\n".join(look.facts("blocking").values())
        assert (
            "UPDATE item SET name = name WHERE id = $1 AND name = $2 waits for a session that is idle"
            in told
        )
        assert "last with UPDATE item SET name = $1 WHERE id = $2" in told
        assert set(look.facts("blocking.lock").values()) == {"transactionid"}
        holder.execute("ROLLBACK")
        waits.join()
        look.until(lambda look: look.last("lock.waiters") == 0)


@pytest.mark.parametrize(("filter", "kept"), [("deleted IS NULL", 1996), ("is_rare", 4)])
def test_how_much_an_index_finds_is_asked_apart_from_what_a_filter_keeps(
    server: Server, filter: str, kept: int
) -> None:
    server.do(
        "DROP TABLE IF EXISTS sold",
        "CREATE TABLE sold AS SELECT g % 10 AS tenant, g AS sum, "
        "CASE WHEN g % 1000 = 3 THEN 1 END AS deleted, g % 500 = 3 AS is_rare FROM generate_series(1, 20000) g",
        "CREATE INDEX ON sold (tenant)",
        "ANALYZE sold",
    )
    query = f"SELECT sum(sum) FROM sold WHERE tenant = %s AND {filter}"
    with looking(server.url()) as look, server.connect() as session:
        look.until(lambda look: look.series("statements.calls"))
        for _ in range(30):
            session.execute(query.encode(), (3,))
        look.until(lambda look: statement(look, "FROM sold", filter))
    plan = json.loads(look.facts("plan")[str(statement(look, "FROM sold", filter))])
    assert plan["below"][0]["table"] == "sold"
    (found,) = json.loads(look.facts("plan.found")[str(statement(look, "FROM sold", filter))])
    assert found["place"] == "/below/0"
    # From a sample: a few of a hundred off.
    assert 1800 < found["of"] < 2200
    assert kept / 3 < found["kept"] < kept * 3 and found["kept"] <= found["of"]


def test_it_never_holds_a_transaction(server: Server) -> None:
    states = set()
    sql = (
        "SELECT state, xact_start IS NULL FROM pg_stat_activity WHERE application_name = 'katydid'"
    )
    with looking(server.url()) as look, server.connect() as session:
        look.until(lambda look: look.series("sessions"))

        def watched(look: Look) -> bool:
            states.update(session.execute(sql).fetchall())
            return len(look.series("database.commits")) > 6

        look.until(watched)
    assert ("idle", True) in states
    assert not [state for state, _ in states if "transaction" in state]


def test_a_statement_that_was_explained_is_seen_by_the_next_who_looks(server: Server) -> None:
    # EXPLAIN leaves an entry of its own under the id of the statement in it.
    query = "SELECT count(*) FROM item WHERE id > 7 AND id < 9"
    for _ in range(2):
        with looking(server.url()) as look, server.connect() as session:
            look.until(lambda look: look.series("statements.calls"))
            for _ in range(40):
                session.execute(query)
            look.until(lambda look: statement(look, "item WHERE id >") is not None)
            id = statement(look, "item WHERE id >")
            assert id is not None
            found = id  # for the lambda: each has its own look
            look.until(lambda look: grown(look, "statement.calls", statement=found) >= 40)  # noqa: B023


def may_read(server: Server) -> str:
    """What a role needs to have statements explained: version 13 has no role for it."""
    with server.connect() as session:
        version = session.execute("SHOW server_version_num").fetchone()
    new = version is not None and int(version[0]) >= 140000
    return "pg_read_all_data" if new else "SELECT ON ALL TABLES IN SCHEMA public"


def test_a_bare_role_sees_less_and_is_told_what_would_help(server: Server) -> None:
    with looking(server.url(user="bare", password="bare")) as look, server.connect() as session:
        look.until(lambda look: look.series("statements.calls"))
        for _ in range(50):
            session.execute("SELECT count(*) FROM item")
        sights = look.sights()
        assert not sights["wait classes"]["seen"]
        assert sights["wait classes"]["remedy"] == "GRANT pg_monitor TO bare;"
        assert sights["statement texts"]["remedy"] == "GRANT pg_monitor TO bare;"
        assert sights["plans"]["remedy"] == f"GRANT {may_read(server)} TO bare;"
        look.until(lambda look: grown(look, "statement.calls", statement="hidden") >= 50)
        assert (look.last("connections") or 0) >= 2
        assert (look.last("sessions", **{"class": "hidden"}) or 0) >= 1
        server.do("GRANT pg_monitor TO bare")
        with looking(server.url(user="bare", password="bare")) as again:
            again.until(lambda look: look.series("statements.calls"))
            assert again.sights()["wait classes"]["seen"]
        server.do("REVOKE pg_monitor FROM bare")


def test_resets_are_gaps_and_never_less(server: Server) -> None:
    with looking(server.url()) as look, server.connect() as session:
        look.until(lambda look: len(look.series("statements.calls")) > 1)
        session.execute("SELECT pg_stat_statements_reset()")
        session.execute("SELECT pg_stat_reset()")
        look.until(lambda look: len(look.marks("restarted")) >= 2)
        whys = {mark["why"] for mark in look.marks("restarted")}
        assert whys == {
            "pg_stat_statements was reset",
            "the statistics of the database were reset",
        }
        values = look.series("statements.calls")
        assert values == sorted(values)
    assert not look.marks("lost")


@pytest.mark.parametrize(
    ("parts", "why", "remedy"),
    [
        (
            {"password": "wrong"},
            "password authentication failed",
            "CREATE ROLE katydid_observer LOGIN",
        ),
        ({"database": "nowhere"}, 'database "nowhere" does not exist', ""),
        ({"user": "nobody"}, "password authentication failed", "CREATE ROLE nobody LOGIN"),
    ],
)
def test_a_refusal_says_why(server: Server, parts: dict[str, str], why: str, remedy: str) -> None:
    with looking(server.url(**parts)) as look:
        told = lost(look)
        assert why in told["why"]
    assert server.password not in json.dumps(look.frames)
    assert "wrong" not in json.dumps(look.frames)


def test_tls_that_is_not_there_is_refused_or_done_without(server: Server) -> None:
    with looking(server.url() + "?sslmode=require") as look:
        assert "TLS" in lost(look)["why"]
    with looking(server.url() + "?sslmode=prefer") as look:
        look.until(lambda look: look.series("connections"))


def certificates(folder: Path) -> None:
    """An authority, and a certificate of it for the name `localhost`."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ours")
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext")
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_tls_is_what_libpq_means_by_it(tmp_path: Path) -> None:
    with made(tmp_path, "debian") as server:
        certificates(tmp_path)
        for name in ("server.key", "server.crt"):
            shutil.copy(tmp_path / name, server.data / name)
            os.chown(server.data / name, server.data.stat().st_uid, server.data.stat().st_gid)
            (server.data / name).chmod(0o600)
        server.settings = ("ssl=on",)
        server.start()
        server.do("CREATE ROLE safe LOGIN PASSWORD 'safe'")
        hba = server.data / "pg_hba.conf"
        hba.write_text("hostnossl all safe all reject\n" + hba.read_text())
        server.do("SELECT pg_reload_conf()")
        ours = f"&sslrootcert={tmp_path}/ca.crt"
        by_number = server.url(user="safe", password="safe")
        with_name = by_number.replace("127.0.0.1", "localhost")
        for word in (
            f"{by_number}?sslmode=allow",
            f"{by_number}?sslmode=prefer",
            f"{by_number}?sslmode=require",
            f"{by_number}?sslmode=verify-ca{ours}",
            f"{with_name}?sslmode=verify-full{ours}",
            # Whoever knows the certificate itself needs no authority.
            f"{by_number}?sslmode=verify-ca&sslrootcert={tmp_path}/server.crt",
            f"{with_name}?sslmode=verify-full&sslrootcert={tmp_path}/server.crt",
        ):
            with looking(word) as look:
                look.until(lambda look: look.series("connections"))
        for word, why in (
            (f"{by_number}?sslmode=disable", "pg_hba.conf rejects"),
            (f"{by_number}?sslmode=verify-full{ours}", "TLS failed"),
            (f"{by_number}?sslmode=verify-full&sslrootcert={tmp_path}/server.crt", "TLS failed"),
            (f"{with_name}?sslmode=verify-full&sslrootcert=system", "TLS failed"),
        ):
            with looking(word) as look:
                assert why in lost(look)["why"]


def test_what_is_not_postgres_is_said(tmp_path: Path) -> None:
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quiet = silent.getsockname()[1]
        for port in (web.server_port, quiet):
            with looking(f"postgres://me:{SECRET}@127.0.0.1:{port}/x") as look:
                assert "PostgreSQL" in lost(look)["why"]
            assert SECRET not in json.dumps(look.frames)
    web.shutdown()
    web.server_close()


def test_it_comes_goes_and_comes_back(tmp_path: Path) -> None:
    with made(tmp_path, FIRST) as server, looking(server.url()) as look:
        assert "connection refused" in lost(look)["why"]
        server.start()
        server.do("CREATE EXTENSION pg_stat_statements")
        look.until(lambda look: look.marks("regained"))
        look.until(lambda look: len(look.series("database.commits")) > 2)
        server.stop(signal.SIGQUIT)
        look.until(lambda look: len(look.marks("lost")) == 2)
        server.start()
        look.until(lambda look: look.marks("restarted"), 40)
        assert look.marks("restarted")[0]["why"] == "PostgreSQL was restarted"
        assert len(look.marks("regained")) == 2
        assert look.sights()["statements"]["seen"]


def test_an_extension_that_is_missing_is_named(tmp_path: Path) -> None:
    with made(tmp_path, FIRST, "max_connections=6", "superuser_reserved_connections=1") as server:
        server.start()
        with looking(server.url()) as look:
            look.until(lambda look: look.series("connections"))
            sight = look.sights()["statements"]
            assert sight["note"] == "pg_stat_statements is not loaded by the server"
            assert "shared_preload_libraries = 'pg_stat_statements'; restart" in sight["remedy"]
            assert look.sights()["I/O times"]["remedy"].startswith(
                "ALTER SYSTEM SET track_io_timing"
            )
        server.do("CREATE ROLE app LOGIN PASSWORD 'app'")
        with contextlib.ExitStack() as sessions:
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    sessions.enter_context(server.connect(user="app", password="app"))
            with looking(server.url(user="app", password="app")) as look:
                assert "connection" in lost(look)["why"]
                sessions.close()
                look.until(lambda look: look.marks("regained"))
        server.stop()
        server.settings = ("shared_preload_libraries=pg_stat_statements",)
        server.start()
        with looking(server.url()) as look:
            look.until(lambda look: look.series("connections"))
            assert look.sights()["statements"]["remedy"] == "CREATE EXTENSION pg_stat_statements;"
        server.do('CREATE SCHEMA "Odd"', 'CREATE EXTENSION pg_stat_statements SCHEMA "Odd"')
        with looking(server.url()) as look:
            look.until(lambda look: look.series("statements.calls"))
            assert look.sights()["statements"]["seen"]


def test_a_replica_is_watched_as_it_is(tmp_path: Path) -> None:
    with serving(tmp_path, FIRST) as primary:
        primary.do("CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)")
        primary.do(
            "CREATE ROLE watcher LOGIN PASSWORD 'watcher'",
            f"GRANT {may_read(primary)} TO watcher",
            "GRANT pg_monitor TO watcher",
        )
        with primary.copied() as replica:
            assert replica.do("SELECT pg_is_in_recovery()") == [(True,)]
            url = replica.url(user="watcher", password="watcher")
            with looking(url) as look, replica.connect() as session:
                look.until(lambda look: look.series("statements.calls"))
                assert "it is a replica" in look.sights()["version"]["note"]
                assert not [what for what, sight in look.sights().items() if not sight["seen"]]
                for _ in range(40):
                    session.execute("SELECT id FROM item WHERE id = 1")
                look.until(lambda look: statement(look, "FROM item WHERE id"))
                id = statement(look, "FROM item WHERE id") or ""
                assert grown(look, "statement.calls", statement=id) == 40
                # What its primary writes comes here, too.
                primary.do("INSERT INTO item VALUES (2)")
                until(lambda: replica.do("SELECT count(*) FROM item") == [(2,)], "does not follow")
                look.until(lambda look: look.series("checkpoint.timed"))
                look.until(lambda look: look.series("table.bytes", table="item"))
            assert not look.marks("lost")
            assert not look.marks("warning")
            with looking(url) as look:
                look.until(lambda look: look.series("database.commits"))
                # Made the new primary, it goes on with no gap.
                replica.do("SELECT pg_promote()")
                before = len(look.series("database.commits"))
                look.until(lambda look: len(look.series("database.commits")) > before + 2)
            assert not look.marks("lost")
            assert not look.marks("restarted")


def test_statements_that_are_not_counted_are_said_to_be_missing(tmp_path: Path) -> None:
    if " 13" in version_of(FIRST):
        pytest.skip("PostgreSQL 13 has no compute_query_id")
    settings = ("shared_preload_libraries=pg_stat_statements", "compute_query_id=off")
    with serving(tmp_path, FIRST, *settings) as server:
        with looking(server.url()) as look:
            look.until(lambda look: look.series("connections"))
            sight = look.sights()["statements"]
            assert not sight["seen"]
            assert sight["note"] == "compute_query_id is off"
            assert sight["remedy"].startswith("ALTER SYSTEM SET compute_query_id = auto;")
        # On the command line it is the strongest, so without it what is advised is tried.
        server.stop()
        server.settings = settings[:1]
        server.start()
        server.do("ALTER SYSTEM SET compute_query_id = off", "SELECT pg_reload_conf()")
        with server.connect() as session:
            for remedy in sight["remedy"].rstrip(";").split(";"):
                session.execute(remedy.encode())
        with looking(server.url()) as look:
            look.until(lambda look: look.series("statements.calls"))
            assert look.sights()["statements"]["seen"]


def test_a_table_of_statements_that_is_full_is_said_and_never_shrinks(tmp_path: Path) -> None:
    most = 100  # the least that it takes
    settings = ("shared_preload_libraries=pg_stat_statements", f"pg_stat_statements.max={most}")
    with serving(tmp_path, FIRST, *settings) as server, server.connect() as session:
        session.execute("CREATE TABLE item (id int)")
        says_so = " 13" not in version_of(FIRST)
        with looking(server.url()) as look:
            look.until(lambda look: look.series("statements.calls"))
            made = 0

            def flooded(look: Look) -> bool:
                nonlocal made
                for _ in range(300):
                    made += 1
                    # Another alias is the same statement, another column list is not.
                    columns = ", ".join(f"id + id AS c{n}" for n in range(made % 250 + 1))
                    session.execute(f"SELECT {columns} FROM item".encode())
                return len(look.series("statements.calls")) > 2

            look.until(flooded, 60)
        if says_so:
            (told,) = [mark["text"] for mark in look.marks("warning")]
            assert "threw some out (pg_stat_statements.max)" in told
            evictions = look.series("statements.evictions")
            assert evictions[-1] > evictions[0]
            assert not look.marks("restarted")
        for name in ("statements.calls", "statements.time"):
            values = look.series(name)
            assert values == sorted(values), name
        # Not more than was asked: what came back had begun anew, and is no growth of what it once was.
        assert grown(look, "statements.calls") <= made
        for id in look.facts("statement"):
            values = look.series("statement.calls", statement=id)
            assert values == sorted(values), id
