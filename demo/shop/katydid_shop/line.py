"""Requests beyond what can be worked on wait in line, before they take anything.

A request needs a thread, a connection to the database, and a thread again for its answer. With more requests than either, those
that have a connection and wait for a thread hold up those that have a thread and wait for a connection: an overload would last
until long after the load is gone.
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send


class InLine:
    """Lets so many requests in at once, as many as there are threads and connections; the others in the order in which they
    came."""

    def __init__(self, app: ASGIApp, at_once: int) -> None:
        self._app = app
        self._turn = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with self._turn:
            await self._app(scope, receive, send)
