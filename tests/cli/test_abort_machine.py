"""`--abort-on "cpu > 90%"` and `"memory > 95%"`: a load ends when the machine that the target runs on is over it."""

import json
import re
from typing import Any

import pytest

#: Requests that take their time: a load that ends with grace cuts none of them off.
SLOW = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=700", name="/")
"""

BUSY = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/", name="/")
"""

ELSEWHERE = "http://192.0.2.1"

SAID = {
    "cpu": r"(\d+|\d+\.\d+) % of this machine's processors were busy in the last (\d+) s",
    "memory": r"(\d+|\d+\.\d+) % of this machine's memory was in use in the last (\d+) s",
}


def aborted(done: Any, condition: str) -> Any:
    """The run of this summary was ended by this condition, with its numbers."""
    assert done.code == 99, done.text
    run = done.summary["run"]
    said = re.fullmatch(f"{condition}: {SAID[condition.split()[0]]}", run["aborted"])
    assert said is not None, run["aborted"]
    assert 1 < float(said[1]) <= 100 and 5 <= int(said[2]) <= 10
    assert run["ended"] == "aborted" and run["duration_s"] < 60
    assert run["verdict"] == "FAIL" and run["reason"] == f"aborted: {run['aborted']}"
    assert done.out.splitlines()[-2].split() == ["Verdict", "FAIL", "(exit", "code", "99)"]
    return done.summary


def test_memory(katydid: Any) -> None:
    katydid.write(SLOW)
    words = ("-H", katydid.target, "-u", "5", "-r", "5", "-t", "90s", "--run-dir", "run")
    goals = ("--abort-on", "errors > 20%", "--abort-on", "memory > 1%", "--slo", "errors < 50%")
    done = katydid(*words, *goals, "--stop-timeout", "10s")
    summary = aborted(done, "memory > 1%")
    total = summary["total"]
    assert total["requests"] >= 25 and total["failures"] == total["aborted"] == 0
    plan = json.loads((done.run / "manifest.json").read_text())["plan"]
    assert [slo["text"] for slo in plan["abort_on"]] == ["errors > 20%"]
    assert plan["abort_on_machine"] == [
        {"text": "memory > 1%", "resource": "memory", "share": 0.01}
    ]
    again = katydid("report", "run", "--summary", "-").ended(0)
    assert json.loads(again.out) == summary


def test_cpu(katydid: Any) -> None:
    katydid.write(BUSY)
    (katydid.folder / "katydid.toml").write_text('[slo]\nabort-on = "cpu > 1%"\n')
    words = ("-H", katydid.target, "-u", "1", "-t", "90s", "--run-dir", "run")
    assert aborted(katydid(*words), "cpu > 1%")["total"]["requests"] > 100


def test_the_parent_ends_all_processes(katydid: Any) -> None:
    katydid.write(SLOW)
    load = ("--load", "hold 4 users for 90s", "--processes", "2", "--stop-timeout", "10s")
    words = ("-H", katydid.target, *load, "--run-dir", "run", "--abort-on", "memory > 1%")
    summary = aborted(katydid(*words), "memory > 1%")
    assert summary["run"]["users"] == 4 and summary["total"]["aborted"] == 0
    assert [m["text"] for m in summary["marks"]].count("the load is over") == 1


def test_attack(katydid: Any) -> None:
    words = ("attack", f"{katydid.target}/delay?ms=20", "--rate", "50", "-t", "90s")
    done = katydid(*words, "--run-dir", "run", "--abort-on", "memory > 1%")
    total = aborted(done, "memory > 1%")["total"]
    assert total["requests"] >= 250 and total["aborted"] == 0


@pytest.mark.parametrize("command", ["run", "attack"])
def test_a_machine_that_is_not_over_it_goes_on(katydid: Any, command: str) -> None:
    katydid.write(SLOW)
    words = {
        "run": ("-H", katydid.target, "-u", "2"),
        "attack": ("attack", f"{katydid.target}/delay?ms=700", "-c", "2"),
    }[command]
    goals = ("--abort-on", "memory > 99.9%")
    done = katydid(*words, "-t", "8s", "--run-dir", "run", *goals).ended(0)
    assert done.summary["run"]["ended"] == "run-time" and done.summary["notes"] == []
    assert done.summary["run"]["aborted"] is None and "not watched" not in done.text


OF_A_CLASS = BUSY.replace("(FastHttpUser):", f'(FastHttpUser):\n    host = "{ELSEWHERE}"')
OF_A_CONSTRUCTOR = BUSY.replace(
    "(FastHttpUser):",
    """(FastHttpUser):
    def __init__(self, *args):
        self.host = "http://127.0.0.1:1"
        super().__init__(*args)
""",
)


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (
            BUSY,
            ("-H", ELSEWHERE),
            "-H/--host is 192.0.2.1: here only katydid's own machine can be looked at",
        ),
        (BUSY, ("-H", f"{ELSEWHERE}:8000", "--processes", "2"), "-H/--host is 192.0.2.1"),
        (OF_A_CLASS, (), "host of U is 192.0.2.1"),
        (OF_A_CONSTRUCTOR, (), "host of U is not known before there are users"),
        (BUSY, ("-H", "http://nowhere.invalid"), "nowhere.invalid, which cannot be looked up"),
    ],
)
def test_another_machine_is_refused(
    katydid: Any, text: str, words: tuple[str, ...], said: str
) -> None:
    katydid.write(text)
    done = katydid("-u", "2", "-t", "5s", "--abort-on", "cpu > 90%", *words).ended(2)
    assert "--abort-on 'cpu > 90%' needs a target on this machine" in done.err, done.text
    assert said in done.err and "Traceback" not in done.err, done.text
    assert not (katydid.folder / "runs").exists()


def test_attack_refuses_another_machine(katydid: Any) -> None:
    through = (katydid.target, "--http-proxy", f"{ELSEWHERE}:3128")
    for words, said in (((ELSEWHERE,), "the URL is 192.0"), (through, "the proxy is 192.0")):
        done = katydid("attack", *words, "-t", "5s", "--abort-on", "memory > 95%").ended(2)
        assert said in done.err and "errors > 10%" in done.err, done.text
        assert not (katydid.folder / "runs").exists()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_host_that_init_sets_counts(katydid: Any, processes: str) -> None:
    init = """
@events.init.add_listener
def later(environment, **_):
    environment.host = "HOST"
"""
    load = ("-u", "2", "--processes", processes, "-t", "90s", "--stop-timeout", "5s")
    words = (*load, "--abort-on", "memory > 1%", "--run-dir")
    katydid.write(init.replace("HOST", ELSEWHERE) + SLOW)
    done = katydid(*words, "run").ended(2)
    assert "-H/--host is 192.0.2.1" in done.err, done.text
    assert done.summary["total"]["requests"] == 0
    if processes == "1":
        katydid.write(init.replace("HOST", katydid.target) + SLOW)
        done = katydid(*words, "run2")
        assert done.code == 99, done.text


@pytest.mark.parametrize(
    ("words", "said", "word"),
    [
        ("GET /a cpu > 90%", "nothing stands before it", "GET"),
        ("cpu > 90% in hold", "every phase", "in"),
        ("memory > 100%", "between 0% and 100%", "100%"),
        ("cpu > 90", "in percent", "90"),
    ],
)
def test_a_condition_that_is_not_clear(katydid: Any, words: str, said: str, word: str) -> None:
    katydid.write(BUSY)
    pointed = " " * words.index(word) + "^" * len(word)
    for command in (("-H", katydid.target, "-u", "1"), ("attack", katydid.target)):
        done = katydid(*command, "-t", "1s", "--abort-on", words).ended(2)
        lines = done.err.splitlines()
        assert said in lines[-3] and lines[-1] == f"  {pointed}", done.text
        assert not (katydid.folder / "runs").exists()


def test_an_objective_is_about_requests(katydid: Any) -> None:
    katydid.write(BUSY)
    done = katydid("-H", katydid.target, "-u", "1", "-t", "1s", "--slo", "cpu < 90%").ended(2)
    assert "--abort-on 'cpu > 90%'" in done.err, done.text
    assert done.err.splitlines()[-1] == "  ^^^"
