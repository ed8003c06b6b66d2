"""What Linux tells in /proc: the machine's busy time and a process's CPU time and memory. Nothing else reads /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Share:
    """Shares of all cores' time, 0 to 1."""

    busy: float
    steal: float


@dataclass(frozen=True)
class Machine:
    """Ticks of all cores since the machine started."""

    busy: int
    steal: int
    all: int

    def since(self, earlier: "Machine") -> Share:
        """What was used between two readings."""
        ticks = max(self.all - earlier.all, 1)
        return Share((self.busy - earlier.busy) / ticks, (self.steal - earlier.steal) / ticks)


def machine() -> Machine:
    """A reading of /proc/stat."""
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, first.split()[1:9])
    busy = user + nice + system + irq + softirq
    return Machine(busy=busy, steal=steal, all=busy + idle + iowait + steal)


def cpu_s(pid: int) -> float:
    """User and system time of a process; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_rss_bytes(pid: int) -> int:
    """Largest resident memory of a process so far; 0 when it is gone.

    Not `ru_maxrss`: that counts what the process was before it became the program.
    """
    return _status_bytes(pid, "VmHWM:")


def rss_bytes(pid: int) -> int:
    """Resident memory of a process now; 0 when it is gone."""
    return _status_bytes(pid, "VmRSS:")


def _status_bytes(pid: int, key: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    found = next((line for line in text.splitlines() if line.startswith(key)), None)
    return int(found.split()[1]) * 1024 if found else 0
