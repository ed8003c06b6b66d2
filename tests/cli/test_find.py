"""`katydid find`: steps of load that follow from what was seen, live. How good its answers are is measured in `bench/search`."""

import re
import signal
from typing import Any

import pytest
from waiting import until

SCENARIO = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=5")
"""

OBJECTIVE = ("--slo", "p95 < 400ms", "--slo", "errors < 1%")


def find(katydid: Any, *words: str, **more: Any) -> Any:
    katydid.write(SCENARIO)
    return katydid("find", "-H", katydid.target, "--run-dir", "run", *words, **more)


def test_a_limit_out_of_reach_has_no_number(katydid: Any) -> None:
    # What is said of load for other runs is not used.
    (katydid.folder / "katydid.toml").write_text('[load]\nplan = "hold 3 users for 10m"\n')
    other = {"LOCUST_RUN_TIME": "2s", "LOCUST_USERS": "7", "LOCUST_PROCESSES": "2"}
    done = find(katydid, *OBJECTIVE, "--up-to", "8", env=other).ended(0)
    search = done.summary["search"]
    assert search["outcome"] == "out_of_reach" and search["complete"], done.text
    assert (
        search["answer"] == "Holds 8 arrivals/s, the most that --up-to allows: its limit is higher."
    )
    assert search["answer"] in done.out and search["height"] is None
    steps = [(step["purpose"], step["height"]) for step in search["steps"]]
    assert ("coarse", 5.0) in steps and ("coarse", 8.0) in steps
    # The load followed the steps: so many arrivals came in each.
    phases = {phase["name"]: phase for phase in done.summary["phases"]}
    for step in search["steps"]:
        phase = phases[step["phase"]]
        flows = [row for row in phase["endpoints"] if row["kind"] == "flow"]
        expected = step["height"] * step["lasted_s"]
        assert abs(sum(row["requests"] for row in flows) - expected) <= 2, step
    assert done.summary["run"]["verdict"] == "NOT FOUND"
    assert done.summary["slos"] == []
    again = katydid("report", "run")
    assert search["answer"] in again.out
    assert katydid("report", "run", "--summary", "-").code == 0


def test_users_who_wait_for_their_answers(katydid: Any) -> None:
    katydid.write(SCENARIO.replace("    @task", "    wait_time = constant(0.1)\n    @task"))
    words = ("--slo", "p95 < 400ms", "--closed", "--up-to", "8")
    done = katydid("find", "-H", katydid.target, "--run-dir", "run", *words).ended(0)
    search = done.summary["search"]
    assert search["unit"] == "users" and search["complete"], done.text
    assert search["answer"] == "Holds 8 users, the most that --up-to allows: its limit is higher."
    # So many users were at work in each step, each with nine or ten requests a second.
    phases = {phase["name"]: phase for phase in done.summary["phases"]}
    for step in search["steps"]:
        (row,) = phases[step["phase"]]["endpoints"]
        each = row["requests"] / step["height"] / step["lasted_s"]
        assert 8.5 <= each <= 10, (step, each)


def test_stopped_by_hand_it_says_what_was_known(katydid: Any) -> None:
    katydid.write(SCENARIO)
    process = katydid.start(
        "find", "-H", katydid.target, "--run-dir", "run", "--slo", "p95 < 400ms", "--strict"
    )
    lines: list[str] = []
    until(lambda: "coarse 1:" in read_line(process, lines), "the end of the first step")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3, (out, lines)
    assert "No number yet: it held 5 arrivals/s." in out
    assert "stopped before its end" in out


def read_line(process: Any, lines: list[str]) -> str:
    line: str = process.stderr.readline()
    lines.append(line)
    return line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "find has to know what must hold"),
        (("--slo", "p95 < 1s in hold"), "find makes its own phases"),
        ((*OBJECTIVE, "--load", "hold 5 users for 1m"), "--load does not apply to find"),
        ((*OBJECTIVE, "-u", "5"), "-u/--users does not apply to find"),
        ((*OBJECTIVE, "-t", "5m"), "or after --time-budget"),
        ((*OBJECTIVE, "--processes", "2"), "several processes are not built for it yet"),
        ((*OBJECTIVE, "--up-to", "0"), "--up-to"),
        ((*OBJECTIVE, "--closed", "--beyond"), "--beyond needs arrivals"),
        ((*OBJECTIVE, "--closed", "--max-users", "9"), "--up-to says how many users"),
        ((*OBJECTIVE, "--closed", "--up-to", "0.5"), "it is a whole number"),
        ((*OBJECTIVE, "--fast", "--beyond"), "--beyond begins with an answer that is confirmed"),
        ((*OBJECTIVE, "--closed", "--hysteresis"), "--hysteresis needs arrivals"),
    ],
)
def test_what_it_does_not_take(katydid: Any, words: tuple[str, ...], said: str) -> None:
    done = find(katydid, *words)
    assert done.code == 2 and said in done.err, done.text
    assert not (katydid.folder / "run").exists()


def test_its_options_are_for_it_alone(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("-H", katydid.target, "-u", "1", "-t", "1s", "--up-to", "5")
    assert done.code == 2
    assert re.search(r"--up-to is for the search: katydid find", done.err)


def test_a_time_that_is_too_short_for_one_step(katydid: Any) -> None:
    done = find(katydid, "--slo", "p95 < 1s", "--time-budget", "10s")
    assert done.code == 2 and "--time-budget is shorter" in done.err, done.text


def test_an_objective_about_nothing_has_no_answer(katydid: Any) -> None:
    done = find(katydid, "--slo", "GET /nowhere p95 < 1s").ended(0)
    search = done.summary["search"]
    assert search["outcome"] == "unfinished" and search["height"] is None
    assert search["answer"].startswith("No request was about an objective"), done.text
