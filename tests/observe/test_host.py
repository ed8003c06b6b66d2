"""The observer of this machine: its numbers are those of `/proc`."""

from __future__ import annotations

import os
from pathlib import Path

from looking import looking


def meminfo(name: str) -> int:
    """Bytes of a line of /proc/meminfo."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def test_processors_and_memory() -> None:
    with looking("host") as look:
        look.until(lambda look: len(look.series("cpu.user")) >= 5)
    assert look.last("cpu.cores") == os.cpu_count()
    assert look.last("memory.total") == meminfo("MemTotal")
    for core in range(os.cpu_count() or 1):
        values = look.series("cpu.core.busy", cpu=str(core))
        assert values == sorted(values)
        assert len(values) >= 3
    modes = ["user", "nice", "system", "idle", "iowait", "irq", "steal"]
    series = [look.series(f"cpu.{mode}") for mode in modes]
    passed = sum(values[-1] - values[0] for values in series)
    looks = len(series[0]) - 1
    # All that processors can do in so many seconds; looks may come late.
    assert passed >= 0.7 * (looks - 2) * (os.cpu_count() or 1)
    watched = look.watched()[0]
    assert watched["kind"] == "host"
    assert os.uname().release in watched["title"]


def test_what_the_kernel_does_not_measure_is_said() -> None:
    with looking("host") as look:
        look.until(lambda look: look.last("load") is not None)
    pressure = look.sights()["pressure"]
    assert pressure["seen"] == Path("/proc/pressure/cpu").exists()
    assert pressure["seen"] or "psi=1" in pressure["remedy"]
    assert (look.last("pressure.cpu.some") is not None) == pressure["seen"]


def test_it_is_cheap() -> None:
    with looking("host") as look:
        look.until(lambda look: len(look.series("observer.cpu")) >= 4)
    cpu = look.series("observer.cpu")
    assert (cpu[-1] - cpu[0]) / (len(cpu) - 1) < 0.01
