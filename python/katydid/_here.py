"""Which test the running code belongs to. Code that is called from a task and gets no user (`job`, a feed) asks here.

Knows greenlets and events; not what is done with them.
"""

from __future__ import annotations

from typing import Any

from greenlet import getcurrent

from ._core import Session
from .event import Events


def events_here() -> Events:
    """Those of the user whose greenlet this is. Elsewhere (greenlets that a task started, `katydid check`, a debugger) katydid's own,
    which every run of the command uses."""
    from . import events

    arguments = getattr(getcurrent(), "args", None) or (None,)
    environment = getattr(arguments[0], "environment", None)
    own: Any = getattr(environment, "events", None)
    return own if isinstance(own, Events) else events


def session_here() -> Session | None:
    """The session that records this test; None outside of one."""
    return events_here().request._session
