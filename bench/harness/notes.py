"""What a reader has to know beside a row's figures: who was at a limit, and whether all did the same work. Pure."""

from collections import Counter

from harness.contest import KATYDID, Contest
from harness.run import Run

_FULL = 0.9
_STEAL = 0.05
_SHARE_APART = 0.02
_BYTES_APART = 0.1
_COUNT_APART = 0.01


def notes(contest: Contest) -> list[str]:
    """In the order of importance; nothing when all is well."""
    found = list(contest.lost)
    by_label: dict[str, list[Run]] = {}
    for run in contest.runs:
        by_label.setdefault(run.contender, []).append(run)
    katydid = by_label.get(KATYDID)
    for label, runs in by_label.items():
        longer = _longer(runs)
        found += _said(label, longer)
        found += _limits(label, longer)
        found += _kept_alive(label, longer[-1])
        found += _counted(label, longer[-1])
        if katydid is not None and runs is not katydid:
            found += _same_work(label, runs, katydid)
    return found


def _longer(runs: list[Run]) -> list[Run]:
    """Of runs of two sizes, the larger ones; they bear the figures."""
    largest = max(run.users * run.seconds for run in runs)
    return [run for run in runs if run.users * run.seconds == largest]


def _said(label: str, runs: list[Run]) -> list[str]:
    invalid = [run.claim.note for run in runs if run.claim.note]
    return [f"{label} said in {len(invalid)} of {len(runs)} runs: {invalid[0]}"] if invalid else []


def _limits(label: str, runs: list[Run]) -> list[str]:
    found = []
    target = max(run.target_busy for run in runs)
    if target >= _FULL:
        found.append(f"{label}: the target used {_percent(target)} of a core (saturated)")
    machine = max(run.finished.machine_busy for run in runs)
    if machine >= _FULL:
        found.append(f"{label}: the machine was {_percent(machine)} busy (saturated)")
    steal = max(run.finished.machine_steal for run in runs)
    if steal >= _STEAL:
        found.append(f"{label}: the hypervisor took {_percent(steal)} of the machine's time")
    return found


def _kept_alive(label: str, run: Run) -> list[str]:
    if run.truth.connections <= 1.1 * run.users:
        return []
    return [f"{label} opened {run.truth.connections} connections for {run.users} users"]


def _same_work(label: str, runs: list[Run], katydids: list[Run]) -> list[str]:
    """The mix of requests and the bytes per answer."""
    found = []
    mine, other = _mix(katydids), _mix(runs)
    apart = max(abs(mine.get(p, 0) - other.get(p, 0)) for p in mine.keys() | other.keys())
    if apart > _SHARE_APART:
        found.append(f"{label} and katydid differ by {_percent(apart)} in the mix of requests")
    answer, katydid_answer = _bytes_per_answer(runs), _bytes_per_answer(katydids)
    if abs(answer / katydid_answer - 1) > _BYTES_APART:
        found.append(
            f"{label} was sent {answer:.0f} bytes per answer, katydid {katydid_answer:.0f}"
        )
    return found


def _counted(label: str, run: Run) -> list[str]:
    if abs(run.claim.requests / run.truth.served - 1) <= _COUNT_APART:
        return []
    return [f"{label} counts {run.claim.requests} requests, the target served {run.truth.served}"]


def _mix(runs: list[Run]) -> dict[str, float]:
    """Share of each kind of request in what the longer runs did beyond the shorter ones: logins come once per user."""
    counts: Counter[str] = Counter()
    longer = _longer(runs)
    for run in longer:
        counts.update(run.truth.paths)
    for run in runs:
        if run not in longer:
            counts.subtract(run.truth.paths)
    total = max(sum(counts.values()), 1)
    return {path: count / total for path, count in counts.items()}


def _bytes_per_answer(runs: list[Run]) -> float:
    return sum(run.truth.bytes_out for run in runs) / sum(run.truth.served for run in runs)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
