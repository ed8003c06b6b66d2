"""Who of the users that are not waiting for the engine runs next: those whose sleep has ended, and those that give others a turn.

Both cost a fraction of gevent's own: one timer of the loop serves all sleepers, and users that finished a task without touching the
hub (`gevent.sleep(0)` in Locust) queue up here for one callback that resumes them in that order. Knows greenlets, not users.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from gevent import get_hub
from greenlet import getcurrent, greenlet

#: How long users may resume each other before sockets and timers are looked at again, in seconds.
SLICE = 0.0002

#: The same for sleepers that are due.
SLEEPERS_SLICE = 0.001

#: Users resumed between two looks at the clock.
BETWEEN = 8

#: A user alone may skip the hub for this long, in seconds.
ALONE = 0.0002

#: Entries of sleepers that were woken otherwise (killed, a timeout), kept beside as many live ones.
DEAD = 1000


INFINITY = float("inf")


def nothing() -> None:
    pass


class Turns:
    """The queue of one hub."""

    __slots__ = (
        "_alarm",
        "_dues",
        "_hub",
        "_next",
        "_number",
        "_queue",
        "_scheduled",
        "_seen",
        "_sleepers",
        "_switch",
        "_timer",
        "beat",
        "clock",
        "hold",
        "let_go",
    )

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        # A timer, since the loop looks at sockets before it: callbacks would follow each other, 50
        # of them, without that.
        self._timer = hub.loop.timer(0)
        self._switch: Callable[[], Any] = greenlet.switch.__get__(hub)
        self._queue: deque[Any] = deque()
        self._scheduled = False
        self._seen = 0.0
        self.clock: Any = hub.loop if hasattr(hub.loop, "iteration") else _NoClock()
        """`clock.iteration` differs between two reads only if the hub has run in between, i.e. if
        the reader has waited."""
        self.beat = 0
        """As `clock.iteration`, but cheap to read: whoever resumes greenlets from the hub may count
        here."""
        self._sleepers: dict[int, Any] = {}
        self._dues: list[tuple[float, int]] = []  # a heap; some may have no sleeper any more
        self._number = 0
        self._alarm: Any = None
        self._next = INFINITY  # when the alarm rings
        self.hold: Callable[[], None] = nothing
        """Called before several greenlets are resumed, and `let_go` after them."""
        self.let_go: Callable[[], None] = nothing

    def sleep(self, seconds: float) -> None:
        """As `gevent.sleep`, for more than 0 seconds."""
        self._number += 1
        number, due = self._number, perf_counter() + float(seconds)
        self._sleepers[number] = getcurrent()
        heappush(self._dues, (due, number))
        if due < self._next:
            self._arm(due)
        try:
            self._switch()
        except BaseException:
            if len(self._dues) > 2 * len(self._sleepers) + DEAD:
                self._dues = [entry for entry in self._dues if entry[1] in self._sleepers]
                heapify(self._dues)
            raise
        finally:
            # Killed, or a timeout, or resumed by somebody else: the alarm is not for this greenlet any more.
            self._sleepers.pop(number, None)

    def _arm(self, due: float) -> None:
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm.close()
        self._next = due
        self._alarm = self._hub.loop.timer(max(0.0, due - perf_counter()))
        # The loop's idea of "now" is as old as its last turn.
        self._alarm.start(self._wake, update=True)

    def _wake(self) -> None:
        now = perf_counter()
        end = now + SLEEPERS_SLICE
        self.beat += 1
        self._next = 0.0  # whoever falls asleep meanwhile need not set the alarm
        self.hold()
        try:
            while self._dues and self._dues[0][0] <= now and perf_counter() < end:
                who = self._sleepers.pop(heappop(self._dues)[1], None)
                if who is not None:
                    self._resume(who)
        finally:
            self.let_go()
            if self._dues:
                self._arm(self._dues[0][0])
            else:
                self._next = INFINITY

    def give(self) -> None:
        """Returns after every other user that is ready has had its turn."""
        queue = self._queue
        if not queue and perf_counter() - self._seen < ALONE:
            return
        me = getcurrent()
        queue.append(me)
        if not self._scheduled:
            self._scheduled = True
            self._timer.start(self._go_round)
        try:
            self._hub.switch()
        except BaseException:
            # Killed, or a timeout: a later resume would wake this greenlet from another wait.
            if me in queue:
                queue.remove(me)
            raise

    def _resume(self, who: Any) -> None:
        try:
            who.switch()
        except BaseException:  # of a bare greenlet: the others must not be lost
            self._hub.handle_error(self, *sys.exc_info())

    def _go_round(self) -> None:
        queue = self._queue
        self._seen = perf_counter()
        end = self._seen + SLICE
        self.hold()
        try:
            while queue and perf_counter() < end:
                for _ in range(BETWEEN):
                    if not queue:
                        break
                    self._resume(queue.popleft())
        finally:
            self.let_go()
            if queue:
                self._timer.start(self._go_round)
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
