"""`Environment`: what belongs together in one test. Holds user classes, events, options, statistics
and the runner; does nothing with them itself.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .dispatch import UsersDispatcher
from .event import Events
from .exception import RunnerAlreadyExistsError
from .runners import LocalRunner, MasterRunner, Runner, WorkerRunner
from .shape import LoadTestShape
from .stats import RequestStats
from .user.task import TaskHolder, filter_tasks_by_tags
from .web import WebUI

if TYPE_CHECKING:
    from ._arrivals import Arrivals


class Iterations:
    """How many task runs are left, of all users together."""

    __slots__ = ("exhausted", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.exhausted = False

    def take(self) -> None:
        """One more; StopUser when there are none."""
        from .exception import StopUser

        if self.left <= 0:
            self.exhausted = True
            raise StopUser()
        self.left -= 1


class Environment:
    """All arguments are optional and keywords; see Locust's documentation of `Environment`."""

    def __init__(
        self,
        *,
        user_classes: list[Any] | None = None,
        shape_class: LoadTestShape | None = None,
        tags: list[str] | None = None,
        locustfile: str | None = None,
        exclude_tags: list[str] | None = None,
        events: Events | None = None,
        host: str | None = None,
        reset_stats: bool = False,
        stop_timeout: float | None = None,
        catch_exceptions: bool = True,
        parsed_options: Namespace | None = None,
        parsed_locustfiles: list[str] | None = None,
        available_user_classes: dict[str, Any] | None = None,
        available_shape_classes: dict[str, LoadTestShape] | None = None,
        available_user_tasks: dict[str, list[Any]] | None = None,
        dispatcher_class: type[UsersDispatcher] = UsersDispatcher,
        profile: str | None = None,
    ) -> None:
        self.runner: Runner | None = None
        self.web_ui: WebUI | None = None
        self.process_exit_code: int | None = None
        """If a script sets it, katydid exits with it."""
        self.events = events or Events()
        self.locustfile = locustfile
        self.user_classes = user_classes or []
        self.shape_class = shape_class
        self.tags = tags
        self.exclude_tags = exclude_tags
        self.stats = RequestStats()
        self.host = host
        self.reset_stats = reset_stats
        self.profile = profile
        if stop_timeout is None:
            stop_timeout = getattr(parsed_options, "stop_timeout", 0.0)
        self.stop_timeout = float(stop_timeout or 0.0)
        self.catch_exceptions = catch_exceptions
        self.parsed_options = parsed_options
        self.parsed_locustfiles = parsed_locustfiles
        self.available_user_classes = available_user_classes
        self.available_shape_classes = available_shape_classes
        self.available_user_tasks = available_user_tasks
        self.dispatcher_class = dispatcher_class
        self.worker_logs: dict[str, list[str]] = {}
        self._tasks_filtered = False
        limit = getattr(parsed_options, "iterations", None)
        self._iterations = Iterations(limit) if limit else None
        self._arrivals: Arrivals | None = None
        self._session: Any = None
        """The native session; `main` gives the recorded one, a runner made by a script opens its
        own."""
        self._check_user_classes()
        if shape_class is not None and not isinstance(shape_class, LoadTestShape):
            raise ValueError(
                f"shape_class must be an instance of LoadTestShape, but is {shape_class}"
            )

    def _check_user_classes(self) -> None:
        if not self.user_classes:
            return
        kept = [u for u in self.user_classes if u.weight > 0 or u.fixed_count > 0]
        if not kept:
            raise ValueError("There are no users with weight > 0.")
        self.user_classes[:] = kept
        if len(self.user_classes_by_name) != len(kept):
            names = ", ".join(u.fullname() for u in kept)
            raise ValueError(f"The following user classes have the same class name: {names}")

    @property
    def user_classes_by_name(self) -> dict[str, Any]:
        return {u.__name__: u for u in self.user_classes}

    # runners --------------------------------------------------------------------------------------
    # ---------------------

    def create_local_runner(self) -> LocalRunner:
        return self._adopt(LocalRunner)  # type: ignore[no-any-return]

    def create_master_runner(
        self, master_bind_host: str = "*", master_bind_port: int = 5557
    ) -> MasterRunner:
        return self._adopt(  # type: ignore[no-any-return]
            MasterRunner, master_bind_host=master_bind_host, master_bind_port=master_bind_port
        )

    def create_worker_runner(self, master_host: str, master_port: int) -> WorkerRunner:
        return self._adopt(WorkerRunner, master_host=master_host, master_port=master_port)  # type: ignore[no-any-return]

    def _adopt(self, kind: Any, **where: Any) -> Any:
        if self.runner is not None:
            raise RunnerAlreadyExistsError(f"Environment.runner already exists ({self.runner})")
        self.runner = kind(self, **where)
        if self.shape_class is not None:
            self.shape_class.runner = self.runner
        return self.runner

    def create_web_ui(self, host: str = "", port: int = 8089, **options: Any) -> WebUI:
        self.web_ui = WebUI(self, host, port, **options)
        return self.web_ui

    # changing classes -----------------------------------------------------------------------------
    # ---------------------

    def update_user_class(self, user_settings: dict[str, Any]) -> None:
        """Sets attributes of the class named by "user_class_name"; "tasks" names those to keep.
        KeyError if there is none."""
        name = user_settings["user_class_name"]
        user_class = (self.available_user_classes or {})[name]
        for key, value in user_settings.items():
            if key == "tasks":
                every = (self.available_user_tasks or {})[name]
                user_class.tasks = [task for task in every if task.__name__ in value]
            elif key != "user_class_name":
                setattr(user_class, key, value)

    def update_worker_logs(self, worker_log_report: dict[str, Any]) -> None:
        if worker := worker_log_report.get("worker_id"):
            self.worker_logs[worker] = worker_log_report.get("logs", [])

    def assign_equal_weights(self) -> None:
        """Every class weighs 1; every task counts once, and nested task sets are dissolved into
        their tasks."""
        for user_class in self.user_classes:
            user_class.weight = 1
            user_class.tasks = list(dict.fromkeys(_leaves(list(user_class.tasks))))

    def _filter_tasks_by_tags(self) -> None:
        """Once per environment; it changes the classes."""
        if self._tasks_filtered:
            return
        self._tasks_filtered = True
        options = self.parsed_options
        tags = self.tags if self.tags is not None else getattr(options, "tags", None) or None
        excluded = (
            self.exclude_tags
            if self.exclude_tags is not None
            else getattr(options, "exclude_tags", None) or None
        )
        for user_class in self.user_classes:
            filter_tasks_by_tags(
                user_class,
                None if tags is None else set(tags),
                None if excluded is None else set(excluded),
            )


def _leaves(waiting: list[Any]) -> Iterator[Any]:
    while waiting:
        task = waiting.pop()
        if isinstance(task, TaskHolder):
            waiting.extend(task.tasks)
        elif callable(task):
            yield task
        else:
            raise ValueError(f"{task!r} is neither a task nor a task set")
