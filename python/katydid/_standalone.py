"""Sessions for clients that are used outside a test: nothing is recorded on disk."""

from __future__ import annotations

from typing import Any

from ._core import Session
from ._hub import Link, attach

_links: list[Link] = []


def session_for(request_event: Any) -> Session:
    """The session that `request_event` is bound to from now on."""
    session = Session({"record": False, "name": "standalone"})
    _links.append(attach(session, lambda _message: None))
    request_event.bind(session)
    return session
