"""What the scenario's side costs: CPU of this thread, which runs all users, and memory of the
process. The engine's own threads are its business. At 100 % Python is the bottleneck, however many
cores there are.
"""

from __future__ import annotations

import os
import resource
import time

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """Measured from one call to the next."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def since_last(self) -> tuple[float, int]:
        """CPU in percent of one core, and bytes of memory in use now."""
        wall, cpu = time.perf_counter(), time.thread_time()
        percent = 100 * (cpu - self._cpu) / max(wall - self._wall, 1e-9)
        self._wall, self._cpu = wall, cpu
        return percent, _resident()


def _resident() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
