"""The table as text: what `make bench` prints. Computes nothing."""

from harness.contest import Contest, Verdict
from harness.notes import notes
from harness.probes import PEAK_MB, RATE, Probed
from harness.stats import Estimate, describe


def progress(label: str, probed: Probed) -> str:
    """One program, one round."""
    told = ", ".join(f"{number(value)} {name}" for name, value in probed.figures.items())
    return f"  · {label:<8} {told}"


def row(contest: Contest) -> str:
    """A finished row."""
    lines = ["", f"{contest.row.name}: {contest.row.title}"]
    for metric, columns in contest.figures.items():
        if metric in (RATE, PEAK_MB):
            continue
        lines.append(f"  {metric:<22} {'median':>9}  interval")
        for label in columns:
            if (found := contest.estimate(metric, label)) is not None:
                lines.append(
                    f"    {label:<20} {number(found.median):>9}  {interval(found)}{_beside(contest, label)}"
                )
    lines += [f"  katydid {verdict(one)}" for one in contest.verdicts()]
    lines += [f"  ! {note}" for note in notes(contest)]
    return "\n".join(lines)


def verdict(one: Verdict) -> str:
    """A goal, what was found, and the word for it."""
    if one.found is None:
        return f"{one.goal}: {one.word}"
    return f"{one.goal}: {ratio(one.found)} — {one.word}"


def ratio(found: Estimate) -> str:
    """A median with its interval, as ratios are written."""
    return f"{number(found.median)} [{number(found.low)}–{number(found.high)}]"


def interval(found: Estimate) -> str:
    """From low to high."""
    return f"[{number(found.low)}–{number(found.high)}]"


def what_interval(contests: list[Contest]) -> str:
    """What the intervals of a table are."""
    found = [one.found for contest in contests for one in contest.verdicts() if one.found]
    kinds = sorted({describe(one) for one in found})
    return "Intervals: " + "; ".join(kinds) + "." if kinds else "Nothing could be compared."


def number(value: float) -> str:
    """Three digits, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def _beside(contest: Contest, label: str) -> str:
    """Rate and memory, which are told with every metric."""
    rate, peak = contest.estimate(RATE, label), contest.estimate(PEAK_MB, label)
    told = [f"{number(rate.median)} req/s"] if rate else []
    told += [f"{number(peak.median)} MB at most"] if peak else []
    return "  " + ", ".join(told)
