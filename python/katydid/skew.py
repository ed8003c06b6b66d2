"""Unequal shares: a few tenants, products or pages get most of the traffic, as in real life.

Draws from the global `random` module, so that `random.seed(n)` in a locustfile fixes the sequence.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

Item = TypeVar("Item")


class Zipf:
    """Ranks 0 to n-1; rank k is drawn with a probability proportional to 1/(k+1)^s."""

    __slots__ = ("_sums", "n", "s")

    def __init__(self, n: int, s: float) -> None:
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"zipf() needs a whole number n of at least 1, got {n!r}")
        if not isinstance(s, (int, float)) or not (math.isfinite(s) and s >= 0):
            raise ValueError(f"zipf() needs a finite exponent s of at least 0, got {s!r}")
        self.n = n
        self.s = float(s)
        self._sums = array("d", accumulate(float(k) ** -self.s for k in range(1, n + 1)))

    def draw(self) -> int:
        """A rank, in O(log n)."""
        sums = self._sums
        return bisect(sums, random.random() * sums[-1], 0, self.n - 1)

    __call__ = draw

    def choose(self, sequence: Sequence[Item]) -> Item:
        """An item of a sequence of n items, the first of which is the most frequent. ValueError for another length."""
        if len(sequence) != self.n:
            raise ValueError(f"zipf({self.n}) cannot choose from {len(sequence)} items")
        return sequence[self.draw()]


def zipf(n: int, s: float = 1.1) -> Zipf:
    """Draws ranks 0 to n-1 after Zipf's law. `s` is the skew: 0 makes all equal, 1 makes the first twice as frequent as the second.
    Takes 8 bytes per rank. ValueError unless n ≥ 1 and s ≥ 0."""
    return Zipf(n, s)
