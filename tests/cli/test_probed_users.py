"""What `katydid probe` sees of a target that no database tells about."""

from __future__ import annotations

import threading
from collections.abc import Iterator
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


@pytest.fixture
def forgetful() -> Iterator[str]:
    handler = type("Handler", (Forgetful,), {"known": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_cache_that_expires_between_two_users_is_still_one_for_all(
    katydid: Any, forgetful: str
) -> None:
    (katydid.folder / "locustfile.py").write_text(LOCUSTFILE)
    done = katydid("probe", "-H", forgetful, "--run-dir", "run").ended(0)
    others = {of["name"]: of.get("other") for of in done.summary["probe"]["endpoints"]}
    assert (others["/shared"]["tries"], others["/shared"]["same"]) == (3, 3)
    assert (others["/own"]["tries"], others["/own"]["same"]) == (3, 0)
