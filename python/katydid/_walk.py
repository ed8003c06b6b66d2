"""Users whose tasks are done one after the other, without pauses and without a runner: what `katydid check` and `katydid probe` share.

Knows tasks and what ends them; what is said of them, and how often they are done, is for its heirs.
"""

from __future__ import annotations

from typing import Any

from .env import Environment
from .exception import CONTROL_FLOW, InterruptTaskSet, StopTest, StopUser
from .user.task import DefaultTaskSet, TaskSet


class Walker:
    """Does the tasks of users."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def began(self, name: str) -> None:
        """A task, a set of tasks or a user class begins."""

    def failed(self, where: str, error: Exception) -> None:
        """The scenario raised."""

    def steered(self, why: BaseException) -> None:
        """A task ended itself, its set or its user."""

    def is_wanted(self, task: Any) -> bool:
        """Whether a task or a set of tasks is done."""
        return True

    def open(self) -> list[Any]:
        """Fires what comes before the tasks; the user classes."""
        environment = self.environment
        environment.events.init.fire(environment=environment, runner=None, web_ui=None)
        environment._filter_tasks_by_tags()
        environment.events.test_start.fire(environment=environment)
        for user_class in environment.user_classes:
            if environment.host:
                user_class.host = environment.host
        return list(environment.user_classes)

    def close(self) -> None:
        self.environment.events.test_stop.fire(environment=self.environment)

    def user(self, user_class: Any) -> Any:
        """A new user with the set that holds its tasks, or None."""
        try:
            user = user_class(self.environment)
        except Exception as error:
            self.failed("constructor", error)
            return None
        user._state = "running"
        user._taskset_instance = DefaultTaskSet(user)
        return user

    def tasks(self, user: Any) -> None:
        """Each of a user's tasks once."""
        self._tasks(user._taskset_instance, user.tasks, user)

    def _tasks(self, holder: TaskSet, tasks: list[Any], argument: Any) -> None:
        if not tasks:
            self.failed("tasks", Exception("there are none"))
        for task in dict.fromkeys(tasks):
            if not self.is_wanted(task):
                continue
            if isinstance(task, type) and issubclass(task, TaskSet):
                self._task_set(task, argument)
            else:
                name = getattr(task, "__name__", repr(task))
                bound = getattr(task, "__self__", None) is holder
                self.began(name)
                self.step(name, task, *(() if bound else (argument,)))

    def _task_set(self, kind: type[TaskSet], parent: Any) -> None:
        self.began(kind.__name__)
        try:
            inner = kind(parent)
        except Exception as error:
            self.failed(kind.__name__, error)
            return
        if self.step("on_start", inner.on_start):
            chain = [t for t in vars(kind).values() if "transitions" in dir(t)]
            self._tasks(inner, list(inner.tasks) or chain, inner)
        self.step("on_stop", inner.on_stop)

    def step(self, name: str, call: Any, *args: Any) -> bool:
        """Whether the user goes on."""
        try:
            call(*args)
        except (StopUser, StopTest, InterruptTaskSet) as why:
            self.steered(why)
            return not isinstance(why, (StopUser, StopTest))
        except CONTROL_FLOW:
            pass
        except Exception as error:
            self.failed(name, error)
            return False
        return True
