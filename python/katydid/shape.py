"""`LoadTestShape`: a script's own load over time. Knows its clock and its runner; the runner asks
it about once a second."""

from __future__ import annotations

import time
from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Union

if TYPE_CHECKING:
    from .runners import Runner
    from .user.users import User

Tick = Union[tuple[int, float], "tuple[int, float, list[type[User]] | None]"]


class LoadTestShapeMeta(ABCMeta):
    """`abstract` counts only where it is written: it is not inherited."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> LoadTestShapeMeta:
        body.setdefault("abstract", False)
        return super().__new__(mcs, name, bases, body)


class LoadTestShape(metaclass=LoadTestShapeMeta):
    """Subclass it and write `tick`."""

    abstract: ClassVar[bool] = True
    runner: Runner | None = None
    use_common_options: ClassVar[bool] = False
    """True: -u, -r and -t are meant for this shape, which reads them itself."""

    def __init__(self) -> None:
        self.start_time = time.perf_counter()

    def reset_time(self) -> None:
        self.start_time = time.perf_counter()

    def get_run_time(self) -> float:
        """Seconds since the start (or the last `reset_time`)."""
        return time.perf_counter() - self.start_time

    def get_current_user_count(self) -> int:
        assert self.runner is not None, "the shape is not attached to a runner"
        return self.runner.user_count

    @abstractmethod
    def tick(self) -> Tick | None:
        """(users, users per second to get there[, user classes]), or None to end the test."""
