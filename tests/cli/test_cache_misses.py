"""A cache that is asked in vain: a real Valkey, and services that use it badly in three ways and well in one."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from redis import Redis
from served import served
from valkey_server import server

LOCUSTFILE = """
import random
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0.01)

    @task
    def read(self):
        self.client.get(f"/{random.randrange(500)}", name="/product")
"""

NUMBERS = itertools.count()


def well(cache: Redis, product: str) -> str:
    return remembered(cache, f"product:{product}", ex=60)


def too_briefly(cache: Redis, product: str) -> str:
    # So briefly that its share of hits hardly rises, should more be asked as the machine gets less busy.
    return remembered(cache, f"product:{product}", px=50)


def under_a_key_of_its_own(cache: Redis, product: str) -> str:
    return remembered(cache, f"product:{product}:{next(NUMBERS)}", ex=60)


def and_deletes_all(cache: Redis, product: str) -> str:
    found = remembered(cache, f"product:{product}", ex=60)
    cache.delete(f"product:{product}")
    return found


def remembered(cache: Redis, key: str, **ends: int) -> str:
    found = cache.get(key)
    if found is None:
        found = b"a product" * 10
        cache.set(key, found, **ends)  # type: ignore[arg-type]
    return bytes(found).decode()  # type: ignore[arg-type]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with server(port, tmp_path):
        yield port


def findings(katydid: Any, valkey: int, use: Any) -> Any:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    local = threading.local()

    def answer(path: str) -> str:
        if not hasattr(local, "cache"):
            local.cache = Redis(port=valkey, protocol=2)
        return str(use(local.cache, path[1:]))

    with served(answer) as host:
        words = ["-H", host, "--headless", "-u", "8", "-r", "8", "-t", "9s", "--run-dir", "run"]
        done = katydid(*words, "--watch", f"redis://127.0.0.1:{valkey}").ended(0)
    return json.loads((done.run / "findings.json").read_text())


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (too_briefly, "keys have expired, after 0."),
        (under_a_key_of_its_own, "that nobody asked for again"),
        (and_deletes_all, "keys were deleted"),
    ],
)
def test_why_a_cache_is_asked_in_vain(katydid: Any, valkey: int, use: Any, why: str) -> None:
    all_ = findings(katydid, valkey, use)
    # Nobody says that a database is asked instead.
    assert all_["findings"] == []
    found = [of for of in all_["suspected"] if of["rule"] == "cache_misses"]
    assert len(found) == 1, all_
    assert why in found[0]["what"], found[0]["what"]


def test_a_cache_that_is_well_used(katydid: Any, valkey: int) -> None:
    all_ = findings(katydid, valkey, well)
    assert [of["rule"] for of in all_["findings"] + all_["suspected"]] == []
    assert "cache_misses" in [of["rule"] for of in all_["ruled_out"]]
