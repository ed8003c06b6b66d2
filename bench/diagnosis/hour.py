"""How long the diagnosis of a recorded hour takes: a short run, its hold made an hour long by repeating it, and `katydid diagnose` on that.

.venv/bin/katydid demo -t 20s --run-dir /tmp/run && .venv/bin/python bench/diagnosis/hour.py /tmp/run [--minutes N]

Counters go on growing from one repetition to the next, as they would. Prints the size of the record, and the time of each of three
diagnoses with that of one of the short run, which is mostly what starting takes.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FRAMES = "frames.jsonl.zst"
_KINDS = ("samples", "requests", "generator", "exemplars", "calls", "trace")
_ROUNDS = 3

Frame = dict[str, Any]
Key = tuple[int, int]


def main() -> int:
    """Exit code 0: it measures, and judges nothing."""
    parser = argparse.ArgumentParser(prog="bench/diagnosis/hour.py")
    parser.add_argument("run", type=Path, help="the folder of a run with a hold")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the hold [60]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        long = Path(scratch) / "run"
        shutil.copytree(options.run, long)
        frames = [json.loads(line) for line in _read(options.run)]
        count = _write(long, _longer(frames, options.minutes * 60e6))
        size = (long / _FRAMES).stat().st_size / 1e6
        print(f"{options.minutes:g} minutes: {count} frames, {size:.1f} MB")
        for name, run in (("short", options.run), *(("long", long) for _ in range(_ROUNDS))):
            print(f"{name}: {_timed(run)}")
    return 0


def _read(run: Path) -> list[bytes]:
    told = subprocess.run(["zstd", "-dc", str(run / _FRAMES)], capture_output=True, check=True)
    return told.stdout.splitlines()


def _write(run: Path, frames: Iterator[Frame]) -> int:
    count = 0
    command = ["zstd", "-q", "-f", "-o", str(run / _FRAMES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as packer:
        assert packer.stdin is not None
        for frame in frames:
            packer.stdin.write(json.dumps(frame, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def _longer(frames: list[Frame], length: float) -> Iterator[Frame]:
    """The frames of a run, with those of its last phase until the end of the load again and again."""
    began = max(f["at"] for f in frames if "phase_began" in _mark(f))
    ended = next(f["at"] for f in frames if f["body"] == {"mark": "load_ended"})
    inside = [f for f in frames if began < f["at"] < ended and next(iter(f["body"])) in _KINDS]
    grows = _growths(frames, inside)
    yield from (f for f in frames if f["at"] < ended)
    times = max(1, round(length / (ended - began)))
    for number in range(1, times):
        for frame in inside:
            yield _shifted(frame, number, number * (ended - began), grows)
    shift = (times - 1) * (ended - began)
    yield from (_shifted(f, times - 1, shift, grows) for f in frames if f["at"] >= ended)


def _mark(frame: Frame) -> Any:
    mark = frame["body"].get("mark", {})
    return mark if isinstance(mark, dict) else {}


def _growths(frames: list[Frame], inside: list[Frame]) -> dict[Key, float]:
    """What each counter grows by in one repetition."""
    counters: set[Key] = set()
    for frame in frames:
        for name in frame["body"].get("names", ()):
            if name.get("series", {}).get("kind") == "counter":
                counters.add((frame["source"], name["series"]["id"]))
    first: dict[Key, float] = {}
    last: dict[Key, float] = {}
    for frame in inside:
        for id_, value in frame["body"].get("samples", ()):
            key = (frame["source"], id_)
            first.setdefault(key, value)
            last[key] = value
    return {key: last[key] - first[key] for key in counters & last.keys()}


def _shifted(frame: Frame, number: int, by: int, grows: dict[Key, float]) -> Frame:
    body = frame["body"]
    if "samples" in body:
        source = frame["source"]
        samples = [
            [id_, at + number * grows.get((source, id_), 0.0)] for id_, at in body["samples"]
        ]
        body = {"samples": samples}
    return {**frame, "at": frame["at"] + by, "body": body}


def _timed(run: Path) -> str:
    command = [sys.executable, "-m", "katydid", "diagnose", "--json", str(run)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    told = subprocess.run(command, capture_output=True, check=True)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = [one["rule"] for one in json.loads(told.stdout)["findings"]]
    return f"{wall:.2f} s, {cpu:.2f} s of processor; found {', '.join(found) or 'nothing'}"


if __name__ == "__main__":
    sys.exit(main())
