"""Ending with the process that started this one, however that has ended: nothing is left running.

Knows processes; nothing of runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

WITH_PARENT = "KATYDID_WITH_PARENT"
"""A katydid that is started with this variable ends with who started it."""


def end_with_parent() -> None:
    """Has the kernel tell this process to end (SIGTERM) when its parent has ended. Only on Linux."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def end_with_parent_if_told() -> None:
    """Does so where the variable says it, which is not handed on."""
    if os.environ.pop(WITH_PARENT, None):
        end_with_parent()
