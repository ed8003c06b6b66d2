"""Real Locust, installed beside katydid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from beside import Did, did

ROOT = Path(__file__).parents[2]
VERSION = "2.47.0"


@pytest.fixture(scope="session")
def locust() -> Path:
    """Real Locust's command; installed once."""
    folder = ROOT / ".venv/locust"
    command = folder / "bin/locust"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", f"locust=={VERSION}"]
        subprocess.run(pip, check=True)
    return command


@pytest.fixture
def both(locust: Path, katydid: str, tmp_path: Path) -> Callable[..., tuple[Did, Did]]:
    """Runs a scenario under Locust and under katydid, with the same words."""

    def run(name: str, *words: str) -> tuple[Did, Did]:
        return (
            did(str(locust), tmp_path / "locust", name, words),
            did(katydid, tmp_path / "katydid", name, words),
        )

    return run
