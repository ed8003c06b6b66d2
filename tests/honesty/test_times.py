"""Times joined by request id to the target's own; both read CLOCK_MONOTONIC of one machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.honesty.conftest import Instants, Katydid, Run, Sample, Target

DELAY = "/delay?ms=50"
DIST = "/dist?name=lognormal&median=30&sigma=0.5"
TRIES = 3
"""A busy machine delays what both sides do; only closeness is tried again, never an inequality."""
MakeSample = Callable[[Iterable[float]], "Sample"]


def joined(ended: Run, target: Target, path: str) -> list[tuple[Instants, Any]]:
    """Both sides of each request to a path; nothing is left over on either side."""
    ended.ended_well(0)
    log = {mark: at for mark, at in target.by_id().items() if at["path"] == path}
    pairs = [(at, log[at.id]) for at in ended.instants() if at.id in log]
    assert len(pairs) == len(log) == ended.endpoint(path)["requests"] > 0
    return pairs


def took_ms(seen: Any) -> float:
    """From the request fully read to the last byte written."""
    return float(seen["last_byte_written_ns"] - seen["request_read_ns"]) / 1e6


def waited_ms(at: Instants) -> float:
    return (at.done - at.send) / 1e6


def test_no_time_is_below_the_servers(run: Katydid, target: Target) -> None:
    far: list[str] = []
    for _ in range(TRIES):
        target.reset()
        ended = run(
            "joined", "-u", "15", "-r", "15", "-H", target.url, "-t", "5s", "-s", "10",
            HONESTY_PATHS=f"{DELAY},{DIST}",
        )  # fmt: skip
        far = []
        for path in ("/delay", "/dist"):
            pairs = joined(ended, target, path)
            for at, seen in pairs:
                assert at.due <= at.taken <= at.send <= at.first_byte <= at.done, at
                assert at.send <= seen["first_byte_read_ns"], "sent after the server had it"
                assert at.first_byte >= seen["first_byte_written_ns"], "read before it was written"
                assert at.done >= seen["last_byte_written_ns"], "done before the server was"
                assert waited_ms(at) >= took_ms(seen)
            row = ended.endpoint(path)
            shortest = min(took_ms(seen) for _, seen in pairs)
            assert row["from_send"]["min"] >= shortest * 0.999
            assert row["from_due"]["min"] >= shortest * 0.999
            assert row["from_due"]["p50"] >= row["from_send"]["p50"] * 0.999
            excess = median(waited_ms(at) - took_ms(seen) for at, seen in pairs)
            delay = median(took_ms(seen) for _, seen in pairs)
            if excess > 0.1 * delay:
                far.append(f"{path}: {excess:.2f} ms over {delay:.2f} ms")
        if not far:
            return
    pytest.fail(f"in each of {TRIES} runs far above the server's time; the last: {far}")


def test_quantiles_are_the_servers(run: Katydid, target: Target, sample: MakeSample) -> None:
    far: list[str] = []
    for _ in range(TRIES):
        target.reset()
        ended = run(
            "joined", "-u", "40", "-r", "40", "-H", target.url, "-t", "6s", "-s", "10",
            HONESTY_PATHS=DIST,
        )  # fmt: skip
        pairs = joined(ended, target, "/dist")
        assert len(pairs) >= 1000, "p99 needs as many"
        row = ended.endpoint("/dist")

        # The report against the very instants it was made of: the histogram's precision.
        for times, reported in (
            (sample(waited_ms(at) for at, _ in pairs), row["from_send"]),
            (sample((at.done - at.due) / 1e6 for at, _ in pairs), row["from_due"]),
        ):
            assert reported["count"] == len(pairs)
            assert reported["max"] == pytest.approx(times.values[-1], rel=0.001, abs=0.001)
            assert reported["min"] == pytest.approx(times.values[0], rel=0.001, abs=0.001)
            for key, q in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
                off = times.rank_error(q, reported[key])
                assert off <= 1, f"{key} = {reported[key]} is {off} ranks off"

        # The report against the target's own times, which were drawn as asked: 30 ms · e^(0.5 z).
        truth = sample(took_ms(seen) for _, seen in pairs)
        far = []
        for key, q, asked in (("p50", 0.5, 30.0), ("p99", 0.99, 96.0)):
            expected = truth.quantile(q)
            assert expected >= 0.75 * asked
            if abs(row["from_send"][key] - expected) > 1 + 0.05 * expected:
                far.append(f"{key}: {row['from_send'][key]:.2f} ms, the server's {expected:.2f} ms")
        if not far:
            return
    pytest.fail(f"in each of {TRIES} runs far from the server's quantiles; the last: {far}")


def oha() -> str | None:
    beside = Path(__file__).parents[2] / "bench/out/tools/bin/oha"
    return shutil.which("oha") or (str(beside) if beside.exists() else None)


@pytest.mark.skipif(oha() is None, reason="oha is not installed")
def test_excess_is_no_more_than_ohas(run: Katydid, target: Target) -> None:
    program = oha()
    assert program is not None
    seen: list[tuple[float, float]] = []
    for _ in range(TRIES):  # what the machine does meanwhile hits either of them
        target.reset()
        ended = run(
            "joined", "-u", "10", "-r", "10", "-H", target.url, "-t", "4s", "-s", "10",
            HONESTY_PATHS=DELAY,
        )  # fmt: skip
        pairs = joined(ended, target, "/delay")
        ours = median(waited_ms(at) - took_ms(log) for at, log in pairs)
        target.reset()
        rate = str(max(1, len(pairs) // 4))
        ran = subprocess.run(
            [program, "--no-tui", "--output-format", "json", "-c", "10", "-q", rate, "-z", "3s",
             target.url + DELAY],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        reported = json.loads(ran.stdout)["latencyPercentiles"]["p50"] * 1000
        theirs = reported - median(took_ms(log) for log in target.requests() if log["complete"])
        seen.append((ours, theirs))
        if ours <= theirs + 0.2:
            return
    pytest.fail(f"median excess over the server's time, ms (katydid, oha): {seen}")
