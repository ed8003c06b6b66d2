"""`python -m katydid_shop.stack up|run|down`.

`run` holds a stack in the foreground until Ctrl-C, SIGTERM or, with `--with-parent`, the end of its
standard input. `up` does the same in the background, `down` ends it. Exit status 2: something could
not be started.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from katydid_shop.faults import FAULTS, IN_APP, UnknownFault, read
from katydid_shop.stack import places
from katydid_shop.stack.process import Failure
from katydid_shop.stack.stack import Stack, remove_dead


class _Stopped(BaseException):
    """A signal asked us to stop."""


_told: list[int] = []
"""The signal that asked us to stop, once there was one."""


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="katydid_shop.stack", description="Start and stop the demo shop."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("up", "run"):
        options = verbs.add_parser(verb)
        options.add_argument("--name", default="default" if verb == "up" else None)
        options.add_argument("--workers", type=int, default=1, help="processes that serve the app")
        options.add_argument("--fresh", action="store_true", help="seed the database anew")
        options.add_argument(
            "--faults", default="", help="plant faults, with commas: " + ", ".join(FAULTS)
        )
        options.add_argument(
            "--mended",
            default="",
            help="serve the app a second time, on the same data, without these of the faults: "
            + ", ".join(IN_APP),
        )
        if verb == "run":
            options.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
            options.add_argument(
                "--json", action="store_true", help="print the URLs as one line of JSON"
            )
    verbs.add_parser("down").add_argument("--name", default="default")
    args = parser.parse_args()
    try:
        if args.verb == "run":
            return _run(args)
        return _up(args) if args.verb == "up" else _down(args.name)
    except (Failure, UnknownFault) as failure:
        print(f"shop: {failure}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _stop)
    try:
        with Stack(
            args.name,
            workers=args.workers,
            fresh=args.fresh,
            planted=read(args.faults),
            mended=read(args.mended, IN_APP),
            say=_say,
        ) as stack:
            if args.json:
                urls = {**asdict(stack.urls), "place": str(stack.place), "pids": stack.pids()}
                print(json.dumps(urls), flush=True)
            else:
                _print_urls(asdict(stack.urls))
            _wait(stack, args.with_parent)
    except _Stopped:
        pass
    return 0


def _wait(stack: Stack, with_parent: bool) -> None:
    """Until something of the stack dies, we are told to stop or (perhaps) our parent dies."""
    if with_parent:
        os.set_blocking(0, False)
    while (failure := stack.failed()) is None:
        _check_stop()
        time.sleep(0.2)
        if with_parent:
            with contextlib.suppress(BlockingIOError):
                if os.read(0, 1024) == b"":
                    return
    raise failure


def _stop(number: int, frame: FrameType | None) -> None:
    # The exception ends long waits at once. It is lost if it comes up in a finaliser or a callback
    # of the interpreter, so the signal is remembered too. A second one does not disturb the first.
    if not _told:
        _told.append(number)
        raise _Stopped


def _check_stop() -> None:
    if _told:
        raise _Stopped


def _up(args: argparse.Namespace) -> int:
    if state := _state(args.name):
        _print_urls(state)
        return 0
    command = [sys.executable, "-m", "katydid_shop.stack", "run", "--json", "--name", args.name]
    command += ["--workers", str(args.workers)] + (["--fresh"] if args.fresh else [])
    command += ["--faults", args.faults, "--mended", args.mended]
    here = str(Path(__file__).parents[2])
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")])),
    }
    log = places.base() / f"{args.name}.log"
    with log.open("wb") as errors:
        manager = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            env=env,
        )
    assert manager.stdout is not None  # a pipe was asked for
    ready = manager.stdout.readline()
    sys.stderr.write(log.read_text())
    if not ready:
        return manager.wait() or 2
    _print_urls(json.loads(ready))
    return 0


def _down(name: str) -> int:
    state = _state(name)
    if state is None:
        remove_dead()
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    end = time.monotonic() + 30
    while _state(name) is not None:
        if time.monotonic() > end:
            raise Failure(f"the stack {name} (process {state['pid']}) does not stop")
        time.sleep(0.05)
    print(f"stack {name} is down")
    return 0


def _state(name: str) -> dict[str, Any] | None:
    """What the living stack `name` says of itself, or None if there is none."""
    place = places.stack_dir(name)
    if not place.exists():
        return None
    lock = places.hold(place / "lock", wait=False)
    if lock is not None:
        lock.close()
        return None
    end = time.monotonic() + 60
    file = place / "state.json"
    while not file.exists() and time.monotonic() < end:
        lock = places.hold(place / "lock", wait=False)
        if lock is not None:
            lock.close()
            return None
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _print_urls(urls: dict[str, Any]) -> None:
    for name in ("app", "postgres", "valkey", "mended"):
        if urls.get(name):
            print(f"{name:9} {urls[name]}", flush=True)


def _say(line: str) -> None:
    """Tells how far the start is; also the point at which a forgotten signal is noticed."""
    print(line, file=sys.stderr, flush=True)
    _check_stop()


if __name__ == "__main__":
    sys.exit(main())
