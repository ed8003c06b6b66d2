"""Which tasks a class has: the `task` and `tag` decorators, weights, inheritance, and filtering by
tag.

Works on classes before anything runs. Tasks are function objects, not names: overriding a parent's
task method in a subclass leaves the parent's function in the list, as in Locust.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


@overload
def task(weight: F) -> F: ...
@overload
def task(weight: int) -> Callable[[F], F]: ...
def task(weight: Any = 1) -> Any:
    """Marks a method, or a nested TaskSet class, as a task: `@task` or `@task(3)` for three times
    the weight."""

    def decorate(function: Any, times: int = weight) -> Any:
        if function.__name__ == "run":
            raise Exception(
                "run() belongs to katydid: it cannot be a task, and must not be overridden"
            )
        if function.__name__ in ("on_start", "on_stop"):
            logging.warning(
                "%s is marked with @task: it will run as a task as well as on start/stop.",
                function.__name__,
            )
        function.locust_task_weight = times
        return function

    return decorate(weight, 1) if callable(weight) else decorate


def tag(*tags: str) -> Callable[[F], F]:
    """Names a task, or all tasks of a TaskSet, for --tags and --exclude-tags. What a task tagged `read` or `write` asks for counts
    among the reads or the writes."""
    if not tags or callable(tags[0]):
        raise ValueError("No tag name was supplied")

    def decorate(decorated: Any) -> Any:
        if hasattr(decorated, "tasks"):
            decorated.tasks = [tag(*tags)(each) for each in decorated.tasks]
        else:
            own = vars(decorated).get("locust_tag_set", ())
            decorated.locust_tag_set = {*own, *tags}
        return decorated

    return decorate


def tags_of(item: Any) -> set[str] | None:
    return item.locust_tag_set if "locust_tag_set" in dir(item) else None


def decorated_times(item: Any) -> int:
    """How often a class-body value counts as a task; 0 if it is none."""
    # dir(), not hasattr(): objects that answer to every name (mocks, proxies) are no tasks.
    return int(item.locust_task_weight) if "locust_task_weight" in dir(item) else 0


def inherited(bases: tuple[type, ...]) -> list[Any]:
    """The tasks of every direct base, in order; a diamond brings its tasks twice."""
    return [each for base in bases for each in (getattr(base, "tasks", None) or ())]


def written_out(tasks: Any) -> Iterator[Any]:
    """A `tasks` attribute as a flat list: {task: times}, or a list of tasks and (task, times)."""
    for each in tasks.items() if isinstance(tasks, dict) else tasks:
        if isinstance(each, tuple):
            function, times = each
            yield from (function for _ in range(times))
        else:
            yield each


def get_tasks_from_base_classes(bases: tuple[type, ...], class_dict: dict[str, Any]) -> list[Any]:
    """All tasks of a class about to be created: inherited ones, its `tasks`, then decorated ones in
    order of definition."""
    found = inherited(bases)
    if class_dict.get("tasks") is not None:
        found += written_out(class_dict["tasks"])
    for item in class_dict.values():
        found += [item] * decorated_times(item)
    return found


def is_markov_taskset(task: Any) -> bool:
    """By name of the metaclass, so that this module need not import that one."""
    return type(task).__name__ == "MarkovTaskSetMeta"


def filter_tasks_by_tags(
    task_holder: Any,
    tags: set[str] | None = None,
    exclude_tags: set[str] | None = None,
    checked: dict[Any, bool] | None = None,
) -> None:
    """Removes from a User or TaskSet class, recursively, what the tag options exclude. Markov sets
    stay whole."""
    checked = {} if checked is None else checked

    def passes(item: Any) -> bool:
        if hasattr(item, "tasks"):
            filter_tasks_by_tags(item, tags, exclude_tags, checked)
            return bool(item.tasks) or is_markov_taskset(item)
        own = tags_of(item)
        wanted = tags is None or bool(own and own & tags)
        refused = exclude_tags is not None and bool(own and own & exclude_tags)
        return wanted and not refused

    kept = []
    for item in task_holder.tasks:
        if item not in checked:
            checked[item] = passes(item)
        if checked[item]:
            kept.append(item)
    task_holder.tasks = kept
    if (
        not kept
        and not is_markov_taskset(task_holder)
        and not getattr(task_holder, "functions", False)
    ):
        logging.warning(
            "%s had no tasks left after filtering, instantiating it will fail!",
            task_holder.__name__,
        )
