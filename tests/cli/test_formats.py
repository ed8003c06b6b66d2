"""Every run format that was ever written is still read: one small run of each lies in tests/fixtures."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"
#: Requests in the run of each format.
RUNS = {"run-1.0": 100, "run-1.2": 54, "run-1.3": 135, "run-1.4": 3224}


@pytest.mark.parametrize("name", RUNS)
def test_an_old_run_is_read(name: str, tmp_path: Path) -> None:
    katydid = Path(__file__).parents[2] / ".venv/bin/katydid"
    shutil.copytree(FIXTURES / name, tmp_path / name)
    words = [str(katydid), "report", str(tmp_path / name), "--summary", "-"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["total"]["requests"] == RUNS[name]
    assert summary["run"]["complete"] is True
