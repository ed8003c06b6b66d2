"""Does the diagnosis name faults that are known? Runs the demo shop with each of them, and writes bench/diagnosis/truth.md.

.venv/bin/python bench/diagnosis/truth.py [--only FAULT]… [--minutes N] [--table | --again] [--no-probe] [--out DIR]

Each run is a line of runs.jsonl, written when it is over; what has a line is not run again. So it can be ended at any time, however,
and goes on where it was. The records are kept in bench/out, so that changed rules can judge them again. Knows the command and the
files that it writes, nothing of how shop or rules work.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.errors import BenchError
from harness.process import Child

from diagnosis.cases import EXPECTED, HEALTHY, USERS, Case, schedule
from diagnosis.judge import Line, is_right
from diagnosis.page import page, says
from diagnosis.runs import (
    SCRATCH,
    alone,
    commit,
    exit_with,
    finished,
    is_of,
    keep,
    keep_all,
    mend,
    only_record,
    options_of,
    prepare,
    read,
    record_of,
    remove,
    results,
    short,
    start,
)

_LOAD = ("-t", "20s", "--only-summary")
_AGAIN_S = 5.0
_MOST_FAILURES = 3  # in a row: then something is wrong that waiting does not mend


def main() -> int:
    """Exit code 0 when nothing stood in the way, whatever the table says; 1 when runs fail."""
    options = _options()
    prepare(options.out)
    suffix = "" if options.probe else "-no-probe"
    runs = options.out / f"runs{suffix}.jsonl"
    table = options.out / f"truth{suffix}.md"
    code = 0
    if options.again:
        with alone():
            code = _again(runs, options)
    elif not options.table:
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
        keep(runs, line)
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
    folder = record_of(line, probe)
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
        only_record(folder)
    return line


def _again(runs: Path, options: argparse.Namespace) -> int:
    """Lets the rules of today judge the records that are there."""
    mend(runs)
    lines, judged, failures, rules = read(runs), 0, 0, commit()
    for line in lines:
        folder = record_of(line, options.probe)
        is_asked = not options.only or line["fault"] in options.only
        if not is_asked or "error" in line or not is_of(line, folder):
            continue
        argv = [sys.executable, "-m", "katydid", "diagnose", "--json", str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            failures += 1
            print(f"bench: {line['fault']} {line['number']}: {done.stderr[-300:]}", file=sys.stderr)
            continue
        was_right = is_right(line)
        line |= _said(Case(line["fault"], line["number"]), json.loads(done.stdout))
        line["rules"] = rules
        judged += 1
        if is_right(line) != was_right:
            print(f"{line['fault']} {line['number']}: {_told(line)}", flush=True)
    keep_all(runs, lines)
    print(f"{judged} of {len(lines)} judged again; of the others no record is here")
    return 1 if failures else 0


def _run(case: Case, folder: Path, probe: bool, lock: int) -> Line:
    """One run, with a shop of its own; what it said."""
    remove(folder)
    argv = [sys.executable, "-m", "katydid", "demo", *_LOAD, "--run-dir", str(folder)]
    users = EXPECTED[case.fault].users if case.fault in EXPECTED else USERS
    argv += ["-u", str(users), "--fault", "none" if case.fault == HEALTHY else case.fault]
    argv += ["--probe"] if probe else []
    with Child(argv, SCRATCH / "last", kept=(lock,)) as child:
        ended = finished(child)
    summary, found = results(folder, ended, probe)
    return {
        "valid": summary["run"]["valid"],
        "exit_code": summary["run"]["exit_code"],
        "reasons": summary["generator"]["reasons"],
        **_said(case, found),
    }


def _said(case: Case, found: dict[str, Any]) -> Line:
    return {
        "findings": [short(one) for one in found["findings"]],
        "suspected": [short(one) for one in found["suspected"]],
        "instead": _instead(case, found),
    }


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
    parser = options_of("bench/diagnosis/truth.py", __doc__, (*EXPECTED, HEALTHY), "run")
    parser.add_argument(
        "--probe",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="probe before each run [yes]; without, files are called …-no-probe",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="run nothing: let the rules of today judge the records that are here",
    )
    options = parser.parse_args(argv)
    if options.again and options.table:
        parser.error("--again writes the table, too: leave out --table")
    return options


if __name__ == "__main__":
    exit_with(main)
