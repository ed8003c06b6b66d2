"""`FastHttpUser`'s responses: the native response with what Python does better, and the one that a with block judges.

Knows its session only as somebody to report to.
"""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import _transport as transport
from ._core import Response
from ._json import loads
from ._report import context_of, report_well, unjudged
from .exception import CatchResponseError, LocustError, ResponseError

if TYPE_CHECKING:
    from .contrib.fasthttp import FastHttpSession

#: Locust's name for the native response.
FastResponse = Response

#: Statuses that are good, as Locust has them.
GOOD = frozenset((*range(200, 209), 226, 301, 302, 303, 304, 307, 308))


class LocustBadStatusCode(Exception):
    """The status is not in the list of good ones."""

    katydid_cause = "status"

    def __init__(self, code: int = 0, url: str = "") -> None:
        super().__init__()
        self.code = code
        self.url = url

    def __str__(self) -> str:
        return f"URL {self.url}: code={self.code}"

    def __repr__(self) -> str:
        return f"LocustBadStatusCode(code={self.code})"


class Headers(dict[str, Any]):
    """Response headers: case-insensitive; a name sent several times has a list."""

    def __init__(self, items: list[tuple[str, str]] | None = None) -> None:
        super().__init__()
        for name, value in items or ():
            key = name.lower()
            if key in self:
                known = super().__getitem__(key)
                super().__setitem__(
                    key, [*known, value] if isinstance(known, list) else [known, value]
                )
            else:
                super().__setitem__(key, value)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name.lower(), value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _text(response: Any) -> str:
    """The body decoded by `encoding`, the declared charset, or UTF-8."""
    content = response.content
    if not content:
        return ""
    declared = re.search(
        r"charset=[\"']?([\w.:-]+)", response.header("content-type") or "", re.IGNORECASE
    )
    encoding = response.encoding or (declared[1] if declared else "utf-8")
    try:
        return str(content, encoding, "replace")
    except LookupError:
        return str(content, "utf-8", "replace")


def _json(self: Any, **kwargs: Any) -> Any:
    def from_text() -> Any:
        return json_module.loads(self.text, **kwargs)

    if not kwargs and self.encoding is None and self.says_utf8:
        return loads(self.content or b"", from_text)
    return from_text()


class FastRequest:
    """What was sent."""

    def __init__(
        self, url: str, method: str = "GET", headers: Any = None, payload: Any = None
    ) -> None:
        self.url = url
        self.method = method
        self.headers = headers or {}
        self.payload = payload

    @property
    def body(self) -> Any:
        return self.payload


def _request(response: Any) -> FastRequest:
    headers, body = response.__dict__.get("_sent") or (None, None)
    return FastRequest(response.url, response.method or "GET", headers, body)


def _headers(response: Any) -> Headers:
    found = response.__dict__.get("_headers")
    if found is None:
        found = response._headers = Headers(response.header_items())
    return found  # type: ignore[no-any-return]


def _raise_for_status(self: Any) -> None:
    """Raises what made the request fail, if it did; what a with block said comes first."""
    manual = getattr(self, "_manual", None)
    if manual is True:
        return
    if manual is not None:
        raise manual
    if self.error is not None:
        raise self.error
    if self.status_code not in GOOD:
        raise LocustBadStatusCode(self.status_code, self.url)


def _iter_content(
    self: Any, chunk_size: int = 1024, decode_content: bool = True
) -> Iterator[bytes]:
    """The body in pieces; those of a streamed response as they arrive."""
    stream = self.stream
    if stream is not None:
        while piece := stream.read(chunk_size):
            yield piece
        return
    content = self.content or b""
    for start in range(0, len(content), chunk_size):
        yield content[start : start + chunk_size]


def _misused(self: Any, *_: Any) -> None:
    raise LocustError("success() and failure() need a with block and catch_response=True")


def _complete(native: Any) -> None:
    """Gives the native response what FastResponse has besides: made here, where text and JSON are at home."""
    native.headers = property(_headers)
    native.text = property(_text)
    native.json = _json
    native.ok = property(lambda self: 0 < self.status_code < 400)
    native.elapsed = property(lambda self: timedelta(milliseconds=self.response_time))
    native.request = property(_request)
    native.raise_for_status = _raise_for_status
    native.iter_content = _iter_content
    native.success = _misused
    native.failure = _misused
    native.release = lambda self: None
    native.read = lambda self, *_: self.content
    native.info = lambda self: self.headers
    native.__enter__ = lambda self: self
    native.__exit__ = lambda self, *_: False
    native.error = None
    native.encoding = None
    native.stream = None
    native.history = ()


_complete(FastResponse)


class StreamedResponse(FastResponse):
    """A response whose body is read as it arrives; asking for `content` reads the rest."""

    @property
    def content(self) -> bytes:
        rest: bytes | None = self.__dict__.get("_rest")
        if rest is None:
            rest = self._rest = b"" if self.stream is None else self.stream.read()
        return rest


class ErrorResponse(FastResponse):
    """For type checks in scripts: a response that never came has `status_code` 0 and no content."""


class ResponseContextManager(FastResponse):
    """A response to be judged in a with block."""

    _session: FastHttpSession
    _row: tuple[str, str]
    """Method and name."""
    _context: dict[str, Any]
    _meta: dict[str, Any] | None = None
    """What will be reported, if it is not just what the response tells of itself."""
    _at: tuple[int, int, int, int] | None = None
    _endpoint: int | None = None
    _manual: Any = None
    _entered = False
    _reported = False

    @property
    def request_meta(self) -> dict[str, Any]:
        """What will be reported; may be changed inside the block."""
        if self._meta is None:
            self._meta = self._event()
        return self._meta

    @request_meta.setter
    def request_meta(self, meta: dict[str, Any]) -> None:
        self._meta = meta

    def _event(self) -> dict[str, Any]:
        session, context = self._session, self._context
        if not session._handlers:  # else it was asked when the request ended
            context = context_of(session, context)
        return self.event(*self._row, context, self)

    def __enter__(self) -> ResponseContextManager:
        self._entered = True
        return self

    def __exit__(
        self, exc: type[BaseException] | None, value: BaseException | None, traceback: Any
    ) -> bool:
        if self._manual is not None:
            self._report(None if self._manual is True else self._manual)
            return exc is None
        if exc is not None:
            if isinstance(value, ResponseError):
                self._report(value)
                return True
            if not self._reported:
                self._reported = True
                row = self.endpoint if self._endpoint is None else self._endpoint
                unjudged(self._session.request_event, row)
            return False
        found = self._session._verdict(self)
        if found is None and self._meta is not None:
            found = self._meta.get("exception")
        self._report(found)
        return False

    def success(self) -> None:
        """It went well, whatever the status."""
        self._must_be_entered()
        self._manual = True

    def failure(self, exc: Any) -> None:
        """It failed, because of `exc` (text or an exception)."""
        self._must_be_entered()
        self._manual = exc if isinstance(exc, Exception) else CatchResponseError(exc)

    def _must_be_entered(self) -> None:
        if not self._entered:
            raise LocustError("success() and failure() need a with block and catch_response=True")

    def _report(self, failure: Exception | None) -> None:
        if self._reported:
            return
        self._reported = True
        session = self._session
        if failure is None and self._meta is None:
            report_well(session.request_event, self, self._event)
        else:
            at = self._at or transport.timings(self)
            session._report(self, self.request_meta, at, failure)


class StreamedContextManager(ResponseContextManager, StreamedResponse):
    """A streamed response to be judged in a with block."""
