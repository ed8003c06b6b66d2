"""The lines of a file of runs, and what every start and every run needs here: to be alone, none of a user's settings, a whole end."""

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness import machine
from harness.errors import BenchError
from harness.process import Child, Finished, end_as_an_error_would
from harness.tools import OUT

from diagnosis.judge import Line, Said

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path("bench/diagnosis")
"""Where the results are kept, in the checkout."""
SCRATCH = OUT / "diagnosis"
_SETTINGS = ("GITHUB_", "KATYDID_", "LOCUST_", "OTEL_", "SHOP_")
_LIMIT_S = 240.0  # of a run: seeding on the first, a probe of a minute and a half, the load
_LEFT_S = 150.0  # what a killed start left behind ends by itself
_LONGEST = 100  # letters of what a finding is about


def options_of(path: str, doc: str, faults: Iterable[str], what: str) -> argparse.ArgumentParser:
    """The options of a script that makes such runs; `what` is one of them in a word."""
    parser = argparse.ArgumentParser(prog=path, description=doc.split("\n")[0])
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(faults),
        metavar="FAULT",
        help="this fault; may be repeated",
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help=f"begin no {what} after so many"
    )
    parser.add_argument(
        "--table", action="store_true", help="only write the table of what is there"
    )
    parser.add_argument(
        "--out",
        type=lambda word: Path(word).absolute(),
        default=CHECKOUT / HERE,
        help=f"folder of {what}s and table [this one]",
    )
    return parser


def prepare(out: Path) -> None:
    """Of this process: it works in the checkout, ends as an error would, and has no settings of a user's; and the folder is there."""
    os.chdir(CHECKOUT)
    end_as_an_error_would()
    # What a user has set for other runs is not for these.
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        if name != "KATYDID_DEMO_DIR":
            del os.environ[name]
    out.mkdir(parents=True, exist_ok=True)


def exit_with(main: Callable[[], int]) -> None:
    """Ends this process as `main` does: what the bench could not do is said, Ctrl-C is 130."""
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def keep(runs: Path, line: Line) -> None:
    """Adds a line, so that it is there whatever happens next."""
    with runs.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def keep_all(runs: Path, lines: Iterable[Line]) -> None:
    """Writes them anew, whole or not at all."""
    new = runs.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    new.replace(runs)


def finished(child: Child) -> Finished:
    """Waits for a run."""
    try:
        return child.wait(_LIMIT_S)
    except BaseException:
        # As Ctrl-C, so that it takes its shop down.
        child.interrupt()
        raise


def results(folder: Path, ended: Finished, probe: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Summary and findings of a run; BenchError where it says nothing of the shop."""
    if not (folder / "findings.json").exists():
        raise BenchError(f"ended with {ended.exit_code}: {ended.stderr[-300:]}")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    if probe and not summary["probe"]:
        told = [text for text in ended.stderr.splitlines() if "The probe failed" in text]
        raise BenchError(told[0] if told else "the run knows nothing of its probe")
    if any(failure["cause"] == "refused" for failure in summary["failures"]):
        raise BenchError("the shop went away during the run")
    return summary, found


def read(runs: Path) -> list[Line]:
    """What is there; of each run the last line. A last line that was not ended is none."""
    if not runs.exists():
        return []
    whole = runs.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    lines: list[Line] = [json.loads(text) for text in whole if text]
    last = {(line["fault"], line["number"]): line for line in lines}
    return list(last.values())


def mend(runs: Path) -> None:
    """Takes off a last line that was not ended, as a kill leaves it."""
    if runs.exists():
        whole = runs.read_bytes()
        os.truncate(runs, whole.rfind(b"\n") + 1)


def start(fault: str, number: int) -> Line:
    """How a line begins."""
    facts = machine.facts()
    return {
        "fault": fault,
        "number": number,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": f"{facts['processor']}, {facts['cores']} cores",
    }


def short(finding: dict[str, Any]) -> Said:
    """Of a finding, what the tables need."""
    cost = finding["cost"]
    return {
        "rule": finding["rule"],
        "endpoints": finding["endpoints"],
        "about": finding["about"][:_LONGEST],
        "confidence": finding["confidence"],
        "cost": {"share": round(cost["share"], 4)} if cost else None,
    }


def record_of(line: Line, probe: bool) -> Path:
    """The folder of a run."""
    return SCRATCH / f"{line['fault']}-{line['number']}{'' if probe else '-no-probe'}"


def is_of(line: Line, folder: Path) -> bool:
    """Whether the record in a folder is this line's, not an earlier one's or another machine's."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return False
    began = datetime.fromisoformat(line["time"])
    started = datetime.fromisoformat(json.loads(manifest.read_text(encoding="utf-8"))["started"])
    return began <= started <= began + timedelta(seconds=line["seconds"])


def only_record(folder: Path) -> None:
    """Leaves of a run what rules need, and removes its probe: the run's record holds what that one counted."""
    shutil.rmtree(f"{folder}-probe", ignore_errors=True)
    for made in ("report.html", "summary.json", "findings.json"):
        (folder / made).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """A run and its probe, if they are there."""
    for place in (folder, Path(f"{folder}-probe")):
        shutil.rmtree(place, ignore_errors=True)


def commit() -> str:
    """The checkout's; that this folder's results are new changes nothing."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    where = ("--", ".", f":!{HERE}")
    changed = git("status", "--porcelain", "--untracked-files=no", *where)
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


@contextmanager
def alone() -> Iterator[int]:
    """Nobody else measures meanwhile: neither another start, nor what a killed one left, which holds this lock until it is gone."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with (SCRATCH / "lock").open("ab") as file:
        end = time.monotonic() + _LEFT_S
        while not _locked(file.fileno()):
            if time.monotonic() >= end:
                raise BenchError("another start is at work")
            time.sleep(1)
        yield file.fileno()


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
