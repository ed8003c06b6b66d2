"""What all tests share: where the project is, and the command that is tested."""

import os
import shutil
import sys
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


def pytest_report_header() -> str:
    """The machine's size, which many timings depend on."""
    return f"processors: {os.cpu_count()}"
