"""Redis and Valkey, watched: against a real Valkey."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from looking import Look, looking
from ports import free_port
from redis import Redis
from valkey_server import server


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[tuple[int, Redis]]:
    port = free_port()
    with server(port, tmp_path) as client:
        yield port, client


def test_hits_misses_and_commands_are_those_that_were_made(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    client.mset({f"cart:{n}": n for n in range(50)})
    client.rpush("mail", *range(7))
    client.xadd("events", {"a": 1})
    client.xgroup_create("events", "readers", id="0")
    with looking(f"redis://127.0.0.1:{port}/0") as look:
        names = ("keyspace.hits", "keyspace.misses")
        # By then the keys have been surveyed and the queues looked at several times.
        look.until(lambda look: len(look.series("queue.length", queue="mail")) >= 3)
        before = [look.last(name) for name in names]
        calls = look.last("command.calls", command="get") or 0
        for n in range(70):
            client.get(f"cart:{n}")
        look.until(lambda look: look.last("command.calls", command="get") == calls + 70)
        assert [look.last(name) for name in names] == [before[0] + 50, before[1] + 20]  # type: ignore[operator]
        for name in names:
            values = look.series(name)
            assert values == sorted(values)
        assert look.last("queue.length", queue="mail") == 7
        assert look.last("queue.length", queue="events") == 1
        assert look.last("queue.lag", queue="events", group="readers") == 1
        watched = look.watched()[0]
        assert watched["subject"] == f"redis 127.0.0.1:{port}/0"
        assert watched["title"].startswith("Valkey 9")
        assert watched["title"].endswith("standalone")


def test_no_key_and_no_argument_is_kept(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    for n, name in enumerate(["alice", "bob", "carol", "dora", "erin", "fred"]):
        client.set(f"user:{name}:session", "hunter2", ex=600)
        client.set(f"mail:{name}@example.org", n)
        client.set(f"cart:{n}:6f1e9d0c-0000-4000-8000-00000000000{n}", n)
    client.config_set("slowlog-log-slower-than", 0)
    with looking(f"redis://127.0.0.1:{port}") as look:
        look.until(lambda look: look.last("slowlog.entries"))
        client.set("user:alice:session", "hunter2", ex=600)
        look.until(lambda look: any("SET" in about for about in look.facts("slow")))
        facts = look.facts("keys")
        users = json.loads(facts["user:{…}:session"])
        assert (users["count"], users["forever"]) == (6, 0)
        assert users["bytes"] > 0
        assert look.last("keys", db="0") == 18
        assert look.last("keys.expiring", db="0") == 6
        text = json.dumps(look.frames, ensure_ascii=False)
        for secret in ("alice", "erin", "hunter2", "6f1e9d0c"):
            assert secret not in text


def test_a_reset_of_its_statistics_is_a_gap(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    for n in range(100):
        client.get(str(n))
    with looking(f"redis://127.0.0.1:{port}") as look:
        look.until(lambda look: len(look.series("keyspace.misses")) >= 2)
        client.config_resetstat()
        look.until(lambda look: look.marks("restarted"))
        look.until(lambda look: look.last("keyspace.misses") == 0)


def test_it_may_come_late_and_go_and_come_again(tmp_path: Path) -> None:
    port = free_port()
    with looking(f"valkey://127.0.0.1:{port}") as look:
        look.until(lambda look: look.marks("lost"))
        assert "nobody listens" in look.marks("lost")[0]["why"]
        with server(port, tmp_path):
            look.until(lambda look: look.last("clients"))
        look.until(lambda look: len(look.marks("lost")) == 2)
        with server(port, tmp_path):
            look.until(lambda look: look.marks("restarted"))
            look.until(lambda look: len(look.marks("regained")) == 2)


def test_rights_that_are_missing_are_named(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    client.acl_setuser("poor", enabled=True, passwords=["+pw"], commands=["+info"])
    client.acl_setuser("none", enabled=True, passwords=["+pw"])
    with looking(f"redis://poor:pw@127.0.0.1:{port}") as look:
        look.until(lambda look: look.last("clients"))
        for what in ("slow log", "keys", "settings"):
            assert not look.sights()[what]["seen"]
            assert "ACL SETUSER" in look.sights()[what]["remedy"]
    with looking(f"redis://none:pw@127.0.0.1:{port}") as look:
        look.until(lambda look: look.marks("lost"))
        assert "INFO" in look.marks("lost")[0]["why"]


@pytest.mark.parametrize("userinfo", ["", ":wrong@", "nobody:wrong@"])
def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path, userinfo: str) -> None:
    port = free_port()
    with (
        server(port, tmp_path, "--requirepass", "right"),
        looking(f"redis://{userinfo}127.0.0.1:{port}") as look,
    ):
        look.until(lambda look: look.marks("lost"))
        why = look.marks("lost")[0]["why"]
        assert "password" in why
        assert "wrong" not in json.dumps(look.frames)


def is_empty(queue: str, look: Look) -> bool:
    """Whether it has been seen, with nothing in it."""
    return look.last("queue.length", queue=queue) == 0


def test_a_queue_is_known_while_it_is_empty(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    client.sadd("rq:queues", "rq:queue:default")
    client.sadd("queues", "mailers")
    client.hset("bull:video:meta", "a", 1)
    with looking(f"redis://127.0.0.1:{port}") as look:
        for name in ("rq:queue:default", "queue:mailers", "bull:video:wait"):
            look.until(partial(is_empty, name))
        client.rpush("rq:queue:default", 1, 2, 3)
        look.until(lambda look: look.last("queue.length", queue="rq:queue:default") == 3)


def test_a_queue_that_its_first_entry_makes_is_found(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    client.delete("rq:queues", "rq:queue:late")
    with looking(f"redis://127.0.0.1:{port}") as look:
        look.until(lambda look: len(look.series("clients")) > 1)
        client.sadd("rq:queues", "rq:queue:late")
        client.rpush("rq:queue:late", 1, 2)
        look.until(lambda look: look.last("queue.length", queue="rq:queue:late") == 2)


def test_a_port_that_speaks_http() -> None:
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        with looking(f"redis://127.0.0.1:{web.server_address[1]}") as look:
            look.until(lambda look: look.marks("lost"))
            assert "does not answer as Redis does" in look.marks("lost")[0]["why"]
        web.shutdown()


def test_names_in_keys_of_lists_and_streams_are_not_kept(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    names = ["alice", "bob", "carola", "dora"]
    for name in names:
        client.rpush(f"inbox:{name}", 1, 2)
        client.rpush(f"{name}:outbox", 1)
        client.xadd(f"feed:{name}", {"a": 1})
    letters = "abcdefghijklmnopqrstuvwxyz"
    client.mset({f"user:zed{a}{b}:cart": 1 for a in letters for b in letters[:20]})
    # She is one of 500, and has many keys.
    client.mset({f"user:alice:cart:item{a}{b}": 1 for a in letters for b in letters[:20]})
    client.rpush("jobs", *range(3))
    client.sadd("rq:queues", "rq:queue:video")
    client.rpush("rq:queue:video", 1)
    client.xadd("events", {"a": 1})
    for name in names:
        client.xgroup_create("events", f"of-{name}", id="0")
    with looking(f"redis://127.0.0.1:{port}") as look:
        look.until(lambda look: look.last("queue.length", queue="inbox:{…}") == 8)
        assert look.last("queue.lists", queue="inbox:{…}") == 4
        assert look.last("queue.length", queue="{…}:outbox") == 4
        assert look.last("queue.length", queue="feed:{…}", type="stream") == 4
        assert look.last("queue.length", queue="jobs") == 3
        assert look.last("queue.length", queue="rq:queue:video") == 1
        assert look.last("queue.lag", queue="events", group="{…}") == 4
        text = json.dumps([look.frames, look.facts("keys")], ensure_ascii=False)
        for secret in [*names, "zedaa", "itemaa"]:
            assert secret not in text


def test_a_lone_list_is_named_and_one_among_others_is_not(tmp_path: Path) -> None:
    port = free_port()
    with server(port, tmp_path) as client:
        client.rpush("frontier", 1)
        with looking(f"redis://127.0.0.1:{port}") as look:
            look.until(lambda look: look.last("queue.length", queue="frontier") == 1)
    with server(port, tmp_path) as client:
        client.rpush("frontier", 1)
        client.set("alice", 1)
        with looking(f"redis://127.0.0.1:{port}") as look:
            look.until(lambda look: look.last("queue.length", queue="{…}") == 1)
            assert "frontier" not in json.dumps(look.frames)


@pytest.mark.parametrize(
    ("denied", "what"),
    [
        (["-scan"], "keys"),
        (["-slowlog|get"], "slow log"),
        (["-config|get"], "settings"),
        (["-lpos"], "flow of queues"),
    ],
)
def test_a_refused_command_is_a_blind_sight_and_no_loss(
    valkey: tuple[int, Redis], denied: list[str], what: str
) -> None:
    port, client = valkey
    client.rpush("jobs", 1)
    commands = ["+@all", *denied]
    client.acl_setuser("half", enabled=True, passwords=["+pw"], commands=commands, keys=["*"])
    client.config_set("slowlog-log-slower-than", 0)
    with looking(f"redis://half:pw@127.0.0.1:{port}") as look:
        look.until(lambda look: what in look.sights() and not look.sights()[what]["seen"])
        look.until(lambda look: len(look.series("clients")) >= 4)
        assert not look.marks("lost")


def test_keys_that_its_user_may_not_touch_are_no_loss(valkey: tuple[int, Redis]) -> None:
    port, client = valkey
    client.rpush("jobs", 1)
    client.set("a", 1)
    client.acl_setuser("none", enabled=True, passwords=["+pw"], commands=["+@all"])
    with looking(f"redis://none:pw@127.0.0.1:{port}") as look:
        look.until(lambda look: len(look.series("clients")) >= 3)
        assert not look.marks("lost")


def test_a_socket_of_unix_and_how_it_writes_to_disk(tmp_path: Path) -> None:
    place = tmp_path / "redis.sock"
    with (
        server(free_port(), tmp_path, "--unixsocket", str(place), "--appendfsync", "always"),
        looking(f"unix://{place}") as look,
    ):
        look.until(lambda look: look.facts("settings"))
        assert json.loads(look.facts("settings")[""])["appendfsync"] == "always"


@contextmanager
def behind_tls(context: ssl.SSLContext, port: int) -> Iterator[int]:
    """A port that speaks TLS and passes on to this one: the Valkey of the tests has none of its own."""

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                client = context.wrap_socket(self.request, server_side=True)
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", port)) as inner:
                back = threading.Thread(target=pass_on, args=(inner, client), daemon=True)
                back.start()
                pass_on(client, inner)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Passing) as outer:
        threading.Thread(target=outer.serve_forever, daemon=True).start()
        yield outer.server_address[1]
        outer.shutdown()


def pass_on(one: socket.socket, other: socket.socket) -> None:
    """What comes from one to the other, until one of them is gone."""
    try:
        while piece := one.recv(65536):
            other.sendall(piece)
    except OSError:
        pass


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(tmp_path: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ours")
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    port = free_port()
    with server(port, tmp_path), behind_tls(context, port) as tls:
        address = f"rediss://localhost:{tls}"
        trusting = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.crt")}
        with looking(address, env=trusting) as look:
            look.until(lambda look: look.last("clients"))
        with looking(address) as look:
            look.until(lambda look: look.marks("lost"))
            assert "certificate" in look.marks("lost")[0]["why"].lower()


def test_entries_of_a_queue_are_counted_as_they_come_and_go(
    valkey: tuple[int, Redis],
) -> None:
    port, cache = valkey
    cache.rpush("jobs", *range(500))
    with looking(f"redis://127.0.0.1:{port}") as look:
        look.until(lambda look: look.last("queue.came", queue="jobs") == 0)
        came, went = 0, 0
        for turn in range(40):
            cache.rpush("jobs", *(f"{turn}-{number}" for number in range(5)))
            cache.lpop("jobs", 3)
            came, went = came + 5, went + 3
            time.sleep(0.05)
        look.until(
            lambda look: (
                (look.last("queue.came", queue="jobs"), look.last("queue.went", queue="jobs"))
                == (came, went)
            )
        )
        assert look.last("queue.length", queue="jobs") == 500 + came - went
        # Filled at the other end.
        cache.lpush("jobs", "a", "b")
        cache.rpop("jobs", 4)
        look.until(lambda look: look.last("queue.went", queue="jobs") == went + 4)
        assert look.last("queue.came", queue="jobs") == came + 2
