"""`katydid validate` and `katydid compare`: real runs of both sides. How often verdicts are right is measured in `bench/validate`."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from waiting import until

SCENARIO = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/delay?ms=5", name="/delay")
"""

LOAD = ("--load", "arrive at 60/s for 2s", "--warm-up", "0s", "--pairs", "3", "--run-dir", "set")


def slow(katydid: Any) -> str:
    """A scenario whose requests take 20 ms where a header says so."""
    katydid.write(
        SCENARIO.replace(
            'self.client.get("/delay?ms=5", name="/delay")',
            'slow = "X-Slow: 1" in self.environment.parsed_options.header\n'
            '        self.client.get(f"/delay?ms={20 if slow else 5}", name="/delay")',
        )
    )
    return str(katydid.target)


def told(katydid: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((katydid.folder / "set/comparison.json").read_text())
    return found


def test_a_slowdown_is_a_regression(katydid: Any) -> None:
    host = slow(katydid)
    sides = ("--before-header", "X-Fast: 1", "--after-header", "X-Slow: 1")
    warmed = ["1s" if word == "0s" else word for word in LOAD]
    done = katydid("validate", "-H", host, *sides, *warmed)
    assert done.code == 99, done.text
    assert "REGRESSED" in done.out and "3 interleaved pairs" in done.out
    comparison = told(katydid)
    first = comparison["changes"][0]
    assert first["primary"] and first["outcome"] == "worse"
    # Each run began with a second of the same load, which is not looked at.
    phases = json.loads((katydid.folder / "set/01-before/summary.json").read_text())["phases"]
    assert [phase["name"] for phase in phases] == ["warm-up", "hold"]
    assert {change["phase"] for change in comparison["changes"]} == {"hold"}
    assert 5 <= first["before"] < 15 < 20 <= first["after"]
    assert first["low"] > 0.5 and len(first["pairs"]) == 3
    # Before, after, after, before: the second pair was made the other way round.
    started = [[run["started"] for run in comparison[side]["runs"]] for side in ("before", "after")]
    orders = [before < after for before, after in zip(*started, strict=True)]
    assert orders == [True, False, True]
    again = katydid("compare", "set", "--markdown", "-")
    assert again.code == 99 and again.out.startswith("**REGRESSED**")
    junit = katydid("compare", "set", "--junit", "junit.xml", "--on", "/delay p50")
    assert junit.code == 99 and 'type="REGRESSED"' in (katydid.folder / "junit.xml").read_text()


def test_hooks_switch_the_service(katydid: Any) -> None:
    katydid.write(SCENARIO)
    hook = 'echo "$KATYDID_SIDE" >> {}'.format(katydid.folder / "sides")
    done = katydid(
        "validate", "-H", katydid.target, "--before-hook", hook, "--after-hook", hook, *LOAD
    )
    # What follows from six short runs of the same is chance, once in twenty even a change.
    assert told(katydid)["counted"] == 3, done.text
    sides = (katydid.folder / "sides").read_text().split()
    assert sides == ["before", "after", "after", "before", "before", "after"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "validate needs two sides"),
        (("--before", "http://127.0.0.1:1"), "--after <URL>"),
        (("--before-hook", "a", "--after-hook", "b"), "give --host URL, or --health URL"),
        (("--before-header", "a: b", "--after-header", "c"), "write 'Name: value'"),
        (
            ("--before", "http://127.0.0.1:1", "--after", "http://127.0.0.1:1", "--pairs", "1"),
            "3..=100",
        ),
        (
            ("--before", "http://127.0.0.1:1", "--after", "http://127.0.0.1:1", "--margn", "1"),
            "--margn",
        ),
    ],
)
def test_what_is_refused(katydid: Any, words: tuple[str, ...], said: str) -> None:
    katydid.write(SCENARIO)
    done = katydid("validate", *words, "--load", "arrive at 40/s for 1s")
    assert done.code == 2 and said in done.err, done.text
    assert done.err.count("error:") == 1


def test_noise_of_the_same(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("selftest", "--aa", "-H", katydid.target, *LOAD)
    assert done.code in (0, 3), done.text
    assert "Noise: p95 of all requests differs by" in done.out and "3 pairs" in done.out
    refused = katydid("selftest", "--aa", "--before", "http://127.0.0.1:1")
    assert refused.code == 2 and "--before is for validate" in refused.err


def test_without_a_load(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("validate", "--before", katydid.target, "--after", katydid.target)
    assert done.code == 2 and "--load 'arrive at 50/s for 60s'" in done.err


def test_a_hook_that_fails(katydid: Any) -> None:
    katydid.write(SCENARIO)
    hooks = ("--before-hook", "echo no such image; exit 4", "--after-hook", "true")
    done = katydid("validate", "-H", katydid.target, *hooks, *LOAD)
    assert done.code == 2, done.text
    assert "pair 1 of 3, before" in done.err and "ended with 4: no such image" in done.err


def test_a_hook_that_hangs(katydid: Any) -> None:
    katydid.write(SCENARIO)
    hooks = ("--before-hook", "sleep 100", "--after-hook", "true", "--hook-timeout", "1s")
    done = katydid("validate", "-H", katydid.target, *hooks, *LOAD)
    assert done.code == 2 and "has not ended after 1 s" in done.err, done.text


def test_a_side_that_is_down_later(katydid: Any) -> None:
    """What was measured by then is kept, and told."""
    katydid.write(SCENARIO)
    broken = katydid.folder / "broken"
    hook = f'test "$(wc -l < {broken} 2>/dev/null || echo 0)" -lt 4 && echo x >> {broken}'
    hooks = ("--before-hook", hook, "--after-hook", hook)
    done = katydid("validate", "-H", katydid.target, *hooks, *LOAD)
    assert done.code in (3, 99), done.text
    assert "pair 3 of 3, before" in done.err
    assert told(katydid)["counted"] == 2


def test_stopped_by_hand(katydid: Any) -> None:
    katydid.write(SCENARIO)
    target = katydid.target
    process = katydid.start("validate", "--before", target, "--after", target, *LOAD)
    lines: list[str] = []

    def begun() -> bool:
        lines.append(process.stderr.readline())
        return "pair 1 of 3:" in lines[-1]

    until(begun, "the first pair")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, (out, err)
    assert "interrupted" in err and told(katydid)["counted"] == 1


def made(katydid: Any, name: str, *words: str) -> None:
    katydid("-H", katydid.target, "--run-dir", f"runs/{name}", *words).ended(0)


def test_two_runs_and_a_baseline(katydid: Any) -> None:
    katydid.write(SCENARIO)
    load = ("--load", "arrive at 60/s for 3s")
    for name in ("a", "b", "c", "d"):
        made(katydid, name, *load)
    done = katydid("compare", "runs/a", "runs/b", "--summary", "-").ended(0)
    comparison = json.loads(done.out)
    assert comparison["verdict"] == "SINGLE RUN" and comparison["design"] == "single"
    assert "indicative only" in comparison["reason"]
    assert katydid("compare", "last").code == 2
    refused = katydid("-H", katydid.target, "--baseline", *load)
    assert refused.code == 2 and "no run is tagged 'baseline'" in refused.err, refused.text
    pinned = katydid("runs", "--pin", "runs/a", "runs/b", "runs/c").ended(0)
    assert pinned.out.startswith("baseline: ")
    assert katydid("runs").ended(0).out.count("baseline") == 3
    done = katydid("compare", "runs/d", "--summary", "-")
    comparison = json.loads(done.out)
    assert comparison["design"] == "groups" and len(comparison["before"]["runs"]) == 3
    assert katydid("runs", "--tag", "main", "runs/d").ended(0).out == "main: runs/d\n"
    assert katydid("compare", "baseline", "main").code in (0, 99)
    asked = katydid("-H", katydid.target, "--run-dir", "runs/e", "--baseline", *load)
    assert asked.code in (0, 99) and "several runs, not interleaved" in asked.out, asked.text
    made(katydid, "other", "--load", "arrive at 80/s for 3s")
    done = katydid("compare", "runs/a", "runs/other")
    assert done.code == 2 and "no phase in common" in done.err


def test_damaged_folders(katydid: Any) -> None:
    katydid.write(SCENARIO)
    made(katydid, "a", "--load", "arrive at 60/s for 2s")
    done = katydid("compare", "runs/a", ".")
    assert done.code == 2 and done.err.count("\n") == 1, done.text
    folder = Path(katydid.folder / "set")
    folder.mkdir()
    (folder / "validation.json").write_text("{]")
    done = katydid("compare", "set")
    assert done.code == 2 and "validation.json cannot be read" in done.err
