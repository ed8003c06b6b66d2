"""Rounding halves up, where Python's `round` goes to the even neighbour."""

from __future__ import annotations


def proper_round(val: float, digits: int = 0) -> float:
    """`val` rounded to `digits` places after a nudge below its own last digit: 0.5 → 1.0, 1.5 →
    2.0."""
    nudge = 10.0 ** (-len(str(float(val))) - 1)
    return round(float(val) + nudge, digits)
