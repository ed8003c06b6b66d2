"""A starved generator says INVALID and exits with 3; a healthy one does not.

The table of many runs is in bench/validity; this is its short form.
"""

from __future__ import annotations

import os
import shutil
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


def test_a_healthy_generator_is_valid(run: Katydid, target: Target) -> None:
    reasons = []
    for _ in range(3):
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
        busy = ended.summary["generator"]["machine_busy_share"]
        reasons.append(f"{ended.reasons}; load per core {load:.1f}, machine busy {busy}")
        if load <= 2:
            break
    pytest.fail(f"a healthy run is INVALID: {reasons}")
