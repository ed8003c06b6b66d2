"""Locust's HTML report functions by name. katydid writes its report natively (`--html FILE`); these
are not built yet."""

from __future__ import annotations

from typing import Any, NoReturn

from .exception import NotBuiltYet

PERCENTILES_FOR_HTML_REPORT = [0.50, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0]


def get_html_report(environment: Any, *_args: Any, **_options: Any) -> NoReturn:
    raise NotBuiltYet("get_html_report", "Use `--html FILE`, or `katydid report RUN`.")


def process_html_filename(options: Any) -> None:
    """Replaces {u}, {r} and {t} in `options.html_file` by users, rate and run time in seconds."""
    for key, value in {
        "{u}": options.num_users,
        "{r}": options.spawn_rate,
        "{t}": options.run_time,
    }.items():
        number = float(value or 0)
        text = str(int(number)) if number.is_integer() else str(number)
        options.html_file = options.html_file.replace(key, text)
