"""Sessions for clients that are used outside a test: nothing is recorded on disk."""

from __future__ import annotations

from ._core import Session
from ._hub import Link, attach

_links: list[Link] = []


def standalone_session() -> Session:
    """A session on this thread's hub."""
    session = Session({"record": False, "name": "standalone"})
    _links.append(attach(session, lambda _message: None))
    return session
