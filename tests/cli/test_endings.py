"""Disks that are full, signals, kill -9: what was measured is kept and can be read."""

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE, until

SCENARIO = """
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def t(self):
        self.client.get("/")
"""


def under_load(katydid: Any, *words: str, text: str = SCENARIO) -> "subprocess.Popen[str]":
    """A run that has recorded for more than a second."""
    katydid.write(text)
    run = katydid.folder / "run"
    process: subprocess.Popen[str] = katydid.start(
        "-u", "1", "-H", katydid.target, "--run-dir", "run", *words
    )
    frames = run / "frames.jsonl.zst"
    until(lambda: frames.exists() or process.poll() is not None, "a record")
    begun = time.monotonic()
    sizes: set[int] = set()

    def recorded() -> bool:
        sizes.add(frames.stat().st_size)
        return process.poll() is not None or (len(sizes) >= 3 and time.monotonic() > begun + 2.5)

    until(recorded, "frames")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_all_of_it(katydid: Any, number: int) -> None:
    process = under_load(katydid, "--html", "r.html", "--summary", "s.json")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 3), err
    assert "Aggregated" in out and "Saved" in out
    summary = json.loads((katydid.folder / "s.json").read_text())
    assert summary["total"]["requests"] > 0 and summary["run"]["complete"]
    assert summary["run"]["ended"] == {2: "interrupted", 15: "terminated"}[number]
    assert (katydid.folder / "r.html").exists()


def test_the_second_interrupt_does_not_wait(katydid: Any) -> None:
    slow = """
class U(HttpUser):
    @task
    def t(self):
        self.client.get("/")
        import time; time.sleep(3600)
"""
    katydid.write(slow)
    words = ("-u", "1", "-H", katydid.target, "--run-dir", "run", "-s", "1h")
    process = katydid.start(*words)
    assert process.stderr is not None
    for line in process.stderr:
        if "All users spawned" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the first one waits for users"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert "Aggregated" in out and (katydid.folder / "run/summary.json").exists(), err


@pytest.fixture
def killed(katydid: Any) -> Path:
    """The run directory of a process that got kill -9."""
    process = under_load(katydid)
    process.kill()
    process.communicate(timeout=PATIENCE)
    return Path(katydid.folder / "run")


def test_kill_9_leaves_a_readable_run(katydid: Any, killed: Path) -> None:
    done = katydid("report", "run", "--summary", "s.json", "--html", "r.html")
    summary = json.loads((katydid.folder / "s.json").read_text())
    assert summary["total"]["requests"] > 0 and not summary["run"]["complete"]
    assert summary["run"]["duration_s"] >= 1
    assert "Aggregated" in done.out and "incomplete" in done.out.lower(), done.text
    assert "Aggregated" in (katydid.folder / "r.html").read_text()


def test_a_truncated_record(katydid: Any, killed: Path) -> None:
    frames = killed / "frames.jsonl.zst"
    whole = frames.read_bytes()
    frames.write_bytes(whole[:-7])
    done = katydid("report", "run")
    assert done.code in (0, 3) and "Aggregated" in done.out, done.text
    frames.write_bytes(b"")
    done = katydid("report", "run")
    assert done.code in (0, 2, 3) and "panicked" not in done.err and done.out + done.err


def test_a_record_that_is_garbage(katydid: Any, killed: Path) -> None:
    frames = killed / "frames.jsonl.zst"
    frames.write_bytes(b"this is no record at all\n")
    done = katydid("report", "run")
    assert done.code in (2, 3) and "panicked" not in done.err, done.text


def test_a_record_of_a_later_katydid(katydid: Any, killed: Path) -> None:
    manifest = json.loads((killed / "manifest.json").read_text())
    key = next(k for k in ("format", "format_version", "version") if k in manifest)
    later = {**manifest[key], "major": 999} if isinstance(manifest[key], dict) else 999
    manifest[key] = later
    (killed / "manifest.json").write_text(json.dumps(manifest))
    done = katydid("report", "run")
    assert done.code == 2, done.text
    assert "newer" in done.err and "999" in done.err and done.err.count("\n") == 1


def test_a_file_in_the_place_of_the_run(katydid: Any) -> None:
    (katydid.folder / "run").write_text("I was here first\n")
    done = katydid.scenario(SCENARIO, runs=2)
    assert done.code == 2, done.text
    assert "run" in done.err and "Traceback" not in done.err and "panicked" not in done.err
    assert (katydid.folder / "run").read_text() == "I was here first\n"


def test_a_run_that_is_there_already(katydid: Any) -> None:
    katydid.scenario(SCENARIO, runs=2).ended(0)
    before = (katydid.folder / "run/summary.json").read_text()
    done = katydid.scenario(SCENARIO, runs=2)
    assert done.code == 2, done.text
    assert (katydid.folder / "run/summary.json").read_text() == before


def test_results_that_cannot_be_written(katydid: Any) -> None:
    """The run is over and saved; only its copies are missing, and that is said."""
    (katydid.folder / "nowhere").write_text("a file where a folder should be")
    words = ("--html", "nowhere/r.html", "--summary", "nowhere/s.json", "--csv", "nowhere/x")
    done = katydid.scenario(SCENARIO, *words, runs=2)
    assert done.code != 0 and "nowhere" in done.err + done.out, done.text
    assert "Traceback" not in done.err and "panicked" not in done.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


WIDE = """
import itertools
numbers = itertools.count()

class U(HttpUser):
    @task
    def t(self):
        for _ in range(20):
            self.client.get("/", name=f"/{next(numbers)}-" + "x" * 100)
        import time; time.sleep(0.05)
"""


def test_a_full_disk(katydid: Any, small_disk: Path) -> None:
    done = katydid.scenario(WIDE, "--run-dir", "disk/run", "-t", "3s")
    assert done.code == 3, done.text
    assert "Aggregated" in done.out, "the numbers are told, if not saved"
    assert "No space left" in done.out + done.err, done.text
    assert "panicked" not in done.err


def test_files_that_may_not_grow(katydid: Any) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    done = katydid.scenario(WIDE, "-t", "3s", preexec_fn=limit)
    assert done.code == 3, done.text
    assert "Aggregated" in done.out and "File too large" in done.out + done.err, done.text
