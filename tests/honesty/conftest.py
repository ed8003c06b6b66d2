"""Katydid against a server that knows the truth, as processes: what the honesty tests share.

The scenarios are in `scenarios/`. They write the instants of their requests, where a test asks for
them, to the file that `HONESTY_INSTANTS` names.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Target:
    """katydid-target in a process of its own."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [program, "--bind", "127.0.0.1:0", "--log-requests"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]

    def call(self, path: str, method: str = "GET") -> bytes:
        """A control path's answer; not counted by the target."""
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    def truth(self) -> Any:
        """What it counted."""
        return json.loads(self.call("/_truth"))

    def settled(self) -> Any:
        """What it counted, once nothing is under way any more."""
        limit = time.monotonic() + 20
        while True:
            truth = self.truth()
            total = truth["total"]
            if total["requests"] == total["served"] + total["unanswered"]:
                return truth
            assert time.monotonic() < limit, f"the target never settled: {total}"
            time.sleep(0.05)

    def requests(self) -> list[Any]:
        """Its log."""
        return [json.loads(line) for line in self.call("/_truth/requests").splitlines()]

    def by_id(self) -> dict[str, Any]:
        """Its log by X-Request-Id."""
        return {request["id"]: request for request in self.requests() if "id" in request}

    def reset(self) -> None:
        """Forgets counts and log."""
        self.call("/_control/reset", "POST")

    def freeze(self, ms: int) -> None:
        """Stops the world from now on."""
        self.call(f"/_control/freeze?ms={ms}", "POST")

    def wait_served(self, count: int, seconds: float = 60) -> int:
        """Returns when it has served that many."""
        limit = time.monotonic() + seconds
        while (served := int(self.truth()["total"]["served"])) < count:
            assert time.monotonic() < limit, f"{served} requests served, {count} expected"
            time.sleep(0.05)
        return served

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class Instants:
    """One request as katydid measured it, in ns of CLOCK_MONOTONIC."""

    id: str
    due: int
    asked: int
    taken: int
    connected: int
    send: int
    first_byte: int
    done: int


@dataclass
class Run:
    """A run that has ended."""

    returncode: int
    stdout: str
    stderr: str
    folder: Path
    summary: Any
    """summary.json; None when the process was killed."""

    def __str__(self) -> str:
        return f"exit {self.returncode}\n{self.stdout[-4000:]}\n{self.stderr[-4000:]}"

    @property
    def total(self) -> Any:
        return self.summary["total"]

    @property
    def reasons(self) -> list[str]:
        found: list[str] = self.summary["generator"]["reasons"]
        return found

    def endpoint(self, name: str, method: str = "GET") -> Any:
        """One row of the table."""
        rows = [
            row
            for row in self.summary["endpoints"]
            if (row["kind"], row["method"], row["name"]) == ("request", method, name)
        ]
        assert len(rows) == 1, f"{method} {name}: {self.summary['endpoints']}"
        return rows[0]

    def instants(self) -> list[Instants]:
        """What the scenario noted."""
        lines = (self.folder.parent / "instants.jsonl").read_text().splitlines()
        return [Instants(*json.loads(line)) for line in lines]

    def ended_well(self, *codes: int) -> None:
        """Exit code, verdict and record agree; `codes` are those of a valid run.

        A busy machine may make any run INVALID, with exit 3; that is for `test_validity.py`.
        """
        assert self.summary is not None, self
        assert self.returncode == self.summary["run"]["exit_code"], self
        assert self.summary["run"]["valid"] == (not self.reasons), self
        if self.summary["run"]["valid"]:
            assert self.returncode in codes, self
        else:
            assert self.returncode == 3, self


class Live:
    """A run under way."""

    def __init__(self, command: Sequence[str | Path], folder: Path, env: dict[str, str]) -> None:
        folder.mkdir()
        self.folder = folder / "run"
        self.summary = folder / "out.json"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "KATYDID_"))}
        self.stdout = folder / "stdout"
        self.stderr = folder / "stderr"
        with self.stdout.open("w") as out, self.stderr.open("w") as err:
            self.process = subprocess.Popen(
                [*command, "--run-dir", self.folder, "--summary", self.summary],
                cwd=folder,
                env={**clean, "HONESTY_INSTANTS": str(folder / "instants.jsonl"), **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def join(self, seconds: float = 120) -> Run:
        """Waits for its end."""
        returncode = self.process.wait(timeout=seconds)
        whole = self.summary.exists()
        return Run(
            returncode,
            self.stdout.read_text(),
            self.stderr.read_text(),
            self.folder,
            json.loads(self.summary.read_text()) if whole else None,
        )


class Katydid:
    """The command, in folders of its own; nothing that it started outlives the test."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.started: list[Live] = []

    def start(self, scenario: str, *words: str, prefix: Sequence[str] = (), **env: str) -> Live:
        """Starts a run of a file in `scenarios/`; `prefix` is a command that starts it."""
        file = HERE / "scenarios" / f"{scenario}.py"
        folder = self.folder / f"{len(self.started)}-{scenario}"
        live = Live([*prefix, self.program, "-f", file, "--headless", *words], folder, env)
        self.started.append(live)
        return live

    def __call__(self, scenario: str, *words: str, prefix: Sequence[str] = (), **env: str) -> Run:
        """Runs a file in `scenarios/` to its end."""
        return self.start(scenario, *words, prefix=prefix, **env).join()

    def report(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """`katydid report`."""
        return subprocess.run(
            [self.program, "report", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def kill(self) -> None:
        for live in self.started:
            live.kill()


@dataclass(frozen=True)
class Sample:
    """A sorted sample, to hold reported quantiles against."""

    values: list[float]

    def quantile(self, q: float) -> float:
        """The nearest rank's value."""
        rank = min(len(self.values) - 1, int(q * len(self.values)))
        return self.values[rank]

    def rank_error(self, q: float, value: float, precision: float = 0.001) -> int:
        """By how many ranks `value`, known to `precision`, is off from the q-quantile."""
        rank = q * (len(self.values) - 1)
        low = bisect_left(self.values, value * (1 - precision) - 0.001)
        high = bisect_right(self.values, value * (1 + precision) + 0.001) - 1
        return max(0, round(low - rank), round(rank - high))


@pytest.fixture
def sample() -> Callable[[Iterator[float]], Sample]:
    """Makes a sample."""
    return lambda values: Sample(sorted(values))


@pytest.fixture(scope="session")
def target_program() -> Path:
    """The release build; the debug build's own lateness would be in all times."""
    if given := os.environ.get("KATYDID_TARGET"):
        return Path(given)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = folder / "release/katydid-target"
    if not program.exists():
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", "-p", "katydid-target"],
            cwd=ROOT,
            env={**os.environ, "CARGO_TARGET_DIR": str(folder)},
            check=True,
        )
    return program


@pytest.fixture
def target(target_program: Path) -> Iterator[Target]:
    """A server with known truth; its counts start at zero."""
    up = Target(target_program)
    try:
        yield up
    finally:
        up.kill()


@pytest.fixture
def run(katydid: str, tmp_path: Path) -> Iterator[Katydid]:
    """Runs katydid."""
    runner = Katydid(katydid, tmp_path)
    try:
        yield runner
    finally:
        runner.kill()


@pytest.fixture
def burn() -> Iterator[Callable[[int, int], None]]:
    """Starts so many busy loops on one processor; they end with the test."""
    loops: list[subprocess.Popen[bytes]] = []

    def start(count: int, processor: int) -> None:
        for _ in range(count):
            spin = [sys.executable, "-c", "while True: pass"]
            loops.append(subprocess.Popen(["taskset", "-c", str(processor), *spin]))

    try:
        yield start
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
