"""Task sets that run their tasks in the order of definition, over and over."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from ..exception import LocustError
from .collect import decorated_times, inherited, written_out
from .task import TaskSet, TaskSetMeta


class SequentialTaskSetMeta(TaskSetMeta):
    """Keeps the order of the class body, in which `tasks` has its own place; a weight repeats a
    task in a row."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]
    ) -> SequentialTaskSetMeta:
        found = inherited(bases)
        for key, value in body.items():
            if key == "tasks":
                if not isinstance(value, (list, dict)):
                    raise ValueError("The 'tasks' attribute can only be set to list or dict")
                found += value if isinstance(value, list) else written_out(value)
            found += [value] * decorated_times(value)
        body["tasks"] = found
        return type.__new__(mcs, name, bases, body)


class SequentialTaskSet(TaskSet, metaclass=SequentialTaskSetMeta):
    """Starts over after the last task, and in every new instance."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._task_cycle = cycle(self.tasks)

    def get_next_task(self) -> Any:
        if not self.tasks:
            raise LocustError(
                "No tasks defined. Use the @task decorator or set the 'tasks' attribute of the SequentialTaskSet"
            )
        return next(self._task_cycle)
