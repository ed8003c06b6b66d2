"""`--load`: how much load when, in words; `katydid plan` shows it without making it."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

SCENARIO = """
class U(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def t(self):
        self.client.get("/")
"""
WORDS = "ramp to 20 users over 2s, hold 2s, spike to 60 users for 2s, hold 3s"


def test_a_run_follows_its_load(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("-H", katydid.target, "--load", WORDS, "--run-dir", "run").ended(0)
    summary = done.summary
    assert summary["total"]["failures"] == 0
    assert summary["run"]["users"] == 60
    assert 8.5 < summary["run"]["duration_s"] < 30
    phases = {m["text"]: m["at_s"] for m in summary["marks"] if m["text"].startswith("phase ")}
    assert list(phases) == [
        "phase ramp (ramp)",
        "phase hold (hold)",
        "phase spike (spike)",
        "phase recovery (recovery)",
    ]
    # When a phase begins is the I/O thread's business; how soon users have gone and come is the machine's, too.
    begun = list(phases.values())
    for begins, due in zip(begun, (0, 2, 4, 6), strict=True):
        assert due - 0.1 < begins - begun[0] < due + 1, phases
    users = summary["series"]["users"]
    assert max(users) == 60 and users[-1] in (0, 20), users
    assert max(users[: int(begun[2])]) == 20, users


def test_phases_are_kept_apart(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("-H", katydid.target, "--load", WORDS, "--run-dir", "run").ended(0)
    phases = done.summary["phases"]
    assert [p["name"] for p in phases] == ["ramp", "hold", "spike", "recovery"]
    assert sum(p["total"]["requests"] for p in phases) == done.summary["total"]["requests"]
    assert [p["users"] for p in phases[:3]] == [20, 20, 60]
    assert 20 <= phases[3]["users"] <= 60
    for phase, length in zip(phases, (2, 2, 2, 3), strict=True):
        assert phase["ended_s"] - phase["began_s"] == pytest.approx(length, abs=0.5)
        [row] = phase["endpoints"]
        assert row["requests"] == phase["total"]["requests"] > 0
    assert "recovery (" in done.out


def test_the_way_down_waits_for_nobody(katydid: Any) -> None:
    katydid.write(SCENARIO.replace('get("/")', 'get("/delay?ms=900")'))
    load = "hold 40 users for 2s, ramp to 4 users over 1s, hold 6s"
    done = katydid("-H", katydid.target, "--load", load, "-s", "20", "--run-dir", "run").ended(0)
    summary = done.summary
    assert summary["total"]["aborted"] == 0
    last = summary["phases"][-1]
    users = summary["series"]["users"]
    settled = users[int(last["began_s"]) + 2 : int(last["ended_s"])]
    assert settled and max(settled) == 4, users


def test_locusts_load_has_phases_too(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("-H", katydid.target, "-u", "10", "-r", "10", "-t", "3s", "--run-dir", "run")
    phases = done.ended(0).summary["phases"]
    assert [p["name"] for p in phases] == ["ramp", "hold"]
    assert sum(p["total"]["requests"] for p in phases) == done.summary["total"]["requests"]


def test_a_shapes_ticks_are_phases(katydid: Any) -> None:
    katydid.write(
        SCENARIO
        + "\nclass S(LoadTestShape):\n    def tick(self):\n        t = self.get_run_time()\n"
        + "        return None if t > 4 else (5, 5) if t < 2 else (10, 5)\n"
    )
    done = katydid("-H", katydid.target, "--run-dir", "run").ended(0)
    names = [phase["name"] for phase in done.summary["phases"]]
    assert names == ["ramp", "hold", "ramp 2", "hold 2"]


def test_every_user_of_a_spike_works(katydid: Any) -> None:
    katydid.write(SCENARIO + "\n    def on_start(self):\n        say(**{f'user{id(self)}': 1})\n")
    words = "hold 3 users for 1s, spike to 30 users for 2s"
    done = katydid("-H", katydid.target, "--load", words, "--run-dir", "run").ended(0)
    assert len(done.said) == 30


def test_a_plan_is_shown_and_nothing_is_asked(katydid: Any) -> None:
    done = katydid("plan", "--load", WORDS).ended(0)
    lines = done.out.splitlines()
    assert lines[0].split() == ["phase", "kind", "users", "begins", "lasts"]
    assert lines[4].split() == ["recovery", "recovery", "60", "→", "20", "6s", "3s"]
    assert "9s in all, 60 users at most" in done.out
    assert "█" in done.out
    assert not done.run.exists()


def test_the_guide_shows_what_a_plan_prints(katydid: Any) -> None:
    guide = (ROOT / "docs/traffic.md").read_text()
    blocks = re.findall(r'^```\n\$ katydid plan --load "([^"\n]*)"\n(.*?)^```$', guide, re.M | re.S)
    assert len(blocks) == 7
    for words, shown in blocks:
        assert katydid("plan", "--load", words).ended(0).out.rstrip() == shown.rstrip(), words


def test_a_plan_says_where_values_came_from(katydid: Any) -> None:
    done = katydid("plan", "--explain", "-u", "5", "-t", "10s", env={"LOCUST_SPAWN_RATE": "2.5"})
    done.ended(0)
    rows = [line.split() for line in done.out.splitlines()]
    assert ["num-users", "5", "command", "line"] in rows, done.out
    assert ["spawn-rate", "2.5", "environment", "variable", "LOCUST_SPAWN_RATE"] in rows, done.out
    assert ["ramp", "ramp", "0", "→", "5", "0s", "2s"] in rows, done.out


def test_a_plan_without_a_load_names_the_presets(katydid: Any) -> None:
    done = katydid("plan").ended(0)
    for preset in ("smoke", "ramp", "steps", "spike", "soak", "stress"):
        assert f"--load '{preset} of 50 users'" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--load", "rmap to 5 users over 1m"), "did you mean 'ramp'?"),
        (("--load", ""), "it is empty"),
        (("--load", "hold 5 users 1m", "-u", "3"), "-u/--users says it again"),
        (("--load", "hold 5 users 1m", "-t", "3s"), "-t/--run-time says it again"),
        (("--load", "U: hold 5 users"), "no line says how long"),
    ],
)
def test_a_load_that_is_not_clear(katydid: Any, words: tuple[str, ...], said: str) -> None:
    katydid.write(SCENARIO)
    for command in ((), ("plan",)):
        done = katydid(*command, *words).ended(2)
        assert said in done.err and "Traceback" not in done.err, done.text


def test_a_load_and_a_shape(katydid: Any) -> None:
    katydid.write(
        SCENARIO
        + "\nclass S(LoadTestShape):\n    def tick(self):\n        return (1, 1) if self.get_run_time() < 1 else None\n"
    )
    done = katydid("-H", katydid.target, "--load", "hold 5 users 1s").ended(2)
    assert "--load and the locustfile's S both say" in done.err


#: Users that never wait.
BUSY = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/")
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_ceiling(katydid: Any, processes: str) -> None:
    """Forty users that never wait stay below it, and what they wait for is in no response time."""
    katydid.write(BUSY)
    words = ("-H", katydid.target, "-u", "40", "-r", "1000", "-t", "3s", "--run-dir", "run")
    done = katydid(*words, "--max-rate", "100", "--processes", processes).ended(0)
    summary = done.summary
    seconds = summary["run"]["duration_s"]
    assert 200 < summary["total"]["requests"] <= 100 * seconds + 5
    # In a queue of forty each waits for 400 ms.
    assert summary["total"]["from_due"]["p50"] < 100
    (said,) = [text for text in summary["generator"]["warnings"] if "--max-rate held" in text]
    assert "requests back" in said


def test_a_ceiling_of_nothing(katydid: Any) -> None:
    done = katydid.scenario(SCENARIO, "-t", "1s", "--max-rate", "0")
    assert done.code == 2 and "--max-rate" in done.err, done.text


def test_what_the_ceiling_still_holds_at_the_end_is_not_bad(katydid: Any) -> None:
    """It was never sent: how long it waited says nothing of the target."""
    katydid.write(BUSY)
    words = ("-H", katydid.target, "-u", "60", "-r", "1000", "-t", "4s", "--run-dir", "run")
    done = katydid(*words, "--max-rate", "40", "--slo", "p50 < 300ms").ended(0)
    assert done.summary["total"]["aborted"] > 40
    assert done.summary["slos"][0]["outcome"] == "pass", done.text


HERD = """
import time
from collections import Counter

class Herd(FastHttpUser):
    wait_time = constant(5)
    began = []

    def on_start(self):
        self.began.append(time.perf_counter())

    @task
    def look(self):
        self.client.get("/")

@events.test_stop.add_listener
def _(**_):
    first, last = min(Herd.began), max(Herd.began)
    tenths = Counter(int((at - first) * 10) for at in Herd.began)
    print(f"herd {len(Herd.began)} {last - first:.3f} {max(tenths.values())}", flush=True)
"""


def test_a_spike_is_spread_within_its_second(katydid: Any) -> None:
    katydid.write(HERD)
    load = "spike to 2000 users for 10s"
    done = katydid("-H", katydid.target, "--load", load, "--run-dir", "run", "-L", "WARNING")
    users, span, most = next(
        line.split()[1:] for line in done.out.splitlines() if line.startswith("herd ")
    )
    assert int(users) == 2000
    # A second, or a little more where the machine stood still meanwhile; a tenth of them in each tenth.
    assert 0.9 < float(span) < 1.5
    assert int(most) < 700
