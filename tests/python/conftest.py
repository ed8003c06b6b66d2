"""The scenario API is tested in the process that pytest runs in: importing katydid patches the
standard library, so it comes first."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import katydid
from katydid import log
from katydid.env import Environment
from katydid.event import Events


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "oracle: compares with Locust, where KATYDID_ORACLE names its Python"
    )


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """What listeners and exceptions leave behind in the process."""
    log.unhandled_greenlet_exception = False
    hooks = {name: list(hook._handlers) for name, hook in vars(katydid.events).items()}
    yield
    for name, handlers in hooks.items():
        getattr(katydid.events, name)._handlers[:] = handlers
    log.unhandled_greenlet_exception = False


@pytest.fixture
def environment() -> Environment:
    return Environment(events=Events(), catch_exceptions=False)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_katydid(tmp_path: Path) -> Command:
    """Runs the console command in an empty folder, with these words."""

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "KATYDID_"))}
        return subprocess.run(
            [sys.executable, "-m", "katydid", *words],
            cwd=tmp_path,
            env={**env, **more},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"name": "katydid"}'
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "session=very-secret; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def target() -> Iterator[str]:
    """A small HTTP server: 404 under /missing, else 200."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
