"""The numbers of one row, and of one kind of failure, counted here in Python: for a `RequestStats`
that a script made.

Percentiles follow Locust to the digit: from bucketed times, with Python's rounding to even. For
what the engine recorded see `live.py`.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ..event import failure_text
from ..exception import CatchResponseError
from ..util.rounding import proper_round
from .tunables import tunables

if TYPE_CHECKING:
    from .request_stats import RequestStats


class CachedResponseTimes(NamedTuple):
    """What an entry knew at the end of some second."""

    response_times: dict[int, int]
    num_requests: int
    num_none_requests: int


def calculate_response_time_percentile(
    response_times: dict[int, int], num_requests: int, percent: float
) -> int:
    """The time within which `percent` (0 to 1) of the requests ended, from {time: count}; 0 without
    any."""
    rank = int(num_requests * percent)
    above = 0
    for response_time in sorted(response_times, reverse=True):
        above += response_times[response_time]
        if num_requests - above <= rank:
            return response_time
    return 0


def diff_response_time_dicts(latest: dict[int, int], old: dict[int, int]) -> dict[int, int]:
    """The counts that `latest` has more than `old`."""
    return {t: more for t, count in latest.items() if (more := count - old.get(t, 0))}


#: What an entry is made of, in Locust's order; also what it looks like in JSON.
FIELDS = (
    "name",
    "method",
    "last_request_timestamp",
    "start_time",
    "num_requests",
    "num_none_requests",
    "num_failures",
    "total_response_time",
    "max_response_time",
    "min_response_time",
    "total_content_length",
    "response_times",
    "num_reqs_per_sec",
    "num_fail_per_sec",
)


class Figures:
    """What follows from a row's fields. Times in ms, sizes in bytes, rates per second."""

    stats: RequestStats
    name: str
    method: str
    num_requests: int
    num_none_requests: int
    num_failures: int
    total_response_time: float
    min_response_time: float | None
    max_response_time: float
    total_content_length: int
    start_time: float
    last_request_timestamp: float | None
    response_times: dict[int, int]
    num_reqs_per_sec: dict[int, int]
    num_fail_per_sec: dict[int, int]
    use_response_times_cache: bool

    @property
    def fail_ratio(self) -> float:
        if self.num_requests:
            return self.num_failures / self.num_requests
        return 1.0 if self.num_failures else 0.0

    @property
    def avg_response_time(self) -> float:
        timed = self.num_requests - self.num_none_requests
        return self.total_response_time / timed if timed else 0.0

    @property
    def median_response_time(self) -> float:
        """The 50 % percentile, kept within the exact minimum and maximum."""
        if not self.response_times:
            return 0
        median = self.get_response_time_percentile(0.5) or 0
        if median > self.max_response_time:
            return self.max_response_time
        if self.min_response_time is not None and median < self.min_response_time:
            return self.min_response_time
        return median

    @property
    def current_rps(self) -> float:
        """Mean of ten whole seconds that ended two seconds before the test's last request."""
        return self._recent(self.num_reqs_per_sec)

    @property
    def current_fail_per_sec(self) -> float:
        return self._recent(self.num_fail_per_sec)

    def _recent(self, per_second: dict[int, int]) -> float:
        if self.stats.last_request_timestamp is None:
            return 0
        last = int(self.stats.last_request_timestamp)
        seconds = range(max(last - 12, int(self.stats.start_time or 0)), last - 2)
        return sum(per_second.get(t, 0) for t in seconds) / max(len(seconds), 1)

    @property
    def total_rps(self) -> float:
        return self._overall(self.num_requests)

    @property
    def total_fail_per_sec(self) -> float:
        return self._overall(self.num_failures)

    def _overall(self, count: int) -> float:
        if not self.stats.last_request_timestamp or not self.stats.start_time:
            return 0.0
        span = self.stats.last_request_timestamp - self.stats.start_time
        return count / span if span else 0.0

    @property
    def avg_content_length(self) -> float:
        return self.total_content_length / self.num_requests if self.num_requests else 0

    def get_response_time_percentile(self, percent: float) -> float:
        timed = self.num_requests - self.num_none_requests
        return calculate_response_time_percentile(self.response_times, timed, percent)

    def get_current_response_time_percentile(self, percent: float) -> float | None:
        raise NotImplementedError

    def serialize(self) -> dict[str, Any]:
        return {field: getattr(self, field, None) for field in FIELDS}

    def to_dict(self, escape_string_values: bool = False) -> dict[str, Any]:
        percentiles = {
            f"response_time_percentile_{p}": self.get_response_time_percentile(p)
            for p in tunables().PERCENTILES_TO_STATISTICS
        }
        return {
            "method": self.method,
            "name": self.name,
            "num_requests": self.num_requests,
            "num_failures": self.num_failures,
            "min_response_time": proper_round(self.min_response_time or 0)
            if self.min_response_time is not None
            else 0,
            "max_response_time": proper_round(self.max_response_time),
            "current_rps": self.current_rps,
            "current_fail_per_sec": self.current_fail_per_sec,
            "avg_response_time": self.avg_response_time,
            "median_response_time": self.median_response_time,
            "total_rps": self.total_rps,
            "total_fail_per_sec": self.total_fail_per_sec,
            **percentiles,
            "avg_content_length": self.avg_content_length,
        }

    def to_string(self, current: bool = True) -> str:
        """The row of the console table; rates of the last ten seconds, or of the whole run."""
        width = tunables().STATS_NAME_WIDTH - tunables().STATS_TYPE_WIDTH + 4
        rps = self.current_rps if current else self.total_rps
        failing = self.current_fail_per_sec if current else self.total_fail_per_sec
        fails = f"{self.num_failures}({self.fail_ratio * 100:.2f}%)"
        times = (
            self.avg_response_time,
            self.min_response_time or 0,
            self.max_response_time,
            self.median_response_time or 0,
        )
        method = f"{self.method} " if self.method else ""
        avg, low, high, median = (int(t) for t in times)
        return (
            f"{method:<{tunables().STATS_TYPE_WIDTH}} {self.name:<{width}} {self.num_requests:>7} {fails:>12} |"
            f"{avg:>7} {low:>7} {high:>7}{median:>7} | {rps or 0:>7.2f} {failing or 0:>11.2f}"
        )

    __str__ = to_string

    def percentile(self) -> str:
        """The row of the percentile table."""
        if not self.num_requests:
            raise ValueError("Can't calculate percentile on url with no successful requests")
        shown = tunables()
        values = [int(self.get_response_time_percentile(p)) for p in shown.PERCENTILES_TO_REPORT]
        cells = " ".join(f"{value:>6}" for value in [*values[1:], self.num_requests])
        return (
            f"{self.method or '':<{shown.STATS_TYPE_WIDTH}} {self.name:<{shown.STATS_NAME_WIDTH}} "
            f"{values[0]:>8} {cells}"
        )


class StatsEntry(Figures):
    """One row (method and name), counted by `log` and `log_error`."""

    def __init__(
        self, stats: RequestStats, name: str, method: str, use_response_times_cache: bool = False
    ) -> None:
        self.stats = stats
        self.name = name
        self.method = method
        self.use_response_times_cache = use_response_times_cache
        self.response_times_cache: OrderedDict[int, CachedResponseTimes] | None = None
        self.reset()

    def reset(self) -> None:
        self.start_time = time.time()
        self.num_requests = 0
        self.num_none_requests = 0
        self.num_failures = 0
        self.total_response_time = 0
        self.response_times = defaultdict(int)
        self.min_response_time = None
        self.max_response_time = 0
        self.last_request_timestamp = None
        self.num_reqs_per_sec = defaultdict(int)
        self.num_fail_per_sec = defaultdict(int)
        self.total_content_length = 0
        if self.use_response_times_cache:
            self.response_times_cache = OrderedDict()
            self._cache_response_times(int(time.time()))

    def log(self, response_time: float | None, content_length: int) -> None:
        """One more request; without a time it counts, but has no part in times."""
        now = time.time()
        second, last = int(now), self.last_request_timestamp
        if self.use_response_times_cache and last and second > int(last):
            self._cache_response_times(second - 1)
        self.num_requests += 1
        self.num_reqs_per_sec[second] += 1
        self.last_request_timestamp = now
        self.total_content_length += content_length
        if response_time is None:
            self.num_none_requests += 1
            return
        self.total_response_time += response_time
        low = self.min_response_time
        self.min_response_time = response_time if low is None else min(low, response_time)
        self.max_response_time = max(self.max_response_time, response_time)
        self.response_times[tunables().bucket_response_time(response_time)] += 1

    def log_error(self, error: Any) -> None:
        """One more failure, in addition to the request."""
        self.num_failures += 1
        self.num_fail_per_sec[int(time.time())] += 1

    def get_current_response_time_percentile(self, percent: float) -> float | None:
        """Over about the last ten seconds; None while there is nothing old enough to compare with."""
        if not self.use_response_times_cache:
            raise ValueError("the current percentile needs use_response_times_cache=True")
        window = tunables().CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW
        wanted = int(time.time()) - window
        nearest = [wanted] + [wanted + side * i for i in range(1, 9) for side in (-1, 1)]
        cache: dict[int, CachedResponseTimes] = self.response_times_cache or {}
        then = next((cache[t] for t in nearest if t in cache), None)
        if then is None:
            return None
        return calculate_response_time_percentile(
            diff_response_time_dicts(self.response_times, then.response_times),
            (self.num_requests - self.num_none_requests)
            - (then.num_requests - then.num_none_requests),
            percent,
        )

    def _cache_response_times(self, second: int) -> None:
        if self.response_times_cache is None:
            self.response_times_cache = OrderedDict()
        cache = self.response_times_cache
        cache[second] = CachedResponseTimes(
            self.response_times.copy(), self.num_requests, self.num_none_requests
        )
        while len(cache) > tunables().CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW + 10:
            cache.popitem(last=False)

    def extend(self, other: Figures) -> None:
        """Adds another row's numbers to this one."""
        before = int(self.last_request_timestamp or 0)
        stamps = [
            t for t in (self.last_request_timestamp, other.last_request_timestamp) if t is not None
        ]
        self.last_request_timestamp = max(stamps) if stamps else None
        self.start_time = min(self.start_time, other.start_time)
        for field in (
            "num_requests",
            "num_none_requests",
            "num_failures",
            "total_response_time",
            "total_content_length",
        ):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.max_response_time = max(self.max_response_time, other.max_response_time)
        lows = [t for t in (self.min_response_time, other.min_response_time) if t is not None]
        self.min_response_time = min(lows) if lows else None
        for field in ("response_times", "num_reqs_per_sec", "num_fail_per_sec"):
            mine = getattr(self, field)
            for key, count in getattr(other, field).items():
                mine[key] = mine.get(key, 0) + count
        if self.use_response_times_cache and int(self.last_request_timestamp or 0) > before:
            self._cache_response_times(int(self.last_request_timestamp or 0))

    @classmethod
    def unserialize(cls, data: dict[str, Any], stats: RequestStats) -> StatsEntry:
        entry = cls(stats, data["name"], data["method"])
        for field in FIELDS[2:]:
            if field in data:
                setattr(entry, field, data[field])
        return entry

    def get_stripped_report(self) -> dict[str, Any]:
        """`serialize`, and start again from zero."""
        report = self.serialize()
        self.reset()
        return report


class StatsError:
    """How often one kind of failure was seen, and when."""

    def __init__(
        self,
        method: str,
        name: str,
        error: Any,
        occurrences: int = 0,
        first_seen: float | None = None,
        last_seen: float | None = None,
    ) -> None:
        self.method = method
        self.name = name
        self.error = error
        self.occurrences = occurrences
        self.first_seen = first_seen
        self.last_seen = last_seen

    @classmethod
    def parse_error(cls, error: Any) -> str:
        return failure_text(error)

    @classmethod
    def create_key(cls, method: str, name: str, error: Any) -> str:
        text = f"{method}.{name}.{failure_text(error)!r}"
        return hashlib.sha256(text.encode()).hexdigest()

    def occurred(self) -> None:
        self.occurrences += 1
        self.last_seen = time.time()
        if self.first_seen is None:
            self.first_seen = self.last_seen

    def to_name(self) -> str:
        """`METHOD name: error`, with the text of a CatchResponseError alone."""
        error = self.error
        if isinstance(error, CatchResponseError):
            shown = error.args[0] if error.args else ""
        elif isinstance(error, str):
            inner = error.startswith("CatchResponseError(")
            shown = error[len("CatchResponseError(") : -1] if inner else error
        else:
            shown = repr(error)
        return f"{self.method} {self.name}: {shown}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "name": self.name,
            "error": failure_text(self.error),
            "occurrences": self.occurrences,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
        }

    serialize = to_dict

    @classmethod
    def unserialize(cls, data: dict[str, Any]) -> StatsError:
        return cls(
            data["method"],
            data["name"],
            data["error"],
            data["occurrences"],
            data.get("first_seen"),
            data.get("last_seen"),
        )
