"""Whether anything failed in the iteration that the current user is in. Only arrivals make iterations rows of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import getcurrent


def held() -> int:
    """How long the first request of the current user's iteration waited for its instant, ns: time that is nobody's."""
    user: Any = getattr(getcurrent(), "user", None)
    return user._held_ns if user is not None and user._flow_ns else 0


def note_failure(text: Callable[[], str]) -> None:
    """A request of the current user has failed; the first one's text is kept."""
    user: Any = getattr(getcurrent(), "user", None)
    if user is not None and user._flow_ns and user._failed is None:
        user._failed = text()
