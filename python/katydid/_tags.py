"""Reads and writes by tag: what a task tagged `read` or `write` asks for is that, whatever the method.

The tag of the task that a greenlet is in stands on the greenlet, where the engine looks it up with each request; where no task
has such a tag, nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from gevent import getcurrent

from .user.collect import tags_of

#: Functions with just one of the two tags.
tagged: dict[Callable[..., Any], str] = {}


def learn(holders: Iterable[Any]) -> None:
    """Looks for such tasks in User and TaskSet classes, and in the task sets in them."""
    tagged.clear()
    seen = list(holders)
    for holder in seen:
        for task in holder.tasks:
            if hasattr(task, "tasks"):
                if task not in seen:
                    seen.append(task)
                continue
            ours = (tags_of(task) or set()) & {"read", "write"}
            if len(ours) == 1 and type(task) is FunctionType:
                tagged[task] = ours.pop()


def current() -> str | None:
    """The tag of the task that the running greenlet is in."""
    return getattr(getcurrent(), "katydid_tag", None) if tagged else None


def call(task: Callable[..., Any], argument: Any) -> None:
    """Calls a task."""
    tag = tagged.get(task) if type(task) is FunctionType else None
    if tag is None:
        task(argument)
        return
    greenlet: Any = getcurrent()
    before = getattr(greenlet, "katydid_tag", None)
    greenlet.katydid_tag = tag
    try:
        task(argument)
    finally:
        greenlet.katydid_tag = before
