"""Servers that misbehave, and scripts that do: every failure has its cause, and the run goes on."""

import socket
import subprocess
from typing import Any

import pytest

BOTH = pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])


@pytest.fixture
def closed() -> str:
    """A URL where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@BOTH
def test_unreachable(katydid: Any, user: str, closed: str) -> None:
    done = katydid.task("c.get('/')", "-H", closed, user=user, runs=5).ended(1)
    assert done.counts == {"GET /": (5, 5)}
    assert {cause for _, cause, _ in done.failures} == {"refused"}
    assert "100 %" in done.out and "refused" in done.out


@BOTH
def test_unknown_name(katydid: Any, user: str) -> None:
    host = "http://no-such-host.invalid"
    done = katydid.task("c.get('/')", "-H", host, user=user).ended(1)
    assert [cause for _, cause, _ in done.failures] == ["dns"]


@BOTH
@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/garbage", "protocol"),
        ("/truncated", "reset"),
        ("/reset?at=headers", "reset"),
        ("/reset?at=body", "reset"),
        ("/status/503", "status"),
        ("/nonsuch", "status"),
    ],
)
def test_causes(katydid: Any, user: str, path: str, cause: str) -> None:
    done = katydid.task(f"c.get({path!r}, name='it')", user=user).ended(1)
    assert [found for _, found, _ in done.failures] == [cause], done.text
    assert done.counts == {"GET it": (1, 1)}


@BOTH
def test_a_server_that_never_answers(katydid: Any, user: str) -> None:
    body = "r = c.get('/never', timeout=0.3)\nsay(status=r.status_code)"
    done = katydid.task(body, user=user).ended(1)
    assert [cause for _, cause, _ in done.failures] == ["timeout_first_byte"], done.text
    assert done.said == {"status": 0}


@BOTH
def test_a_body_that_stops(katydid: Any, user: str) -> None:
    body = "c.get('/slow?bytes=2000&chunk=1000&ms=60000', name='slow', timeout=0.3)"
    done = katydid.task(body, user=user).ended(1)
    assert [cause for _, cause, _ in done.failures] == ["timeout_body"], done.text


@BOTH
def test_ten_gigabytes(katydid: Any, user: str) -> None:
    text = f"""
import resource

class U({user}):
    @task
    def t(self):
        r = self.client.get("/endless")
        say(status=r.status_code, mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    done = katydid.scenario(text).ended(1)
    assert [cause for _, cause, _ in done.failures] == ["too_large"], done.text
    assert done.said["mib"] < 400, done.said


def test_certificates(katydid: Any, tls_target: str) -> None:
    text = """
class Strict(HttpUser):
    fixed_count = 1
    wait_time = lambda self: 0.1
    @task
    def t(self):
        self.client.get("/strict")

class Lax(HttpUser):
    fixed_count = 1
    wait_time = lambda self: 0.1
    @task
    def t(self):
        self.client.get("/null", name="/lax", verify=False)

class Fast(FastHttpUser):
    fixed_count = 1
    wait_time = lambda self: 0.1
    @task
    def t(self):
        self.client.get("/null", name="/fast")
"""
    done = katydid.scenario(text, "-u", "3", "-r", "100", "-H", tls_target, runs=30).ended(1)
    assert {(name, cause) for name, cause, _ in done.failures} == {("GET /strict", "tls")}
    assert done.counts["GET /fast"][1] == done.counts["GET /lax"][1] == 0


@BOTH
def test_an_exception_in_a_task(katydid: Any, user: str) -> None:
    text = f"""
class U({user}):
    @task
    def t(self):
        self.client.get("/")
        raise ValueError("in my task")
"""
    done = katydid.scenario(text, runs=4).ended(1)
    assert done.counts["GET /"] == (4, 0), "the run goes on"
    (seen,) = done.summary["exceptions"]
    assert seen["count"] == 4
    assert "in my task" in done.out + done.err and "locustfile.py" in done.out + done.err


@pytest.mark.parametrize("hook", ["test_start", "request", "test_stop", "quitting"])
def test_an_exception_in_a_listener(katydid: Any, hook: str) -> None:
    text = f"""
@events.{hook}.add_listener
def _(**_):
    raise ValueError("in my listener")

class U(HttpUser):
    @task
    def t(self):
        self.client.get("/")
"""
    done = katydid.scenario(text, runs=3)
    assert done.code == 2, done.text
    assert "in my listener" in done.err
    assert done.counts["GET /"] == (3, 0), "nothing measured is lost"


def test_attack_an_unreachable_host(katydid: Any, closed: str) -> None:
    done = katydid("attack", closed, "-c", "2", "-t", "1s", "--run-dir", "run").ended(1)
    total = done.summary["total"]
    assert total["requests"] == total["failures"] > 0
    assert {cause for _, cause, _ in done.failures} == {"refused"}


@pytest.mark.parametrize("url", ["", "not a url", "ftp://x/", "http://"])
def test_attack_no_url(katydid: Any, url: str) -> None:
    done = katydid("attack", url, "-t", "1s")
    assert done.code == 2, done.text
    assert "panicked" not in done.err


def test_both_clients_do_not_hang_on_ctrl_c(katydid: Any) -> None:
    """A user inside a request that is never answered ends with the run; it counts as aborted."""
    body = "c.get('/never')"
    done = katydid.task(body, "-t", "1s").ended(0)
    (row,) = done.summary["endpoints"]
    assert (row["requests"], row["aborted"]) == (0, 1)


def test_a_closed_pipe(katydid: Any) -> None:
    """`katydid … | head -1` loses no run."""
    katydid.write("class U(User):\n    @task\n    def t(self): pass\n")
    words = ["-u", "1", "-i", "3", "--run-dir", "run"]
    process = subprocess.Popen(
        [katydid.command, *words],
        cwd=katydid.folder,
        env=katydid.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    process.wait(120)
    assert "panicked" not in err, err
    assert (katydid.folder / "run/summary.json").exists(), err
