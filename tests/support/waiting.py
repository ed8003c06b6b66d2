"""Waiting for what a test cannot be told of."""

import contextlib
import time
from pathlib import Path
from typing import Any

#: Nothing that a test waits for takes so long; a loaded machine may, s.
PATIENCE = 60.0


def until(condition: Any, what: str) -> None:
    """Waits for it; a failure when it does not come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_at_work(process: int | str) -> bool:
    """Whether there is a process of this number; one that nobody has waited for does nothing any more."""
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{int(process)}/stat").read_text()
    return False
