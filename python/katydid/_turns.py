"""Who of the users that are not waiting for the engine runs next: those whose sleep has ended, and those that give others a turn.

Both cost a fraction of gevent's own: one timer of the loop serves all sleepers, and users that finished a task without touching the
hub (`gevent.sleep(0)` in Locust) queue up here for one callback that resumes them in that order. Knows greenlets, not users.

# In step

Waking a thread costs more than what it then does for one user: the processor has to be fetched, and the caches are cold. So while
many answers come and nearly all of those who get them pause before they ask again, the hub turns once per `STEP`: it takes all
answers that have come and resumes all sleepers that are due to the nearest half step. What was measured of an answer is not
touched, since the I/O thread has done that; a user's pause is up to a step longer or half of one shorter. Users that ask again at
once would be slowed down: so it is done only while nobody loops without a pause, and few requests follow another within a task
(`judge`).
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

#: In step, the hub turns this often, in seconds.
STEP = 0.001

#: Answers per step from which on that is worth it.
WORTH = 1.5

#: Pauses that do not mind a step, in seconds.
PAUSE = 0.02

#: At least this share of the answers must be followed by such a pause.
PAUSING = 0.8

#: How long is looked before it is decided, in seconds.
WINDOW = 0.05

INFINITY = float("inf")


def nothing() -> None:
    pass


class Turns:
    """The queue of one hub."""

    __slots__ = (
        "_again",
        "_alarm",
        "_dues",
        "_hub",
        "_look",
        "_next",
        "_number",
        "_pauses",
        "_pulse",
        "_queue",
        "_scheduled",
        "_seen",
        "_since",
        "_sleepers",
        "_switch",
        "_timer",
        "answers",
        "beat",
        "clock",
        "hold",
        "hurried",
        "in_step",
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
        self._look: Callable[[], None] = nothing
        self.in_step = False
        """Whether answers are looked for at every step, so that nobody need ring for them."""
        self._pulse: Any = None
        self._again = hub.loop.timer(0)
        self.answers = 0
        """Counted up by whoever hands them out."""
        self._pauses = 0
        self.hurried = False
        """Whether a user went on without any pause; whoever knows of one says so here."""
        self._since = 0.0

    def attach(
        self, hold: Callable[[], None], let_go: Callable[[], None], look: Callable[[], None]
    ) -> None:
        """`look` takes the answers that have come. In step it is called instead of a bell."""
        self.hold, self.let_go, self._look = hold, let_go, look

    def detach(self) -> None:
        """Answers come no more."""
        self.hold = self.let_go = self._look = nothing
        if self.in_step:
            self._out_of_step()

    def sleep(self, seconds: float) -> None:
        """As `gevent.sleep`, for more than 0 seconds."""
        if seconds >= PAUSE:
            self._pauses += 1
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
        self._next = 0.0  # whoever falls asleep meanwhile need not set the alarm
        try:
            self._resume_due(perf_counter())
        finally:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._dues:
            self._arm(self._dues[0][0])
        else:
            self._next = INFINITY

    def _resume_due(self, now: float) -> None:
        end = perf_counter() + SLEEPERS_SLICE
        self.beat += 1
        self.hold()
        try:
            while self._dues and self._dues[0][0] <= now and perf_counter() < end:
                who = self._sleepers.pop(heappop(self._dues)[1], None)
                if who is not None:
                    self._resume(who)
        finally:
            self.let_go()

    def judge(self) -> None:
        """Gets into step or out of it, as the answers and pauses since the last decision suggest."""
        now = perf_counter()
        span = now - self._since
        if span < WINDOW:
            return
        worth = (
            not self.hurried
            and self.answers * STEP >= WORTH * span
            and self._pauses >= PAUSING * self.answers
        )
        self.answers = self._pauses = 0
        self.hurried = False
        self._since = now
        if worth and not self.in_step:
            self._into_step()
        elif self.in_step and not worth:
            self._out_of_step()

    def _into_step(self) -> None:
        self.in_step = True
        self._next = 0.0  # no alarm
        if self._alarm is not None:
            self._alarm.stop()
        self._pulse = self._hub.loop.timer(STEP, STEP)
        self._pulse.start(self._step)

    def _out_of_step(self) -> None:
        self.in_step = False
        self._pulse.stop()
        self._pulse.close()
        self._again.stop()
        # Whoever brings answers may ring from now on, which takes that nothing is left.
        self._look()
        self._set_alarm()

    def _step(self) -> None:
        now = perf_counter() + STEP / 2
        try:
            self._look()
            self._resume_due(now)
            self.judge()
        finally:
            if self.in_step and self._dues and self._dues[0][0] <= now:
                self._again.start(self._step)

    def give(self) -> None:
        """Returns after every other user that is ready has had its turn."""
        self.hurried = True
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
