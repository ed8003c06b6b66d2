"""Whether what a run said is right, and how sure a count of such runs is. Pure: lines of `runs.jsonl` in, verdicts out."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from diagnosis.cases import EXPECTED, Expected

Line = dict[str, Any]
"""A line of `runs.jsonl`."""

Said = dict[str, Any]
"""A finding in such a line."""

_FIRST = 2


def expected(line: Line) -> Expected | None:
    """What this run had to say; None for the healthy shop."""
    return EXPECTED.get(line["fault"])


def is_named(said: Said, of: Expected) -> bool:
    """Whether this finding names the fault, at its place."""
    first = next(iter(said["endpoints"]), "")
    return (
        said["rule"] == of.rule and (not of.at or first in of.at) and of.about in str(said["about"])
    )


def named_soon(line: Line) -> bool:
    """Whether the first or the second finding names the fault at its place."""
    of = expected(line)
    return of is not None and any(is_named(said, of) for said in line["findings"][:_FIRST])


def named_at_all(line: Line) -> bool:
    """Whether some finding is the fault's rule's, at whatever place."""
    of = expected(line)
    return of is not None and any(said["rule"] == of.rule for said in line["findings"])


def only_suspected(line: Line) -> bool:
    """Whether the fault's rule suspects it, and finds nothing."""
    of = expected(line)
    return (
        of is not None
        and not named_at_all(line)
        and any(said["rule"] == of.rule for said in line["suspected"])
    )


def other_headline(line: Line) -> Said | None:
    """The first finding, where its rule is neither the fault's nor a neighbour."""
    of = expected(line)
    for said in line["findings"][:1]:
        if of is None or said["rule"] not in {of.rule, *of.neighbours}:
            return dict(said)
    return None


def is_right(line: Line) -> bool:
    """Whether the run said what it had to: the fault soon and no other headline; of the healthy shop, nothing."""
    if expected(line) is None:
        return not line["findings"]
    return named_soon(line) and other_headline(line) is None


def strong(lines: Iterable[Line]) -> tuple[list[Said], list[Said], list[tuple[str, Said]]]:
    """All strong findings: those that name their fault, those of neighbours, and, with the fault, those that are wrong."""
    right: list[Said] = []
    near: list[Said] = []
    wrong: list[tuple[str, Said]] = []
    for line in lines:
        of = expected(line)
        for said in line["findings"]:
            if said["confidence"] != "strong":
                continue
            if of is not None and is_named(said, of):
                right.append(said)
            elif of is not None and said["rule"] in of.neighbours:
                near.append(said)
            else:
                wrong.append((line["fault"], said))
    return right, near, wrong


def goal(runs: int, misses: int, wanted: int, allowed: int) -> str:
    """Whether at most so many of the wanted runs miss; "open" as long as there are too few to say."""
    if misses > allowed:
        return "missed"
    return "met" if runs >= wanted else "open"


def interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's exact interval of a share (Biometrika 26, 1934): the shares for which as many hits or more, or as few or
    less, come in half of the rest.
    """
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of}")
    half = (1 - level) / 2
    return _low(hits, of, half), 1 - _low(of - hits, of, half)


def at_least(hits: int, of: int, share: float) -> float:
    """How likely so many hits or more are, each with this share, which is neither 0 nor 1."""
    # By logarithms: the binomials of more than a thousand do not fit a float.
    log, rest = math.log(share), math.log1p(-share)
    return math.fsum(
        math.exp(math.log(math.comb(of, n)) + n * log + (of - n) * rest)
        for n in range(hits, of + 1)
    )


def _low(hits: int, of: int, half: float) -> float:
    if hits == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if at_least(hits, of, middle) < half:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def count(holds: Sequence[bool]) -> str:
    """`19 of 20`, and the interval in percent."""
    return share(sum(holds), len(holds))


def share(hits: int, of: int) -> str:
    """The same of two numbers."""
    if of == 0:
        return "–"
    low, high = interval(hits, of)
    return f"{hits} of {of} ({100 * low:.0f}–{100 * high:.0f} %)"
