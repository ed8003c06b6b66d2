"""A row in rounds: every program once in each, so that all of them meet the machine's moods alike; then the ratios."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.errors import BenchError
from harness.probes import Probed, probe
from harness.rows import Contender, Goal, Row
from harness.run import SCRATCH, Bench, Run
from harness.stats import Estimate, estimate
from harness.target import Target
from harness.tools import Tools

KATYDID = "katydid"


@dataclass(frozen=True)
class Verdict:
    """A goal, and how far katydid is from it. Without an estimate nothing could be compared."""

    goal: Goal
    found: Estimate | None

    @property
    def word(self) -> str:
        """Met or missed; `just` where the interval reaches over the limit."""
        if self.found is None:
            return "not measured"
        met = self.found.median <= self.goal.at_most
        clear = self.found.high <= self.goal.at_most or self.found.low > self.goal.at_most
        return ("" if clear else "just ") + ("met" if met else "missed")


@dataclass
class Contest:
    """A row's figures: by metric and program, one entry per round, None where that failed."""

    row: Row
    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def add(self, number: int, label: str, probed: Probed) -> None:
        """Enters what one program gave in one round."""
        self.runs += probed.runs
        for metric, value in probed.figures.items():
            column = self.figures.setdefault(metric, {}).setdefault(label, [])
            column += [None] * (number - len(column))
            column.append(value)

    def estimate(self, metric: str, label: str) -> Estimate | None:
        """A program's median over the rounds."""
        values = [v for v in self.figures.get(metric, {}).get(label, []) if v is not None]
        return estimate(values) if values else None

    def verdicts(self) -> list[Verdict]:
        """Every goal of the row, in its order."""
        return [Verdict(goal, self._against(goal)) for goal in self.row.goals]

    def _against(self, goal: Goal) -> Estimate | None:
        columns = self.figures.get(goal.metric, {})
        own = columns.get(KATYDID, [])
        if goal.peer is None:
            values = [v for v in own if v is not None]
        else:
            pairs = zip(own, columns.get(goal.peer, []), strict=False)
            values = [k / p for k, p in pairs if k is not None and p]
        return estimate(values) if values else None


def hold(
    row: Row, tools: Tools, rounds: int, seconds: int, said: Callable[[str, Probed], None]
) -> Contest:
    """Measures a row. A program that fails is left out from then on, which is noted."""
    contest = Contest(row)
    flags = (*row.flags, *(("--tls",) if row.tls else ()))
    with Target(tools.target, SCRATCH, *flags) as target:
        bench = Bench(tools, row, target, seconds)
        field_: list[Contender] = list(row.contenders)
        for number in range(rounds):
            # Forwards, then backwards: what drifts while a round lasts hits all alike.
            for who in list(field_) if number % 2 == 0 else list(reversed(field_)):
                try:
                    probed = probe(bench, who)
                except BenchError as error:
                    contest.lost.append(f"round {number + 1}: {error}")
                    field_.remove(who)
                    continue
                contest.add(number, who.label, probed)
                said(who.label, probed)
    return contest
