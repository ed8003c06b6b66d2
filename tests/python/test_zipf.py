"""Zipf's law: the frequencies drawn are those of the formula."""

import random
from typing import Any

import pytest

from katydid import zipf

#: Chi-square with 19 degrees of freedom is beyond this once in a thousand times.
BEYOND = 43.82


@pytest.mark.parametrize("s", [0, 0.5, 1, 1.1, 3])
def test_probabilities(s: float) -> None:
    random.seed(20261123)
    ranks, draws = zipf(20, s), 50_000
    seen = [0] * 20
    for _ in range(draws):
        seen[ranks.draw()] += 1
    weights = [1 / (k + 1) ** s for k in range(20)]
    expected = [draws * weight / sum(weights) for weight in weights]
    assert sum((o - e) ** 2 / e for o, e in zip(seen, expected, strict=True)) < BEYOND


def test_a_seed_fixes_the_sequence() -> None:
    drawn = []
    for _ in range(2):
        random.seed(7)
        ranks = zipf(1000)
        drawn.append([ranks.draw() for _ in range(5)] + [ranks() for _ in range(5)])
    assert drawn[0] == drawn[1] and len(set(drawn[0])) > 1


@pytest.mark.parametrize("top", [0.0, 1 - 2**-53])
@pytest.mark.parametrize(("n", "s"), [(1, 1.1), (3, 0), (10, 1.1), (5, 5000)])
def test_the_ends(monkeypatch: pytest.MonkeyPatch, top: float, n: int, s: float) -> None:
    monkeypatch.setattr(random, "random", lambda: top)
    last = 0 if s == 5000 else n - 1
    assert zipf(n, s).draw() in ((0,) if top == 0 else (last, n - 1))


def test_choose() -> None:
    ranks = zipf(3, 2)
    chosen = [ranks.choose("abc") for _ in range(500)]
    assert set(chosen) == set("abc") and chosen.count("a") > chosen.count("c")
    with pytest.raises(ValueError, match=r"zipf\(3\) cannot choose from 2 items"):
        ranks.choose("ab")


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", None])
def test_numbers_of_ranks_that_make_no_sense(n: Any) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        zipf(n)


@pytest.mark.parametrize("s", [-0.1, float("nan"), float("inf"), "1", None])
def test_exponents_that_make_no_sense(s: Any) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        zipf(3, s)
