"""The open model: arrivals come when they are due, whatever the answers do, and each starts one iteration of a user's tasks.

An arrival takes the idle user that has waited longest (in a search the one that was busy last), of the class whose turn it is by
weight. Where none is idle a new one is made,
up to a cap. Beyond it the arrival is *blocked*: the target has kept everybody busy. One that the hub comes to `TOO_LATE` is *missed*:
the generator's fault. Neither is made up for. Knows users and instants, not requests; an iteration is recorded as a row of kind
`flow`, from the instant its arrival was due.

The engine tells of an arrival a moment before it is due. An idle user begins at once, and the engine keeps its first request until then.
Where none is idle, that is looked at again when a user becomes idle, and when the arrival is due: whether it is blocked is not decided
before. A user whose requests the engine does not make waits for its instant itself.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from gevent import GreenletExit, get_hub

from ._core import Session
from ._turns import turns
from .dispatch import weighted_order
from .event import failure_text
from .exception import (
    FeedExhausted,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from .user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)

if TYPE_CHECKING:
    from .user import User

logger = logging.getLogger("locust.runners")

#: An arrival is not started any more when the hub comes to it so late, ns.
TOO_LATE = 1_000_000_000


class Arrivals:
    """Who is idle, who is being made, and whose turn it is."""

    def __init__(
        self,
        session: Session,
        user_classes: list[Any],
        most: int,
        make: Callable[[str, Arrivals, int], None],
        lines: list[str],
        fewest: bool = False,
    ) -> None:
        """`make(class name, self, due)` starts a user that begins with the arrival of `due`; it may wait. `most`: users at once.
        `lines`: classes of the schedule's lines; empty where it has none. `fewest`: who was busy last is taken first,
        so that users whom only an overload needed stay idle, and what is measured after it does not depend on it."""
        self.most = most
        self._fewest = fewest
        self.blocked = 0
        self.missed = 0
        self._session = session
        self._flows = {u.__name__: session.endpoint("flow", "", u.__name__) for u in user_classes}
        self._turns = weighted_order(sorted((u.__name__, u.weight) for u in user_classes))
        self._number = 0
        """Of the next turn."""
        self._idle: dict[str, deque[User]] = {name: deque() for name in self._flows}
        self._make = make
        self._lines = lines
        self.alive = 0
        """Users that are there or being made."""
        self.over = False
        """Whether no more come: users end with their iterations."""
        self._expected: deque[tuple[int, str]] = deque()
        """When those are due for which nobody was idle, and of which class."""
        self._alarm: Any = None

    def arrive(self, due: int, number: int, line: int) -> None:
        """Starts the iteration of the arrival that is due at this instant, ns. Called by the hub: waits for nothing."""
        name = self._lines[line] if self._lines else self._whose_turn(number)
        if name is None:
            return
        now = perf_counter_ns()
        if now - due >= TOO_LATE:
            self.missed += 1
            self._session.skipped_slots(self._flows[name], 0, 1)
            return
        idle = self._idle[name]
        while idle:
            user = idle.pop() if self._fewest else idle.popleft()
            if user._state == LOCUST_STATE_WAITING and user._greenlet:
                begin(user, due, now)
                user._greenlet.switch()
                return
        if due > now:
            self._expected.append((due, name))
            if len(self._expected) == 1:
                self._set_alarm(due - now)
            return
        self._nobody_is_idle(due, name)

    def _set_alarm(self, after_ns: int) -> None:
        self._stop_alarm()
        self._alarm = get_hub().loop.timer(max(0, after_ns) / 1e9)
        # The loop's idea of "now" is as old as its last turn.
        self._alarm.start(self._ring, update=True)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm.close()
            self._alarm = None

    def _ring(self) -> None:
        now = perf_counter_ns()
        while self._expected and self._expected[0][0] <= now:
            self._nobody_is_idle(*self._expected.popleft())
        if self._expected:
            self._set_alarm(self._expected[0][0] - now)
        else:
            self._stop_alarm()

    def end(self) -> None:
        """No more come, nor those that were told but are not due yet."""
        self._ring()
        self._stop_alarm()
        self._expected.clear()
        self.over = True

    def _nobody_is_idle(self, due: int, name: str) -> None:
        if self.alive < self.most or self._one_leaves():
            self.alive += 1
            self._make(name, self, due)
            return
        self.blocked += 1
        self._session.skipped_slots(self._flows[name], 1, 0)

    def _whose_turn(self, number: int) -> str | None:
        """Class of the arrival of this number; those between the last number and this one are other processes'."""
        while self._number < number:
            next(self._turns)
            self._number += 1
        self._number += 1
        return next(self._turns)

    def _one_leaves(self) -> bool:
        """Ends an idle user, of the class that has most of them: its place is needed for another."""
        idle = max(self._idle.values(), key=len)
        while idle:
            user = idle.popleft()
            if user._state == LOCUST_STATE_WAITING and user._greenlet:
                user._kill(block=False)
                return True
        return False

    def park(self, user: User) -> None:
        """Waits for the user's next arrival, in the user's greenlet."""
        if user._state == LOCUST_STATE_STOPPING or self.over:
            raise StopUser()
        name = type(user).__name__
        for place, (due, wanted) in enumerate(self._expected):
            if wanted == name:
                del self._expected[place]
                begin(user, due, perf_counter_ns())
                return
        user._state = LOCUST_STATE_WAITING
        idle = self._idle[name]
        idle.append(user)
        try:
            turns().switch()
        except BaseException:  # killed
            if user in idle:
                idle.remove(user)
            raise
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        user._state = LOCUST_STATE_RUNNING

    def ended(self, user: User, error: Exception | None = None) -> None:
        """The user's iteration is over: it failed if it raised, or if a request in it failed."""
        due, user._flow_ns = user._flow_ns, 0
        if not due:
            return
        # What was done ahead of time counts, the wait for the instant does not.
        start = min(due, user._begun_ns + user._held_ns)
        failure = None
        if error is not None:
            failure = ("script", failure_text(error))
        elif user._failed is not None:
            failure = ("script", user._failed)
        user._failed = None
        self._session.record(
            self._flows[type(user).__name__],
            None,
            0,
            failure,
            (start, start, start, perf_counter_ns()),
        )

    def cut_off(self, user: User) -> None:
        """The user ends. If it is in an iteration, that is given up."""
        if user._flow_ns:
            self.give_up(type(user).__name__, user._flow_ns)
            user._flow_ns = 0

    def give_up(self, name: str, due: int) -> None:
        """The iteration of the arrival of `due` does not come to its end."""
        self._session.aborted(self._flows[name], max(0, perf_counter_ns() - due) / 1e6)

    def never_started(self, name: str, due: int, error: Exception) -> None:
        """The user that was to be made for the arrival of `due` could not be."""
        self.alive -= 1
        flow = self._flows[name]
        verdict = ("script", failure_text(error))
        self._session.record(flow, None, 0, verdict, (due, due, due, perf_counter_ns()))

    def tasks(self, user: User) -> DefaultTaskSet:
        """The task set of a new user."""
        return ArrivalTaskSet(user, self)

    def gone(self) -> None:
        """A user has ended."""
        self.alive -= 1


def begin(user: User, due: int, now: int) -> None:
    """An iteration of the user begins, for the arrival of `due`; ns."""
    user._flow_ns = user._due_ns = due
    user._begun_ns, user._held_ns = now, 0


class ArrivalTaskSet(DefaultTaskSet):
    """The tasks of a user that waits for arrivals instead of its `wait_time`: one per arrival."""

    __slots__ = ("_arrivals",)

    def __init__(self, user: User, arrivals: Arrivals) -> None:
        super().__init__(user)
        self._arrivals = arrivals

    def _is_plain(self) -> bool:
        return False

    def _between(self) -> None:
        """Nothing: the next iteration waits for its arrival."""

    def _at_once(self) -> None:
        """Nothing: an interrupted task set is the end of its iteration."""

    def _spin(self) -> Any:
        user, arrivals = self._user, self._arrivals
        counted = user.environment._iterations
        while True:
            if not user._flow_ns:
                arrivals.park(user)
            if not user._asks_engine and user._flow_ns > (now := perf_counter_ns()):
                turns().sleep((user._flow_ns - now) / 1e9)
                user._begun_ns = perf_counter_ns()
            if counted is not None:
                counted.take()
            if not self._queue:
                self.schedule_task(self.get_next_task())
            try:
                self.execute_next_task()
            except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
                arrivals.ended(user)
                raise
            except StopUser as stop:
                # Without data nothing was done.
                arrivals.ended(user, stop if isinstance(stop, FeedExhausted) else None)
                raise
            except (GreenletExit, StopTest):
                raise  # cut off
            except Exception as error:
                arrivals.ended(user, error)
                raise
            arrivals.ended(user)
            if user._state == LOCUST_STATE_STOPPING or arrivals.over:
                raise StopUser()
