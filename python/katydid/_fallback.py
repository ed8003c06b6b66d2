"""When and how a session's call is made by real `requests`: what only requests can honour, counted and said.

A mixin of HttpSession; knows nothing of the engine.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import requests
from requests import Response
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, _basic_auth_str
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException

from . import _transport as transport
from ._core import Response as Native
from ._errors import absolute_http_url_regexp, lowest
from ._response import ResponseContextManager
from ._turns import turns

#: What a call may be given and still be made natively.
NATIVE = frozenset(
    (
        "allow_redirects",
        "auth",
        "cert",
        "cookies",
        "data",
        "files",
        "headers",
        "hooks",
        "json",
        "params",
        "proxies",
        "stream",
        "timeout",
        "verify",
    )
)


class Fallback(requests.Session):
    """Decides per call, and makes those that the engine cannot."""

    base_url: str
    request_event: Any
    user: Any
    _custom: str | None
    _stale: bool
    _adapters: OrderedDict[str, Any] | None = None
    _building = False
    """requests' own constructor is at work."""

    def _row(self, method: str, name: str) -> int:
        raise NotImplementedError

    def _why_not_native(self, kwargs: dict[str, Any]) -> str | None:
        """None, or in a few words why only requests can do this call."""
        if self._custom is None or self._stale:
            self._custom = self._customised()
        if self._custom:
            return self._custom
        hooks = kwargs.get("hooks")
        if self.hooks["response"] or hooks:
            return "response hooks"
        for auth in (self.auth, kwargs.get("auth")):
            if auth is not None and not is_basic(auth):
                return f"auth object {type(auth).__name__}"
        if kwargs.get("cert") or self.cert:
            return "client certificate"
        if kwargs.get("proxies"):
            return "proxies of one call"
        verify = kwargs.get("verify")
        if verify is not None and verify != self.verify:
            return "verify of one call"
        unknown = kwargs.keys() - NATIVE
        return f"argument {sorted(unknown)[0]}" if unknown else None

    def _customised(self) -> str:
        if type(self).send is not requests.Session.send or "send" in self.__dict__:
            return "overridden send()"
        for adapter in (self._adapters or {}).values():
            if type(adapter) is not HTTPAdapter:
                return f"mounted adapter {type(adapter).__name__}"
        return ""

    @property  # type: ignore[override]
    def adapters(self) -> OrderedDict[str, Any]:
        """requests' own adapters are made when they are first asked for: the two take 5 KB per user, and few users need them."""
        if self._adapters is None:
            self._adapters = OrderedDict()
            for prefix in ("https://", "http://"):
                super().mount(prefix, HTTPAdapter())
        return self._adapters

    @adapters.setter
    def adapters(self, adapters: OrderedDict[str, Any]) -> None:
        self._custom = None
        self._stale = True
        self._adapters = None if self._building else adapters

    def mount(self, prefix: Any, adapter: Any) -> None:
        self._custom = None
        self._stale = True
        if not self._building:
            super().mount(prefix, adapter)

    def close(self) -> None:
        if self._adapters is not None:
            super().close()

    def _by_requests(
        self,
        reason: str,
        method: str,
        url: str,
        name: str | None,
        catch: bool,
        context: dict[str, Any],
        kwargs: dict[str, Any],
    ) -> Any:
        """The same request through real requests; timed here, so the hub's own delay is in it."""
        session = session_of(self)
        _count_fallback(session, reason)
        whole = url if absolute_http_url_regexp.match(url) else f"{self.base_url}{url}"
        due, blocked, missed = transport.slot_of(self.user)
        transport.slot_served(self.user)
        if due and self.user._held_ns:
            turns().sleep(self.user._held_ns / 1e9)
        start_time, began = time.time(), time.perf_counter_ns()
        error: Exception | None = None
        try:
            real = requests.Session.request(self, method, whole, **kwargs)
        except (MissingSchema, InvalidSchema, InvalidURL):
            raise
        except RequestException as problem:
            error = problem
            real = Response()
            real.status_code = 0
            real.request = problem.request  # type: ignore[assignment]
        done = time.perf_counter_ns()
        first = (real.history or [real])[0]
        real.__class__ = ResponseContextManager
        response: Any = real
        response._native = Native()
        response._session = self
        response.error = lowest(error) if error is not None else None
        path = getattr(first.request, "path_url", url) if first.request is not None else url
        # A slot that lies ahead is no time to count from.
        response._instants = (min(due, began) if due else began, began, began, done)
        response.request_meta = {
            "request_type": method,
            "response_time": (done - began) / 1e6,
            "name": name or path,
            "context": {**self.user.context(), **context} if self.user is not None else context,
            "response": response,
            "exception": None,
            "start_time": start_time,
            "url": getattr(first.request, "url", whole) if first.request is not None else whole,
            "response_length": int(response.headers.get("content-length") or 0)
            if kwargs.get("stream")
            else len(response.content or b""),
        }
        response._endpoint = self._row(method, name or path)
        if blocked or missed:
            session.skipped_slots(response._endpoint, blocked, missed)
        if catch:
            response._catch = True
            return response
        response._report(response._verdict())
        return response


def is_basic(auth: Any) -> bool:
    return type(auth) is HTTPBasicAuth or (isinstance(auth, tuple) and len(auth) == 2)


def basic(auth: Any) -> str:
    name, password = (auth.username, auth.password) if isinstance(auth, HTTPBasicAuth) else auth
    return str(_basic_auth_str(name, password))


_fallbacks: dict[str, int] = {}


def _count_fallback(session: Any, reason: str) -> None:
    """Says once per reason that requests are made by `requests` itself."""
    _fallbacks[reason] = _fallbacks.get(reason, 0) + 1
    if _fallbacks[reason] == 1 and session is not None:
        session.mark(
            "fact",
            "requests made by Python's requests",
            f"{reason}: these cost more CPU, and their times include the event loop's delay",
        )


def session_of(client: Any) -> Any:
    """The session that a client makes its requests in. Used without a runner (a script, a locustfile that is being loaded), it gets
    one that writes nothing, and moves when a run begins."""
    from ._standalone import standalone_session

    return client.request_event.session_for(client, standalone_session)
