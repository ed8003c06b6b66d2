"""`HttpUser`'s responses: a `requests.Response` made lazily from the native one, which a with block can judge.

Knows its session only as somebody to report to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import requests
from requests import Response
from requests.exceptions import HTTPError
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from . import _transport as transport
from ._core import Response as Native
from ._json import loads
from ._report import context_of, report_well, unjudged
from .exception import CatchResponseError, LocustError, ResponseError

if TYPE_CHECKING:
    from .clients import HttpSession


#: Charsets, as requests finds them, for which bytes can be parsed as they came; None: JSON says UTF-8.
_UTF_8 = (None, "utf-8", "UTF-8", "utf8")


class _Lazy:
    """An attribute made from the native response when it is first read; assigning to it just sets it."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.make(instance)
        return value


def _headers(native: Native) -> CaseInsensitiveDict[str]:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in native.header_items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class ResponseContextManager(Response):
    """A `requests.Response` that can be judged: `with client.get(..., catch_response=True) as r: r.failure("…")`."""

    _native: Native
    _session: HttpSession | None = None
    _catch = False
    _entered = False
    _reported = False
    _manual_result: Any = None
    _endpoint = 0
    _row: tuple[str, str | None] | None = None
    """Method and name of one that a with block is to judge."""
    _context: ClassVar[dict[str, Any]] = {}
    _instants: tuple[int, int, int, int] | None = None
    error: Exception | None = None
    connection: Any = None
    _next = None

    status_code = _Lazy(lambda self: self._native.status_code)
    reason = _Lazy(lambda self: self._native.reason)
    url = _Lazy(lambda self: self._native.url)
    headers = _Lazy(lambda self: _headers(self._native))
    encoding = _Lazy(lambda self: get_encoding_from_headers(self.headers))
    history = _Lazy(lambda self: [])
    cookies = _Lazy(lambda self: self._own_cookies())
    elapsed = _Lazy(lambda self: timedelta(milliseconds=self._native.response_time))
    raw = _Lazy(lambda self: None)
    request = _Lazy(lambda self: self._prepared())
    request_meta = _Lazy(lambda self: self._event())
    _content = _Lazy(lambda self: self._native.content if self._native.status_code else None)
    _content_consumed = True

    def __init__(self) -> None:
        """Made by the session; attributes are filled in when they are read."""

    @property
    def content(self) -> Any:
        return super().content if self._content is False else self._content

    @property
    def text(self) -> Any:
        return "" if self.content is None else super().text

    def _event(self) -> dict[str, Any]:
        """What listeners are told of it, by what the native response tells of itself."""
        session, context = self._session, self._context
        if session is None:
            return {}
        if not session._handlers:  # else it was asked when the request ended
            context = context_of(session, context)
        method, name = self._row or (self._native.method or "GET", None)
        return self._native.event(method, name, context, self)

    def json(self, **kwargs: Any) -> Any:
        if not kwargs and self.encoding in _UTF_8:
            return loads(self.content or b"", super().json)
        return super().json(**kwargs)

    def _own_cookies(self) -> Any:
        jar = transport.Jar()
        if self._native.has_cookies:
            transport.take_cookies(jar, self._native, self.url)
        return jar

    def _prepared(self) -> requests.PreparedRequest | None:
        """What was sent, as far as it can be told again."""
        native = self._native
        asked = self.__dict__.get("_asked") or (native.method or "GET", native.url, None, None)
        if asked[1] is None or self._session is None:
            return None
        method, url, headers, body = asked
        request = requests.PreparedRequest()
        request.method = method.upper()
        request.url = url
        request.headers = CaseInsensitiveDict({**self._session.headers, **(headers or {})})
        request.body = body
        request.hooks = {"response": []}
        return request

    def __enter__(self) -> ResponseContextManager:
        if not self._catch:
            raise LocustError(
                "this response cannot be judged: pass catch_response=True to the call to use it in a with block"
            )
        self._entered = True
        return self

    def __exit__(self, *raised: Any) -> Any:
        exc, value = raised[0], raised[1]
        if self._manual_result is not None:
            self._report(None if self._manual_result is True else self._manual_result)
            return exc is None
        if exc is not None:
            if isinstance(value, ResponseError):
                self._report(value)
                return True
            self._leave_unjudged()
            return False
        found = self._verdict()
        if found is None and "request_meta" in self.__dict__:
            found = self.request_meta.get("exception")
        self._report(found)
        return False

    def success(self) -> None:
        """It went well, whatever the status."""
        self._must_be_entered()
        self._manual_result = True

    def failure(self, exc: Any) -> None:
        """It failed, because of `exc` (text or an exception)."""
        self._must_be_entered()
        self._manual_result = exc if isinstance(exc, Exception) else CatchResponseError(exc)

    def _must_be_entered(self) -> None:
        if not self._entered:
            raise LocustError("success() and failure() need a with block and catch_response=True")

    def _verdict(self) -> Exception | None:
        """What raise_for_status says, with the name in place of the URL so that equal failures count together."""
        if self.error is not None:
            return self.error
        status = self.status_code
        if not 400 <= status < 600:
            return None
        side = "Client" if status < 500 else "Server"
        name = self.request_meta.get("name") or self.url
        return HTTPError(f"{status} {side} Error: {self.reason} for url: {name}", response=self)

    def raise_for_status(self) -> None:
        """Raises what made the request fail, if it did; what a with block said comes first."""
        if self._manual_result is True:
            return
        if self._manual_result is not None:
            raise self._manual_result
        if self.error is not None and not isinstance(self.error, HTTPError):
            raise self.error
        super().raise_for_status()

    def _leave_unjudged(self) -> None:
        if self._session is not None and not self._reported:
            self._reported = True
            unjudged(self._session.request_event, self._endpoint)

    def _report(self, failure: Exception | None) -> None:
        if self._reported or self._session is None:
            return
        self._reported = True
        if failure is None and "request_meta" not in self.__dict__ and self._row is not None:
            report_well(self._session.request_event, self._native, self._event)
        else:
            self._session._report(self, failure)
