"""What `katydid probe` sees of a target that no database tells about."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

LOCUSTFILE = """
import itertools
from locust import HttpUser, task

NUMBER = itertools.count()

class Reader(HttpUser):
    def on_start(self):
        self.client.post(f"/login/{next(NUMBER)}", name="/login")

    @task
    def read(self):
        self.client.get("/shared")
        self.client.get("/own")
"""


class Forgetful(BaseHTTPRequestHandler):
    """Caches `/shared` for everybody, until somebody asks for the first time: as a cache that expires just then."""

    protocol_version = "HTTP/1.1"
    cached = ""
    known: set[str]

    def do_POST(self) -> None:
        self.answer("", ("Set-Cookie", f"who={self.path[7:]}; Path=/"))

    def do_GET(self) -> None:
        who = self.headers["Cookie"]
        if self.path == "/own":
            return self.answer(who)
        if who not in self.known:
            self.known.add(who)
            type(self).cached = who
        return self.answer(self.cached)

    def answer(self, body: str, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for header in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


class Locking(Forgetful):
    """Answers requests of one session one by one, as PHP does; or all, as a blocked event loop does. `/slow` waits meanwhile."""

    locks: dict[str, threading.Lock]
    is_blocked: bool

    def do_GET(self) -> None:
        of = "" if self.is_blocked else self.headers["Cookie"]
        with self.locks.setdefault(of, threading.Lock()):
            if self.path == "/slow":
                time.sleep(SLOW_MS / 1e3)
        self.answer("read")


SLOW_MS = 100


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_cache_that_expires_between_two_users_is_still_one_for_all(katydid: Any) -> None:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    with serving(type("Handler", (Forgetful,), {"known": set()})) as host:
        done = katydid("probe", "-H", host, "--run-dir", "run").ended(0)
    others = {of["name"]: of.get("other") for of in done.summary["probe"]["endpoints"]}
    assert (others["/shared"]["tries"], others["/shared"]["same"]) == (3, 3)
    assert (others["/own"]["tries"], others["/own"]["same"]) == (3, 0)


def slow_of(katydid: Any, is_blocked: bool, asks_quick: str = '"/quick"') -> Any:
    """What a probe says of `/slow`, which keeps a session, or all, waiting."""
    text = LOCUSTFILE.replace("/shared", "/slow").replace('"/own"', asks_quick)
    (katydid.folder / "locustfile.py").write_text(text)
    with serving(type("Handler", (Locking,), {"locks": {}, "is_blocked": is_blocked})) as host:
        done = katydid("probe", "-H", host, "--run-dir", "run").ended(0)
    (slow,) = [of for of in done.summary["probe"]["endpoints"] if of["name"] == "/slow"]
    assert slow["slowest_together_ms"] > 7 * SLOW_MS, "one by one"
    assert slow["beside"]["endpoint"] == "GET /quick"
    return slow


@pytest.mark.parametrize("is_blocked", [False, True])
def test_a_lock_of_a_session_is_no_blocked_event_loop(katydid: Any, is_blocked: bool) -> None:
    beside = slow_of(katydid, is_blocked)["beside"]
    assert (beside["beside_ms"] > SLOW_MS) == is_blocked
    assert not beside["one_session"]


def test_whom_only_the_same_session_can_ask_is_told(katydid: Any) -> None:
    own_header = '"/quick", headers={"X-Tenant": "1"}'
    beside = slow_of(katydid, is_blocked=False, asks_quick=own_header)["beside"]
    assert beside["beside_ms"] > SLOW_MS and beside["one_session"]
