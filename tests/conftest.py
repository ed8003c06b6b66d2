"""What all tests share: where the project is, and the command that is tested."""

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The runs of the tests are not what a pipeline that runs them wants to hear of.
for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def katydid() -> str:
    """The command `katydid` of the environment that runs the tests."""
    beside = Path(sys.executable).parent
    found = shutil.which("katydid", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.fail("katydid is not installed: make setup")
    return found


#: What katydid says of a run when the machine was too busy, and no reason else.
LATE = re.compile(
    r"(In phase [^:]+: )?(Worker \d+: )?(Requests were taken up|The I/O thread was|The scenario's event loop was) late"
)


class MachineWasTooBusyError(Exception):
    """A test failed, and katydid rightly called a run of it INVALID for being late: try again."""


def late_runs(folder: Path) -> list[str]:
    """Why runs saved somewhere in this folder were INVALID, where that was for being late."""
    found = []
    for path in folder.rglob("summary.json"):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # one that a test broke
            reasons = json.loads(path.read_text())["generator"]["reasons"]
            found += [reason for reason in reasons if LATE.match(reason)]
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Tells failures on a machine that is too busy (see `--only-rerun` in pyproject.toml) apart."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as failure:
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        late = late_runs(folder) if folder else []
        if late:
            raise MachineWasTooBusyError(late[0]) from failure
        raise


def pytest_report_header() -> str:
    """The machine's size, which many timings depend on."""
    return f"processors: {os.cpu_count()}"
