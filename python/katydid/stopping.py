"""How users end: at once, or after the task they are in. Knows their states and greenlets; who is
to end is the runner's choice."""

from __future__ import annotations

import logging
from typing import Any

import gevent
from greenlet import getcurrent

from .user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING
from .user.users import User

logger = logging.getLogger("locust.runners")


def stop_all(users: list[Any], grace: float) -> None:
    """Ends these users and returns when they are gone (their `on_stop` included). Those in a task
    get `grace` seconds to finish it, then they are killed. A user that calls this itself is not
    waited for."""
    me = getcurrent()
    waited_for = []
    for user in users:
        greenlet = user.greenlet
        if greenlet is me:
            # What comes before the kill does is no task more.
            user._state = LOCUST_STATE_STOPPING
            user._kill(block=False)
            continue
        waited_for.append(greenlet)
        if not _ends_as_usual(user):
            gevent.spawn(user.stop, force=not grace)
        elif grace and user._flow_ns:
            pass  # it ends with its iteration
        elif grace and user._state == LOCUST_STATE_RUNNING:
            user._state = LOCUST_STATE_STOPPING
        elif not grace or user._state != LOCUST_STATE_STOPPING:
            user._kill(block=False)
    gevent.joinall(waited_for, timeout=grace or None)
    left = [greenlet for greenlet in waited_for if not greenlet.dead]
    if left:
        logger.info(
            "Not all users finished their tasks & terminated in %s seconds. Stopping them...", grace
        )
        gevent.killall(left, block=True)
    # gevent tells a group of a death a moment later; callers count users now.
    for user in users:
        if user.greenlet.dead:
            user.group._discard(user.greenlet)


def _ends_as_usual(user: Any) -> bool:
    return getattr(type(user), "stop", None) is User.stop
