"""Locust's tables for the terminal and its JSON list, from any `RequestStats`. Knows columns, not
where the numbers come from."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent

from .tunables import tunables

if TYPE_CHECKING:
    from .request_stats import RequestStats

console_logger = logging.getLogger("locust.stats_logger")


def get_readable_percentiles(percentile_list: list[float]) -> list[str]:
    """[0.5, 0.999] → ["50%", "99.9%"]"""
    shown = []
    for fraction in percentile_list:
        percent = fraction * 100
        shown.append(f"{int(percent) if percent.is_integer() else round(percent, 6)}%")
    return shown


def sort_stats(stats: dict[Any, Any]) -> list[Any]:
    return [stats[key] for key in sorted(stats)]


def get_stats_summary(stats: RequestStats, current: bool = True) -> list[str]:
    kind, width = tunables().STATS_TYPE_WIDTH, tunables().STATS_NAME_WIDTH
    name = width - kind + 4
    head = (
        f"{'Type':<{kind}} {'Name':<{name}} {'# reqs':>7} {'# fails':>12} |"
        f"{'Avg':>7} {'Min':>7} {'Max':>7}{'Med':>7} | {'req/s':>7} {'failures/s':>11}"
    )
    rule = "|".join("-" * n for n in (kind, name, 7, 13, 7, 7, 7, 7, 8, 11))
    rows = [entry.to_string(current=current) for entry in sort_stats(stats.entries)]
    return [head, rule, *rows, rule, stats.total.to_string(current=current)]


def get_percentile_stats_summary(stats: RequestStats) -> list[str]:
    kind, width = tunables().STATS_TYPE_WIDTH, tunables().STATS_NAME_WIDTH
    names = [*get_readable_percentiles(tunables().PERCENTILES_TO_REPORT), "# reqs"]
    head = f"{'Type':<{kind}} {'Name':<{width}} {names[0]:>8} " + " ".join(
        f"{n:>6}" for n in names[1:]
    )
    rule = "|".join("-" * n for n in (kind, width, 8, *[6] * (len(names) - 1)))
    rows = [entry.percentile() for entry in sort_stats(stats.entries) if entry.response_times]
    last = [stats.total.percentile()] if stats.total.response_times else []
    return ["Response time percentiles (approximated)", head, rule, *rows, rule, *last]


def get_error_report_summary(stats: RequestStats) -> list[str]:
    rule = "-" * 18 + "|" + "-" * (80 + tunables().STATS_NAME_WIDTH - 19)
    rows = [f"{error.occurrences:<18} {error.to_name():<100}" for error in stats.errors.values()]
    return ["Error report", f"{'# occurrences':<18} {'Error':<100}", rule, *rows, rule, ""]


def _log(lines: list[str]) -> None:
    for line in lines:
        console_logger.info("%s", line)


def print_stats(stats: RequestStats, current: bool = True) -> None:
    _log([*get_stats_summary(stats, current), ""])


def print_percentile_stats(stats: RequestStats) -> None:
    _log([*get_percentile_stats_summary(stats), ""])


def print_error_report(stats: RequestStats) -> None:
    if stats.errors:
        _log(get_error_report_summary(stats))


def print_stats_json(stats: RequestStats) -> None:
    print(json.dumps(stats.serialize_stats(), indent=4))


def save_stats_json(stats: RequestStats, filename: str) -> None:
    with open(f"{filename}.json", "w") as file:
        json.dump(stats.serialize_stats(), file, indent=4)


def stats_printer(stats: RequestStats) -> Callable[[], None]:
    """A function for a greenlet: prints the table every `CONSOLE_STATS_INTERVAL_SEC` seconds."""

    def print_for_ever() -> None:
        while True:
            print_stats(stats)
            gevent.sleep(tunables().CONSOLE_STATS_INTERVAL_SEC)

    return print_for_ever
