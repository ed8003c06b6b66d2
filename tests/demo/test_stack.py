"""However a stack ends, it leaves no process and no port; a stack that cannot start says why."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, manager
from katydid_shop.stack import Stack
from katydid_shop.stack.process import listening, living_in


def _end_by(number: int) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


def _close_input(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(_end_by(signal.SIGINT), 0, id="SIGINT"),
        pytest.param(_end_by(signal.SIGTERM), 0, id="SIGTERM"),
        pytest.param(_end_by(signal.SIGKILL), -9, id="SIGKILL"),
        pytest.param(_close_input, 0, id="parent gone"),
    ],
)
def test_nothing_is_left(
    stack: Stack, end: Callable[[subprocess.Popen[str]], None], status: int
) -> None:
    """Runs beside the session's stack, so it also shows that two do not collide."""
    process = manager("--with-parent")
    urls = _ready(process)
    place, ports = Path(urls["place"]), _ports(urls)
    assert all(listening(port) for port in ports)
    assert len(living_in(place)) >= 4
    end(process)
    assert process.wait(30) == status
    _until(lambda: not living_in(place) and not any(listening(port) for port in ports))
    assert stack.failed() is None


def test_worker_processes(stack: Stack) -> None:
    process = manager("--workers", "2", "--with-parent")
    place = Path(_ready(process)["place"])
    process.kill()
    process.wait(10)
    _until(lambda: not living_in(place))


def test_signal_while_starting(stack: Stack) -> None:
    name = f"early-{os.getpid()}"
    process = manager("--name", name)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("postgres")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    _until(lambda: not living_in(stack.place.parent / name))


def test_a_dead_component_ends_the_stack(stack: Stack) -> None:
    process = manager("--with-parent")
    urls = _ready(process)
    os.kill(urls["pids"]["valkey"], signal.SIGKILL)
    assert process.wait(30) == 2
    assert process.stderr is not None
    assert "shop: valkey ended with status -9" in process.stderr.read()
    assert living_in(Path(urls["place"])) == []


def test_start_failure_is_told_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_POOL_SIZE", "many")
    process = manager()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    message = said.partition("shop: ")[2]
    assert message.startswith(("worker", "app"))
    assert "ValueError" in message


def test_up_and_down_twice(stack: Stack) -> None:
    def call(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "katydid_shop.stack", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "demo/shop")},
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=90,
        ).stdout

    name = f"test-{os.getpid()}"
    try:
        first = call("up", "--name", name)
        assert "http://127.0.0.1:" in first
        assert call("up", "--name", name) == first
    finally:
        assert "is down" in call("down", "--name", name)
    assert call("down", "--name", name) == ""
    assert living_in(stack.place.parent / name) == []


def _ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    found: dict[str, Any] = json.loads(line)
    return found


def _ports(urls: dict[str, Any]) -> list[int]:
    return [int(re.findall(r":(\d+)", urls[name])[-1]) for name in ("app", "postgres", "valkey")]


def _until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.05)
