"""Ties an environment to a native session: its hub, its statistics, its request events.

`main` opens the session of a run and leaves it on the environment; whoever makes a runner or a user
in a script gets one that writes nothing to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _tags
from ._core import Session
from ._hub import attach


def open_session(environment: Any, on_message: Callable[[tuple[Any, ...]], None]) -> Session:
    """The environment's session, made if it has none; messages of the engine go to `on_message`."""
    session: Session = environment._session or Session({"record": False, "name": "script"})
    environment._session = session
    _tags.learn(environment.user_classes)
    if _tags.tagged:
        session.tags_count()
    environment._link = attach(session, on_message)
    environment.stats.attach(session)
    environment.events.request.bind(session)
    return session
