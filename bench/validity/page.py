"""bench/validity.md: the table of runs. Computes nothing but counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from validity.cases import Case

_HEAD = """\
# Healthy and starved runs

Made by `.venv/bin/python bench/validity/run.py`. The thresholds of `crates/katydid-analyze/src/validity.rs` change only
together with this table. What is expected holds by construction (`bench/validity/cases.py`), not by katydid's numbers.

lag: asked → taken, p99. hub lag, I/O lag: how late the scenario's event loop and the I/O thread were, p99; the second is in
the first. hub busy: its share of one core. run-queue wait: share of the time that both threads were ready but had no processor.
machine: share of all cores in use by anybody. steal: share of them that the hypervisor took; with 2 % or more of it a run is
made again, up to twice.
"""

_TITLES = (
    *("#", "run", "requests", "lag p99 ms", "hub lag p99 ms", "I/O lag p99 ms", "hub busy"),
    *("run-queue wait", "machine", "steal", "verdict", "expected", ""),
)
_COLUMNS = f"| {' | '.join(_TITLES)} |\n{'|---' * len(_TITLES)}|"


@dataclass(frozen=True)
class Outcome:
    """A run and its summary; without one, why not."""

    case: Case
    expected_valid: bool
    summary: dict[str, Any] | None
    error: str = ""

    @property
    def valid(self) -> bool | None:
        """katydid's verdict."""
        return None if self.summary is None else bool(self.summary["run"]["valid"])

    @property
    def steal(self) -> float:
        """Share of the machine that the hypervisor took."""
        told = self.summary["generator"]["steal_share"] if self.summary else None
        return float(told or 0)

    @property
    def right(self) -> bool:
        """Whether katydid said what was expected."""
        return self.valid is self.expected_valid


def line(number: int, one: Outcome) -> str:
    """A row of the table."""
    cells = [str(number), one.case.says(), *_measured(one)]
    cells += [_word(one.valid), _word(one.expected_valid), "" if one.right else "**wrong**"]
    return "| " + " | ".join(cells) + " |"


def page(outcomes: Sequence[Outcome], facts: Mapping[str, str]) -> str:
    """The whole document."""
    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    parts = [_HEAD.strip(), f"Machine: {machine}."]
    for title, valid in (("Healthy", True), ("Starved", False)):
        chosen = [one for one in outcomes if one.expected_valid is valid]
        right = sum(one.right for one in chosen)
        lines = [line(number, one) for number, one in enumerate(chosen, 1)]
        parts.append(f"## {title}: {right} of {len(chosen)} as expected")
        parts.append("\n".join([_COLUMNS, *lines]))
    return "\n\n".join([*parts, "## Reasons that katydid gave", _reasons(outcomes)]) + "\n"


def _measured(one: Outcome) -> list[str]:
    if one.summary is None:
        return [one.error, *[""] * 7]
    told = one.summary["generator"]
    return [
        str(one.summary["total"]["requests"]),
        _number(told["lag_p99_ms"]),
        _number(told["hub_lag_p99_ms"]),
        _number(told["io_lag_p99_ms"]),
        _share(told["hub_busy_share"]),
        _share(told["run_queue_wait_share"]),
        _share(told["machine_busy_share"]),
        _share(told["steal_share"]),
    ]


def _reasons(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for one in outcomes:
        if one.summary is None:
            continue
        told = one.summary["generator"]
        said = [*told["reasons"], *(f"(warning) {text}" for text in told["warnings"])]
        lines += [f"- {one.case.says()}: {' '.join(said)}"] if said else []
    return "\n".join(lines) or "None."


def _word(valid: bool | None) -> str:
    return "—" if valid is None else "valid" if valid else "INVALID"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.0f} %"
