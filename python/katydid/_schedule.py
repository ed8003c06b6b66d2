"""What Python asks of a plan's schedule, as the manifest has it. When how much is due is the engine's to say."""

from __future__ import annotations

from typing import Any


class Levels:
    """The numbers of users that a line comes to, one after the other."""

    def __init__(self, phases: list[dict[str, Any]]) -> None:
        self.is_there: bool = phases[0]["from"] == phases[0]["to"]
        self._levels = (
            phase["to"]
            for phase, rest in zip(phases, [*phases[1:], None], strict=True)
            # What an event cut on its way has not arrived: the rest of it goes on.
            if phase["from"] != phase["to"]
            and not (rest and rest.get("after") and rest["from"] != rest["to"])
        )
        self._next = next(self._levels, None)

    def comes_to(self, users: int) -> bool:
        """Takes this number of users; answers whether it is the next level."""
        self.is_there = bool(users == self._next)
        if self.is_there:
            self._next = next(self._levels, None)
        return self.is_there
