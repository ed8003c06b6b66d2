"""Medians of few values, and how sure they are. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_WANTED = 0.9


@dataclass(frozen=True)
class Estimate:
    """A median and an interval between two of the sorted values.

    With n independent values, the interval from the k-th smallest to the k-th largest holds the true median in
    1 − 2·Σ_{i<k} C(n, i)/2ⁿ of all cases, whatever their distribution (Conover, Practical Nonparametric Statistics,
    section 3.2). k is the largest that keeps that at 90 % or more; with few values it is 1, which is the range.
    """

    median: float
    low: float
    high: float
    coverage: float
    values: int


def coverage(n: int, k: int) -> float:
    """How often the k-th smallest and the k-th largest of n values have the median between them."""
    return float(1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n)


def estimate(values: Sequence[float]) -> Estimate:
    """The median of one or more values with its interval."""
    n = len(values)
    k = 1
    while 2 * (k + 1) <= n and coverage(n, k + 1) >= _WANTED:
        k += 1
    ordered = sorted(values)
    return Estimate(median(values), ordered[k - 1], ordered[n - k], coverage(n, k), n)


def describe(one: Estimate) -> str:
    """What the interval is, for a reader."""
    if one.values < 2:
        return "one value, no interval"
    kind = "minimum to maximum" if coverage(one.values, 1) == one.coverage else "order statistics"
    return f"{kind} of {one.values} pairs, holds the median in {100 * one.coverage:.1f} % of cases"
