"""`katydid check`: one user of each class, every task once, every request and response shown.
Before a test, to see that the scenario does what its author thinks. Makes no load and judges
nothing but success.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from typing import Any

from ._link import open_session
from ._transport import outline
from ._walk import Walker
from .env import Environment

#: Headers whose values are not shown.
SECRET = (
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "token",
    "secret",
    "api-key",
    "apikey",
)


class Checker(Walker):
    """Runs the tasks and prints what happens."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.requests = 0
        self.failures = 0
        environment.events.request.add_listener(self.on_request)
        environment.events.job.add_listener(self.on_job)

    def go(self) -> int:
        for user_class in self.open():
            print(f"\n{user_class.__name__}")
            user = self.user(user_class)
            if user is None:
                continue
            if self.step("on_start", user.on_start):
                self.tasks(user)
            self.step("on_stop", user.on_stop)
        self.close()
        verdict = f"{self.failures} failed" if self.failures else "all went well"
        print(f"\n{self.requests} requests, {verdict}.")
        return 1 if self.failures else 0

    def began(self, name: str) -> None:
        print(f"  {name}")

    def steered(self, why: BaseException) -> None:
        print(f"    {type(why).__name__}" + (f": {why}" if str(why) else ""))

    def failed(self, where: str, error: Exception) -> None:
        self.failures += 1
        print(f"    FAILED in {where}: {type(error).__name__}: {error}")
        frames = traceback.extract_tb(error.__traceback__)
        own = [
            f for f in frames if "/katydid/" not in f.filename and "site-packages" not in f.filename
        ]
        for frame in own[-3:]:
            print(f"      {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}")
        sys.stdout.flush()

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: Any = None,
        response: Any = None,
        url: str = "",
        **_others: Any,
    ) -> None:
        self.requests += 1
        status = getattr(response, "status_code", None)
        took = "" if response_time is None else f", {response_time:.1f} ms"
        shown = url or name
        named = "" if not url or url.endswith(name) else f" (counted as {name})"
        print(
            f"    {request_type} {shown}{named} -> {status or '-'}{took}, {response_length} bytes"
        )
        if exception:
            self.failures += 1
            print(f"      FAILED: {exception}")
        for line in _sent(response):
            print(f"      > {line}")
        for line in _received(response):
            print(f"      < {line}")

    def on_job(self, name: str, response_time: float, failure: str | None, **_: Any) -> None:
        print(f"    job {name}, {response_time:.1f} ms")
        if failure is not None:
            self.failures += 1
            print(f"      FAILED: {failure}")


def _sent(response: Any) -> Iterator[str]:
    request = getattr(response, "request", None)
    if request is not None:
        yield from _message(request.headers or {}, request.body)


def _received(response: Any) -> Iterator[str]:
    headers = getattr(response, "headers", None)
    if headers:
        yield from _message(headers, response.content)


def _message(headers: Any, body: Any) -> Iterator[str]:
    kind = ""
    for name, value in sorted(headers.items()):
        if value is not None:
            yield f"{name}: {_shown(name, value)}"
        if name.lower() == "content-type":
            kind = str(value)
    if body:
        yield outline(body if isinstance(body, bytes) else str(body).encode(), kind)


def _shown(name: str, value: Any) -> str:
    secret = any(word in name.lower() for word in SECRET)
    return "(hidden)" if secret else str(value)[:200]


def check_environment(environment: Environment) -> int:
    """0 if every task ran and every request succeeded, else 1."""
    open_session(environment, lambda _message: None)
    return Checker(environment).go()
