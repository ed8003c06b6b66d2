"""`user.rest(...)`: a request for JSON whose assertions become failures. For both kinds of HTTP users.

Knows responses through `content`, `text`, `json()` and `failure()` only.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ._transport import outline
from .exception import CatchResponseError


class RestResponseContextManager:
    """For type hints: a response whose `js` is the parsed body, or None."""

    js: Any
    headers: Any
    error: Any


def what_came(response: Any) -> str:
    """The outline of the body: failure texts are kept, and what a server said of its users is not to be."""
    return outline(response.content or b"", response.headers.get("content-type") or "")


def rest_failure(error: Exception, response: Any) -> None:
    """Turns an exception of the block into the response's failure."""
    seen = what_came(response)
    if isinstance(error, AssertionError):
        if not error.args:
            response.failure("Assertion failed")
        elif str(error.args[0]).endswith(","):
            response.failure(f"{error.args[0][:-1]}, response was {seen}")
        else:
            response.failure(error.args[0])
        return
    if isinstance(error, CatchResponseError):
        response.failure(error)
        return
    where = ""
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        last = frames[-1]
        where = f" at {last.filename}:{last.lineno} in {last.name}"
    response.failure(f"{type(error).__name__}: {error}{where}. Response was {seen}")


class RestMixin:
    """Adds `rest` and `rest_` to a user that has a `client`."""

    client: Any

    @contextmanager
    def rest(
        self, method: str, url: str, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> Generator[Any, None, None]:
        """A JSON request: `resp.js` is the parsed answer; a failed assertion in the block fails the request."""
        given = {name.lower() for name in headers or {}}
        headers = dict(headers or {})
        for name in ("Content-Type", "Accept"):
            if name.lower() not in given:
                headers[name] = "application/json"
        with self.client.request(
            method, url, catch_response=True, headers=headers, **kwargs
        ) as response:
            response.js = None
            if response.content is None:
                response.failure(str(response.error))
            elif response.text:
                try:
                    response.js = response.json()
                except (json.JSONDecodeError, ValueError) as error:
                    response.failure(
                        f"Could not parse response as JSON. {what_came(response)}, "
                        f"response code {response.status_code}, error {error}"
                    )
            try:
                yield response
            except Exception as error:
                rest_failure(error, response)

    @contextmanager
    def rest_(
        self, method: str, url: str, name: str | None = None, **kwargs: Any
    ) -> Generator[Any, None, None]:
        """`rest`, with a query parameter that no cache has seen."""
        mark = "&_=" if "?" in url else "?_="
        with self.rest(
            method,
            f"{url}{mark}{int(time.time() * 1000)}",
            name=name or f"{url}{mark}...",
            **kwargs,
        ) as response:
            yield response
