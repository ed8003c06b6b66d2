"""`--slo`: what must hold, judged for each phase, with an exit code."""

import csv
import json
from typing import Any

import pytest

SCENARIO = """
class U(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def quick(self):
        self.client.get("/", name="quick")

    @task
    def slow(self):
        self.client.get("/delay?ms=60", name="slow")
"""

MIXED = """
class U(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def t(self):
        self.client.get("/", name="look")
        self.client.post("/", name="search")
        self.client.post("/delay?ms=60", name="buy")
"""
FAILING = """
class U(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def t(self):
        self.client.get("/error?share=0.05&status=503", name="/")
"""


def judged(done: Any, code: int) -> Any:
    """Of a starved generator nothing is judged: no code but the expected one will do."""
    assert done.code == code, done.text
    return done


def run(katydid: Any, *words: str, code: int) -> Any:
    katydid.write(SCENARIO)
    return judged(katydid("-H", katydid.target, "--run-dir", "run", *words), code)


def outcomes(done: Any) -> list[tuple[str, str | None, str]]:
    return [(slo["text"], slo["phase"], slo["outcome"]) for slo in done.summary["slos"]]


def test_kept(katydid: Any) -> None:
    done = run(
        katydid,
        *("--load", "ramp to 10 users over 2s, hold 4s"),
        *("--slo", "quick p50 < 59ms", "--slo", "errors < 5%"),
        code=0,
    )
    assert outcomes(done) == [("quick p50 < 59ms", "hold", "pass"), ("errors < 5%", "hold", "pass")]
    verdict, reason = done.out.splitlines()[-2:]
    assert verdict.split() == ["Verdict", "PASS", "(exit", "code", "0)"]
    assert reason.split(maxsplit=1)[1] == "2 objectives were kept"


def test_broken(katydid: Any) -> None:
    done = run(
        katydid,
        *("--load", "hold 10 users for 3s, spike to 20 users for 3s"),
        *("--slo", "GET slow p50 < 59ms in spike"),
        code=99,
    )
    assert outcomes(done) == [("GET slow p50 < 59ms in spike", "spike", "fail")]
    slo = done.summary["slos"][0]
    # No answer of this path comes before 60 ms.
    assert slo["bad"] == slo["total"] >= slo["slow"] > 0
    assert slo["observed_ms"] >= 60
    assert done.out.splitlines()[-2].split()[1] == "FAIL"
    assert "FAIL" in (done.run / "report.html").read_text()


def test_failures_are_the_objectives_business(katydid: Any) -> None:
    """With objectives given, failed requests alone are no reason for exit code 1."""
    katydid.write(FAILING)
    words = ("-H", katydid.target, "-u", "10", "-r", "10", "-t", "3s", "--run-dir", "run")
    done = judged(katydid(*words, "--slo", "errors < 50%"), 0)
    assert done.summary["total"]["failures"] > 0
    assert outcomes(done) == [("errors < 50%", "hold", "pass")]


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 3)])
def test_undecided(katydid: Any, strict: tuple[str, ...], code: int) -> None:
    done = run(
        katydid,
        *("--load", "hold 2 users for 1s"),
        *("--slo", "p99.9 < 10s", "--slo", "/never p95 < 1s", "--slo", "errors < 5% in soak"),
        *strict,
        code=code,
    )
    assert [slo["outcome"] for slo in done.summary["slos"]] == ["undecided"] * 3
    few, never, phase = (slo["reason"] for slo in done.summary["slos"])
    assert "more requests would decide it" in few
    assert "no request '/never'; there were: GET quick, GET slow" in never
    assert phase == "there was no phase 'soak'; there were: hold"
    assert done.out.splitlines()[-2].split()[1] == "UNDECIDED"


def test_reads_and_writes(katydid: Any) -> None:
    katydid.write(MIXED)
    words = ("-H", katydid.target, "-u", "6", "-r", "6", "-t", "3s", "--run-dir", "run")
    slos = ("--slo", "reads p50 < 59ms", "--slo", "writes p50 < 59ms")
    done = judged(katydid(*words, *slos, "--reads", "POST search"), 99)
    summary = done.summary
    reads, writes = summary["reads"], summary["writes"]
    assert {row["name"]: row["access"] for row in summary["endpoints"]} == {
        "look": "read",
        "search": "read",
        "buy": "write",
    }
    assert reads["requests"] + writes["requests"] == summary["total"]["requests"]
    assert reads["share"] + writes["share"] == pytest.approx(1)
    assert [o[2] for o in outcomes(done)] == ["pass", "fail"]
    assert writes["from_due"]["min"] >= 60
    assert "reads" in done.out and "writes" in done.out


def test_a_load_that_does_harm_is_ended(katydid: Any) -> None:
    katydid.write(FAILING.replace("0.05", "0.5"))
    words = ("-H", katydid.target, "-u", "5", "-r", "5", "-t", "90s", "--run-dir", "run")
    done = judged(katydid(*words, "--abort-on", "errors > 90%", "--abort-on", "errors > 20%"), 99)
    run = done.summary["run"]
    assert run["ended"] == "aborted" and run["duration_s"] < 60
    assert run["aborted"].startswith("errors > 20%: ")
    assert run["verdict"] == "FAIL" and run["reason"] == f"aborted: {run['aborted']}"
    assert any(mark["text"].startswith("aborted: errors") for mark in done.summary["marks"])


def test_an_attack_that_does_harm_is_ended(katydid: Any) -> None:
    words = ("attack", f"{katydid.target}/error?share=0.5&status=503", "--rate", "100", "-t", "90s")
    done = judged(katydid(*words, "--run-dir", "run", "--abort-on", "errors > 20%"), 99)
    run = done.summary["run"]
    assert run["ended"] == "aborted" and run["duration_s"] < 60
    assert run["aborted"].startswith("errors > 20%: ") and run["verdict"] == "FAIL"


def test_a_load_that_does_not_goes_on(katydid: Any) -> None:
    katydid.write(FAILING)
    words = ("-H", katydid.target, "-u", "5", "-r", "5", "-t", "9s", "--run-dir", "run")
    done = katydid(*words, "--abort-on", "errors > 20%").ended(1)
    assert done.summary["run"]["ended"] == "run-time"
    assert done.summary["run"]["aborted"] is None


def test_attack(katydid: Any) -> None:
    url = f"{katydid.target}/delay?ms=20"
    words = ("attack", url, "-c", "4", "-t", "2s", "--run-dir", "run")
    done = judged(katydid(*words, "--slo", "p95 < 19ms", "--slo", "errors < 5%"), 99)
    assert outcomes(done) == [("p95 < 19ms", None, "fail"), ("errors < 5%", None, "pass")]


def test_a_record_gives_the_same_verdicts(katydid: Any) -> None:
    done = run(
        katydid,
        *("--load", "hold 5 users for 2s, hold 10 users for 2s", "--slo", "slow p50 < 59ms"),
        code=99,
    )
    again = katydid("report", "run", "--summary", "-", "--csv", "again").ended(0)
    assert json.loads(again.out) == done.summary
    with open(katydid.folder / "again_phases.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Phase"], row["Type"], row["Name"]) for row in rows] == [
        (phase, *endpoint)
        for phase in ("hold", "hold 2")
        for endpoint in (("GET", "quick"), ("GET", "slow"), ("", "Aggregated"))
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("p95 > 300ms", "upper limits"),
        ("p95 < 300", "a time has a unit"),
        ("speed < 3ms", "percentile or 'errors'"),
        ("", "it has no '<'"),
    ],
)
def test_an_objective_that_is_not_clear(katydid: Any, words: str, said: str) -> None:
    katydid.write(SCENARIO)
    load = ("-H", katydid.target, "-u", "1", "-t", "1s")
    for command in (load, ("attack", katydid.target)):
        done = katydid(*command, "--slo", words).ended(2)
        assert said in done.err and "Traceback" not in done.err, done.text
        assert not list(katydid.folder.glob("runs/*"))


TAGGED = """
import functools
from locust import SequentialTaskSet

def wrapped(function):
    @functools.wraps(function)
    def call(self):
        return function(self)
    return call

class Base(FastHttpUser):
    abstract = True
    wait_time = constant(0.01)

class Searcher(Base):
    @task
    @tag("read", "slow")
    def search(self):
        self.client.post("/", name="search")
        self.client.get("/status/503", name="fails")
        with self.client.get("/", name="judged", catch_response=True) as response:
            response.request_meta["name"] = "renamed"
        self.environment.events.request.fire(
            request_type="grpc", name="Find", response_time=1, response_length=0, exception=None, context={}
        )

    @task
    def plain(self):
        self.client.post("/", name="search")
        self.client.get("/status/503", name="fails")

    @task
    @wrapped
    @tag("write")
    def behind_another_decorator(self):
        self.client.get("/", name="behind")

class Visitor(HttpUser):
    wait_time = constant(0.01)

    @tag("write")
    @task
    class Visits(SequentialTaskSet):
        @task
        def visit(self):
            self.client.get("/", name="visit")

        @task
        def both(self):
            self.client.get("/", name="both")
        both = tag("read")(both)
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_tags_say_what_reads_and_writes_are(katydid: Any, processes: str) -> None:
    katydid.write(TAGGED)
    words = ("-H", katydid.target, "--run-dir", "run", "-u", "4", "-r", "100", "-t", "2s")
    slos = ("--slo", "reads p50 < 9s", "--slo", "writes p50 < 9s")
    done = katydid(*words, *slos, "--processes", processes, "--csv", "out").ended(0)
    summary = done.summary
    found = {
        (row["method"], row["name"], row["access"]): row["requests"] for row in summary["endpoints"]
    }
    assert set(found) == {
        # Asked for by tasks with and without the tag.
        ("POST", "search (read)", "read"),
        ("POST", "search", "write"),
        ("GET", "fails (read)", "read"),
        ("GET", "fails", "read"),
        ("GET", "behind", "write"),
        ("GET", "renamed", "read"),
        ("grpc", "Find", "read"),
        ("GET", "visit", "write"),
        # Both tags say nothing.
        ("GET", "both", "read"),
    }
    of = {who: sum(n for key, n in found.items() if key[2] == who) for who in ("read", "write")}
    assert summary["reads"]["requests"] == of["read"]
    assert summary["writes"]["requests"] == of["write"]
    # All but the first 40 ms are in the hold, which the objectives are about.
    for slo, access in zip(summary["slos"], ("read", "write"), strict=True):
        assert of[access] * 0.8 < slo["total"] <= of[access]
    assert found["POST", "search (read)", "read"] > 10 and found["POST", "search", "write"] > 10


def test_the_plan_goes_before_a_tag(katydid: Any) -> None:
    katydid.write(TAGGED)
    words = ("-H", katydid.target, "--run-dir", "run", "-u", "2", "-t", "1s", "--csv", "out")
    summary = katydid(*words, "--writes", "search", "Searcher").ended(1).summary
    rows = {(row["name"], row["access"]) for row in summary["endpoints"]}
    assert rows >= {("search", "write"), ("search (read)", "write"), ("renamed", "read")}
    # Locust's files have one row for a method and a name.
    lines = (katydid.folder / "out_stats.csv").read_text().splitlines()
    searches = [line.split(",") for line in lines if line.startswith("POST,search,")]
    asked = sum(row["requests"] for row in summary["endpoints"] if row["name"].startswith("search"))
    assert [int(cells[2]) for cells in searches] == [asked]
    failed = sum(row["failures"] for row in summary["endpoints"])
    with (katydid.folder / "out_failures.csv").open() as file:
        [error] = csv.DictReader(file)
    assert int(error["Occurrences"]) == failed == sum(f["count"] for f in summary["failures"])
    assert {f["name"] for f in summary["failures"]} == {"fails", "fails (read)"}
