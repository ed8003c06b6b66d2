"""Does the advice of the diagnosis help? Runs the demo shop with each fault, follows the advice, runs it again: bench/diagnosis/advice.md.

.venv/bin/python bench/diagnosis/advice.py [--only FAULT]… [--rounds N] [--minutes N] [--table] [--out DIR]

What is printed as SQL, as the size of a pool, as a number of consumers is taken to the letter. Other advice is a change of code: then the
shop is run with the form of that code that has no fault. Each pair is a line of advice.jsonl, written when it is over; what has a line
is not run again.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.errors import BenchError
from harness.process import Child
from harness.shop import Shop, shop, watching

from diagnosis.cases import EXPECTED
from diagnosis.judge import Line, is_named
from diagnosis.runs import (
    SCRATCH,
    alone,
    exit_with,
    finished,
    keep,
    mend,
    options_of,
    prepare,
    read,
    remove,
    results,
    short,
    start,
)

_ROUNDS = 3

_HEAD = """\
# Whether the advice helps

Made by `.venv/bin/python bench/diagnosis/advice.py` ([README.md](README.md)): a run of the demo shop with one
fault; then the advice of the finding that names it is followed, and the same run is made again. *Gone*: no finding of the rule is left at
the place. p95 is of the endpoint that the finding names first, over the whole run, from the instant at which each request was due.
"""


@dataclass(frozen=True)
class Followed:
    """The shop after the advice: what it is started with, and what is done to it before the load."""

    done: str
    faults: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Shop, ExitStack], None] = lambda _shop, _until: None


def main() -> int:
    """Exit code 0 when nothing stood in the way, whatever the table says; 1 when runs fail."""
    options = _options()
    prepare(options.out)
    pairs, table = options.out / "advice.jsonl", options.out / "advice.md"
    code = 0
    if not options.table:
        with alone() as lock:
            code = _measure(pairs, table, options, lock)
    table.write_text(page(read(pairs)), encoding="utf-8")
    print(f"kept in {table}")
    return code


def _measure(pairs: Path, table: Path, options: argparse.Namespace, lock: int) -> int:
    end = time.monotonic() + 60 * options.minutes
    mend(pairs)
    done = {(line["fault"], line["number"]) for line in read(pairs) if "error" not in line}
    code = 0
    for number in range(1, options.rounds + 1):
        for fault in EXPECTED:
            if (fault, number) in done or (options.only and fault not in options.only):
                continue
            if time.monotonic() >= end:
                return code
            line = start(fault, number)
            try:
                line |= _pair(fault, lock)
            except (BenchError, OSError, ValueError, KeyError, psycopg.Error) as error:
                line["error"] = f"{type(error).__name__}: {error}"[:500]
                code = 1
            keep(pairs, line)
            table.write_text(page(read(pairs)), encoding="utf-8")
            print(f"{fault} {number}: {_told(line)}", flush=True)
    return code


def _pair(fault: str, lock: int) -> Line:
    of = EXPECTED[fault]
    before, found = _run(fault, Followed("", fault), lock)
    named = [one for one in found if is_named(short(one), of)]
    if not named:
        said = ", ".join(one["rule"] for one in found) or "nothing"
        return {"named": False, "said": said, "before": before}
    followed = follow(fault, named)
    after, left = _run(fault, followed, lock)
    return {
        "named": True,
        "about": named[0]["about"][:200],
        "endpoints": named[0]["endpoints"],
        "advice": named[0]["advice"],
        "done": followed.done,
        "before": before,
        "after": after,
        "gone": not any(is_named(short(one), of) for one in left),
        "left": [short(one) for one in left],
    }


def follow(fault: str, named: list[dict[str, Any]]) -> Followed:
    """What the findings of a fault advise, as far as it can be done without a change of code."""
    texts = [fix["text"] for one in named for fix in one["fixes"]]
    if fault == "missing_index":
        return Followed(" ".join(texts), fault, prepare=_do_sql(texts))
    if fault == "small_pool":
        size = _number(r"pool_size=(\d+)", texts)
        return Followed(
            f"pool_size={size}, max_overflow=0",
            env={
                "SHOP_POOL_SIZE": size,
                "SHOP_POOL_OVERFLOW": "0",
                "SHOP_DASHBOARD_PARTS": "place",
            },
        )
    if fault == "one_consumer":
        times = _number(r"Run (\d+) times as many consumers", [one["advice"] for one in named])
        return Followed(f"{times} consumers", fault, prepare=_add_consumers(int(times) - 1))
    if fault == "stampede":
        return Followed("the same report, by one at a time", env={"SHOP_DASHBOARD_PARTS": "market"})
    return Followed("the shop's own code without the fault")


def _number(pattern: str, texts: list[str]) -> str:
    for text in texts:
        if found := re.search(pattern, text):
            return found[1]
    raise BenchError(f"the advice has no number: {texts}")


def _do_sql(texts: list[str]) -> Callable[[Shop, ExitStack], None]:
    def act(up: Shop, _: ExitStack) -> None:
        with psycopg.connect(up["postgres"], autocommit=True) as db:
            for text in texts:
                db.execute(text)

    return act


def _add_consumers(more: int) -> Callable[[Shop, ExitStack], None]:
    """As the first one, in the same environment: whoever runs a service starts a second worker so."""

    def act(up: Shop, until: ExitStack) -> None:
        raw = Path(f"/proc/{up['pids']['worker']}/environ").read_text()
        env = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
        for number in range(more):
            argv = [sys.executable, "-m", "katydid_shop.worker"]
            until.enter_context(Child(argv, SCRATCH / f"consumer-{number}", env))
        time.sleep(2)

    return act


def _run(fault: str, shop_as: Followed, lock: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One run with a shop of its own: what endpoints took, and the findings."""
    folder = SCRATCH / f"advice-{fault}"
    remove(folder)
    users = EXPECTED[fault].users
    with ExitStack() as until:
        spans = _free_address()
        sends = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{spans}",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
        up = until.enter_context(shop(shop_as.faults, {**sends, **shop_as.env}))
        shop_as.prepare(up, until)
        words, env = watching(up)
        argv = [sys.executable, "-m", "katydid", "-f", "examples/shop.py", "-H", up["app"]]
        argv += ["--probe", "--headless", "-u", str(users), "-r", f"{users / 5:g}", "-t", "20s"]
        argv += ["--only-summary", "--run-dir", str(folder), "--watch", f"otlp:{spans}", *words]
        child = until.enter_context(Child(argv, SCRATCH / "advice-last", env, kept=(lock,)))
        ended = finished(child)
    summary, found = results(folder, ended, probe=True)
    p95 = {f"{of['method']} {of['name']}": of["from_due"]["p95"] for of in summary["endpoints"]}
    valid = summary["run"]["valid"]
    requests = summary["total"]["requests"]
    return {"valid": valid, "requests": requests, "p95_ms": p95}, found["findings"]


def _free_address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def _p95(line: Line) -> tuple[float, float] | None:
    """Of the endpoint that is named first, before and after; None where none is, or nothing came."""
    first = next(iter(line["endpoints"]), None) if line["named"] else None
    if first is None:
        return None
    before, after = (line[when]["p95_ms"].get(first) for when in ("before", "after"))
    return (before, after) if before and after else None


def _why_none(line: Line) -> str:
    return str(line["error"]) if "error" in line else f"not named, but {line['said']}"


def _told(line: Line) -> str:
    if not line.get("named"):
        return f"no result: {_why_none(line)}"
    p95 = _p95(line)
    told = f"x {p95[1] / p95[0]:.2f}" if p95 else "–"
    return f"{'gone' if line['gone'] else 'STILL THERE'}, p95 {told}; {line['done']}"


def page(lines: list[Line]) -> str:
    """The whole document."""
    made = [line for line in lines if "error" not in line]
    commits, machines = (
        ", ".join(sorted({line[what] for line in made})) or "–" for what in ("commit", "machine")
    )
    by_fault = {fault: [line for line in made if line["fault"] == fault] for fault in EXPECTED}
    there = {fault: pairs for fault, pairs in by_fault.items() if pairs}
    rows = ["| fault | what was done | pairs | gone | endpoint | p95 before → after, ms |"]
    rows += ["| --- | --- | --- | --- | --- | --- |"]
    rows += [_row(fault, pairs) for fault, pairs in there.items()]
    gone = [all(line["named"] and line["gone"] for line in pairs) for pairs in there.values()]
    timed = [pairs for pairs in there.values() if any(_p95(line) for line in pairs)]
    better = [sum(map(_is_better, pairs)) * 2 > len(pairs) for pairs in timed]
    told = [
        f"- The finding is gone in every pair: {sum(gone)} of {len(gone)} faults.",
        f"- p95 of the endpoint is lower in most pairs: {sum(better)} of the {len(better)} faults that are found at an endpoint.",
    ]
    without = [
        f"- {line['fault']} {line['number']}: {_why_none(line)}"
        for line in lines
        if not line.get("named")
    ]
    parts = [
        _HEAD.strip(),
        f"{len(made)} pairs. Commits: {commits}. Machine: {machines}.",
        "\n".join(rows),
        "\n".join(told),
    ]
    if without:
        parts += ["## Without a result", "\n".join(without)]
    return "\n\n".join(parts) + "\n"


def _row(fault: str, pairs: list[Line]) -> str:
    named = [line for line in pairs if line["named"]]
    cells = [
        f"`{fault}`",
        "; or: ".join(f"`{done}`" for done in sorted({line["done"] for line in named})),
        str(len(pairs)),
        str(sum(line["gone"] for line in named)),
        ", ".join(sorted({line["endpoints"][0] for line in named if line["endpoints"]})),
        "; ".join(filter(None, map(_times, named))),
    ]
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def _is_better(line: Line) -> bool:
    p95 = _p95(line)
    return p95 is not None and p95[1] < p95[0]


def _times(line: Line) -> str:
    p95 = _p95(line)
    if p95 is None:
        return ""
    mark = "" if line["before"]["valid"] and line["after"]["valid"] else " (INVALID)"
    return f"{p95[0]:.0f} → {p95[1]:.0f}{mark}"


def _options() -> argparse.Namespace:
    assert __doc__ is not None
    parser = options_of("bench/diagnosis/advice.py", __doc__, EXPECTED, "pair")
    parser.add_argument(
        "--rounds", type=int, default=_ROUNDS, help="pairs of each fault [%(default)s]"
    )
    return parser.parse_args()


if __name__ == "__main__":
    exit_with(main)
