"""A result that may be reused for a while."""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import time
from typing import Any


def memoize(timeout: float, dynamic_timeout: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Calls the function at most once per `timeout` seconds (arguments are ignored). With
    `dynamic_timeout` the time doubles whenever a call takes longer than it. The wrapper has
    `clear_cache()`."""

    def decorate(function: Callable[..., Any]) -> Any:
        kept: list[Any] = []  # [result, when]
        limit = timeout

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal limit
            began = time()
            if not kept or began - kept[1] > limit:
                result = function(*args, **kwargs)
                ended = time()
                kept[:] = [result, ended]
                if dynamic_timeout and ended - began > limit:
                    limit *= 2
            return kept[0]

        wrapper.clear_cache = kept.clear  # type: ignore[attr-defined]
        return wrapper

    return decorate
