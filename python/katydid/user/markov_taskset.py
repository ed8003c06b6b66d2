"""Task sets whose next task depends on the current one, by weighted transitions.

The chain is checked when the class is defined; a chain that cannot run is an error there, not in
the middle of a test.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..exception import LocustError
from .collect import tags_of
from .task import TaskSet, TaskSetMeta

F = TypeVar("F", bound=Callable[..., Any])


class NoMarkovTasksError(LocustError):
    """The class has no method with transitions."""


class InvalidTransitionError(LocustError):
    """A transition leads to a name that the class does not have."""


class NonMarkovTaskTransitionError(LocustError):
    """A transition leads to a method without transitions: a dead end."""


class MarkovTaskTagError(LocustError):
    """Tags would filter tasks out of the chain."""


def is_markov_task(task: Any) -> bool:
    return "transitions" in dir(task)


def transition(func_name: str, weight: int = 1) -> Callable[[F], F]:
    """After this task, `func_name` comes next with this weight. May be repeated."""
    return transitions({func_name: weight})


def transitions(weights: dict[str, int] | list[Any]) -> Callable[[F], F]:
    """Several transitions at once: {name: weight}, or a list of names and (name, weight)."""

    def decorate(function: Any) -> Any:
        pairs = (
            weights.items()
            if isinstance(weights, dict)
            else (each if isinstance(each, tuple) else (each, 1) for each in weights)
        )
        if not hasattr(function, "transitions"):
            function.transitions = {}
        function.transitions.update(pairs)
        return function

    return decorate


class MarkovTaskSetMeta(TaskSetMeta):
    """Checks the chain and writes every task's weights out as a list to choose from."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> MarkovTaskSetMeta:
        if not body.get("abstract"):
            body["abstract"] = False
            chain = [item for item in body.values() if is_markov_task(item)]
            _check(chain, body, name)
            body["current"] = chain[0]
            for item in chain:
                item.transitions = [
                    to for to, times in item.transitions.items() for _ in range(times)
                ]
        return type.__new__(mcs, name, bases, body)


class MarkovTaskSet(TaskSet, metaclass=MarkovTaskSetMeta):
    """Starts with the first method that has transitions."""

    abstract: ClassVar[bool] = True
    current: Any

    def get_next_task(self) -> Any:
        now = self.current
        self.current = getattr(self, self.user._chance.choice(now.transitions))
        return now


def _check(chain: list[Any], body: dict[str, Any], name: str) -> None:
    if not chain:
        raise NoMarkovTasksError(
            f"No Markov tasks defined in class {name}. Use the @transition(s) decorators to define some."
        )
    for item in chain:
        for to in item.transitions:
            if not body.get(to):
                raise InvalidTransitionError(
                    f"Transition to {to} from {item.__name__} is invalid: class {name} has no {to}"
                )
            if not is_markov_task(body[to]):
                raise NonMarkovTaskTransitionError(
                    f"{name}.{to} cannot be reached from {item.__name__}: it has no transitions of its own"
                )
    _warn_unreachable(chain, body, name)
    for item in chain:
        if item.__name__ == "run":
            raise Exception(
                "run() belongs to katydid: it cannot have transitions, and must not be overridden"
            )
        if item.__name__ in ("on_start", "on_stop"):
            logging.warning(
                "%s has transitions: it will run as a step as well as on start/stop.", item.__name__
            )
        if tags_of(item) is not None:
            raise MarkovTaskTagError(
                "Tags are unsupported for MarkovTaskSet, since filtering could break the chain: "
                f"{name}.{item.__name__} has {tags_of(item)}"
            )


def _warn_unreachable(chain: list[Any], body: dict[str, Any], name: str) -> None:
    reached: set[str] = set()
    waiting = [chain[0].__name__]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += [to for to, times in body[here].transitions.items() if times > 0]
    unreachable = {item.__name__ for item in chain} - reached
    if unreachable:
        logging.warning(
            "The following markov tasks are unreachable in class %s: %s", name, unreachable
        )
