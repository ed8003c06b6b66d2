"""Instants and durations as Locust prints them."""

from __future__ import annotations

from datetime import datetime, timezone


def format_utc_timestamp(unix_timestamp: float) -> str:
    """2026-11-23T10:00:00Z"""
    return datetime.fromtimestamp(int(unix_timestamp), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_safe_timestamp(unix_timestamp: float) -> str:
    """Local time, fit for a file name: 2026-11-23-10h00"""
    return datetime.fromtimestamp(int(unix_timestamp)).strftime("%Y-%m-%d-%Hh%M")


def format_duration(start_time: float, end_time: float) -> str:
    """ "1 hour, 2 minutes and 3 seconds"; parts that are zero are left out."""
    rest = int(end_time - start_time)
    parts = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, rest = divmod(rest, size)
        if count > 0:
            parts.append(f"{count} {unit}" + ("s" if count != 1 else ""))
    if not parts:
        return "0 seconds"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
