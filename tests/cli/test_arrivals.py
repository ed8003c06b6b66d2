"""Arrivals: they come when they are due, whatever the answers do."""

from typing import Any

import pytest

SCENARIO = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=20", name="first")
        self.client.get("/", name="second")
"""


def arrive(katydid: Any, load: str, *words: str) -> Any:
    return katydid("-H", katydid.target, "--load", load, "--run-dir", "run", *words)


def rows(summary: Any) -> dict[str, dict[str, Any]]:
    return {f"{row['kind']} {row['name']}": row for row in summary["endpoints"]}


def arrivals(summary: Any) -> Any:
    """What became of all of them."""
    flows = [row for row in summary["endpoints"] if row["kind"] == "flow"]
    return sum(r["requests"] + r["aborted"] + r["blocked"] + r["missed"] for r in flows)


def test_every_arrival_is_accounted_for(katydid: Any) -> None:
    katydid.write(SCENARIO)
    load = "ramp from 0/s to 200/s over 2s, hold 2s, spike to 500/s for 1s, hold 1s"
    summary = arrive(katydid, load).ended(0).summary
    assert arrivals(summary) == 200 + 400 + 500 + 200
    flow = rows(summary)["flow U"]
    assert flow["failures"] == 0
    # An iteration has both requests in it.
    assert flow["from_due"]["min"] >= 20
    assert rows(summary)["request second"]["requests"] >= flow["requests"]
    assert [p["name"] for p in summary["phases"]] == ["ramp", "hold", "spike", "recovery"]


def test_they_do_not_wait_for_answers(katydid: Any) -> None:
    """50 a second, each busy for a second: in the first second nobody has been answered, and all have started."""
    katydid.write(SCENARIO.replace("ms=20", "ms=1000"))
    summary = arrive(katydid, "arrive at 50/s for 3s", "-s", "5").ended(0).summary
    assert arrivals(summary) == 150
    assert rows(summary)["flow U"]["requests"] == 150
    assert summary["run"]["users"] >= 50


def test_beyond_the_cap_they_are_blocked(katydid: Any) -> None:
    katydid.write(SCENARIO.replace("ms=20", "ms=500"))
    done = arrive(katydid, "arrive at 100/s for 3s", "--max-users", "5", "--slo", "p95 < 5s")
    summary = done.summary
    assert arrivals(summary) == 300
    assert summary["run"]["users"] == 5
    blocked = summary["total"]["blocked"]
    assert 300 - 5 * 7 <= blocked < 300
    [slo] = summary["slos"]
    assert slo["blocked"] == blocked and slo["outcome"] in ("fail", "invalid")
    assert "blocked because every allowed user" in done.out


def test_blocked_arrivals_break_the_objective_of_their_flow(katydid: Any) -> None:
    katydid.write(SCENARIO.replace("ms=20", "ms=500"))
    done = arrive(katydid, "arrive at 50/s for 3s", "--max-users", "5", "--slo", "U p95 < 5s")
    [slo] = done.summary["slos"]
    assert slo["blocked"] > slo["total"] / 2, slo
    assert slo["outcome"] in ("fail", "invalid")


def test_idle_users_of_another_class_make_room(katydid: Any) -> None:
    katydid.write("""
class Quick(FastHttpUser):
    @task
    def t(self):
        self.client.get("/")

class Slow(FastHttpUser):
    asked = []

    @task
    def t(self):
        Slow.asked.append(1)
        self.client.get("/delay?ms=1000" if len(Slow.asked) <= 8 else "/", name="slow")
""")
    summary = arrive(katydid, "arrive at 20/s for 4s", "--max-users", "8", "-s", "3").summary
    assert arrivals(summary) == 80
    found = rows(summary)
    assert found["flow Quick"]["blocked"] <= 15, found["flow Quick"]
    assert found["flow Quick"]["requests"] >= 25


def test_an_interrupted_iteration_does_not_hold_up_the_end(katydid: Any) -> None:
    katydid.write("""
class U(FastHttpUser):
    @task
    class Inner(TaskSet):
        @task
        def t(self):
            self.client.get("/delay?ms=300")
            self.interrupt()
""")
    done = arrive(katydid, "arrive at 20/s for 2s", "-s", "60").ended(0)
    assert arrivals(done.summary) == 40
    assert done.summary["run"]["duration_s"] < 30
    assert "Not all users finished" not in done.err


def test_iterations_fail_with_their_requests(katydid: Any) -> None:
    katydid.write("""
class Requests(FastHttpUser):
    @task
    def t(self):
        self.client.get("/status/503", name="bad")
        self.client.get("/", name="good")

class Raises(HttpUser):
    @task
    def t(self):
        self.client.get("/", name="before")
        raise KeyError("order")

class Well(FastHttpUser):
    @task
    class Inner(TaskSet):
        wait_time = constant(0.01)
        @task
        def t(self):
            self.client.get("/", name="well")
            if self.user.environment.stats.total.num_requests % 2:
                self.interrupt()
            self.interrupt(reschedule=False)
""")
    summary = arrive(katydid, "arrive at 90/s for 2s").ended(1).summary
    assert arrivals(summary) == 180
    found = rows(summary)
    shares = {
        name: found[f"flow {name}"]["failure_ratio"] for name in ("Requests", "Raises", "Well")
    }
    assert shares == {"Requests": 1, "Raises": 1, "Well": 0}
    assert all(50 <= found[f"flow {name}"]["requests"] <= 60 for name in shares)
    texts = {f["name"]: f["text"] for f in summary["failures"] if f["kind"] == "flow"}
    assert texts["Requests"].startswith("GET bad: ") and "503" in texts["Requests"]
    assert "KeyError('order')" in texts["Raises"]


def test_the_first_request_counts_from_the_arrival(katydid: Any) -> None:
    """While a task computes, arrivals wait; their requests say so, although the target was quick."""
    katydid.write("""
import time
spent = []

class U(FastHttpUser):
    @task
    def t(self):
        if len(spent) == 20:
            end = time.perf_counter() + 0.4
            while time.perf_counter() < end:
                pass
        spent.append(1)
        self.client.get("/", name="first")
        self.client.get("/", name="second")
""")
    done = arrive(katydid, "arrive at 50/s for 2s")
    found = rows(done.summary)
    assert found["request first"]["from_due"]["max"] >= 380
    assert (
        found["request first"]["from_due"]["p90"] > 5 * found["request first"]["from_send"]["p50"]
    )
    assert arrivals(done.summary) == 100


def test_much_too_late_is_missed(katydid: Any) -> None:
    katydid.write("""
import time

class U(FastHttpUser):
    @task
    def t(self):
        end = time.perf_counter() + 2.5
        while time.perf_counter() < end:
            pass
        self.client.get("/")
""")
    done = arrive(katydid, "arrive at 20/s for 3s").ended(3)
    assert done.summary["total"]["missed"] > 0
    assert arrivals(done.summary) <= 60
    assert done.out.startswith("INVALID")


@pytest.mark.parametrize(
    ("scenario", "words", "said"),
    [
        (SCENARIO, ("--load", "hold 5 users for 1s", "--max-users", "3"), "is for arrivals"),
        (SCENARIO, ("-u", "5", "-t", "1s", "--max-users", "3"), "is for arrivals"),
        (SCENARIO, ("--load", "arrive at 5/s for 1s", "--max-users", "0"), "the least is 1"),
        (
            SCENARIO.replace("    @task", "    fixed_count = 3\n\n    @task"),
            ("--load", "arrive at 5/s for 1s"),
            "U has a fixed_count",
        ),
    ],
)
def test_what_does_not_go_together(
    katydid: Any, scenario: str, words: tuple[str, ...], said: str
) -> None:
    katydid.write(scenario)
    done = katydid("-H", katydid.target, *words).ended(2)
    assert said in done.err and "Traceback" not in done.err, done.text


def test_iterations_under_way_may_end(katydid: Any) -> None:
    """Cut off, the slowest would be missing from what the run says of the target."""
    katydid.write("""
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=400")
""")
    summary = arrive(katydid, "arrive at 50/s for 2s").ended(0).summary
    assert summary["total"]["requests"] == 100 and summary["total"]["aborted"] == 0


@pytest.mark.parametrize(
    ("path", "words"),
    [("/", ()), ("/delay?ms=150", ("-c", "2"))],
    ids=["as many connections as needed", "two, and slow"],
)
def test_an_attack_accounts_for_every_slot(katydid: Any, path: str, words: tuple[str, ...]) -> None:
    rate = ("--rate", "1500", "-t", "3s", "--run-dir", "run")
    done = katydid("attack", katydid.target + path, *rate, *words).ended(0)
    total = done.summary["total"]
    assert total["requests"] + total["blocked"] == 4500
    assert (total["blocked"] > 4000) == bool(words)
