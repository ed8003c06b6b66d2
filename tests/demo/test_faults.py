"""Faults on command: a run of the shop names those that were planted, at the endpoints that they hurt, and none where there is none.

The loads are small: a finding rests on counts and waits, not on how slow this machine is. Faults that no rule names yet are shown by
single requests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, local
from typing import Any

import httpx
import psycopg
import pytest
from redis import Redis
from waiting import until

from conftest import ROOT, manager
from katydid_shop import cache
from katydid_shop.stack import Stack

DEMO = [sys.executable, "-m", "katydid", "demo"]


def run(folder: Path, *words: str) -> dict[str, Any]:
    """A run of the demo, and what it found."""
    words = words or ("--fault", "none")
    command = [*DEMO, "-u", "60", "-t", "20s", "--run-dir", str(folder / "run"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "run/findings.json").read_text())
    return found


def named(found: dict[str, Any]) -> dict[str, str]:
    """By rule, the endpoint that it names first."""
    return {one["rule"]: one["endpoints"][0] for one in found["findings"] if one["endpoints"]}


def test_an_unknown_fault_is_refused() -> None:
    process = manager("--faults", "n_plus_one,rust")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "there is no fault rust; there are missing_index, n_plus_one" in errors


def test_an_unknown_fault_is_refused_in_the_background() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "katydid_shop.stack", "up", "--name", "rust", "--faults", "rust"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "demo/shop")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no fault rust; there are missing_index, n_plus_one" in done.stderr


PLANTED = (
    "missing_index",
    "n_plus_one",
    "no_ttl",
    "stampede",
    "small_pool",
    "inline_invoice",
    "cache_without_tenant",
)
USER = {"email": "user1@tenant-01.example", "password": "katydid"}


@pytest.fixture(scope="module")
def faulty() -> Iterator[Stack]:
    """A shop with all faults that single requests show."""
    with Stack(planted=PLANTED) as up:
        yield up


@pytest.fixture
def victim(faulty: Stack) -> Iterator[httpx.Client]:
    """A client logged in there, at the busiest tenant."""
    with httpx.Client(base_url=faulty.urls.app, timeout=30) as client:
        client.post("/login", json=USER).raise_for_status()
        yield client


def ask(stack: Stack, query: str) -> list[Any]:
    """The first column of what the database of a shop says."""
    with psycopg.connect(stack.urls.postgres) as db:
        return [row[0] for row in db.execute(query.encode())]


def statements(stack: Stack, table: str, act: Callable[[], object]) -> int:
    """How many statements that read from a table an act makes."""
    calls = f"SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE 'SELECT {table}.%'"
    before = ask(stack, calls)[0]
    act()
    return int(ask(stack, calls)[0] - before)


def test_without_faults_nothing_is_different(stack: Stack, seller: httpx.Client) -> None:
    indexes = set(ask(stack, "SELECT indexname FROM pg_indexes WHERE tablename = 'orders'"))
    assert indexes >= {"orders_tenant_created", "orders_tenant_status_created"}
    assert "orders_tenant" not in indexes
    assert list(stack.pids()) == ["postgres", "valkey", "worker", "app"]
    assert statements(stack, "orders", lambda: seller.get("/orders?page=3")) == 1
    assert statements(stack, "customers", lambda: seller.get("/orders?page=3")) == 0
    assert set(seller.get("/dashboard").json()) == {
        "orders_today",
        "revenue_today_cents",
        "orders_month",
        "revenue_month_cents",
        "top_products",
    }
    keys = Redis.from_url(stack.urls.valkey, decode_responses=True)
    assert not list(keys.scan_iter("orders:*"))


def test_the_index_is_missing(faulty: Stack) -> None:
    indexes = set(ask(faulty, "SELECT indexname FROM pg_indexes WHERE tablename = 'orders'"))
    assert "orders_tenant" in indexes
    assert not indexes & {"orders_tenant_created", "orders_tenant_status_created"}


def test_each_customer_is_a_query(faulty: Stack, victim: httpx.Client) -> None:
    assert statements(faulty, "customers", lambda: victim.get("/orders?page=3")) > 5


def test_pages_are_kept_for_ever(faulty: Stack, victim: httpx.Client) -> None:
    first = victim.get("/orders?page=4&status=shipped").json()
    keys = Redis.from_url(faulty.urls.valkey, decode_responses=True)
    (key,) = keys.scan_iter("orders:1:4:shipped:*")
    assert keys.ttl(key) == -1
    assert victim.get("/orders?page=4&status=shipped").json() == first


def test_an_invoice_is_made_within_the_request(victim: httpx.Client) -> None:
    order = victim.get("/orders").json()["orders"][0]
    asked = victim.post(f"/orders/{order['id']}/invoice")
    assert asked.status_code == 202
    job = victim.get(f"/jobs/{asked.json()['job_id']}").json()
    assert job["status"] == "done" and job["result"]["number"].startswith("INV-001-")


def test_tenants_see_the_dashboard_of_another(faulty: Stack, victim: httpx.Client) -> None:
    with httpx.Client(base_url=faulty.urls.app, timeout=30) as other:
        other.post("/login", json={**USER, "email": "user1@tenant-02.example"}).raise_for_status()
        keys = Redis.from_url(faulty.urls.valkey)
        keys.delete("dashboard")
        theirs = victim.get("/dashboard").json()
        seen = other.get("/dashboard").json()
    assert seen["top_products"] == theirs["top_products"]
    assert (theirs["place"], seen["place"]) == (1, 2)


def test_all_who_miss_a_report_compute_it_over_one_connection(
    faulty: Stack, victim: httpx.Client
) -> None:
    calls = (
        "SELECT calls FROM pg_stat_statements WHERE query LIKE 'SELECT customers.city, date_trunc%'"
    )
    before = sum(ask(faulty, calls))
    Redis.from_url(faulty.urls.valkey).delete("market")
    with ThreadPoolExecutor(6) as many:
        codes = list(many.map(lambda _: victim.get("/dashboard").status_code, range(6)))
    assert codes == [200] * 6
    assert sum(ask(faulty, calls)) - before > 1
    connections = (
        "SELECT pid FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()"
    )
    connections += " AND backend_type = 'client backend'"
    # Those of the questions before end a moment later; a pool keeps its own.
    until(lambda: len(ask(faulty, connections)) == 1, "the app has more than one connection")


@pytest.mark.parametrize(("single_flight", "computed"), [(True, 1), (False, 6)])
def test_one_computes_what_many_miss(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, single_flight: bool, computed: int
) -> None:
    client = Redis.from_url(stack.urls.valkey, decode_responses=True)
    monkeypatch.setattr(cache, "valkey", lambda: client)
    kept, all_missed, looked = cache._kept, Barrier(6), local()

    def slow(key: str) -> dict[str, Any] | None:
        found = kept(key)
        if not hasattr(looked, "once"):
            looked.once = True
            all_missed.wait(10)
        return found

    monkeypatch.setattr(cache, "_kept", slow)
    count = []

    def compute() -> dict[str, Any]:
        count.append(1)
        return {"found": 1}

    def look(_: int) -> dict[str, Any]:
        return cache.cached(f"test-{single_flight}", 60, compute, single_flight=single_flight)

    with ThreadPoolExecutor(6) as many:
        assert list(many.map(look, range(6))) == [{"found": 1}] * 6
    assert len(count) == computed


def test_a_blocked_loop_does_not_keep_connections_from_others() -> None:
    with Stack(planted=("blocking_call", "small_pool")) as up:
        assert "partner" in up.pids()
        with httpx.Client(base_url=up.urls.app, timeout=20) as client:
            client.post("/login", json=USER).raise_for_status()
            with ThreadPoolExecutor(12) as many:
                answers = list(many.map(client.get, ["/dashboard", "/orders"] * 12))
    assert [answer.status_code for answer in answers] == [200] * 24
    assert "rates" in answers[0].json()


def test_faults_on_two_endpoints_are_both_named(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "n_plus_one,connection_held")
    causes = named(found)
    assert causes["n_plus_one"] == "GET /orders?page=[n]"
    assert causes["connection_held"] == "POST /orders"
    (again,) = [one for one in found["findings"] if one["rule"] == "n_plus_one"]
    assert again["confidence"] == "strong" and "customers" in again["about"]
    # The rules over the record say the same.
    told = subprocess.run(
        [sys.executable, "-m", "katydid", "diagnose", "--json", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert json.loads(told.stdout) == found


def test_an_index_and_a_contended_row_are_named(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "missing_index,row_lock")
    (one, *_) = [one for one in found["findings"] if one["rule"] == "missing_index"]
    assert one["endpoints"][0] == "GET /orders?page=[n]"
    ddl = [fix["text"] for one in found["findings"] for fix in one["fixes"]]
    columns = {text[text.index("(") :] for text in ddl if "ON orders" in text}
    assert "(tenant_id, created_at DESC);" in columns
    (one,) = [one for one in found["findings"] if one["rule"] == "row_lock"]
    assert one["endpoints"] == ["POST /orders"] and "UPDATE counters" in one["about"]


def test_what_a_probe_sees_is_named(tmp_path: Path) -> None:
    faults = "blocking_call,no_ttl,inline_invoice,cache_without_tenant"
    found = run(tmp_path, "--probe", "--fault", faults)
    causes = {one["rule"]: one["endpoints"] for one in found["findings"]}
    assert causes["event_loop"] == ["GET /dashboard"]
    assert causes["cache_no_ttl"][0] == "GET /orders?page=[n]"
    assert causes["inline_work"] == ["POST /orders/[id]/invoice"]
    assert causes["cache_tenant"] == ["GET /dashboard"]


def test_a_service_downstream_a_leak_and_a_queue_are_named(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "slow_downstream,memory_leak,one_consumer")
    causes = {one["rule"]: one for one in found["findings"]}
    assert causes["slow_downstream"]["endpoints"] == ["POST /orders"]
    assert causes["memory_leak"]["about"].startswith("uvicorn")
    assert "mails" in causes["queue_backlog"]["about"]


def test_the_healthy_shop_has_none(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert found["findings"] == []
    assert {one["rule"] for one in found["ruled_out"]} >= {
        "n_plus_one",
        "missing_index",
        "row_lock",
    }
