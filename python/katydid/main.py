"""The console command. It tells the commands apart and ends the process; what a run does is in
`_run.py`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

from . import __version__, _alias, _core
from ._parent import end_with_parent_if_told
from .env import Environment
from .util.load_locustfile import load_locustfile

__all__ = ("create_environment", "load_locustfile", "main", "version")

version = __version__


def create_environment(
    user_classes: list[Any],
    options: Any,
    events: Any = None,
    shape_class: Any = None,
    locustfile: str | None = None,
    parsed_locustfiles: list[str] | None = None,
    available_user_classes: Any = None,
    available_shape_classes: Any = None,
    available_user_tasks: Any = None,
) -> Environment:
    """An environment as the command line's options say."""
    return Environment(
        locustfile=locustfile,
        user_classes=user_classes,
        shape_class=shape_class,
        events=events,
        host=options.host,
        reset_stats=options.reset_stats,
        parsed_options=options,
        parsed_locustfiles=parsed_locustfiles,
        available_user_classes=available_user_classes,
        available_shape_classes=available_shape_classes,
        available_user_tasks=available_user_tasks,
        profile=options.profile,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Runs katydid with these words (the process's own by default) and ends the process with its
    exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    sys.exit(command(words))


def command(words: list[str]) -> int:
    """The exit code of one command line."""
    end_with_parent_if_told()
    if words[:1] in (["attack"], ["validate"], ["selftest"]):
        # They end by themselves and keep what is known; Python's own handler would raise when they have.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = _core.command(words)
    if code is not None:
        return code
    _alias.install()
    first, rest = words[:1], words[1:]
    if first == ["exec"]:
        from ._exec import execute

        return execute(rest)
    if first == ["demo"]:
        from . import demo

        return demo.main(rest, command)
    from ._run import check, probe, run

    if first == ["check"]:
        return check(words)
    return probe(words) if first == ["probe"] else run(words)
