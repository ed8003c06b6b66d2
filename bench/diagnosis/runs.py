"""The lines of a file of runs, and what every run of the demo shop needs here: to be alone, and none of a user's settings."""

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import machine
from harness.errors import BenchError
from harness.tools import OUT

from diagnosis.judge import Line, Said

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path("bench/diagnosis")
"""Where the results are kept, in the checkout."""
SCRATCH = OUT / "diagnosis"
_SETTINGS = ("GITHUB_", "KATYDID_", "LOCUST_", "OTEL_", "SHOP_")
_LEFT_S = 150.0  # what a killed start left behind ends by itself
_LONGEST = 100  # letters of what a finding is about


def without_settings() -> None:
    """What a user has set for other runs is not for these."""
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        if name != "KATYDID_DEMO_DIR":
            del os.environ[name]


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
        "commit": _commit(),
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


def remove(folder: Path) -> None:
    """A run and its probe, if they are there."""
    for place in (folder, Path(f"{folder}-probe")):
        shutil.rmtree(place, ignore_errors=True)


def _commit() -> str:
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
