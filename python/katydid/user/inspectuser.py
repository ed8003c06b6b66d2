"""How often each task will run, from weights alone. Knows classes, not runs."""

from __future__ import annotations

import inspect
from collections import Counter
from json import dumps
from typing import Any

from .task import TaskSet


def print_task_ratio(user_classes: list[Any], num_users: int | None, total: bool) -> None:
    """Prints each class's and task's share (%): of its parent, or with `total` of everything."""
    _print(get_ratio(user_classes, _calc_distribution(user_classes, num_users), total))


def print_task_ratio_json(user_classes: list[Any], num_users: int | None) -> None:
    """Both tables as one JSON document."""
    spawned = _calc_distribution(user_classes, num_users)
    print(
        dumps(
            {
                "per_class": get_ratio(user_classes, spawned, False),
                "total": get_ratio(user_classes, spawned, True),
            },
            indent=4,
        )
    )


def get_ratio(user_classes: list[Any], user_spawned: dict[str, int], total: bool) -> dict[str, Any]:
    """{class: {"ratio": share, "tasks": {task: …}}}; `user_spawned` says how many users each class
    has."""
    everybody = sum(user_spawned.values()) or 1
    result = {}
    for user_class in user_classes:
        share = user_spawned.get(user_class.__name__, 0) / everybody
        result[user_class.__name__] = {
            "ratio": share,
            "tasks": _get_task_ratio(user_class.tasks, total, share),
        }
    return result


def _get_task_ratio(tasks: list[Any], total: bool, parent_ratio: float) -> dict[str, Any]:
    whole = parent_ratio if total else 1.0
    result: dict[str, Any] = {}
    for item, times in Counter(tasks).items():
        share = times * whole / len(tasks)
        row: dict[str, Any] = {"ratio": share}
        if inspect.isclass(item) and issubclass(item, TaskSet):
            row["tasks"] = _get_task_ratio(item.tasks, total, share)
        result[item.__name__] = row
    return result


def _calc_distribution(user_classes: list[Any], num_users: int | None) -> dict[str, int]:
    fixed = sum(u.fixed_count for u in user_classes)
    weights = sum(u.weight for u in user_classes if not u.fixed_count)
    users = num_users or (1 if fixed else weights)
    rest = max(0, users - fixed)
    return {u.__name__: round(u.fixed_count or (u.weight / weights) * rest) for u in user_classes}


def _print(rows: dict[str, Any], level: int = 0) -> None:
    indent = "  " * level
    for name, row in rows.items():
        print(f" {indent + format(row.get('ratio', 1) * 100, '<6.1f'):<10} {indent + name:<50}")
        _print(row.get("tasks", {}), level + 1)
