"""Arrivals are told a moment before they are due. Nothing looks better, worse or earlier for it."""

from typing import Any

import pytest


def arrive(katydid: Any, text: str, load: str, *words: str) -> Any:
    katydid.write(text)
    return katydid("-H", katydid.target, "--load", load, "--run-dir", "run", *words)


def rows(summary: Any) -> dict[str, dict[str, Any]]:
    return {f"{row['kind']} {row['name']}": row for row in summary["endpoints"]}


def test_a_user_that_will_be_idle_by_then_is_idle(katydid: Any) -> None:
    """One user, an answer after 8 ms, an arrival every 10 ms: it is busy when the next is told, not when that is due."""
    text = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=8")
"""
    done = arrive(katydid, text, "arrive at 100/s for 3s", "--max-users", "1")
    total = done.ended(0).summary["total"]
    assert total["blocked"] < 0.2 * 300, total


@pytest.mark.parametrize("kind", ["User", "HttpUser"])
def test_work_that_the_engine_does_not_do_counts_whole(katydid: Any, kind: str) -> None:
    """A client of the script's own, and one of `requests`: the iteration takes at least as long as what is in it."""
    text = """
import time
from requests.auth import AuthBase

class Own(AuthBase):
    def __call__(self, request):
        return request

class U(%s):
    @task
    def t(self):
        began = time.perf_counter()
        if hasattr(self, "client"):
            self.client.get("/delay?ms=4", auth=Own())
        else:
            time.sleep(0.004)
        took = (time.perf_counter() - began) * 1e3
        self.environment.events.request.fire(
            request_type="own", name="work", response_time=took, response_length=0, exception=None, context={}
        )
"""
    done = arrive(katydid, text % kind, "arrive at 50/s for 2s").ended(0)
    found = rows(done.summary)
    assert found["flow U"]["requests"] == found["custom work"]["requests"] == 100
    for at in ("min", "p50", "max"):
        assert found["flow U"]["from_due"][at] >= 4, found["flow U"]
    inner = found.get("request /delay?ms=4", found["custom work"])
    assert found["flow U"]["from_due"]["p50"] >= inner["from_due"]["p50"]


def test_what_is_done_ahead_of_time_counts(katydid: Any) -> None:
    """Two milliseconds of the script's own before a request that takes four."""
    text = """
import time

class U(FastHttpUser):
    @task
    def t(self):
        time.sleep(0.002)
        self.client.get("/delay?ms=4")
"""
    found = rows(arrive(katydid, text, "arrive at 50/s for 2s").ended(0).summary)
    assert found["flow U"]["requests"] == 100
    assert found["flow U"]["from_due"]["p50"] >= 5.5, found["flow U"]


def test_the_wait_for_the_instant_is_in_no_time(katydid: Any) -> None:
    """Jobs and blocks that are measured around the first request are within their iterations."""
    text = """
from katydid import job

class Measured(FastHttpUser):
    @task
    def t(self):
        with self.environment.events.request.measure("own", "measured"):
            self.client.get("/")

class Jobs(FastHttpUser):
    @task
    def t(self):
        with job("job") as it:
            self.client.get("/")
            it.done()
"""
    found = rows(arrive(katydid, text, "arrive at 100/s for 2s").ended(0).summary)
    for inner, flow in (("custom measured", "flow Measured"), ("job job", "flow Jobs")):
        assert found[inner]["requests"] == found[flow]["requests"] == 100
        for at in ("p50", "mean"):
            assert 0 <= found[inner]["from_due"][at] <= found[flow]["from_due"][at]


def test_what_was_asked_for_in_advance_counts_from_its_instant(katydid: Any) -> None:
    text = """
early = late = 0

class U(FastHttpUser):
    @task
    def t(self):
        global early, late
        response = self.client.get("/")
        due, asked, taken, _, send, _, _ = response.instants_ns
        assert due == self._flow_ns and taken >= asked >= due and send >= due
        early += asked == due
        late += asked > due

@events.test_stop.add_listener
def _(**_):
    print("asked", early, late, flush=True)
"""
    done = arrive(katydid, text, "arrive at 200/s for 2s").ended(0)
    words = next(line.split() for line in done.out.splitlines() if line.startswith("asked"))
    early, late = int(words[1]), int(words[2])
    assert early + late == 400 and early > 200


def test_the_end_of_the_load_lets_nested_waits_go_on(katydid: Any) -> None:
    text = """
class U(FastHttpUser):
    @task
    class Visit(TaskSet):
        wait_time = constant(0.4)

        def on_start(self):
            self.looks = 0

        @task
        def look(self):
            self.client.get("/")
            self.looks += 1
            if self.looks == 3:
                self.interrupt()
"""
    summary = arrive(katydid, text, "arrive at 20/s for 1s").ended(0).summary
    flow = rows(summary)["flow U"]
    assert (flow["requests"], flow["aborted"]) == (20, 0)
    assert summary["total"]["requests"] == 60
