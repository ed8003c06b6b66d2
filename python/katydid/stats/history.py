"""The list behind Locust's charts: a few numbers every five seconds, in `stats.history`."""

from __future__ import annotations

import time
from typing import Any

import gevent

from ..util.date import format_utc_timestamp
from ..util.rounding import proper_round
from .tunables import tunables

# Points kept, the newest: more than a day at Locust's interval of five seconds.
KEPT_POINTS = 20_000


def update_stats_history(runner: Any, timestamp: str | None = None) -> None:
    """Appends one point. The oldest make room when there are more than `KEPT_POINTS`."""
    stats = runner.stats
    del stats.history[: max(0, len(stats.history) + 1 - KEPT_POINTS)]
    at = timestamp or format_utc_timestamp(time.time())
    total = stats.total
    stats.history.append(
        {
            **{
                f"response_time_percentile_{p}": [
                    at,
                    total.get_current_response_time_percentile(p) or 0,
                ]
                for p in tunables().PERCENTILES_TO_CHART
            },
            "current_rps": [at, total.current_rps or 0],
            "current_fail_per_sec": [at, total.current_fail_per_sec or 0],
            "total_avg_response_time": [at, proper_round(total.avg_response_time, digits=2)],
            "user_count": [at, runner.user_count or 0],
            "time": at,
        }
    )


def stats_history(runner: Any) -> None:
    """For a greenlet: appends a point every `HISTORY_STATS_INTERVAL_SEC` seconds while a test is
    on."""
    while runner.stats.total.use_response_times_cache:
        if runner.state not in ("ready", "stopped"):
            update_stats_history(runner)
        gevent.sleep(tunables().HISTORY_STATS_INTERVAL_SEC)
