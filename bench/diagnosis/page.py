"""bench/diagnosis/truth.md: the table. Computes nothing but counts of what `judge.py` says."""

from collections import Counter
from collections.abc import Iterable, Sequence

from diagnosis.cases import EXPECTED, HEALTHY, ROUNDS, wanted
from diagnosis.judge import (
    Line,
    Said,
    count,
    expected,
    goal,
    is_named,
    named_at_all,
    named_soon,
    only_suspected,
    other_headline,
    share,
    strong,
)

_HEAD = """\
# What the diagnosis says of faults that are known

Made by `.venv/bin/python bench/diagnosis/truth.py` ([README.md](README.md)): runs of the demo shop with one fault each, and of the healthy
shop. Intervals are Clopper and Pearson's, 95 %. A run that is INVALID counts as any other.
"""

_TITLES = (
    *("fault", "rule", "where", "runs", "INVALID", "first or second, right place"),
    *("named at all", "only suspected", "other headline", "goal"),
)

MISSES = 1  # of the 20 runs of a fault
HEALTHY_MISSES = 2  # of 60
STRONG = 0.9


def page(lines: Sequence[Line], probe: bool) -> str:
    """The whole document. Lines without a result are told of, and count nowhere else."""
    made = [line for line in lines if "error" not in line]
    all_runs = sum(wanted(fault) for fault in (*EXPECTED, HEALTHY))
    asked = "after a probe" if probe else "without a probe"
    parts = [_HEAD.strip(), f"{len(made)} of {all_runs} runs, {asked}. {_origin(made)}".strip()]
    parts += ["## Faults", _faults(made), "## Goals", _goals(made)]
    parts += ["## What was misnamed", _misnamed(lines)]
    return "\n\n".join(parts) + "\n"


def _of(lines: Sequence[Line], fault: str) -> list[Line]:
    return [line for line in lines if line["fault"] == fault]


def _origin(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    days = sorted({line["time"][:10] for line in lines})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    commits = _counted(line["commit"] for line in lines)
    machines = _counted(line["machine"] for line in lines)
    again = [line["rules"] for line in lines if "rules" in line]
    judged = f" Judged again by the rules of {_counted(again)}: {len(again)} runs." if again else ""
    return f"Date: {when}. Machine: {machines}. Commit: {commits}.{judged}"


def _counted(words: Iterable[str]) -> str:
    counts = Counter(words).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{word} ({number} runs)" for word, number in counts)


def _faults(lines: Sequence[Line]) -> str:
    rows = [_TITLES, ("---",) * len(_TITLES)]
    for fault, of in EXPECTED.items():
        runs = _of(lines, fault)
        rows.append(
            (
                f"`{fault}`",
                f"`{of.rule}`",
                of.place(),
                str(len(runs)),
                str(_invalid(runs)),
                count([named_soon(run) for run in runs]),
                str(sum(named_at_all(run) for run in runs)),
                str(sum(only_suspected(run) for run in runs)),
                str(len(_headlines(runs))),
                _goal(fault, runs),
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _goals(lines: Sequence[Line]) -> str:
    healthy = _of(lines, HEALTHY)
    silent = [not run["findings"] for run in healthy]
    of_silence = goal(len(silent), silent.count(False), wanted(HEALTHY), HEALTHY_MISSES)
    right, near, wrong = strong(lines)
    uses = len(right) + len(near) + len(wrong)
    good = len(right) + len(near)
    of_strong = ("met" if good >= STRONG * uses else "missed") if uses else "open"
    named = [_named_goal(_of(lines, fault)) for fault in EXPECTED]
    heads = [_headline_goal(_of(lines, fault)) for fault in EXPECTED]
    return "\n".join(
        (
            f"- Each fault first or second, at the right place, in 19 of 20: {_tally(named)}.",
            f"- Another rule as its headline in no more than 1 of 20: {_tally(heads)}.",
            f"- The healthy shop has nothing above suspected in 58 of 60: {count(silent)}, {_invalid(healthy)} INVALID; {of_silence}.",
            f'- "strong" is right in 90 % of its uses: {share(good, uses)}, {len(near)} of these a neighbour\'s; {of_strong}.',
        )
    )


def _tally(goals: Sequence[str]) -> str:
    return ", ".join(f"{word} by {goals.count(word)}" for word in ("met", "missed", "open"))


def _named_goal(runs: Sequence[Line]) -> str:
    misses = sum(not named_soon(run) for run in runs)
    return goal(len(runs), misses, ROUNDS, MISSES)


def _headline_goal(runs: Sequence[Line]) -> str:
    return goal(len(runs), len(_headlines(runs)), ROUNDS, MISSES)


def _goal(fault: str, runs: Sequence[Line]) -> str:
    both = {_named_goal(runs), _headline_goal(runs)}
    return next(word for word in ("missed", "open", "met") if word in both)


def _headlines(runs: Sequence[Line]) -> list[Said]:
    return [said for run in runs if (said := other_headline(run)) is not None]


def _invalid(runs: Sequence[Line]) -> int:
    return sum(not run["valid"] for run in runs)


def _misnamed(lines: Sequence[Line]) -> str:
    return "\n".join(_line(fault, _of(lines, fault)) for fault in (*EXPECTED, HEALTHY))


def _line(fault: str, lines: Sequence[Line]) -> str:
    runs = [line for line in lines if "error" not in line]
    failed = len(lines) - len(runs)
    parts = [f"no result in {failed}"] if failed else []
    of = EXPECTED.get(fault)
    if of is not None:
        unsaid = [run for run in runs if not named_at_all(run)]
        late = sum(named_at_all(run) and not named_soon(run) for run in runs)
        instead = Counter(run["instead"] for run in unsaid if run["instead"])
        why = "".join(f' ("{text}")' for text, _ in instead.most_common(1))
        parts += [f"not named in {len(unsaid)}{why}"] if unsaid else []
        parts += [f"too late or elsewhere in {late}"] if late else []
    wrong: Counter[str] = Counter()
    for run in runs:
        wrong.update({says(said) for said in run["findings"] if _is_wrong(run, said)})
    parts += [f"{text} in {number}" for text, number in wrong.most_common()]
    if of is None:
        suspects = Counter(text for run in runs for text in {says(one) for one in run["suspected"]})
        parts += [f"suspected: {text} in {number}" for text, number in suspects.most_common()]
    told = "; ".join(parts) or ("nothing" if runs else "no runs yet")
    return f"- `{fault}`: {told}."


def _is_wrong(run: Line, said: Said) -> bool:
    of = expected(run)
    return of is None or not (is_named(said, of) or said["rule"] in of.neighbours)


def says(said: Said) -> str:
    """A finding in words: its rule and where."""
    endpoints = said["endpoints"]
    return f"{said['rule']} at {endpoints[0]}" if endpoints else f"{said['rule']} ({said['about']})"
