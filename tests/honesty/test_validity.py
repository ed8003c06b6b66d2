"""A starved generator says INVALID and exits with 3; a healthy one does not.

The table of many runs is in bench/validity; this is its short form.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.honesty.conftest import Katydid, Run, Target

TIME = ("-t", "6s", "-s", "5")


def assert_invalid(ended: Run) -> None:
    assert ended.returncode == 3, ended
    assert ended.summary["run"]["exit_code"] == 3
    assert not ended.summary["run"]["valid"]
    assert not ended.summary["generator"]["valid"]
    assert ended.reasons
    first = next(line for line in ended.stdout.splitlines() if line.strip())
    assert first.startswith("INVALID: "), ended


def test_tasks_that_burn_processor_time_are_invalid(run: Katydid, target: Target) -> None:
    words = ("-u", "40", "-r", "40", "-H", target.url, *TIME)
    ended = run("spinning", *words, HONESTY_SPIN="30")
    assert_invalid(ended)
    report = run.report(ended.folder)
    assert report.stdout.lstrip().startswith("INVALID: "), "a replay says so too"


@pytest.mark.skipif(shutil.which("taskset") is None, reason="taskset is not installed")
def test_a_quarter_of_a_core_is_invalid(
    run: Katydid, target: Target, burn: Callable[[int, int], None]
) -> None:
    core = min(os.sched_getaffinity(0))
    burn(3, core)
    # 50 users × 5/s × 2 ms is half a core; it gets a quarter.
    words = ("-u", "50", "-r", "50", "-H", target.url, *TIME)
    pinned = ("taskset", "-c", str(core))
    assert_invalid(run("spinning", *words, prefix=pinned, HONESTY_SPIN="2"))


class Sleeper(threading.Thread):
    """How late this machine wakes a thread that only sleeps, while the `with` lasts."""

    def __enter__(self) -> Sleeper:
        self.late_ms: list[float] = []
        self.over = threading.Event()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.is_set():
            length = random.uniform(0.01, 0.03)
            due = time.perf_counter() + length
            self.over.wait(length)
            self.late_ms.append((time.perf_counter() - due) * 1e3)

    @property
    def p98_ms(self) -> float:
        return sorted(self.late_ms)[int(len(self.late_ms) * 0.98)]


def test_a_healthy_generator_is_valid(run: Katydid, target: Target) -> None:
    reasons = []
    for _ in range(3):
        with Sleeper() as sleeper:
            ended = run(
                "waiting", "-u", "20", "-r", "20", "-H", target.url, *TIME,
                HONESTY_PATH="/delay?ms=20", HONESTY_WAIT="0.2",
            )  # fmt: skip
        if ended.returncode == 0:
            assert ended.summary["run"]["valid"]
            assert ended.summary["generator"]["valid"]
            assert not ended.reasons
            assert "INVALID" not in ended.stdout
            assert ended.total["requests"] > 0
            return
        assert ended.returncode == 3, ended
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        reasons.append(f"{ended.reasons}; a plain sleep: p98 {sleeper.p98_ms:.1f} ms late")
        if load <= 2 and sleeper.p98_ms < 2:
            pytest.fail(f"a healthy run is INVALID: {reasons}")
    pytest.skip(f"this machine is too busy for a healthy run: {reasons}")
