"""Names from Locust before 1.0: using them says what they are called now."""

from __future__ import annotations

import warnings
from typing import Any

_MORE = "https://docs.locust.io/en/latest/changelog.html#changelog-1-0"


class _Renamed(type):
    """A class that may be imported but not subclassed."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], old: str = "", new: str = ""
    ) -> _Renamed:
        for base in bases:
            if isinstance(base, _Renamed):
                raise ImportError(
                    f"The {base.old} class has been renamed to {base.new} in version 1.0. "
                    f"For more info see: {_MORE}"
                )
        made = super().__new__(mcs, name, bases, body)
        made.old, made.new = old, new
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **_: str) -> None:
        super().__init__(name, bases, body)

    old: str
    new: str


class DeprecatedLocustClass(metaclass=_Renamed, old="Locust", new="User"):
    pass


class DeprecatedHttpLocustClass(metaclass=_Renamed, old="HttpLocust", new="HttpUser"):
    pass


class DeprecatedFastHttpLocustClass(metaclass=_Renamed, old="FastHttpLocust", new="FastHttpUser"):
    pass


def check_for_deprecated_task_set_attribute(body: dict[str, Any]) -> None:
    """Warns about `task_set = X` in a User's body: it has meant nothing since 1.0."""
    from ..user.task import TaskSet

    old = body.get("task_set")
    if (
        isinstance(old, type)
        and issubclass(old, TaskSet)
        and not hasattr(old, "locust_task_weight")
    ):
        warnings.warn(
            f"User.task_set has no effect since version 1.0. Write tasks = [{old.__name__}] instead.",
            DeprecationWarning,
            stacklevel=4,
        )
