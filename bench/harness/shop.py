"""The demo shop, up while a block runs, and the words by which a run watches it. Knows its manager's command, not how it works."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

from harness.errors import BenchError

Shop = dict[str, Any]
"""What its manager says: URLs (`app`, `postgres`, `observer`, `valkey`) and process numbers (`pids`)."""

_FOLDER = Path(__file__).resolve().parents[2] / "demo/shop"
_PATIENCE_S = 60.0


@contextmanager
def shop(faults: str = "", env: Mapping[str, str] | None = None) -> Iterator[Shop]:
    """It ends when the pipe to its standard input is closed, even by our death. BenchError where it does not start; it has said why."""
    command = [sys.executable, "-m", "katydid_shop.stack", "run", "--json", "--with-parent"]
    process = subprocess.Popen(
        [*command, "--faults", faults],
        cwd=_FOLDER,
        env={**environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for us; it goes down when we have finished with it.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # pipes were asked for
    try:
        told = process.stdout.readline()
        if not told:
            raise BenchError("the shop did not start")
        yield json.loads(told)
    finally:
        process.stdin.close()
        process.wait(_PATIENCE_S)
        process.stdout.close()


def watching(up: Shop) -> tuple[list[str], dict[str, str]]:
    """Words and environment of a run that watches databases and processes of it; URLs with passwords come by the environment."""
    addresses = ["env:SHOP_OBSERVER_URL", "env:SHOP_VALKEY_URL"]
    addresses += [f"pid:{up['pids'][name]}" for name in ("worker", "postgres", "valkey")]
    words = [word for address in addresses for word in ("--watch", address)]
    return words, {"SHOP_OBSERVER_URL": up["observer"], "SHOP_VALKEY_URL": up["valkey"]}
