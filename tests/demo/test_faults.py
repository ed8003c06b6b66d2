"""Faults on command: a run of the shop names those that were planted, at the endpoints that they hurt, and none where there is none.

The loads are small: a finding rests on counts and waits, not on how slow this machine is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import manager

DEMO = [sys.executable, "-m", "katydid", "demo"]


def run(folder: Path, *words: str) -> dict[str, Any]:
    """A run of the demo, and what it found."""
    command = [*DEMO, "-u", "60", "-t", "20s", "--run-dir", str(folder / "run"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "run/findings.json").read_text())
    return found


def named(found: dict[str, Any]) -> dict[str, str]:
    """By rule, the endpoint that it names first."""
    return {one["rule"]: one["endpoints"][0] for one in found["findings"] if one["endpoints"]}


def test_an_unknown_fault_is_refused() -> None:
    process = manager("--faults", "n_plus_one,rust")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "there is no fault rust; there are missing_index, n_plus_one" in errors


def test_faults_on_two_endpoints_are_both_named(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "n_plus_one,connection_held")
    causes = named(found)
    assert causes["n_plus_one"] == "GET /orders?page=[n]"
    assert causes["connection_held"] == "POST /orders"
    (again,) = [one for one in found["findings"] if one["rule"] == "n_plus_one"]
    assert again["confidence"] == "strong" and "customers" in again["about"]
    # The rules over the record say the same.
    told = subprocess.run(
        [sys.executable, "-m", "katydid", "diagnose", "--json", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert json.loads(told.stdout) == found


def test_a_missing_index_is_given_as_it_has_to_be_built(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "missing_index")
    (one, *_) = [one for one in found["findings"] if one["rule"] == "missing_index"]
    assert one["endpoints"][0] == "GET /orders?page=[n]"
    ddl = [fix["text"] for one in found["findings"] for fix in one["fixes"]]
    columns = {text[text.index("(") :] for text in ddl if "ON orders" in text}
    assert "(tenant_id, created_at DESC);" in columns


def test_a_contended_row_is_named_with_who_waits(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "row_lock")
    (one,) = [one for one in found["findings"] if one["rule"] == "row_lock"]
    assert one["endpoints"] == ["POST /orders"] and "UPDATE counters" in one["about"]


def test_a_service_downstream_a_leak_and_a_queue_are_named(tmp_path: Path) -> None:
    found = run(tmp_path, "--fault", "slow_downstream,memory_leak,one_consumer")
    causes = {one["rule"]: one for one in found["findings"]}
    assert causes["slow_downstream"]["endpoints"] == ["POST /orders"]
    assert causes["memory_leak"]["about"].startswith("uvicorn")
    assert "mails" in causes["queue_backlog"]["about"]


def test_the_healthy_shop_has_none(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert found["findings"] == []
    assert {one["rule"] for one in found["ruled_out"]} >= {
        "n_plus_one",
        "missing_index",
        "row_lock",
    }
