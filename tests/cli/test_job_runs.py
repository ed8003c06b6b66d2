"""Jobs in whole runs: a row of their own, apart from the requests that look after them."""

from typing import Any

import pytest

POLLED = """
class U({user}):
    @task
    def t(self):
        with job("invoice") as j:
            number = self.client.post("/shop/orders/1/invoice").json()["job"]
            state = j.until(
                lambda: self.client.get(f"/shop/jobs/{{number}}", name="/jobs/[id]").json()["status"] == "done"
            )
        say(state=state)
"""

WAITING = """
import itertools

class U(User):
    @task
    def t(self):
        looks = itertools.count(1)
        with job("three looks") as j:
            j.until(lambda: next(looks) == 3, every=0.2)
        try:
            with job("never", timeout=0.3) as j:
                j.until(lambda: False, every=0.2)
        finally:
            say(went_on=False)
        say(went_on=True)
"""


def jobs(done: Any) -> dict[str, tuple[int, int]]:
    """Count and failures of each job."""
    rows = [row for row in done.summary["endpoints"] if row["kind"] == "job"]
    assert all(row["method"] == "" for row in rows)
    return {row["name"]: (row["requests"], row["failures"]) for row in rows}


def row(done: Any, name: str) -> Any:
    [found] = [row for row in done.summary["endpoints"] if row["name"] == name]
    return found


@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_polling(katydid: Any, user: str) -> None:
    done = katydid.scenario(POLLED.format(user=user), "--slo", "invoice p95 < 1h", runs=3).ended(0)
    assert done.said == {"state": True}, done.text
    assert jobs(done) == {"invoice": (3, 0)}
    requests = {row["name"]: row["requests"] for row in done.summary["endpoints"]}
    assert requests == {"/shop/orders/1/invoice": 3, "/jobs/[id]": 3, "invoice": 3}
    assert done.summary["total"]["requests"] == 6, "a job is no request"
    assert done.summary["slos"][0]["text"] == "invoice p95 < 1h"
    slowest = row(done, "invoice")["from_due"]["max"]
    assert slowest >= row(done, "/jobs/[id]")["from_due"]["p50"] > 0


def test_times_and_a_timeout(katydid: Any) -> None:
    done = katydid.scenario(WAITING).ended(1)
    assert done.said == {"went_on": False}, "the task ends with its job"
    assert jobs(done) == {"three looks": (1, 0), "never": (1, 1)}
    assert row(done, "three looks")["from_due"]["max"] >= 400
    assert row(done, "never")["failed_from_due"]["max"] == pytest.approx(300, abs=1)
    assert done.failures == [(" never", "script", "not done within 0.3 s")]
    assert done.summary["exceptions"] == [] and "Traceback" not in done.err
    assert done.summary["total"]["requests"] == 0


def test_an_exception_fails_the_job_and_goes_on(katydid: Any) -> None:
    text = """
class U(User):
    @task
    def t(self):
        with job("broken"):
            {}["status"]
"""
    done = katydid.scenario(text).ended(1)
    assert jobs(done) == {"broken": (1, 1)}
    assert done.failures == [(" broken", "other", "KeyError('status')")]
    [raised] = done.summary["exceptions"]
    assert raised["count"] == 1 and "status" in raised["message"]


def test_failed_jobs_alone_make_the_exit_code(katydid: Any) -> None:
    text = """
class U(User):
    @task
    def t(self):
        with job("bad") as j:
            j.fail("no paper")
"""
    done = katydid.scenario(text, "--exit-code-on-error", "42").ended(42)
    assert jobs(done) == {"bad": (1, 1)}


def test_the_end_of_the_run_is_not_the_jobs_failure(katydid: Any) -> None:
    text = """
class U(User):
    @task
    def t(self):
        with job("cut off") as j:
            j.until(lambda: say(looked=True), every=0.1)
"""
    done = katydid.scenario(text, "-t", "1s").ended(0)
    assert done.said == {"looked": True} and jobs(done) == {"cut off": (0, 0)}, done.text
    [row] = [row for row in done.summary["endpoints"] if row["kind"] == "job"]
    assert row["aborted"] == 1


def test_check(katydid: Any) -> None:
    katydid.write(POLLED.format(user="HttpUser") + WAITING.replace("class U", "class V"))
    done = katydid("check", "-H", katydid.target)
    assert done.code == 1, done.text
    for shown in ("job invoice, ", "job three looks, ", "job never, 300.0 ms"):
        assert shown in done.out, done.text
    assert "FAILED: not done within 0.3 s" in done.out and "2 requests, 1 failed." in done.out
    assert katydid("check", "-H", katydid.target, "U").code == 0
