"""A target that keeps every request as it came, and answers so that the order of things does not depend on time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """As it came; header names in lower case."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass
class Recorder:
    """Its address, and what it got."""

    url: str
    requests: list[Request] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode("utf-8", "backslashreplace")
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        headers = sorted((name.lower(), value) for name, value in self.headers.items())
        got = Request(self.command, self.path, tuple(headers), body)
        with self.server.lock:
            self.server.requests.append(got)
        path = urlsplit(self.path).path
        what, _, how = path.strip("/").partition("/")
        act = getattr(self, f"_{what}", None)
        if act is not None:
            act(how)
        else:
            self._say(200, json.dumps({"path": path, "id": 7}))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def _chunks(self) -> str:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts).decode()

    def _say(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            # Who has given up does not read it.
            with suppress(ConnectionError):
                self.wfile.write(content)

    def _status(self, how: str) -> None:
        self._say(int(how), json.dumps({"status": how}))

    def _text(self, how: str) -> None:
        self._say(200, how)

    def _redirect(self, how: str) -> None:
        self._say(302, "", ("Location", f"/{how}"))

    def _login(self, how: str) -> None:
        self._say(200, "{}", ("Set-Cookie", f"session={how}; Path=/"))

    def _slow(self, how: str) -> None:
        time.sleep(float(how))
        self._say(200, "{}")

    def _cut(self, how: str) -> None:
        """Ends the connection where the answer should be."""
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, requests: list[Request]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = requests
        self.lock = threading.Lock()


@contextmanager
def recorder() -> Iterator[Recorder]:
    """One, up."""
    recorded = Recorder("")
    server = _Server(recorded.requests)
    recorded.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
