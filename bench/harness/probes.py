"""What is measured of one program in one round of a row: a few named figures, and the runs they come from."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError
from harness.proc import rss_bytes
from harness.process import Child
from harness.rows import CPU, FIRST_REQUESTS, KB_PER_USER, LATE_P99, P99, Contender, Kind
from harness.run import Bench, Run

RATE = "req/s"
PEAK_MB = "peak MB"
P99_FROM_SEND = "p99 from send ms"
P99_TARGET = "p99 at the target ms"
LATE_P50 = "late by, p50 ms"
NOT_MADE = "requests not made"

_FEW_USERS = 10
_FIRST_LIMIT_S = 90.0
_FOREVER_S = 600
_CALM_S = 1.0
_POLL_S = 0.05
_LATENCY_FACTOR = 2


@dataclass(frozen=True)
class Probed:
    """Figures by name, and the runs behind them."""

    figures: dict[str, float]
    runs: tuple[Run, ...]


def probe(bench: Bench, who: Contender) -> Probed:
    """Measures one program once, as the row asks."""
    return _PROBES[bench.row.kind](bench, who)


def _cpu(bench: Bench, who: Contender) -> Probed:
    """Two lengths: what the longer run used beyond the shorter is free of start-up and end."""
    short = bench.run(who, bench.row.settle)
    long = bench.run(who, bench.row.settle + bench.seconds)
    requests = long.truth.served - short.truth.served
    if requests < bench.seconds:
        raise BenchError(f"{who.label}: the longer run made {requests} requests more")
    figures = {
        CPU: (long.finished.cpu_s - short.finished.cpu_s) / requests * 1e6,
        RATE: requests / bench.seconds,
        PEAK_MB: long.finished.peak_rss_bytes / 1e6,
    }
    return Probed(figures, (short, long))


def _latency(bench: Bench, who: Contender) -> Probed:
    """What the program reports; the target's own clock beside it."""
    run = bench.run(who, _LATENCY_FACTOR * bench.seconds)
    if run.claim.p99_ms is None:
        raise BenchError(f"{who.label} reports no p99")
    figures = {
        P99: run.claim.p99_ms,
        RATE: run.truth.served / run.seconds,
        PEAK_MB: run.finished.peak_rss_bytes / 1e6,
    }
    if run.claim.p99_from_send_ms is not None:
        figures[P99_FROM_SEND] = run.claim.p99_from_send_ms
    took = sorted(written - read for read, written in bench.target.instants())
    figures[P99_TARGET] = took[int(0.99 * (len(took) - 1))] / 1e6
    return Probed(figures, (run,))


def _lateness(bench: Bench, who: Contender) -> Probed:
    """When requests are at the target, against the times of a schedule that none of them is before. The first second, in which
    connections are opened, is left out."""
    run = bench.run(who, bench.seconds)
    rate = bench.row.rate
    assert rate is not None
    reads = sorted(read for read, _ in bench.target.instants())
    on_schedule = [read - number * 1e9 / rate for number, read in enumerate(reads)]
    began = min(on_schedule)
    late = sorted((at - began) / 1e6 for at in on_schedule[rate:])
    figures = {
        LATE_P99: late[int(0.99 * (len(late) - 1))],
        LATE_P50: late[len(late) // 2],
        NOT_MADE: rate * bench.seconds - len(reads),
        CPU: run.finished.cpu_s / len(reads) * 1e6,
        RATE: len(reads) / bench.seconds,
        PEAK_MB: run.finished.peak_rss_bytes / 1e6,
    }
    return Probed(figures, (run,))


def _idle(bench: Bench, who: Contender) -> Probed:
    """Memory with many users less that with few; how long it took the many to have their first answer."""
    few, _, first = _connected(bench, who, _FEW_USERS)
    many, seconds, second = _connected(bench, who, bench.row.users)
    figures = {
        KB_PER_USER: (many - few) / (bench.row.users - _FEW_USERS) / 1024,
        FIRST_REQUESTS: seconds,
        PEAK_MB: second.finished.peak_rss_bytes / 1e6,
    }
    return Probed(figures, (first, second))


def _connected(bench: Bench, who: Contender, users: int) -> tuple[int, float, Run]:
    """Bytes of memory once all users wait, and seconds from the test's start to the last first answer."""
    job = bench.job(who, _FOREVER_S, users)
    began = Path(f"{job.out}.began")
    bench.target.reset()
    before = bench.target.cpu_s
    with Child(bench.command(who, job), job.out, {"BENCH_BEGAN": str(began)}) as child:
        _all_asked(bench, who, child, users)
        time.sleep(_CALM_S)
        memory = rss_bytes(child.pid)
        finished = child.interrupt()
    _, last = max(bench.target.instants(), key=lambda instants: instants[1])
    seconds = (last - int(began.read_text(encoding="ascii"))) / 1e9
    run = bench.seen(who, job, finished, before)
    if run.truth.served != users:
        raise BenchError(f"{who.label}: {users} users made {run.truth.served} requests")
    return memory, seconds, run


def _all_asked(bench: Bench, who: Contender, child: Child, users: int) -> None:
    while (served := bench.target.truth().served) < users:
        if child.ended():
            raise BenchError(f"{who.label} ended after {served} of {users} first requests")
        if child.seconds > _FIRST_LIMIT_S:
            raise BenchError(
                f"{who.label}: {served} of {users} first requests in {_FIRST_LIMIT_S:.0f} s"
            )
        time.sleep(_POLL_S)


_PROBES: dict[Kind, Callable[[Bench, Contender], Probed]] = {
    Kind.CPU: _cpu,
    Kind.LATENCY: _latency,
    Kind.LATENESS: _lateness,
    Kind.IDLE: _idle,
}
