"""What is kept of a comparison: results.json with every run, and a README.md with the table and the commands."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import text
from harness.contest import Contest
from harness.notes import notes
from harness.probes import PEAK_MB, RATE
from harness.run import runs_as_json, write_json
from harness.stats import Estimate

_INTRODUCTION = """\
Made by `make bench`; the numbers of this file come from `results.json` beside it, which holds every run.

CPU is user and system time of the generator alone. Each program runs twice per round, for {settle} (until start-up is over)
and for {seconds} s longer; the figure is what the longer run used more, divided by the requests that it made more, which
the target counted. Ratios are taken within a round, then their median is taken. {interval}
A verdict is `just` when its interval reaches over the limit. All programs and the target share the machine's cores.
"""


def write(
    folder: Path,
    contests: Sequence[Contest],
    facts: Mapping[str, str],
    versions: Mapping[str, str],
    seconds: int,
) -> None:
    """Writes both files; earlier ones of the same day and machine are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"machine": dict(facts), "versions": dict(versions), "seconds": seconds}
    write_json(folder / "results.json", {**told, "rows": [_row(one) for one in contests]})
    page = _page(contests, facts, versions, seconds)
    (folder / "README.md").write_text(page, encoding="utf-8")


def _row(contest: Contest) -> dict[str, Any]:
    return {
        "name": contest.row.name,
        "title": contest.row.title,
        "figures": contest.figures,
        "goals": [
            {
                "goal": str(one.goal),
                "at_most": one.goal.at_most,
                "found": vars(one.found) if one.found else None,
                "verdict": one.word,
            }
            for one in contest.verdicts()
        ],
        "notes": notes(contest),
        "runs": runs_as_json(contest.runs),
    }


def _page(
    contests: Sequence[Contest],
    facts: Mapping[str, str],
    versions: Mapping[str, str],
    seconds: int,
) -> str:
    settles = sorted({f"{one.row.settle} s" for one in contests})
    introduction = _INTRODUCTION.format(
        settle=" or ".join(settles), seconds=seconds, interval=text.what_interval(list(contests))
    )
    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    programs = "; ".join(f"{name}: {told}" for name, told in versions.items())
    parts = [
        f"# katydid and its peers, {facts['date']}",
        introduction,
        f"Machine: {machine}.\nPrograms: {programs}.",
        "## Goals",
        _goals(contests),
        "## Figures",
        _figures(contests),
        "## Notes",
        _notes(contests),
        "## Commands",
        "From the root of the checkout, against `katydid-target` at `$TARGET`.",
        *(_commands(one) for one in contests),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _goals(contests: Sequence[Contest]) -> str:
    lines = ["| work | goal | katydid | verdict |", "|---|---|---|---|"]
    for contest in contests:
        for one in contest.verdicts():
            found = text.ratio(one.found) if one.found else "—"
            lines.append(f"| {contest.row.title} | {one.goal} | {found} | {one.word} |")
    return "\n".join(lines)


def _figures(contests: Sequence[Contest]) -> str:
    lines = [
        "| work | metric | program | median | interval | req/s | peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for contest in contests:
        for metric, columns in contest.figures.items():
            if metric in (RATE, PEAK_MB):
                continue
            for label in columns:
                cells = (
                    contest.row.name,
                    metric,
                    label,
                    _median(contest.estimate(metric, label)),
                    _interval(contest.estimate(metric, label)),
                    _median(contest.estimate(RATE, label)),
                    _median(contest.estimate(PEAK_MB, label)),
                )
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _median(found: Estimate | None) -> str:
    return text.number(found.median) if found else "—"


def _interval(found: Estimate | None) -> str:
    return text.interval(found) if found else "—"


def _notes(contests: Sequence[Contest]) -> str:
    lines = [f"- {one.row.name}: {note}" for one in contests for note in notes(one)]
    return "\n".join(lines) or "None."


def _commands(contest: Contest) -> str:
    flags = ["--tls"] if contest.row.tls else []
    target = " ".join(
        ["target/release/katydid-target", "--bind 127.0.0.1:0", *contest.row.flags, *flags]
    )
    longest = {run.contender: run.command for run in contest.runs}
    body = "\n".join([target, *longest.values()])
    return f"{contest.row.name}:\n\n```\n{body}\n```"
