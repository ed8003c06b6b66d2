"""Durations as written on a command line."""

from __future__ import annotations

import re

_FORM = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ALLOWED = "Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."


def parse_timespan(time_str: str) -> int:
    """Seconds meant by "20", "20s", "3m", "2h", "1h20m", "3h30m10s". Raises ValueError on anything
    else."""
    if time_str and re.fullmatch(r"\d+", time_str):
        return int(time_str)
    found = _FORM.fullmatch(time_str) if time_str else None
    if not found or not any(found.groups()):
        raise ValueError(_ALLOWED)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
