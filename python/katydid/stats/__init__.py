"""Statistics in Locust's shape and by Locust's definitions: asked → done, failures included.

`environment.stats` is a view on the native session; a `RequestStats()` that a script makes holds
its own numbers. Scripts assign to the names below, so everything reads them here when it needs
them. Knows nothing of phases, validity or the record.
"""

from __future__ import annotations

import os
import sys

STATS_AUTORESIZE = True
STATS_TYPE_WIDTH = 8
CONSOLE_STATS_INTERVAL_SEC = 2
HISTORY_STATS_INTERVAL_SEC = 5
CSV_STATS_INTERVAL_SEC = 1
CSV_STATS_FLUSH_INTERVAL_SEC = 5
CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = 10
PERCENTILES_TO_REPORT = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0]
PERCENTILES_TO_STATISTICS = [0.95, 0.99]
PERCENTILES_TO_CHART = [0.5, 0.95]


def _name_width() -> int:
    try:
        return max(0, min(os.get_terminal_size()[0] - 80, 80))
    except OSError:  # not a terminal
        return 80


STATS_NAME_WIDTH = _name_width()


def bucket_response_time(response_time: float) -> int:
    """The key of a response time (ms) in `response_times`: two significant digits, whole
    milliseconds below 100. Replaceable."""
    for limit, places in ((100, 0), (1000, -1), (10000, -2)):
        if response_time < limit:
            return int(round(response_time, places))
    return int(round(response_time, -3))


from .console import (  # noqa: E402  (they read the names above through this module)
    get_error_report_summary,
    get_percentile_stats_summary,
    get_readable_percentiles,
    get_stats_summary,
    print_error_report,
    print_percentile_stats,
    print_stats,
    print_stats_json,
    save_stats_json,
    sort_stats,
    stats_printer,
)
from .csv_files import StatsCSV, StatsCSVFileWriter  # noqa: E402
from .entry import (  # noqa: E402
    CachedResponseTimes,
    StatsEntry,
    StatsError,
    calculate_response_time_percentile,
    diff_response_time_dicts,
)
from .history import stats_history, update_stats_history  # noqa: E402
from .request_stats import EntriesDict, RequestStats  # noqa: E402


class RequestStatsAdditionError(Exception):
    """Kept for scripts that catch it."""


def validate_stats_configuration() -> None:
    """Ends the process with a message if a script set percentiles that cannot be shown."""
    problem = ""
    if len(PERCENTILES_TO_CHART) > 6:
        problem = "stats.PERCENTILES_TO_CHART parameter should be a maximum of 6 parameters"
    for name in ("PERCENTILES_TO_CHART", "PERCENTILES_TO_STATISTICS"):
        if not all(_is_fraction(p) for p in globals()[name]):
            problem = f"stats.{name} parameter need to be float and value between. 0 < percentile < 1 Eg 0.95"
    if problem:
        sys.stderr.write(problem + "\n")
        sys.exit(1)


def _is_fraction(value: object) -> bool:
    try:
        return 0 < float(value) < 1  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


__all__ = (
    "CachedResponseTimes",
    "EntriesDict",
    "RequestStats",
    "StatsCSV",
    "StatsCSVFileWriter",
    "StatsEntry",
    "StatsError",
    "bucket_response_time",
    "calculate_response_time_percentile",
    "diff_response_time_dicts",
    "get_error_report_summary",
    "get_percentile_stats_summary",
    "get_readable_percentiles",
    "get_stats_summary",
    "print_error_report",
    "print_percentile_stats",
    "print_stats",
    "print_stats_json",
    "save_stats_json",
    "sort_stats",
    "stats_history",
    "stats_printer",
    "update_stats_history",
    "validate_stats_configuration",
)
