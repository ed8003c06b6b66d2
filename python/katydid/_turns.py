"""Who of the users that are not waiting for the engine runs next: those whose sleep has ended, and those that give others a turn.

Both cost a fraction of gevent's own: one timer of the loop serves all sleepers, and users that finished a task without touching the
hub (`gevent.sleep(0)` in Locust) queue up here for one callback that resumes them in that order. Knows greenlets, not users.

# In step

Waking a thread costs more than what it then does for one user: the processor has to be fetched, and the caches are cold. So while
many answers come, and few greenlets get two of them within a `WINDOW`, the hub turns once per `STEP`: it takes all answers that have
come and resumes all sleepers that are due to the nearest half step. What the I/O thread measured of an answer is not touched; a user's
pause is up to a step longer or half of one shorter. Who asks again at once would be slowed down: that is why it is not done while
somebody loops, nor while many ask again within a window (`judge`).
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
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

#: How long is looked before it is decided, in seconds.
WINDOW = 0.05

#: Of the answers of a window, at least this share must be its greenlet's first.
FIRST = 0.8

#: More answers than this to one greenlet in a window: it loops without a pause.
LOOPING = 10

#: After a window that did not look like it, so many are not looked at.
NOT_YET = 5

INFINITY = float("inf")


def report_error(hub: Any, who: Any) -> None:
    """Reports the current exception as gevent does. That may fail itself, where the output is closed: then nobody hears of it."""
    with suppress(OSError, ValueError):
        hub.handle_error(who, *sys.exc_info())


def nothing() -> None:
    pass


class Turns:
    """The queue of one hub."""

    __slots__ = (
        "_again",
        "_alarm",
        "_answered",
        "_answers",
        "_asleep",
        "_dues",
        "_hub",
        "_looks",
        "_next",
        "_not_yet",
        "_number",
        "_pulse",
        "_queue",
        "_scheduled",
        "_seen",
        "_since",
        "_timer",
        "beat",
        "clock",
        "hold",
        "hurried",
        "in_step",
        "let_go",
        "switch",
    )

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        # A timer, since the loop looks at sockets before it: callbacks would follow each other, 50
        # of them, without that.
        self._timer = hub.loop.timer(0)
        self.switch: Callable[[], Any] = greenlet.switch.__get__(hub)
        """Waits on the hub; cheaper than gevent's own by one Python frame."""
        self._queue: deque[Any] = deque()
        self._scheduled = False
        self._seen = 0.0
        self.clock: Any = hub.loop if hasattr(hub.loop, "iteration") else _NoClock()
        """`clock.iteration` differs between two reads only if the hub has run in between, i.e. if
        the reader has waited."""
        self.beat = 0
        """As `clock.iteration`, but cheap to read: whoever resumes greenlets from the hub may count
        here."""
        self._asleep: dict[Any, int] = {}
        self._dues: list[tuple[float, int, Any]] = []  # a heap; some may not be asleep any more
        self._number = 0
        self._alarm: Any = None
        self._next = INFINITY  # when the alarm rings
        self.hold: Callable[[], None] = nothing
        """Called before several greenlets are resumed, and `let_go` after them."""
        self.let_go: Callable[[], None] = nothing
        self._looks: list[Callable[[], None]] = []
        self.in_step = False
        """Whether answers are looked for at every step, so that nobody need ring for them."""
        self._pulse: Any = None
        self._again = hub.loop.timer(0)
        self._answers = 0
        self._answered: Counter[Any] | None = None  # None: not counted by greenlet now
        self._not_yet = 0
        self.hurried = False
        """Whether a user went on without any pause; whoever knows of one says so here."""
        self._since = 0.0

    def attach(
        self, hold: Callable[[], None], let_go: Callable[[], None], look: Callable[[], None]
    ) -> None:
        """`look` takes the answers that have come, and arms the bell unless `in_step`: then it is called at every step."""
        self.hold, self.let_go = hold, let_go
        self._looks.append(look)

    def detach(self, look: Callable[[], None]) -> None:
        """Answers come no more from there."""
        self._looks.remove(look)
        if not self._looks:
            self.hold = self.let_go = nothing

    def answers(self, batch: list[Any]) -> None:
        """A batch is handed out: greenlet, value, greenlet, value…"""
        self._answers += len(batch) >> 1
        if self._answered is not None:
            self._answered.update(batch[::2])

    def sleep(self, seconds: float) -> None:
        """As `gevent.sleep`, for more than 0 seconds."""
        self._number += 1
        number, due = self._number, perf_counter() + float(seconds)
        me = getcurrent()
        self._asleep[me] = number
        heappush(self._dues, (due, number, me))
        if due < self._next:
            self._arm(due)
        try:
            self.switch()
        except BaseException:
            if len(self._dues) > 2 * len(self._asleep) + DEAD:
                self._dues = [entry for entry in self._dues if self._is_asleep(entry)]
                heapify(self._dues)
            raise
        finally:
            # Killed, or a timeout, or resumed by somebody else: the alarm is not for this greenlet any more.
            self._asleep.pop(me, None)

    def _is_asleep(self, entry: tuple[float, int, Any]) -> bool:
        return self._asleep.get(entry[2]) == entry[1]

    def leave_asleep(self, who: Any) -> None:
        """Its sleep does not end by itself any more: it is about to be killed, which takes a moment."""
        self._asleep.pop(who, None)

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
                entry = heappop(self._dues)
                if self._is_asleep(entry):
                    del self._asleep[entry[2]]
                    self._resume(entry[2])
        finally:
            self.let_go()

    def judge(self) -> None:
        """Gets into step or out of it, as the last window suggests."""
        now = perf_counter()
        span = now - self._since
        if span < WINDOW:
            return
        many = not self.hurried and self._answers * STEP >= WORTH * span
        counted, self._answered = self._answered, None
        suits = counted is not None and many and self._all_pause(counted)
        if counted is not None and many and not suits:
            self._not_yet = NOT_YET
        # To know who gets the answers costs a little: that is looked at only when the rest fits.
        if many and self._not_yet == 0:
            self._answered = Counter()
        self._not_yet = max(0, self._not_yet - 1)
        if suits and not self.in_step:
            self._into_step()
        elif self.in_step and not suits:
            self._out_of_step()
        self._answers = 0
        self.hurried = False
        self._since = now

    def _all_pause(self, answered: Counter[Any]) -> bool:
        first = len(answered) >= FIRST * self._answers
        return first and max(answered.values()) <= LOOPING

    def _into_step(self) -> None:
        self._pulse = self._hub.loop.timer(STEP, STEP)
        self._pulse.start(self._step)
        self.in_step = True
        self._next = 0.0  # no alarm
        if self._alarm is not None:
            self._alarm.stop()

    def _out_of_step(self) -> None:
        self.in_step = False
        self._pulse.stop()
        self._pulse.close()
        self._again.stop()
        self._set_alarm()
        self._look()

    def _look(self) -> None:
        """Each arms its bell, unless in step. Should one raise, it comes back by itself."""
        for look in tuple(self._looks):
            try:
                look()
            except BaseException:
                self._hub.loop.run_callback(look)
                report_error(self._hub, self)

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
            report_error(self._hub, self)

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
