"""A wall clock that is set while observers look: theirs, and that of the server. Libfaketime does it to one process alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from looking import Look, looking
from postgres import made, serving

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

pytestmark = pytest.mark.skipif(FAKETIME is None, reason="no libfaketime: scripts/test-packages")


@pytest.fixture
def clock() -> Iterator[tuple[dict[str, str], Callable[[str], None]]]:
    """An environment whose wall clock can be set, and how: `+1h` from the true one."""
    # pytest's folders are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="katydid-test-clock-"))
    folder.chmod(0o755)
    offset = folder / "offset"

    def write(text: str) -> None:
        """Whole at once: a process that reads half a file, or none, ends."""
        new = folder / "new"
        new.write_text(text + "\n")
        new.chmod(0o644)
        new.rename(offset)

    write("+0")
    env = {
        **os.environ,
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        # Who steps a clock does not step the monotonic one.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    def set_to(text: str) -> None:
        write(text)
        told = subprocess.run(["date", "+%s"], env=env, capture_output=True, text=True, check=True)
        hours = {"+": 1, "-": -1}[text[0]] * int(text[1:-1])
        assert abs(int(told.stdout) - time.time() - hours * 3600) < 60, "the clock was not set"

    yield env, set_to
    shutil.rmtree(folder)


def looks(look: Look) -> int:
    return len(look.series("observer.read"))


def until_more(look: Look, more: int) -> None:
    """Waits for so many further looks."""
    enough = looks(look) + more
    look.until(lambda look: looks(look) >= enough)


def is_even(look: Look, sources: int) -> None:
    """No look is missing, dropped, or out of order, and nothing was lost or begun anew."""
    marks = [mark for mark in look.bodies("mark") if isinstance(mark, dict)]
    assert marks == []
    by_source: dict[int, list[int]] = {}
    for frame in look.frames:
        if "samples" in frame["body"]:
            by_source.setdefault(frame["source"], []).append(frame["at"])
    assert len(by_source) == sources
    for instants in by_source.values():
        ordered = sorted(instants)
        assert max(b - a for a, b in zip(ordered, ordered[1:], strict=False)) < 2_500_000


def test_the_observers_clock_is_set(
    clock: tuple[dict[str, str], Callable[[str], None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    env, set_to = clock
    with (
        serving(tmp_path_factory.mktemp("pg"), "18") as server,
        looking("host", server.url(), env=env) as look,
    ):
        # A process that has only just begun has no library yet.
        look.until(lambda look: look.frames)
        assert str(FAKETIME) in Path(f"/proc/{look.process}/maps").read_text()
        for offset in ("+1h", "-2h", "+0h"):
            set_to(offset)
            until_more(look, 4)
        is_even(look, 2)


def test_the_servers_clock_is_set(
    clock: tuple[dict[str, str], Callable[[str], None]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env, set_to = clock
    with made(tmp_path_factory.mktemp("pg"), "18") as server:
        with monkeypatch.context() as around:
            for name, value in env.items():
                around.setenv(name, value)
            server.start()
        with looking(server.url()) as look:
            for offset in ("+1h", "-2h"):
                look.until(lambda look: looks(look) >= 2)
                set_to(offset)
                (row,) = server.do("SELECT extract(epoch FROM now())::float8")
                assert abs(row[0] - time.time()) > 3_000, "the server's clock was not set"
                until_more(look, 5)
            is_even(look, 1)
