"""`make bench`: katydid beside wrk, oha, k6 and Locust, in rounds, with its goals.

    .venv/bin/python bench/run.py [--only ROW] [--pairs N] [--seconds S] [--quick]

Everything runs on 127.0.0.1 against katydid-target, whose counts are the truth. Results are kept in
bench/results/<date>-<machine>/, unless only a part was measured.
"""

import argparse
import os
import sys
from pathlib import Path

from harness import document, machine, text
from harness.contest import Contest, hold
from harness.errors import BenchError
from harness.process import end_as_an_error_would
from harness.rows import ROWS, Row
from harness.run import fresh_scratch
from harness.tools import Tools, install, locate, versions

_CHECKOUT = Path(__file__).resolve().parents[1]
_QUIET = 0.2
_QUICK_PAIRS, _QUICK_SECONDS = 1, 2


def main() -> int:
    """Exit code 0 when all was measured, whatever the verdicts; 1 otherwise."""
    options = _options()
    os.chdir(_CHECKOUT)
    end_as_an_error_would()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    pairs, seconds = options.pairs, options.seconds
    if options.quick:
        pairs, seconds = _QUICK_PAIRS, _QUICK_SECONDS
    try:
        lost = [] if options.no_build else install()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for one in lost:
        print(f"bench: {one}", file=sys.stderr)
    tools = locate(options.katydid)
    fresh_scratch()
    return _measure(tools, rows, pairs, seconds, options.out, partial=bool(options.only))


def _measure(
    tools: Tools, rows: list[Row], pairs: int, seconds: int, out: Path | None, partial: bool
) -> int:
    busy = machine.busy_beforehand()
    facts = machine.facts() | {"busy beforehand": f"{100 * busy:.0f} %"}
    if busy > _QUIET:
        print(f"bench: others use {100 * busy:.0f} % of this machine: the numbers will be noisy")
    folder = out or Path("bench/out/partial" if partial else f"bench/results/{machine.slug(facts)}")
    told = versions(tools)
    contests: list[Contest] = []
    failed = False
    for row in rows:
        print(f"\n{row.name}: {row.title}, {pairs} rounds", flush=True)
        try:
            contest = hold(
                row,
                tools,
                pairs,
                seconds,
                lambda who, got: print(text.progress(who, got), flush=True),
            )
        except BenchError as error:
            print(f"bench: {row.name}: {error}", file=sys.stderr)
            failed = True
            continue
        print(text.row(contest), flush=True)
        failed |= bool(contest.lost)
        contests.append(contest)
        # After every row: what was measured is kept, whatever comes.
        document.write(folder, contests, facts, told, seconds)
    print(f"\n{text.what_interval(contests)}\nKept in {folder}/")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split("\n")[0])
    names = [row.name for row in ROWS]
    parser.add_argument("--only", action="append", choices=names, help="this row; may be repeated")
    parser.add_argument("--pairs", type=_positive, default=5, help="rounds per row [5]")
    parser.add_argument("--seconds", type=_positive, default=6, help="measured per run [6]")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s: is all there?")
    parser.add_argument("--out", type=Path, help="keep the results here")
    parser.add_argument("--no-build", action="store_true", help="build and install nothing")
    parser.add_argument("--katydid", default=".venv/bin/katydid", help="command of katydid")
    return parser.parse_args()


def _positive(text_: str) -> int:
    value = int(text_)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
