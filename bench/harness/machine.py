"""Which machine, day and state of the checkout a result belongs to; no host name, no path."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

import harness.proc as proc


def facts() -> dict[str, str]:
    """What matters for a reader of the results."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB",
        "kernel": platform.release(),
        "commit": _commit(),
    }


def slug(told: dict[str, str]) -> str:
    """A folder's name: date, processor and cores."""
    processor = re.sub(r"[^a-z0-9]+", "-", told["processor"].lower()).strip("-")
    return f"{told['date']}-{processor}-{told['cores']}-cores"


def busy_beforehand(seconds: float = 2.0) -> float:
    """Share of the machine in use while nothing of ours runs: a measurement wants little."""
    before = proc.machine()
    time.sleep(seconds)
    used = proc.machine().since(before)
    return used.busy + used.steal


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _commit() -> str:
    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
