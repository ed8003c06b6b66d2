"""One run of one program against a target, and all that was seen of it."""

import json
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import BenchError
from harness.process import Child, Finished
from harness.programs import Claim, Job
from harness.rows import Contender, Row
from harness.target import Target, Truth
from harness.tools import OUT, Tools

SCRATCH = OUT / "scratch"
_GRACE_S = 45  # start-up and end of a program, beyond the time it was told to run


@dataclass(frozen=True)
class Run:
    """What was seen. `target_busy` is of one core, over the program's whole life."""

    contender: str
    command: str
    users: int
    seconds: int
    finished: Finished
    truth: Truth
    claim: Claim
    target_busy: float

    def as_json(self) -> dict[str, Any]:
        """Without what was printed."""
        told = asdict(self)
        for stream in ("stdout", "stderr"):
            del told["finished"][stream]
        return told


@dataclass(frozen=True)
class Bench:
    """What every measurement of a row needs."""

    tools: Tools
    row: Row
    target: Target
    seconds: int

    def job(self, who: Contender, seconds: int, users: int | None = None) -> Job:
        """The row's work for one program. Its files get names that no other run has."""
        number = sum(1 for _ in SCRATCH.iterdir())
        return Job(
            url=self.target.url,
            path=self.row.path,
            users=users or self.row.users,
            seconds=seconds,
            rate=self.row.rate,
            script=who.path,
            out=SCRATCH / f"{self.row.name}-{who.label}-{number}",
        )

    def command(self, who: Contender, job: Job) -> list[str]:
        """What is executed."""
        return who.program.command(self.tools, job)

    def written(self, who: Contender, job: Job) -> str:
        """The command as one would type it, without what differs from run to run."""
        text = shlex.join(self.command(who, job))
        return text.replace(job.url, "$TARGET").replace(str(job.out), "bench/out/run")

    def run(self, who: Contender, seconds: int) -> Run:
        """Runs a program for so long and checks that it did its work."""
        job = self.job(who, seconds)
        self.target.reset()
        before = self.target.cpu_s
        with Child(self.command(who, job), job.out) as child:
            finished = child.wait(seconds + _GRACE_S)
        return self.seen(who, job, finished, before)

    def seen(self, who: Contender, job: Job, finished: Finished, target_before: float) -> Run:
        """What is known after a run, or why it does not count."""
        if finished.exit_code not in who.program.fine:
            raise BenchError(f"{who.label} ended with {finished.exit_code}: {_end(finished)}")
        target_busy = (self.target.cpu_s - target_before) / finished.seconds
        truth = self.target.truth()
        try:
            claim = who.program.claim(finished, job)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchError(f"{who.label} left no readable result: {error!r}") from error
        if truth.failures or claim.failures:
            raise BenchError(
                f"{who.label}: {truth.failures} failures at the target, {claim.failures} by its own count"
            )
        if not truth.served:
            raise BenchError(f"{who.label} made no request: {_end(finished)}")
        written = self.written(who, job)
        return Run(who.label, written, job.users, job.seconds, finished, truth, claim, target_busy)


def fresh_scratch() -> None:
    """An empty folder for what programs write."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)


def write_json(path: Path, value: object) -> None:
    """For people to read and git to compare."""
    text = json.dumps(value, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def runs_as_json(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """In the order they were made."""
    return [run.as_json() for run in runs]


def _end(finished: Finished) -> str:
    """The last that a program said."""
    lines = (finished.stderr.strip() or finished.stdout.strip()).splitlines()
    return " / ".join(lines[-3:])[-400:]
