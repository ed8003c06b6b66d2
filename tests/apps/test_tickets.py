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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import free_port
from postgres import STATEMENTS, Server, serving
from redis import Redis
from valkey_server import server as valkey
from waiting import until

pytestmark = pytest.mark.slow

TICKETS = Path(__file__).parent / "tickets"
#: The table of tickets is read from memory, as a service of this size would have it.
SETTINGS = (*STATEMENTS, "shared_buffers=128MB")


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
    with serving(tmp_path_factory.mktemp("tickets"), "18", *SETTINGS) as up:
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
    process: int

    def run(self, katydid: str, folder: Path) -> dict[str, Any]:
        """A run against it, and what was found."""
        watched = (self.postgres, self.redis, f"otlp:127.0.0.1:{self.spans}")
        words = ["-f", str(TICKETS / "locustfile.py"), "-H", self.url, "--headless"]
        words += ["-u", "14", "-r", "7", "-t", "25s", "--trace-share", "50%"]
        words += ["--run-dir", str(folder / "run")]
        words += [word for address in watched for word in ("--watch", address)]
        done = subprocess.run(
            [katydid, *words], capture_output=True, text=True, timeout=120, check=False
        )
        # A busy machine makes a run invalid; what the database and the cache count of themselves is right all the same.
        assert done.returncode in (0, 3), done.stdout + done.stderr
        found: dict[str, Any] = json.loads((folder / "run/findings.json").read_text())
        return found


@contextlib.contextmanager
def started(node: str, script: str, *words: str, env: dict[str, str]) -> Iterator[int]:
    """A server of the package that answers, killed at the end; its process."""
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
        yield process.pid
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
            served = {**env, "PORT": str(app)}
            process = stack.enter_context(started(node, "server.js", *words, env=served))
            observer = postgres.url("observer", "looks")
            return Desk(f"http://127.0.0.1:{app}", observer, env["REDIS_URL"], spans, process)

        yield start


def at(found: dict[str, Any], endpoint: str) -> dict[str, dict[str, Any]]:
    """The first two causes that are named at an endpoint, by rule."""
    named = [one for one in found["findings"] if endpoint in one["endpoints"]]
    return {one["rule"]: one for one in named[:2]}


def test_the_healthy_desk_has_none(katydid: str, desk: Started, tmp_path: Path) -> None:
    found = desk().run(katydid, tmp_path)
    # Of this machine's processors others have their part.
    assert [one for one in found["findings"] if one["rule"] != "cpu"] == []
    ruled_out = {one["rule"] for one in found["ruled_out"]}
    assert ruled_out >= {"n_plus_one", "missing_index", "row_lock", "connection_held"}


def test_an_author_for_each_ticket_and_a_contended_project(
    katydid: str, desk: Started, tmp_path: Path
) -> None:
    found = desk("n_plus_one", "row_lock").run(katydid, tmp_path)
    again = at(found, "GET /inbox")["n_plus_one"]
    assert again["about"] == "SELECT id, name, email FROM users WHERE id = $1"
    assert again["confidence"] == "strong" and "1 list of 30 rows" in again["what"]
    waits = at(found, "POST /projects/[id]/tickets")["row_lock"]
    assert waits["about"].startswith("UPDATE projects SET last_number")
    assert waits["confidence"] == "strong"


def test_a_list_without_its_index_a_mail_inside_of_a_transaction_and_pages_for_ever(
    katydid: str, desk: Started, tmp_path: Path
) -> None:
    found = desk("missing_index", "connection_held", "no_ttl").run(katydid, tmp_path)
    index = at(found, "GET /projects/[id]/tickets")["missing_index"]
    (fix,) = index["fixes"]
    columns = "tickets (project_id, status, created_at DESC)"
    assert fix["text"] == f"CREATE INDEX CONCURRENTLY ON {columns};"
    held = at(found, "POST /tickets/[id]/comments")["connection_held"]
    assert held["confidence"] == "strong" and held["endpoints"] == ["POST /tickets/[id]/comments"]
    (pages,) = [one for one in found["findings"] if one["rule"] == "cache_no_ttl"]
    assert pages["about"].startswith("overview:"), pages


def spent(process: int) -> float:
    """Processor time of a process's first thread, on which Node's event loop runs, s."""
    text = Path(f"/proc/{process}/task/{process}/stat").read_text()
    user, system = text.rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def kept(process: int) -> float:
    """A process's memory that is no file's, MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("is_faulty", [True, False])
def test_what_other_faults_do_shows_in_single_requests(
    desk: Started, postgres: Server, is_faulty: bool
) -> None:
    faults = ("blocking_call", "small_pool", "no_ttl", "memory_leak")
    up = desk(*faults) if is_faulty else desk()
    with httpx.Client(base_url=up.url, timeout=30) as agent:
        person = {"email": "user7@desk.example", "password": "tickets"}
        agent.headers["X-Token"] = agent.post("/login", json=person).json()["token"]
        before = spent(up.process)
        for ticket in range(1, 21):
            agent.get(f"/tickets/{ticket}/share").raise_for_status()
        assert (spent(up.process) - before > 0.3) == is_faulty
        before = kept(up.process)
        for ticket in range(1, 161):
            agent.get(f"/tickets/{ticket}/label").raise_for_status()
        assert (kept(up.process) - before > 130) == is_faulty
        with ThreadPoolExecutor(6) as many:
            answers = list(many.map(agent.get, ["/projects/1/workload"] * 24))
        assert [answer.status_code for answer in answers] == [200] * 24
        agent.get("/projects/1").raise_for_status()
    connections = """
        SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name <> 'test'
    """
    assert (postgres.do(connections)[0][0] == 1) == is_faulty
    with Redis.from_url(up.redis, decode_responses=True) as redis:
        (key,) = redis.scan_iter("overview:1:*")
        assert (redis.ttl(key) == -1) == is_faulty
