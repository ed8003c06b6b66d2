"""How long a user pauses between tasks: functions to assign to `wait_time`.

The random ones use the global `random` module, so that `random.seed(n)` in a locustfile fixes the
whole sequence; with `--seed` each user has a generator of its own. The pacing ones keep Locust's
timing and leave for the clients when the next iteration was *due* (see `pace.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from .pace import Pace

WaitTime = Callable[[Any], float]


def between(min_wait: float, max_wait: float) -> WaitTime:
    """Uniformly random between the two, in seconds."""
    return lambda instance: min_wait + _chance(instance).random() * (max_wait - min_wait)


def constant(wait_time: float) -> WaitTime:
    """Always `wait_time` seconds, counted from the end of the task."""

    def waiting(instance: Any) -> float:
        return wait_time

    waiting.constant_wait = wait_time  # type: ignore[attr-defined]  # so that a runner can tell a loop without waits
    return waiting


def constant_pacing(wait_time: float) -> WaitTime:
    """One iteration every `wait_time` seconds, counted from start to start. A task that takes
    longer is followed at once by the next one, whose start then counts: lost iterations are not
    made up for."""
    period_ns = round(wait_time * 1e9)

    def pacing(self: Any) -> float:
        now_ns = perf_counter_ns()
        now = now_ns / 1e9
        busy = now - self._cp_last_run - self._cp_last_wait_time
        self._cp_last_run = now
        wait: float = max(0.0, wait_time - busy)
        self._cp_last_wait_time = wait
        user = self.user if self._is_task_set else self
        pace = user._pace
        if pace is None or pace.period_ns != period_ns:
            pace = user._pace = Pace(period_ns)
        pace.plan(user, now_ns, round(wait * 1e9))
        return wait

    return pacing


def constant_throughput(task_runs_per_second: float) -> WaitTime:
    """That many iterations per second and user: `constant_pacing` of the inverse."""
    if task_runs_per_second <= 0:
        raise ValueError(f"constant_throughput() needs a rate above 0, got {task_runs_per_second}")
    return constant_pacing(1 / task_runs_per_second)


def poisson(rate: float) -> WaitTime:
    """Exponentially distributed pauses with mean 1/`rate` seconds: arrivals as of a Poisson
    process."""
    if rate <= 0:
        raise ValueError(f"poisson() needs a rate above 0, got {rate}")
    return lambda instance: _chance(instance).expovariate(rate)


def _chance(instance: Any) -> Any:
    """What a user, or the user of a task set, draws from."""
    return getattr(getattr(instance, "user", instance), "_chance", random)
