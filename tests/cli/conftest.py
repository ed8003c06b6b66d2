"""The installed command as its users meet it: a target with known truth, and a runner that keeps
what a run said and saved."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# What a shell has started in the background ignores Ctrl-C, and so does what that starts: a test could not interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: No run takes so long; a loaded machine may.
PATIENCE = 120

#: Stands before each scenario: `say(key=value)` is how a task tells the test what it saw.
PRELUDE = """\
import json, sys
from locust import *
from locust import events

def say(**seen):
    sys.stdout.write("SAID " + json.dumps(seen, default=repr) + "\\n")
    sys.stdout.flush()
"""


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str
    run: Path
    words: list[str] = field(default_factory=list)

    @cached_property
    def summary(self) -> Any:
        """What the run left in its folder."""
        return json.loads((self.run / "summary.json").read_text())

    @property
    def said(self) -> dict[str, Any]:
        """All that `say` was told; the last word counts."""
        seen: dict[str, Any] = {}
        for line in self.out.splitlines():
            if line.startswith("SAID "):
                seen.update(json.loads(line[5:]))
        return seen

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Requests and failures per endpoint, as `GET /path`."""
        return {
            f"{row['method']} {row['name']}": (row["requests"], row["failures"])
            for row in self.summary["endpoints"]
            if row["requests"]
        }

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """Endpoint, cause and text of each."""
        rows = self.summary["failures"]
        return [(f"{r['method']} {r['name']}", r["cause"], r["text"]) for r in rows]

    @property
    def text(self) -> str:
        """Everything it printed."""
        return f"$ katydid {' '.join(self.words)}\n{self.out}\n{self.err}\nexit code {self.code}"

    def ended(self, code: int) -> "Done":
        """Asserts the exit code. A machine too busy for valid numbers makes it 3, rightly."""
        starved = self.code == 3 and code in (0, 1) and not self.summary["generator"]["valid"]
        assert self.code == code or starved, self.text
        return self


class Katydid:
    """Runs the command in a folder of its own."""

    def __init__(self, command: str, folder: Path, target: str) -> None:
        self.command = command
        self.folder = folder
        self.target = target
        inherited = os.environ.items()
        self.env = {k: v for k, v in inherited if not k.startswith(("LOCUST_", "KATYDID_"))}
        self.env["HOME"] = str(folder)

    def __call__(self, *words: str, env: dict[str, str] | None = None, **more: Any) -> Done:
        """The command with these words, to its end."""
        done = subprocess.run(
            [self.command, *words],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            **more,
        )
        return Done(done.returncode, done.stdout, done.stderr, self.folder / "run", list(words))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The command with these words, left running."""
        return subprocess.Popen(
            [self.command, *words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, scenario: str, name: str = "locustfile.py") -> Path:
        """A locustfile in the folder."""
        path = self.folder / name
        path.write_text(PRELUDE + scenario)
        return path

    def scenario(self, text: str, *words: str, runs: int = 1, **more: Any) -> Done:
        """Writes the locustfile and runs so many of its tasks with one user against the target."""
        self.write(text)
        load = () if "-t" in words else ("-i", str(runs))
        host = () if "-H" in words else ("-H", self.target)
        return self("-u", "1", *load, *host, "--run-dir", "run", *words, **more)

    def task(self, body: str, *words: str, user: str = "HttpUser", **more: Any) -> Done:
        """Runs one task with this body once; the client is `c`."""
        lines = "\n".join("        " + line for line in body.strip("\n").splitlines())
        head = f"class U({user}):\n    @task\n    def t(self):\n        c = self.client\n"
        return self.scenario(head + lines + "\n", *words, **more)


def _binary() -> Path:
    found = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/katydid-target"
    if not found.exists():
        cargo = shutil.which("cargo")
        if cargo is None:
            pytest.skip("katydid-target is not built, and there is no cargo")
        build = [cargo, "build", "--release", "--locked", "-p", "katydid-target"]
        subprocess.run(build, cwd=ROOT, check=True)
    return found


Starter = Callable[..., str]


@pytest.fixture(scope="session")
def start_target() -> Iterator[Starter]:
    """Starts targets with these options; the answer is the URL."""
    started = []

    def start(*words: str) -> str:
        process = subprocess.Popen(
            [_binary(), "--bind", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def target(start_target: Starter) -> str:
    """The URL of a target for all tests."""
    return start_target()


@pytest.fixture(scope="session")
def tls_target(start_target: Starter) -> str:
    """A target whose certificate nobody trusts."""
    return start_target("--tls")


@pytest.fixture
def katydid(katydid: str, target: str, tmp_path: Path) -> Katydid:
    """The command, in an empty folder."""
    return Katydid(katydid, tmp_path, target)
