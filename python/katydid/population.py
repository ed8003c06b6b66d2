"""The users that are alive: by class, in the order of their start, in constant time per change.

A gevent `Group`, so that scripts may iterate it, join it and kill it. Knows users and greenlets,
not why they start or stop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import Greenlet
from gevent.pool import Group


class UserGreenlet(Greenlet):  # type: ignore[type-arg]
    """Remembers its user; gevent forgets a greenlet's arguments when it ends."""

    user: Any = None


class Population(Group):
    """Counts its users and tells `on_change(alive)` after every start and end."""

    greenlet_class = UserGreenlet

    def __init__(self, on_change: Callable[[int], Any]) -> None:
        super().__init__()
        self.by_class: dict[
            str, dict[Any, Any]
        ] = {}  # {class name: {greenlet: user}}, oldest first
        self._on_change = on_change

    def add(self, greenlet: Any) -> None:
        args = getattr(greenlet, "args", ())
        if args:
            user = greenlet.user = args[0]
            self.by_class.setdefault(type(user).__name__, {})[greenlet] = user
        super().add(greenlet)
        self._on_change(len(self))

    def _discard(self, greenlet: Any) -> None:
        user = getattr(greenlet, "user", None)
        if user is not None:
            self.by_class[type(user).__name__].pop(greenlet, None)
            greenlet.user = None
        super()._discard(greenlet)  # type: ignore[misc]
        self._on_change(len(self))

    def counts(self, names: Any) -> dict[str, int]:
        """Users alive per class, for these names and any other class that has some."""
        counts = dict.fromkeys(names, 0)
        counts.update((name, len(users)) for name, users in self.by_class.items() if users)
        return counts

    def newest(self, name: str, count: int) -> list[Any]:
        """Up to `count` users of a class, newest first."""
        users = self.by_class.get(name, {})
        return [user for _, user in zip(range(count), reversed(users.values()), strict=False)]
