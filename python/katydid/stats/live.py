"""Rows whose numbers the engine holds. They have the fields and figures of a counted row, read
afresh when the session has newer ones; percentiles come from its histograms, to the millisecond's
thousandth instead of two digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .entry import FIELDS, Figures, StatsEntry
from .tunables import tunables

if TYPE_CHECKING:
    from .request_stats import RequestStats

EMPTY: dict[str, Any] = {
    "num_requests": 0,
    "num_none_requests": 0,
    "num_failures": 0,
    "total_response_time": 0.0,
    "min_response_time": None,
    "max_response_time": 0.0,
    "total_content_length": 0,
    "start_time": 0.0,
    "last_request_timestamp": None,
    "response_times": {},
    "num_reqs_per_sec": {},
    "num_fail_per_sec": {},
    "current_rps": 0.0,
    "current_fail_per_sec": 0.0,
}


class LiveEntry(StatsEntry):
    """One row of the running test; (None, None) is the sum of all."""

    def __init__(self, stats: RequestStats, name: str, method: str, total: bool = False) -> None:
        self.__dict__.update(stats=stats, name=name, method=method, _total=total)
        self.__dict__["use_response_times_cache"] = True
        self.__dict__["response_times_cache"] = None

    def _row(self) -> dict[str, Any]:
        rows = self.stats._snapshot()
        return rows.total if self._total else rows.entries.get((self.name, self.method), EMPTY)

    _total: bool

    @property
    def current_rps(self) -> float:
        return float(self._row().get("current_rps") or 0.0)

    @property
    def current_fail_per_sec(self) -> float:
        return float(self._row().get("current_fail_per_sec") or 0.0)

    def get_response_time_percentile(self, percent: float) -> float:
        return self._ask(percent, None) or 0

    def get_current_response_time_percentile(self, percent: float) -> float | None:
        return self._ask(percent, tunables().CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW)

    def _ask(self, percent: float, window: float | None) -> float | None:
        method, name = (None, None) if self._total else (self.method, self.name)
        answer: float | None = self.stats._session.percentile(method, name, percent, window)
        return answer

    def log(self, response_time: float | None, content_length: int) -> None:
        self.stats.log_request(self.method, self.name, response_time, content_length)

    def log_error(self, error: Any) -> None:
        self.stats.log_error(self.method, self.name, error)

    def reset(self) -> None:
        """The record keeps everything: only the whole view can start again, by `reset_all`."""

    def get_stripped_report(self) -> dict[str, Any]:
        return self.serialize()

    def extend(self, other: Figures) -> None:
        raise TypeError(
            "rows of a running test cannot be added to; make a RequestStats() of your own"
        )


def _field(name: str) -> property:
    return property(lambda self: self._row().get(name, EMPTY[name]))


for _name in FIELDS[2:]:
    setattr(LiveEntry, _name, _field(_name))
