"""RabbitMQ, watched through its management API: against a real server."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from looking import looking
from ports import free_port

# Debian's own; the one on the path changes the user.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
pytestmark = pytest.mark.skipif(
    not SERVER.exists() or not shutil.which("epmd"),
    reason="no rabbitmq-server: scripts/test-packages installs it",
)


@dataclass
class Rabbit:
    """A server: ports of AMQP and of the management API."""

    amqp: int
    web: int

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the management API, as guest."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.web}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def publish(self, queue: str) -> None:
        body = {
            "properties": {},
            "routing_key": queue,
            "payload": "hunter2",
            "payload_encoding": "string",
        }
        assert self.ask("POST", "exchanges/%2F/amq.default/publish", body)["routed"]


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    """Starts in about ten seconds; gone at the end, with its epmd."""
    place = tmp_path_factory.mktemp("rabbitmq")
    amqp, web, distribution, epmd_port = (free_port() for _ in range(4))
    (place / "plugins").write_text("[rabbitmq_management].")
    (place / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{amqp}\n"
        f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {web}\n"
    )
    env = {
        **os.environ,
        "HOME": str(place),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
        "RABBITMQ_LOG_BASE": str(place / "log"),
        "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
        "RABBITMQ_NODENAME": f"test{amqp}@localhost",
        "RABBITMQ_NODE_PORT": str(amqp),
        "RABBITMQ_PID_FILE": str(place / "pid"),
    }
    # Ours, so that the server does not start one that outlives it.
    epmd = subprocess.Popen(["epmd"], env=env)
    server = subprocess.Popen(
        [str(SERVER)],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        found = Rabbit(amqp, web)
        deadline = time.monotonic() + 100
        while True:
            try:
                found.ask("GET", "overview")
                break
            except OSError:
                assert server.poll() is None, "RabbitMQ does not start"
                assert time.monotonic() < deadline, "RabbitMQ does not start"
        yield found
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        epmd.kill()
        epmd.wait()


def test_queues_totals_and_limits(rabbit: Rabbit) -> None:
    for queue in ["orders", "mail"]:
        rabbit.ask("PUT", f"queues/%2F/{queue}", {"durable": True})
    for _ in range(5):
        rabbit.publish("orders")
    taken = rabbit.ask(
        "POST",
        "queues/%2F/orders/get",
        {"count": 2, "ackmode": "ack_requeue_false", "encoding": "auto"},
    )
    assert len(taken) == 2
    with looking(f"rabbitmq:http://guest:guest@127.0.0.1:{rabbit.web}") as look:
        look.until(lambda look: look.last("queue.ready", queue="orders") == 3, 40)
        look.until(lambda look: look.last("published") == 5, 40)
        look.until(lambda look: (look.last("node.fds.max") or 0) > 0, 40)
        assert look.last("queue.ready", queue="mail") == 0
        assert look.last("queue.consumers", queue="orders") == 0
        look.until(lambda look: look.last("queue.published", queue="orders") == 5, 40)
        for name in ("node.sockets.max", "node.memory", "node.memory.max", "node.disk.free"):
            assert (look.last(name) or 0) > 0, name
        assert look.last("node.memory.alarm") == 0
        watched = look.watched()[0]
        assert watched["subject"] == f"rabbitmq 127.0.0.1:{rabbit.web}"
        assert watched["title"].startswith("RabbitMQ ")
        text = json.dumps(look.frames)
        assert "guest" not in text
        assert "hunter2" not in text


def test_what_is_wrong_is_said_in_a_sentence(rabbit: Rabbit) -> None:
    for address, expected in [
        (f"http://guest:wrong@127.0.0.1:{rabbit.web}", "user or password"),
        (f"http://guest:guest@127.0.0.1:{rabbit.amqp}", "AMQP"),
        (f"http://guest:guest@127.0.0.1:{free_port()}", "rabbitmq_management"),
        (f"http://guest:guest@127.0.0.1:{rabbit.web}/nowhere", "no management API"),
    ]:
        with looking(f"rabbitmq:{address}") as look:
            look.until(lambda look: look.marks("lost"))
            assert expected in look.marks("lost")[0]["why"]
            assert "wrong" not in json.dumps(look.frames)


def test_a_user_who_may_not_see_the_nodes(rabbit: Rabbit) -> None:
    rabbit.ask("PUT", "users/poor", {"password": "pw", "tags": "management"})
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    rabbit.ask("PUT", "permissions/%2F/poor", every)
    with looking(f"rabbitmq:http://poor:pw@127.0.0.1:{rabbit.web}") as look:
        look.until(lambda look: look.sights())
        assert not look.sights()["nodes"]["seen"]
        assert "monitoring" in look.sights()["nodes"]["remedy"]
        look.until(lambda look: look.last("queues") is not None)
        assert not look.marks("lost")
