"""A small service of a test: what it answers to a path is a function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from postgres import Server

Session = psycopg.Connection[Any]


def asks(
    server: Server, ask: Callable[[Session, str], psycopg.Cursor[Any]], **how: Any
) -> Callable[[str], str]:
    """Answers `/` with nothing, and any other path with rows from the database; each thread has a session of its own."""
    local = threading.local()

    def answer(path: str) -> str:
        if path == "/":
            return "[]"
        if not hasattr(local, "session"):
            local.session = psycopg.connect(server.url(), autocommit=True, **how)
        return json.dumps(ask(local.session, path).fetchall())

    return answer


@contextmanager
def served(answer: Callable[[str], str]) -> Iterator[str]:
    """Its URL while the block runs. Each connection has a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # One write for an answer: two would wait for each other.

        def do_GET(self) -> None:
            body = answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{web.server_port}"
    finally:
        web.shutdown()
        web.server_close()
