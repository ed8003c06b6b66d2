"""Does the diagnosis name faults that are known? Runs the demo shop with each of them, and writes bench/diagnosis/truth.md.

.venv/bin/python bench/diagnosis/truth.py [--only FAULT]… [--minutes N] [--table] [--no-probe] [--out DIR]

Each run is a line of runs.jsonl, written when it is over; what has a line is not run again. So it can be ended at any time, however,
and goes on where it was. Knows the command and the files that it writes, nothing of how shop or rules work.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.errors import BenchError
from harness.process import Child, Finished, end_as_an_error_would

from diagnosis.cases import EXPECTED, HEALTHY, USERS, Case, schedule
from diagnosis.judge import Line, is_right
from diagnosis.page import page, says
from diagnosis.runs import (
    CHECKOUT,
    HERE,
    SCRATCH,
    alone,
    mend,
    read,
    remove,
    short,
    start,
    without_settings,
)

_LOAD = ("-t", "20s", "--only-summary")
_LIMIT_S = 240.0  # of a run: seeding on the first, a probe of a minute and a half, the load
_AGAIN_S = 5.0
_MOST_FAILURES = 3  # in a row: then something is wrong that waiting does not mend


def main() -> int:
    """Exit code 0 when nothing stood in the way, whatever the table says; 1 when runs fail."""
    options = _options()
    os.chdir(CHECKOUT)
    end_as_an_error_would()
    without_settings()
    suffix = "" if options.probe else "-no-probe"
    options.out.mkdir(parents=True, exist_ok=True)
    runs = options.out / f"runs{suffix}.jsonl"
    table = options.out / f"truth{suffix}.md"
    code = 0
    if not options.table:
        with alone() as lock:
            code = _measure(runs, table, options, lock)
    table.write_text(page(read(runs), options.probe), encoding="utf-8")
    print(f"kept in {table}")
    return code


def _measure(runs: Path, table: Path, options: argparse.Namespace, lock: int) -> int:
    end = time.monotonic() + 60 * options.minutes
    mend(runs)
    done = {Case(line["fault"], line["number"]) for line in read(runs) if "error" not in line}
    cases = [case for case in schedule() if not options.only or case.fault in options.only]
    left = [case for case in cases if case not in done]
    failures = 0
    for number, case in enumerate(left, len(cases) - len(left) + 1):
        if time.monotonic() >= end:
            break
        line = _tried(case, options.probe, lock)
        with runs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        table.write_text(page(read(runs), options.probe), encoding="utf-8")
        print(f"{number}/{len(cases)} {case.fault} {case.number}: {_told(line)}", flush=True)
        failures = failures + 1 if "error" in line else 0
        if failures == _MOST_FAILURES:
            print(f"bench: {failures} runs in a row gave no result", file=sys.stderr)
            return 1
    return 0


def _tried(case: Case, probe: bool, lock: int) -> Line:
    """A run, tried twice: while katydid is being installed anew there is a moment when it is not there."""
    line = start(case.fault, case.number)
    began = time.monotonic()
    folder = SCRATCH / f"{case.fault}-{case.number}"
    for is_last in (False, True):
        try:
            line |= _run(case, folder, probe, lock)
            break
        except (BenchError, OSError, ValueError, KeyError) as error:
            told = f"{type(error).__name__}: {error}"[:500]
            if is_last:
                line["error"] = told
            else:
                print(f"bench: {case.fault} {case.number} again: {told}", file=sys.stderr)
                time.sleep(_AGAIN_S)
    line["seconds"] = round(time.monotonic() - began, 1)
    if "error" not in line and is_right(line):
        remove(folder)
    return line


def _run(case: Case, folder: Path, probe: bool, lock: int) -> Line:
    """One run, with a shop of its own; what it said."""
    remove(folder)
    argv = [sys.executable, "-m", "katydid", "demo", *_LOAD, "--run-dir", str(folder)]
    users = EXPECTED[case.fault].users if case.fault in EXPECTED else USERS
    argv += ["-u", str(users), "--fault", "none" if case.fault == HEALTHY else case.fault]
    argv += ["--probe"] if probe else []
    with Child(argv, SCRATCH / "last", kept=(lock,)) as child:
        ended = _ended(child)
    if not (folder / "findings.json").exists():
        raise BenchError(f"ended with {ended.exit_code}: {ended.stderr[-300:]}")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    if probe and not summary["probe"]:
        told = [text for text in ended.stderr.splitlines() if "The probe failed" in text]
        raise BenchError(told[0] if told else "the run knows nothing of its probe")
    if any(failure["cause"] == "refused" for failure in summary["failures"]):
        raise BenchError("the shop went away during the run")
    return {
        "valid": summary["run"]["valid"],
        "exit_code": summary["run"]["exit_code"],
        "reasons": summary["generator"]["reasons"],
        "findings": [short(one) for one in found["findings"]],
        "suspected": [short(one) for one in found["suspected"]],
        "instead": _instead(case, found),
    }


def _ended(child: Child) -> Finished:
    try:
        return child.wait(_LIMIT_S)
    except BaseException:
        # As Ctrl-C, so that it takes its shop down.
        child.interrupt()
        raise


def _instead(case: Case, found: dict[str, Any]) -> str:
    """Why the fault's rule finds nothing, in its words; empty where it does not say."""
    of = EXPECTED.get(case.fault)
    return next((out["why"] for out in found["ruled_out"] if of and out["rule"] == of.rule), "")


def _told(line: Line) -> str:
    if "error" in line:
        return f"no result: {line['error']}"
    word = "right" if is_right(line) else "WRONG"
    invalid = "" if line["valid"] else ", INVALID"
    said = "; ".join(says(one) for one in line["findings"]) or "nothing"
    return f"{word}{invalid}: {said} ({line['seconds']:.0f} s)"


def _options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="bench/diagnosis/truth.py", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=(*EXPECTED, HEALTHY),
        metavar="FAULT",
        help="this fault; may be repeated",
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin no run after so many"
    )
    parser.add_argument(
        "--table", action="store_true", help="only write the table of what is there"
    )
    parser.add_argument(
        "--probe",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="probe before each run [yes]; without, files are called …-no-probe",
    )
    parser.add_argument(
        "--out", type=Path, default=CHECKOUT / HERE, help="folder of runs and table [this one]"
    )
    options = parser.parse_args(argv)
    options.out = options.out.absolute()
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, KeyboardInterrupt) as error_:
        sys.exit(f"bench: {error_}" if isinstance(error_, BenchError) else 130)
