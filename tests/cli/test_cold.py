"""`--experiment cold`: what a request is answered from is deleted, and many ask for it at once."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ports import free_port
from postgres import Server, serving
from redis import Redis
from served import served
from valkey_server import server as valkey

LOCUSTFILE = """
from locust import HttpUser, task

class Reader(HttpUser):
    @task
    def report(self):
        self.client.get("/report", headers={"Cookie": "session=ann"})
"""
STOCK = 10_000
# What watching needs.
BASE = ["+info", "+scan"]
# 60 ms and more of the database's own time.
REPORT = "SELECT sum(sqrt(g)) AS total FROM generate_series(1, 600000) AS g"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pg"), "18") as server:
        server.do("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Redis]:
    with valkey(free_port(), tmp_path) as client:
        client.set("session:ann", "ann", ex=3600)
        client.set("cart:ann", "3 books")
        client.set("stock", STOCK)
        client.hset("settings", mapping={"a": "1", "b": "2"})
        # Of an experiment that was killed.
        client.set("katydid:cold:lost", "and found")
        yield client


@contextmanager
def reports(
    database: Server,
    cache: Redis,
    one_computes: bool,
    without_session: Callable[[], object] = lambda: None,
) -> Iterator[str]:
    """A report behind a cache, for who has a session; computed by all who miss it, or by one of them."""
    local = threading.local()
    alone = threading.RLock()
    asked: list[str] = []

    def computed() -> bytes:
        if not hasattr(local, "session"):
            local.session = psycopg.connect(database.url(), autocommit=True)
        total = local.session.execute(REPORT).fetchone()[0]
        cache.set("report:2026:all", str(total), ex=600)
        return str(total).encode()

    def answer(path: str) -> str:
        if cache.get("session:ann") is None:
            without_session()
            return "[]"
        # A cart that is gone is made anew, empty.
        if cache.get("cart:ann") is None:
            cache.set("cart:ann", "")
        cache.get("stock")
        cache.decr("stock")
        with alone:
            asked.append(path)
        if len(cache.hgetall("settings")) < 2:
            cache.hset("settings", "a", "1")
        found = cache.get("report:2026:all")
        if found is None and one_computes:
            with alone:
                found = cache.get("report:2026:all") or computed()
        return json.dumps([str(found or computed())])

    with served(answer) as host:
        yield host
    assert cache.get("stock") == str(STOCK - len(asked)).encode(), "nothing was lost"


def place(cache: Redis) -> str:
    return f"127.0.0.1:{cache.connection_pool.connection_kwargs['port']}/0"


def probed(katydid: Any, database: Server, cache: Redis, host: str, user: str = "") -> Any:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    (katydid.folder / "katydid.toml").write_text(f'[watch]\ndisposable = ["{place(cache)}"]\n')
    watch = ["--watch", database.url(), "--watch", f"redis://{user}{place(cache)}"]
    return katydid("probe", "-H", host, "--run-dir", "run", *watch, "--experiment", "cold")


def allow(cache: Redis) -> None:
    """Makes a user who may do what the documentation says that one needs."""
    documented = (Path(__file__).parents[2] / "docs/findings.md").read_text()
    rights = documented.partition("of the address needs `")[2].partition("`")[0].split()
    assert "+renamenx" in rights
    cache.acl_setuser(
        "katydid", True, passwords=["+katydid"], keys=["*"], commands=[*BASE, *rights]
    )


def of_report(done: Any) -> Any:
    (endpoint,) = done.summary["probe"]["endpoints"]
    return endpoint["cold"]


def test_what_all_compute_is_confirmed_and_nothing_else_is_gone(
    katydid: Any, database: Server, cache: Redis
) -> None:
    with reports(database, cache, one_computes=False) as host:
        done = probed(katydid, database, cache, host).ended(0)
    (found,) = json.loads((done.run / "findings.json").read_text())["findings"]
    assert (found["rule"], found["confidence"]) == ("stampede", "confirmed"), done.text
    assert "32 requests of GET /report at once ran" in found["basis"], found["basis"]
    cold = of_report(done)
    # Words may be somebody's name, where few keys have them.
    assert (cold["bursts"], cold["problem"]) == (3, "")
    assert cold["keys"] == ["{…}:{n}:{…}", "{…}:{…}"]
    (runs,) = [of for of in cold["statements"] if "generate_series" in of["text"]]
    assert 16 <= runs["least"] <= runs["most"] <= 32, runs
    # What was moved aside to see whether it is written anew is back, with its time to live.
    assert cache.get("session:ann") == b"ann" and 3000 < cache.ttl("session:ann") <= 3600
    assert cache.get("cart:ann") == b"3 books"
    assert cache.hgetall("settings") == {b"a": b"1", b"b": b"2"}
    assert cache.get("lost") == b"and found" and cache.keys("katydid:*") == []
    record = b"".join(file.read_bytes() for file in done.run.rglob("*") if file.is_file())
    assert b"session:ann" not in record and b"report:2026" not in record
    assert b"cart" not in record


def test_the_rights_that_are_documented_are_enough(
    katydid: Any, database: Server, cache: Redis
) -> None:
    allow(cache)
    with reports(database, cache, one_computes=False) as host:
        done = probed(katydid, database, cache, host, user="katydid:katydid@").ended(0)
    assert of_report(done)["bursts"] == 3, of_report(done)
    assert cache.get("cart:ann") == b"3 books"


def test_what_one_computes_for_all_is_ruled_out(
    katydid: Any, database: Server, cache: Redis
) -> None:
    with reports(database, cache, one_computes=True) as host:
        done = probed(katydid, database, cache, host).ended(0)
    told = json.loads((done.run / "findings.json").read_text())
    assert not told["findings"], done.text
    (out,) = [out["why"] for out in told["ruled_out"] if out["rule"] == "stampede"]
    assert out.endswith("1 times") and "{…}:{n}:{…}" in out, out


def test_a_user_who_may_not_is_told_what_to_grant(
    katydid: Any, database: Server, cache: Redis
) -> None:
    cache.acl_setuser(
        "looker", True, passwords=["+looker"], keys=["*"], categories=["+@read"], commands=["+info"]
    )
    with reports(database, cache, one_computes=False) as host:
        done = probed(katydid, database, cache, host, user="looker:looker@").ended(0)
    problem = of_report(done)["problem"]
    assert "may not" in problem and "+monitor" in problem, problem
    assert cache.get("session:ann") == b"ann"
    assert problem in " ".join(done.out.split()), done.out


def test_what_cannot_be_moved_back_is_told_and_moved_back_the_next_time(
    katydid: Any, database: Server, cache: Redis
) -> None:
    allow(cache)
    once = [lambda: cache.acl_setuser("katydid", True, commands=["-rename"])]
    with reports(
        database, cache, one_computes=False, without_session=lambda: once and once.pop()()
    ) as host:
        done = probed(katydid, database, cache, host, user="katydid:katydid@").ended(0)
        assert "may not" in of_report(done)["problem"], of_report(done)
        assert "A key that was moved aside is not back" in done.err, done.text
        assert cache.get("session:ann") is None
        assert cache.get("katydid:cold:session:ann") == b"ann"
        cache.acl_setuser("katydid", True, commands=["+rename"])
        shutil.rmtree(done.run)
        probed(katydid, database, cache, host, user="katydid:katydid@").ended(0)
    assert cache.get("session:ann") == b"ann" and cache.keys("katydid:*") == []


def test_no_key_is_deleted_where_that_is_not_declared(
    katydid: Any, database: Server, cache: Redis
) -> None:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    watch = ["--watch", f"redis://{place(cache)}"]
    done = katydid("probe", "-H", "http://127.0.0.1:9", *watch, "--experiment", "cold")
    assert done.code == 2
    assert f'disposable = ["{place(cache)}"]' in done.err, done.text
