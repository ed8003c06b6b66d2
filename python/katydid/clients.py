"""`HttpUser.client`: a `requests.Session` whose requests run on the engine.

Each call is native unless the session was customised in a way that only `requests` can honour (a mounted adapter, hooks, a custom
auth object, an overridden `send`, a client certificate): then real `requests` does it, counted and said. The session's own headers,
cookies, auth, verify and proxies are the truth; what the engine caches of them is renewed when they change. Knows nothing of users
but `context()` and the slot they are due in.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import requests
from gevent import getcurrent
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.exceptions import ContentDecodingError, TooManyRedirects
from requests.structures import CaseInsensitiveDict

from . import _tags
from . import _transport as transport
from ._core import Client, InvalidUrl
from ._errors import absolute_http_url_regexp, bad_url, exception_of
from ._fallback import Fallback, basic, session_of
from ._json import dumps
from ._report import context_at_the_end, report, unjudged
from ._response import ResponseContextManager
from ._stream import Stream
from ._turns import turns
from .rest import RestResponseContextManager

__all__ = (
    "HttpSession",
    "LocustHttpAdapter",
    "ResponseContextManager",
    "RestResponseContextManager",
    "absolute_http_url_regexp",
)

#: Seconds without a byte after which a request without a timeout of its own has failed. requests waits for ever; a load test that
#: never ends helps nobody.
PATIENCE = 300.0


class LocustHttpAdapter(HTTPAdapter):
    """requests' adapter on a given pool manager."""

    def __init__(self, pool_manager: Any = None, *args: Any, **kwargs: Any) -> None:
        self._given_pool = pool_manager
        super().__init__(*args, **kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._given_pool is not None:
            self.poolmanager = self._given_pool
        else:
            super().init_poolmanager(*args, **kwargs)


class _Headers(CaseInsensitiveDict[Any]):
    """Session headers that tell when they change."""

    changed = True

    def __setitem__(self, key: str, value: Any) -> None:
        self.changed = True
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.changed = True
        super().__delitem__(key)


#: Attributes of a session of which the engine holds a copy.
_COPIED = frozenset(
    ("auth", "verify", "proxies", "base_url", "cert", "trust_env", "request", "send")
)


class HttpSession(Fallback):
    """A `requests.Session` bound to a base URL, whose requests are timed, judged and recorded."""

    def __init__(
        self,
        base_url: str,
        request_event: Any,
        user: Any,
        *args: Any,
        pool_manager: Any = None,
        **kwargs: Any,
    ) -> None:
        self._stale = True
        self._own_request = type(self).request is HttpSession.request
        self._client: Client | None = None
        self._building = True
        super().__init__(*args, **kwargs)
        self._building = False
        self.base_url = base_url
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self.trust_env = False
        self._custom = None
        parts = re.match(r"^(https?://)([^/@]*)@(.*)$", base_url or "", re.IGNORECASE)
        if parts:
            name, _, password = parts[2].partition(":")
            self.base_url = parts[1] + parts[3]
            self.auth = HTTPBasicAuth(unquote(name), unquote(password))
        if pool_manager is not None:
            self.mount("https://", LocustHttpAdapter(pool_manager=pool_manager))
            self.mount("http://", LocustHttpAdapter(pool_manager=pool_manager))
        self._handlers = request_event._handlers
        self._switch = turns().switch
        self._submit_get: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "headers":
            headers = _Headers()
            headers.update(value or {})
            value = headers
        elif name == "cookies":
            value = transport.jar_of(value)
        elif name in _COPIED:
            self.__dict__["_stale"] = True
            if name == "request":  # wrapped: every call is to go through it
                self.__dict__["_own_request"] = False
        super().__setattr__(name, value)

    def _session_changed(self) -> None:
        self._client = None
        self._stale = True

    # the fast way ------------------------------------------------------------------------------------------------------

    def get(
        self, url: Any, *, name: str | None = None, catch_response: bool = False, **kwargs: Any
    ) -> Any:
        """GET `url`; keyword arguments as `request`."""
        user = self.user
        if (
            kwargs
            or self._stale
            or self._submit_get is None
            or self.headers.changed  # type: ignore[attr-defined]
            or self.cookies.changed  # type: ignore[attr-defined]
            or self.hooks["response"]
            or self.params
            or self.stream
            or user is None
            or type(url) is not str
        ):
            kwargs.setdefault("allow_redirects", True)
            if name is not None:
                kwargs["name"] = name
            if catch_response:
                kwargs["catch_response"] = catch_response
            return self.request("GET", url, **kwargs)
        name = name or self.request_name
        try:
            if user._due_ns:
                slot = user._due_ns, user._blocked, user._missed
                token = self._submit_get(getcurrent(), url, name, catch_response, *slot)
                transport.slot_served(user)
            else:
                token = self._submit_get(getcurrent(), url, name, catch_response)
        except InvalidUrl as error:
            raise bad_url(url, error) from None
        try:
            native = self._switch()
        except BaseException:
            self._client.cancel(token)  # type: ignore[union-attr]
            raise
        response = ResponseContextManager.__new__(ResponseContextManager)
        response._native = native
        response._session = self
        if catch_response:
            if native.simple:
                return self._to_judge(response, "GET", name, {})
        elif native.plain:
            if self._handlers:
                event = native.event("GET", name, {**user.context()}, response)
                self.request_event.notify(event)
            return response
        return self._ended(response, "GET", url, name, None, None, {}, True, catch_response, {})

    def _to_judge(
        self, response: Any, method: str, name: str | None, context: dict[str, Any]
    ) -> Any:
        response._catch = True
        response._endpoint = response._native.endpoint
        response._row = (method, name)
        # Without listeners it is asked only if the script looks.
        response._context = (
            context_at_the_end(self, response._native, context) if self._handlers else context
        )
        return response

    # any request -------------------------------------------------------------------------------------------------------

    def request(  # type: ignore[override]
        self,
        method: str,
        url: Any,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `requests.Session.request`, plus: `name` groups it in the statistics, `catch_response` leaves the judgement to a
        with block, `context` goes to the listeners of `events.request`."""
        if isinstance(url, bytes):
            url = url.decode()
        url = str(url)
        name = name or self.request_name
        reason = self._why_not_native(kwargs)
        if reason is not None:
            return self._by_requests(
                reason, method, url, name, catch_response, context or {}, kwargs
            )
        if self._stale or self.headers.changed:  # type: ignore[attr-defined]
            self._renew()
        if kwargs.get("params") or self.params:
            merged: Any = kwargs.get("params")
            if self.params and (merged is None or isinstance(merged, dict)):
                merged = {**self.params, **(merged or {})}  # type: ignore[dict-item]
                merged = {key: value for key, value in merged.items() if value is not None}
            url = transport.with_params(url, merged)
        headers, body = self._content(kwargs)
        follow = kwargs.get("allow_redirects", True)
        stream = kwargs.get("stream")
        stream = self.stream if stream is None else stream
        response = self._exchange(
            method, url, name, headers, body, kwargs, catch_response, bool(follow), bool(stream)
        )
        if catch_response and not stream and response._native.simple:
            response.__dict__["_asked"] = (method, response._native.url, headers, body)
            return self._to_judge(response, method, name, context or {})
        return self._ended(
            response,
            method,
            url,
            name,
            headers,
            body,
            kwargs,
            bool(follow),
            catch_response,
            context or {},
        )

    def _content(self, kwargs: dict[str, Any]) -> tuple[dict[str, Any], bytes | None]:
        """Headers of this request alone, and its body."""
        headers = dict((kwargs.get("headers") or {}).items())
        given = {str(name).lower() for name in headers}
        data, files, json = kwargs.get("data"), kwargs.get("files"), kwargs.get("json")
        body: bytes | None = None
        kind = None
        if files:
            body, kind = transport.encode_files(files, data)
        elif data:
            if isinstance(data, (dict, list, tuple)):
                body, kind = transport.encode_form(data), "application/x-www-form-urlencoded"
            else:
                body = transport.read_body(data)
        elif json is not None:
            try:
                body, kind = dumps(json), "application/json"
            except ValueError as error:
                raise requests.exceptions.InvalidJSONError(error) from error
        if kind and "content-type" not in given:
            headers["Content-Type"] = kind
        auth = kwargs.get("auth")
        if auth is not None:
            headers["Authorization"] = basic(auth)
        return headers, body

    def _exchange(
        self,
        method: str,
        url: str,
        name: str | None,
        headers: dict[str, Any],
        body: bytes | None,
        kwargs: dict[str, Any],
        catch: bool,
        follow: bool,
        stream: bool,
    ) -> ResponseContextManager:
        client = self._client
        assert client is not None
        if self.cookies.changed:  # type: ignore[attr-defined]
            self._renew_cookies()
        extra = kwargs.get("cookies")
        if extra or self._cookies_vary:
            whole = url if absolute_http_url_regexp.match(url) else f"{self.base_url}{url}"
            jar: Any = self.cookies
            if extra:
                jar = transport.Jar()
                jar.update(self.cookies)
                jar.update(
                    extra
                    if not isinstance(extra, dict)
                    else requests.cookies.cookiejar_from_dict(extra)  # type: ignore[no-untyped-call]
                )
            value = transport.cookie_header(jar, whole)
            if value and "Cookie" not in headers:
                headers = {**headers, "Cookie": value}
        removed = [key for key, value in headers.items() if value is None]
        lines = None
        if headers:
            lines = [(key, value) for key, value in headers.items() if value is not None]
        if removed:
            lines = self._whole_headers(headers)
        verify = kwargs.get("verify")
        judge = 0 if catch or stream or verify is not None else 1 if follow else 2
        slot = transport.slot_of(self.user)
        try:
            token = client.submit(
                getcurrent(),
                method,
                url,
                name,
                lines,
                not removed,
                body,
                judge,
                *slot,
                _timeouts(kwargs.get("timeout")),
                stream,
            )
        except InvalidUrl as error:
            raise bad_url(url, error) from None
        except ValueError as error:
            raise requests.exceptions.InvalidHeader(str(error)) from None
        if slot[0]:
            transport.slot_served(self.user)
        try:
            native = self._switch()
        except BaseException:
            client.cancel(token)
            raise
        response = ResponseContextManager.__new__(ResponseContextManager)
        response._native = native
        response._session = self
        response._endpoint = native.endpoint
        if stream and native.status_code:
            response.raw = Stream(client, token, self._switch)
            response._content_consumed = False
            response._content = False
        return response

    def _whole_headers(self, headers: dict[str, Any]) -> list[tuple[str, Any]]:
        """Defaults and given ones merged, without those given as None."""
        merged: CaseInsensitiveDict[Any] = CaseInsensitiveDict(self.headers)
        merged.update(headers)
        return [(key, value) for key, value in merged.items() if value is not None]

    # the end of a request ----------------------------------------------------------------------------------------------

    def _ended(
        self,
        response: ResponseContextManager,
        method: str,
        url: str,
        name: str | None,
        headers: dict[str, Any] | None,
        body: bytes | None,
        kwargs: dict[str, Any],
        follow: bool,
        catch: bool,
        context: dict[str, Any],
    ) -> ResponseContextManager:
        """Cookies, redirects, errors; then the verdict, now or in the caller's with block."""
        native = first = response._native
        whole = native.url or url
        response.__dict__["_asked"] = (method, whole, headers, body)
        if native.has_cookies:
            transport.take_cookies(self.cookies, native, whole)
        endpoint = response._endpoint or self._row(method, name or native.path_url)
        if follow and native.status_code in transport.REDIRECTS:
            try:
                response = self._follow(
                    response, method, whole, name or first.path_url, headers, body, kwargs
                )
            except Exception:
                # A target that cannot be asked for: the caller gets the exception, as from requests.
                unjudged(self.request_event, endpoint)
                raise
            native = response._native
        response._endpoint = endpoint
        failure = native.problem
        if failure is not None:
            response.error = exception_of(failure)
        elif native.is_encoded and response.error is None and not kwargs.get("stream"):
            try:
                response._content = native.content
            except ValueError as error:
                response.error = ContentDecodingError(error)
                response._content = None
        if first.recorded and not self._handlers and not catch:
            return response
        due, asked, send, done = transport.timings(first)
        if native is not first:
            done = native.instants_ns[6]
        response._instants = (due, asked, send, done)
        length = (
            transport.whole_number(native.header("content-length"))
            if kwargs.get("stream")
            else len(response.content or b"")
        )
        context = context_at_the_end(self, first, context)
        response.request_meta = {
            "request_type": method,
            "response_time": (done - asked) / 1e6,
            "name": name or first.path_url,
            "context": context,
            "response": response,
            "exception": None,
            "start_time": first.start_time,
            "url": whole,
            "response_length": length,
        }
        if catch:
            response._catch = True
            return response
        response._report(response._verdict())
        return response

    def _follow(
        self,
        response: ResponseContextManager,
        method: str,
        url: str,
        name: str,
        headers: dict[str, Any] | None,
        body: bytes | None,
        kwargs: dict[str, Any],
    ) -> ResponseContextManager:
        """One submit per hop; the whole chain is one sample."""
        history: list[Any] = []
        headers = dict(headers or {})
        while (target := transport.redirect_target(response._native, url)) is not None:
            if len(history) >= self.max_redirects:
                response.error = TooManyRedirects(
                    f"Exceeded {self.max_redirects} redirects.", response=response
                )
                break
            status = response._native.status_code
            method = transport.redirect_method(method, status)
            if status not in (307, 308):
                body = None
                headers = {
                    k: v
                    for k, v in headers.items()
                    if k.lower() not in ("content-type", "content-length", "transfer-encoding")
                }
            if not transport.same_origin(url, target):
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            history.append(response)
            hop: dict[str, Any] = {
                key: kwargs[key] for key in ("timeout", "cookies") if key in kwargs
            }
            response = self._exchange(
                method, target, name, headers, body, hop, True, False, bool(kwargs.get("stream"))
            )
            response.__dict__["_asked"] = (method, target, headers, body)
            url = target
            if response._native.has_cookies:
                transport.take_cookies(self.cookies, response._native, url)
        response.history = history
        return response

    def _row(self, method: str, name: str) -> int:
        session = self.request_event._session
        return (
            0
            if session is None
            else int(session.endpoint("request", method, name, _tags.current()))
        )

    def _report(self, response: ResponseContextManager, failure: Exception | None) -> None:
        """Records the verdict with the values that `request_meta` has by now, then tells the listeners."""
        native = response._native
        at = response._instants or transport.timings(native)
        report(
            self.request_event,
            native,
            response.request_meta,
            at,
            failure,
            lambda: _content(response),
        )

    # what the engine holds a copy of -----------------------------------------------------------------------------------

    _cookies_vary = False

    def _renew(self) -> None:
        """Brings the engine's copy of the session's settings up to date."""
        tls = (
            "verify"
            if self.verify is True
            else "accept"
            if self.verify is False
            else str(self.verify)
        )
        scheme = "https" if str(self.base_url).lower().startswith("https") else "http"
        proxy = self.proxies.get(scheme) or self.proxies.get("all")
        headers = [
            (str(key), _header_text(value))
            for key, value in self.headers.items()
            if value is not None
        ]
        if self.auth is not None:
            headers = [(key, value) for key, value in headers if key.lower() != "authorization"]
            headers.append(("Authorization", basic(self.auth)))
        base = str(self.base_url or "")
        try:
            if self._client is None:
                session = session_of(self)
                self._client = Client(session, base, False, tls, proxy, PATIENCE, PATIENCE, headers)
            else:
                self._client.set_base(base, tls, proxy)
                self._client.set_headers(headers)
        except ValueError as error:
            raise bad_url(base, error) from None
        self._submit_get = self._client.get if self._own_request else None
        self._stale = False
        self.headers.changed = False  # type: ignore[attr-defined]
        self._renew_cookies()

    def _renew_cookies(self) -> None:
        constant, header = transport.constant_cookie_header(self.cookies, str(self.base_url))
        assert self._client is not None
        self._client.set_cookies(header if constant else None)
        self._cookies_vary = not constant
        self.cookies.changed = not constant  # type: ignore[attr-defined]

    # names and methods -------------------------------------------------------------------------------------------------

    @contextmanager
    def rename_request(self, name: str) -> Generator[None, None, None]:
        """All requests inside the block are counted as `name`."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def options(self, url: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("allow_redirects", True)
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def post(self, url: Any, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: Any, data: Any = None, *, json: Any = None, **kwargs: Any) -> Any:
        return self.request("PUT", url, data=data, json=json, **kwargs)

    def patch(self, url: Any, data: Any = None, *, json: Any = None, **kwargs: Any) -> Any:
        return self.request("PATCH", url, data=data, json=json, **kwargs)

    def delete(self, url: Any, **kwargs: Any) -> Any:
        return self.request("DELETE", url, **kwargs)

    def close(self) -> None:
        if self._client is not None:
            self._client.close_idle()
        super().close()


def _content(response: ResponseContextManager) -> bytes | None:
    """The body, as far as it is there."""
    content: Any = response._content
    return b"" if content is False else content


def _header_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _timeouts(timeout: Any) -> tuple[float, float] | None:
    """(connect, read) seconds; None keeps the session's."""
    if timeout is None:
        return None
    if isinstance(timeout, tuple):
        connect, read = timeout
        return (
            PATIENCE if connect is None else float(connect),
            PATIENCE if read is None else float(read),
        )
    return (float(timeout), float(timeout))
