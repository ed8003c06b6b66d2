"""Gives other users their turn, for tasks that never wait: what `gevent.sleep(0)` does, at half its
price.

Users that finished a task without touching the hub queue up here; one hub callback resumes them in
that order. Locust pays a waiter and a hub callback per user and iteration. Knows greenlets, not
users.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from gevent import get_hub
from greenlet import getcurrent

#: How long users may resume each other before sockets and timers are looked at again, in seconds.
SLICE = 0.0002

#: Users resumed between two looks at the clock.
BETWEEN = 8

#: A user alone may skip the hub for this long, in seconds.
ALONE = 0.0002


class Turns:
    """The queue of one hub."""

    __slots__ = ("_hub", "_queue", "_scheduled", "_seen", "_timer", "beat", "clock")

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        # A timer, since the loop looks at sockets before it: callbacks would follow each other, 50
        # of them, without that.
        self._timer = hub.loop.timer(0)
        self._queue: deque[Any] = deque()
        self._scheduled = False
        self._seen = 0.0
        self.clock: Any = hub.loop if hasattr(hub.loop, "iteration") else _NoClock()
        """`clock.iteration` differs between two reads only if the hub has run in between, i.e. if
        the reader has waited."""
        self.beat = 0
        """As `clock.iteration`, but cheap to read: whoever resumes greenlets from the hub may count
        here."""

    def give(self) -> None:
        """Returns after every other user that is ready has had its turn."""
        queue = self._queue
        if not queue and perf_counter() - self._seen < ALONE:
            return
        me = getcurrent()
        queue.append(me)
        if not self._scheduled:
            self._scheduled = True
            self._timer.start(self._resume)
        try:
            self._hub.switch()
        except BaseException:
            # Killed, or a timeout: a later resume would wake this greenlet from another wait.
            if me in queue:
                queue.remove(me)
            raise

    def _resume(self) -> None:
        queue = self._queue
        self._seen = perf_counter()
        end = self._seen + SLICE
        while queue and perf_counter() < end:
            for _ in range(BETWEEN):
                if not queue:
                    break
                queue.popleft().switch()
        if queue:
            self._timer.start(self._resume)
        else:
            self._scheduled = False


class _NoClock:
    """For an event loop that does not count its iterations: every user yields after every task."""

    iteration = 0


_by_hub: WeakKeyDictionary[Any, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """The queue of the hub this code runs on."""
    hub = get_hub()
    found = _by_hub.get(hub)
    if found is None:
        found = _by_hub[hub] = Turns(hub)
    return found
