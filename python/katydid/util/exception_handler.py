"""Trying again after an exception."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

logger = logging.getLogger("locust.util.exception_handler")


def retry(
    delays: Sequence[float] = (1, 3, 5), exception: type[BaseException] = Exception
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Calls again after each delay (s) while `exception` is raised; the last one goes through."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            for attempt, delay in enumerate(delays, 1):
                try:
                    return function(*args, **kwargs)
                except exception as error:
                    logger.info(
                        "Attempt %d failed (%r), trying again in %ss", attempt, error, delay
                    )
                    time.sleep(delay)
            return function(*args, **kwargs)

        return wrapper

    return decorate
