"""Tasks, task sets and the loop in which a user runs them.

The loop has two forms. The tight one is used when nothing that a script may override has been
overridden, which is asked anew each time a task set starts (plug-ins replace `TaskSet.execute_task`
at run time); it spells out what the methods below do. The plain one calls every method. Knows users
and greenlets; nothing of requests, statistics or load.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections import deque
from collections.abc import Callable
from time import perf_counter, perf_counter_ns
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeVar, runtime_checkable

from gevent import GreenletExit

from .. import _tags
from .._turns import turns
from ..exception import (
    InterruptTaskSet,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from .collect import filter_tasks_by_tags, get_tasks_from_base_classes, tag, task

if TYPE_CHECKING:
    from .users import User

__all__ = (
    "LOCUST_STATE_RUNNING",
    "LOCUST_STATE_STOPPING",
    "LOCUST_STATE_WAITING",
    "DefaultTaskSet",
    "TaskHolder",
    "TaskSet",
    "TaskSetMeta",
    "filter_tasks_by_tags",
    "get_tasks_from_base_classes",
    "tag",
    "task",
)

logger = logging.getLogger("locust.user.task")

LOCUST_STATE_RUNNING = "running"
LOCUST_STATE_WAITING = "waiting"
LOCUST_STATE_STOPPING = "stopping"

TaskT = TypeVar("TaskT", covariant=True)


@runtime_checkable
class TaskHolder(Protocol[TaskT]):
    """Anything with a list of tasks: a User or TaskSet class."""

    tasks: list[Any]


class TaskSetMeta(type):
    """Replaces `tasks` by the collected list."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> TaskSetMeta:
        body["tasks"] = get_tasks_from_base_classes(bases, body)
        return super().__new__(mcs, name, bases, body)


class TaskSet(metaclass=TaskSetMeta):
    """A group of tasks that a user runs until the group is interrupted."""

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_cp_last_run",
        "_cp_last_wait_time",
        "_parent",
        "_queue",
        "_user",
    )

    tasks: ClassVar[list[Any]] = []
    min_wait: float | None = None
    max_wait: float | None = None
    wait_function: Any = None

    _is_task_set: ClassVar[bool] = True
    _user: User
    _parent: Any
    _queue: deque[Any] | None

    def __init__(self, parent: Any) -> None:
        self._queue = None
        self._parent = parent
        self._user = user = parent.user if isinstance(parent, TaskSet) else parent
        # Deprecated waits in ms come from the user unless this class has its own.
        for name in ("min_wait", "max_wait", "wait_function"):
            if not getattr(self, name) and getattr(user, name, None):
                setattr(self, name, getattr(user, name))
        self._cp_last_run = perf_counter()
        self._cp_last_wait_time = 0.0

    @property
    def user(self) -> User:
        return self._user

    @property
    def parent(self) -> Any:
        """The task set that runs this one, or the user."""
        return self._parent

    @property
    def client(self) -> Any:
        return self.user.client  # type: ignore[attr-defined]

    @property
    def _task_queue(self) -> deque[Any]:
        """Tasks that come before the next choice; made when first needed, since an empty deque
        takes 600 bytes."""
        if self._queue is None:
            self._queue = deque()
        return self._queue

    @_task_queue.setter
    def _task_queue(self, queue: deque[Any]) -> None:
        self._queue = queue

    def on_start(self) -> None:
        """Called when a user enters this task set."""

    def on_stop(self) -> None:
        """Called when a user leaves it: interrupted, stopped or killed."""

    # ----------------------------------------------------------------------------------------------
    # --------- running

    def run(self) -> NoReturn:
        """Runs tasks until an exception ends it: RescheduleTask[Immediately] for the parent, or the
        end of the user."""
        try:
            self.on_start()
        except InterruptTaskSet as interrupt:
            raise _to_parent(interrupt).with_traceback(interrupt.__traceback__) from None

        spin = self._spin_tight if self._is_plain() else self._spin
        pause = False
        while True:
            try:
                try:
                    if pause:
                        pause = False
                        self._between()
                    spin()
                except RescheduleTaskImmediately:
                    # Tasks that only ever do this would keep everybody else, and the end of the
                    # test, waiting.
                    self._at_once()
                except RescheduleTask:
                    self._between()
            except InterruptTaskSet as interrupt:
                self._leave(swallow_only_mistakes=True)
                raise _to_parent(interrupt) from interrupt
            except (StopUser, StopTest, GreenletExit):
                self._leave(swallow_only_mistakes=False)
                raise
            except Exception as error:
                environment = self.user.environment
                environment.events.user_error.fire(
                    user_instance=self, exception=error, tb=error.__traceback__
                )
                if not environment.catch_exceptions:
                    raise
                logger.error("%s\n%s", error, traceback.format_exc())
                pause = True

    def _between(self) -> None:
        """What comes between two tasks."""
        self.wait()

    def _at_once(self) -> None:
        """What comes before a task that is to follow at once."""
        turns().give()

    def _leave(self, *, swallow_only_mistakes: bool) -> None:
        try:
            self.on_stop()
        except Exception as error:
            if swallow_only_mistakes and isinstance(error, (StopUser, StopTest)):
                raise
            logging.error("Uncaught exception in on_stop: \n%s", traceback.format_exc())

    def _spin(self) -> NoReturn:
        """The plain form of the loop: one method per step, each of which a script may replace."""
        counted = self.user.environment._iterations
        while True:
            if not self._queue:
                self.schedule_task(self.get_next_task())
            if self.user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            if counted is not None and not _is_task_set_class(self._task_queue[0]):
                counted.take()
            self.execute_next_task()
            self.wait()

    def _spin_tight(self) -> NoReturn:
        """The same for unchanged task sets, in about a quarter of the time."""
        user = self._user
        root = isinstance(self, DefaultTaskSet)
        holder: Any = user if root else self
        argument: Any = user if root else self
        chooser: Any = None if _chooses_at_random(type(self)) else self.get_next_task
        owner: Any = user if _asks_user(self) else self
        mine = turns()
        clock = mine.clock
        getrandbits = user._chance.getrandbits
        sleep = mine.sleep
        beat, seen = mine.beat, clock.iteration
        while True:
            if self._queue:
                todo = self._queue.popleft()
            elif chooser is None:
                tasks = holder.tasks
                count = len(tasks)
                if not count:
                    self.get_next_task()  # raises, saying what is missing
                # random.choice(tasks), spelled out: it draws the same bits from the same generator.
                bits = count.bit_length()
                index = getrandbits(bits)
                while index >= count:
                    index = getrandbits(bits)
                todo = tasks[index]
            else:
                todo = chooser()

            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            if type(todo) is FunctionType and todo not in _tags.tagged:
                todo(argument)
            else:
                self.execute_task(todo)

            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            user._state = LOCUST_STATE_WAITING
            user._due_ns = 0
            seconds = owner.wait_time()
            if seconds > 0:
                sleep(seconds)
                if user._due_ns and user._pace is not None:
                    user._pace.woke(user, perf_counter_ns())
            else:
                mine.hurried = True
                if beat == mine.beat and seen == clock.iteration:
                    mine.give()
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            user._state = LOCUST_STATE_RUNNING
            if beat == mine.beat:
                seen = clock.iteration
            else:
                beat, seen = (
                    mine.beat,
                    -1,
                )  # it has waited; reading the clock can wait for the next time

    def _is_plain(self) -> bool:
        """True if every method that the tight loop spells out is the one defined here."""
        if self._user.environment._iterations is not None or _choice_was_replaced():
            return False
        kind: Any = type(self)
        if isinstance(self, DefaultTaskSet) and kind is not DefaultTaskSet:
            return False
        return (
            kind.schedule_task is _OWN["schedule_task"]
            and kind.execute_next_task is _OWN["execute_next_task"]
            and kind.execute_task in (_OWN["execute_task"], _OWN_DEFAULT["execute_task"])
            and kind.wait is _OWN["wait"]
            and kind._sleep is _OWN["_sleep"]
            and bool(self._user.wait_time)
            and not _STEPS & self.__dict__.keys()
        )

    # -------------------------------------------------------------------------------------------
    # steps of the plain form

    def execute_next_task(self) -> None:
        self.execute_task(self._task_queue.popleft())

    def execute_task(self, task: Any) -> None:
        """Calls a bound method as it is, runs a nested task set, calls anything else with this task
        set."""
        if getattr(task, "__self__", None) is self:
            _tags.call(task.__func__, self)
        elif _is_task_set_class(task):
            task(self).run()
        else:
            _tags.call(task, self)

    def schedule_task(self, task_callable: Any, first: bool = False) -> None:
        """Puts a task in the queue (in front, with `first`); the queue comes before a random
        choice."""
        if first:
            self._task_queue.appendleft(task_callable)
        else:
            self._task_queue.append(task_callable)

    def get_next_task(self) -> Any:
        if not self.tasks:
            raise Exception(_no_tasks(self, type(self).__name__, "TaskSet"))
        return self.user._chance.choice(self.tasks)

    def wait_time(self) -> float:
        """Seconds between tasks: the user's `wait_time`, unless the task set has its own."""
        wait_time: Any = self.user.wait_time
        if wait_time:
            return float(wait_time())
        if self.min_wait is not None and self.max_wait is not None:
            milliseconds = self.user._chance.randint(int(self.min_wait), int(self.max_wait))
            return float(milliseconds / 1000.0)
        raise MissingWaitTimeError(
            f"Define a wait_time on {type(self.user).__name__} or on {type(self).__name__}"
        )

    def wait(self) -> None:
        """Pauses for `wait_time()`; a user that is being stopped ends here, even in the middle of a
        task."""
        user = self.user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        user._state = LOCUST_STATE_WAITING
        user._due_ns = 0
        self._sleep(self.wait_time())
        if user._due_ns and user._pace is not None:
            user._pace.woke(user, perf_counter_ns())
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        user._state = LOCUST_STATE_RUNNING

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            turns().sleep(seconds)
        else:
            mine = turns()
            mine.hurried = True
            mine.give()

    def interrupt(self, reschedule: bool = True) -> NoReturn:
        """Leaves this task set; the parent goes on at once, or after its wait with
        reschedule=False."""
        raise InterruptTaskSet(reschedule)


class DefaultTaskSet(TaskSet):
    """The task set every user has: runs the tasks of the user itself, with the user as argument."""

    __slots__ = ()

    def get_next_task(self) -> Any:
        if not self.user.tasks:
            raise Exception(_no_tasks(self.user, type(self.user).__name__, "User"))
        return self.user._chance.choice(self.user.tasks)

    def execute_task(self, task: Any) -> None:
        if _is_task_set_class(task):
            task(self.user).run()
        else:
            _tags.call(task, self.user)


def _to_parent(interrupt: InterruptTaskSet) -> Exception:
    kind = RescheduleTaskImmediately if interrupt.reschedule else RescheduleTask
    return kind(interrupt.reschedule)


def _is_task_set_class(task: Any) -> bool:
    return hasattr(task, "tasks") and isinstance(task, type) and issubclass(task, TaskSet)


def _no_tasks(holder: Any, name: str, kind: str) -> str:
    mixed_up = (
        ", but you have set a 'task' attribute - maybe you meant to set 'tasks'?"
        if getattr(holder, "task", None)
        else "."
    )
    also = (
        " (or mark it abstract = True, if it is only meant to be subclassed)"
        if kind == "User"
        else ""
    )
    return (
        f"No tasks defined on {name}{mixed_up} "
        f"Use the @task decorator or set the 'tasks' attribute of the {kind}{also}"
    )


_OWN: dict[str, Callable[..., Any]] = dict(vars(TaskSet))
_OWN_DEFAULT: dict[str, Callable[..., Any]] = dict(vars(DefaultTaskSet))
_STEPS = frozenset(
    (
        "schedule_task",
        "execute_next_task",
        "execute_task",
        "get_next_task",
        "wait",
        "_sleep",
        "tasks",
        "wait_time",
    )
)


def _choice_was_replaced() -> bool:
    return getattr(random.choice, "__func__", None) is not random.Random.choice


def _chooses_at_random(kind: type[TaskSet]) -> bool:
    return kind.get_next_task in (_OWN["get_next_task"], _OWN_DEFAULT["get_next_task"])


def _asks_user(task_set: TaskSet) -> bool:
    return type(task_set).wait_time is _OWN["wait_time"]
