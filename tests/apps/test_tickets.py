"""The rules know no shop: a help desk on Node, whose faults they name as well, and none where there is none.

The service is `tickets/`, a process of its own; the loads are small, as a finding rests on counts and waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from postgres import Server, serving
from valkey_server import server as valkey
from waiting import until

pytestmark = pytest.mark.slow

TICKETS = Path(__file__).parent / "tickets"


@pytest.fixture(scope="module")
def node() -> str:
    """The program, with the packages of the service installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed")
    if not (TICKETS / "node_modules/.package-lock.json").exists():
        subprocess.run([npm, "ci", "--silent"], cwd=TICKETS, check=True, timeout=240)
    return node


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a role that sees all."""
    with serving(tmp_path_factory.mktemp("tickets"), "18") as up:
        up.do(
            "CREATE ROLE observer LOGIN PASSWORD 'looks' CONNECTION LIMIT 3",
            "GRANT pg_monitor, pg_read_all_data TO observer",
        )
        yield up


@dataclass
class Desk:
    """The service, up, and what it stands on."""

    url: str
    postgres: str
    redis: str
    spans: int

    def run(self, katydid: str, folder: Path) -> dict[str, Any]:
        """A run against it, and what was found."""
        watched = (self.postgres, self.redis, f"otlp:127.0.0.1:{self.spans}")
        words = ["-f", str(TICKETS / "locustfile.py"), "-H", self.url, "--headless"]
        words += ["-u", "18", "-r", "9", "-t", "25s", "--trace-share", "20%"]
        words += ["--run-dir", str(folder / "run")]
        words += [word for address in watched for word in ("--watch", address)]
        done = subprocess.run(
            [katydid, *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads((folder / "run/findings.json").read_text())
        return found


@contextlib.contextmanager
def started(node: str, script: str, *words: str, env: dict[str, str]) -> Iterator[None]:
    """A server of the package that answers, killed at the end."""
    process = subprocess.Popen(
        [node, *words, script], cwd=TICKETS, env={**os.environ, **env}, stdin=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert process.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{env['PORT']}/", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        until(answers, f"{script} answers")
        yield
    finally:
        process.kill()
        process.wait()


Started = Callable[..., Desk]


@pytest.fixture
def desk(node: str, postgres: Server, tmp_path: Path) -> Iterator[Started]:
    """Starts the service with these faults."""
    with contextlib.ExitStack() as stack:

        def start(*faults: str) -> Desk:
            app, partner, cache, spans = (free_port() for _ in range(4))
            stack.enter_context(valkey(cache, tmp_path))
            env = {
                "FAULTS": ",".join(faults),
                "DATABASE_URL": postgres.url(),
                "REDIS_URL": f"redis://127.0.0.1:{cache}",
                "PARTNER_URL": f"http://127.0.0.1:{partner}",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans}",
                "OTEL_SERVICE_NAME": "tickets",
                "OTEL_BSP_SCHEDULE_DELAY": "500",
            }
            seed = {**os.environ, **env}
            subprocess.run([node, "seed.js"], cwd=TICKETS, env=seed, check=True, timeout=120)
            postgres.do("SELECT pg_stat_statements_reset()")
            stack.enter_context(started(node, "partner.js", env={"PORT": str(partner)}))
            words = ("--require", "./tracing.js")
            stack.enter_context(started(node, "server.js", *words, env={**env, "PORT": str(app)}))
            observer = postgres.url("observer", "looks")
            return Desk(f"http://127.0.0.1:{app}", observer, env["REDIS_URL"], spans)

        yield start


def rules_at(found: dict[str, Any], endpoint: str) -> list[str]:
    """What was found of an endpoint, the first cause first."""
    return [one["rule"] for one in found["findings"] if endpoint in one["endpoints"]]


def the(found: dict[str, Any], rule: str) -> dict[str, Any]:
    """The finding of a rule."""
    (one,) = [one for one in found["findings"] if one["rule"] == rule]
    return dict(one)


def test_the_healthy_desk_has_none(katydid: str, desk: Started, tmp_path: Path) -> None:
    found = desk().run(katydid, tmp_path)
    assert found["findings"] == []
    ruled_out = {one["rule"] for one in found["ruled_out"]}
    assert ruled_out >= {"n_plus_one", "missing_index", "row_lock", "connection_held"}
