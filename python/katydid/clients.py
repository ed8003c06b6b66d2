"""`HttpUser.client`: a `requests.Session` whose requests run on the engine.

Each call is native unless the session was customised in a way that only `requests` can honour (a mounted adapter, hooks, a custom
auth object, an overridden `send`, a client certificate): then real `requests` does it, counted and said. The session's own headers,
cookies, auth, verify and proxies are the truth; what the engine caches of them is renewed when they change. Knows nothing of users
but `context()` and the slot they are due in.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import requests
from gevent import getcurrent
from requests import Response
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, _basic_auth_str
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ConnectTimeout,
    ContentDecodingError,
    HTTPError,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    ReadTimeout,
    RequestException,
    SSLError,
    TooManyRedirects,
)
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from . import _transport as transport
from ._core import Client, InvalidUrl
from ._core import Response as Native
from ._hub import hub_switch
from .exception import CatchResponseError, LocustError, ResponseError
from .rest import RestResponseContextManager

__all__ = (
    "HttpSession",
    "LocustHttpAdapter",
    "ResponseContextManager",
    "RestResponseContextManager",
    "absolute_http_url_regexp",
)

absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)

#: Seconds without a byte after which a request without a timeout of its own has failed. requests waits for ever; a load test that
#: never ends helps nobody.
PATIENCE = 300.0

#: What `request` understands natively; anything else goes to requests.
_NATIVE = frozenset(("data", "json", "params", "headers", "auth", "timeout", "allow_redirects", "cookies", "files", "verify", "stream"))


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
    request_meta = _Lazy(lambda self: {})
    _content = _Lazy(lambda self: self._native.content if self._native.status_code else None)
    _content_consumed = True

    def __init__(self) -> None:
        """Made by the session; attributes are filled in when they are read."""

    @property
    def content(self) -> Any:
        return self._content

    @property
    def text(self) -> Any:
        return "" if self._content is None else super().text

    def _own_cookies(self) -> Any:
        jar = transport.Jar()
        if self._native.has_cookies:
            transport.take_cookies(jar, self._native, self.url)
        return jar

    def _prepared(self) -> requests.PreparedRequest | None:
        """What was sent, as far as it can be told again."""
        asked = self.__dict__.get("_asked")
        if asked is None or self._session is None:
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

    def __exit__(self, exc: type[BaseException] | None, value: BaseException | None, traceback: Any) -> bool:  # type: ignore[override]
        if self._manual_result is not None:
            self._report(None if self._manual_result is True else self._manual_result)
            return exc is None
        if exc is not None:
            if isinstance(value, ResponseError):
                self._report(value)
                return True
            self._leave_unjudged()
            return False
        self._report(self._verdict())
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
        if status < 400:
            return None
        side = "Client" if status < 500 else "Server"
        name = self.request_meta.get("name") or self.url
        return HTTPError(f"{status} {side} Error: {self.reason} for url: {name}", response=self)

    def raise_for_status(self) -> None:
        if self.error is not None and not isinstance(self.error, HTTPError):
            raise self.error
        super().raise_for_status()

    def _leave_unjudged(self) -> None:
        if self._session is not None and not self._reported:
            self._reported = True
            self._session._unjudged(self._endpoint)

    def _report(self, failure: Exception | None) -> None:
        if self._reported or self._session is None:
            return
        self._reported = True
        self._session._report(self, failure)


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
_COPIED = frozenset(("auth", "verify", "proxies", "base_url", "cert", "trust_env"))


class HttpSession(requests.Session):
    """A `requests.Session` bound to a base URL, whose requests are timed, judged and recorded."""

    def __init__(
        self, base_url: str, request_event: Any, user: Any, *args: Any, pool_manager: Any = None, **kwargs: Any
    ) -> None:
        self._stale = True
        self._client: Client | None = None
        super().__init__(*args, **kwargs)
        self.base_url = base_url
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self.trust_env = False
        self._custom = None
        parts = re.match(r"^(https?://)([^/@]*)@(.*)$", base_url or "", re.IGNORECASE)
        if parts:
            from urllib.parse import unquote

            name, _, password = parts[2].partition(":")
            self.base_url = parts[1] + parts[3]
            self.auth = HTTPBasicAuth(unquote(name), unquote(password))
        if pool_manager is not None:
            self.mount("https://", LocustHttpAdapter(pool_manager=pool_manager))
            self.mount("http://", LocustHttpAdapter(pool_manager=pool_manager))
        self._handlers = request_event._handlers
        self._switch = hub_switch()
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
        super().__setattr__(name, value)

    # the fast way ------------------------------------------------------------------------------------------------------

    def get(self, url: Any, **kwargs: Any) -> Any:
        """GET `url`; keyword arguments as `request`."""
        if (
            kwargs
            or self._stale
            or self.headers.changed  # type: ignore[attr-defined]
            or self.cookies.changed  # type: ignore[attr-defined]
            or self.hooks["response"]
            or self.params
            or self.stream
            or self.user._due_ns
            or type(url) is not str
        ):
            kwargs.setdefault("allow_redirects", True)
            return self.request("GET", url, **kwargs)
        token = self._submit_get(getcurrent(), url, self.request_name)
        try:
            native = self._switch()
        except BaseException:
            self._client.cancel(token)  # type: ignore[union-attr]
            raise
        response = ResponseContextManager.__new__(ResponseContextManager)
        response._native = native
        response._session = self
        if native.plain:
            if self._handlers:
                self._notify_plain(response, url)
            return response
        return self._ended(response, "GET", url, self.request_name, None, None, {}, True, False, {})

    def _notify_plain(self, response: ResponseContextManager, url: str) -> None:
        native = response._native
        self.request_event.notify(
            request_type="GET",
            response_time=native.response_time,
            name=self.request_name or native.path_url,
            context=self.user.context(),
            response=response,
            exception=None,
            start_time=native.start_time,
            url=response.url,
            response_length=native.body_bytes,
        )

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
            return self._by_requests(reason, method, url, name, catch_response, context or {}, kwargs)
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
        response = self._exchange(method, url, name, headers, body, kwargs, catch_response, bool(follow), bool(stream))
        return self._ended(
            response, method, url, name, headers, body, kwargs, bool(follow), catch_response, context or {}
        )

    def _content(self, kwargs: dict[str, Any]) -> tuple[dict[str, Any], bytes | None]:
        """Headers of this request alone, and its body."""
        headers = {name: value for name, value in (kwargs.get("headers") or {}).items()}
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
                kind = "application/x-www-form-urlencoded" if isinstance(data, str) else None
        elif json is not None:
            try:
                body, kind = transport.encode_json(json), "application/json"
            except ValueError as error:
                raise requests.exceptions.InvalidJSONError(error) from error
        if kind and "content-type" not in given:
            headers["Content-Type"] = kind
        auth = kwargs.get("auth")
        if auth is not None:
            headers["Authorization"] = _basic(auth)
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
        user = self.user
        due = blocked = missed = 0
        if user is not None and user._due_ns:
            due, blocked, missed = user._due_ns, user._blocked, user._missed
            user._due_ns = user._blocked = user._missed = 0
        if self.cookies.changed:  # type: ignore[attr-defined]
            self._renew_cookies()
        extra = kwargs.get("cookies")
        if extra or self._cookies_vary:
            whole = url if absolute_http_url_regexp.match(url) else f"{self.base_url}{url}"
            jar: Any = self.cookies
            if extra:
                jar = transport.Jar()
                jar.update(self.cookies)
                jar.update(extra if not isinstance(extra, dict) else requests.cookies.cookiejar_from_dict(extra))
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
        try:
            token, endpoint = client.submit(
                getcurrent(), method, url, name, lines, not removed, body, judge, due, blocked, missed,
                _timeouts(kwargs.get("timeout")), stream,
            )
        except InvalidUrl as error:
            raise _bad_url(url, error) from None
        except ValueError as error:
            raise requests.exceptions.InvalidHeader(str(error)) from None
        try:
            native = self._switch()
        except BaseException:
            client.cancel(token)
            raise
        response = ResponseContextManager.__new__(ResponseContextManager)
        response._native = native
        response._session = self
        response._endpoint = endpoint
        if stream and native.status_code:
            response.raw = Stream(client, token, native, self._switch)
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
        whole = native.url
        response.__dict__["_asked"] = (method, whole, headers, body)
        if native.has_cookies:
            transport.take_cookies(self.cookies, native, whole)
        endpoint = response._endpoint or self._row(method, name or native.path_url)
        if follow and native.status_code in transport.REDIRECTS:
            response = self._follow(response, method, whole, name or first.path_url, headers, body, kwargs)
            native = response._native
        response._endpoint = endpoint
        failure = native.problem
        if failure is not None:
            response.error = _exception(failure)
        elif native.is_encoded and response.error is None and not kwargs.get("stream"):
            try:
                response._content = native.content
            except ValueError as error:
                response.error = ContentDecodingError(error)
        if first.recorded and not self._handlers and not catch:
            return response
        due, asked, _taken, _connected, send, _first_byte, done = first.instants_ns
        if native is not first:
            done = native.instants_ns[6]
        response._instants = (due, asked, send or asked, done)
        if kwargs.get("stream"):
            length = int(native.header("content-length") or 0)
        else:
            length = len(response.content or b"")
        response.request_meta = {
            "request_type": method,
            "response_time": (done - asked) / 1e6,
            "name": name or first.path_url,
            "context": {**self.user.context(), **context} if self.user is not None else context,
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
                response.error = TooManyRedirects(f"Exceeded {self.max_redirects} redirects.", response=response)
                break
            status = response._native.status_code
            method = transport.redirect_method(method, status)
            if status not in (307, 308):
                body = None
                headers = {k: v for k, v in headers.items() if k.lower() not in ("content-type", "content-length", "transfer-encoding")}
            if not transport.same_origin(url, target):
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            history.append(response)
            hop = {key: kwargs[key] for key in ("timeout", "cookies") if key in kwargs}
            response = self._exchange(method, target, name, headers, body, hop, True, False, bool(kwargs.get("stream")))
            response.__dict__["_asked"] = (method, target, headers, body)
            url = target
            if response._native.has_cookies:
                transport.take_cookies(self.cookies, response._native, url)
        response.history = history
        return response

    def _row(self, method: str, name: str) -> int:
        session = self.request_event._session
        return 0 if session is None else int(session.endpoint("request", method, name))

    def _unjudged(self, endpoint: int) -> None:
        session = self.request_event._session
        if session is not None:
            session.unjudged(endpoint)

    def _report(self, response: ResponseContextManager, failure: Exception | None) -> None:
        """Records the verdict with the values that `request_meta` has by now, then tells the listeners."""
        meta = response.request_meta
        meta["exception"] = failure
        session = self.request_event._session
        native = response._native
        if session is not None and not (native.recorded and not response._catch and failure is None):
            due, asked, send, done = response._instants or (0, 0, 0, 0)
            edited = None
            if meta["response_time"] is None or abs(meta["response_time"] - (done - asked) / 1e6) > 1e-6:
                edited = meta["response_time"]
            instants = None if edited is None and meta["response_time"] is None else (due, asked, send, done)
            verdict = None
            shape = None
            if failure is not None:
                verdict = (_cause(failure, native), _text(failure))
                shape = transport.outline(response.content or b"", native.header("content-type") or "")
            session.record(
                self._row(meta["request_type"], meta["name"]), edited, meta["response_length"], verdict, instants,
                native.status_code, shape,
            )
        self.request_event.notify(**meta)

    # what the engine holds a copy of -----------------------------------------------------------------------------------

    _cookies_vary = False

    def _renew(self) -> None:
        """Brings the engine's copy of the session's settings up to date."""
        tls = "verify" if self.verify is True else "accept" if self.verify is False else str(self.verify)
        scheme = "https" if str(self.base_url).lower().startswith("https") else "http"
        proxy = self.proxies.get(scheme) or self.proxies.get("all")
        headers = [(str(key), _header_text(value)) for key, value in self.headers.items() if value is not None]
        if self.auth is not None:
            headers = [(key, value) for key, value in headers if key.lower() != "authorization"]
            headers.append(("Authorization", _basic(self.auth)))
        base = str(self.base_url or "")
        try:
            if self._client is None:
                session = self.request_event._session or _standalone(self.request_event)
                self._client = Client(session, base, False, tls, proxy, PATIENCE, PATIENCE, headers)
                self._submit_get = self._client.get
            else:
                self._client.set_base(base, tls, proxy)
                self._client.set_headers(headers)
        except ValueError as error:
            raise _bad_url(base, error) from None
        self._stale = False
        self.headers.changed = False  # type: ignore[attr-defined]
        self._renew_cookies()

    def _renew_cookies(self) -> None:
        constant, header = transport.constant_cookie_header(self.cookies, str(self.base_url))
        assert self._client is not None
        self._client.set_cookies(header if constant else None)
        self._cookies_vary = not constant
        self.cookies.changed = not constant  # type: ignore[attr-defined]

    # real requests -----------------------------------------------------------------------------------------------------

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
            if auth is not None and not _is_basic(auth):
                return f"auth object {type(auth).__name__}"
        if kwargs.get("cert") or self.cert:
            return "client certificate"
        if kwargs.get("proxies"):
            return "proxies of one call"
        verify = kwargs.get("verify")
        if verify is not None and verify != self.verify:
            return "verify of one call"
        unknown = kwargs.keys() - _NATIVE - {"hooks", "cert", "proxies"}
        return f"argument {sorted(unknown)[0]}" if unknown else None

    def _customised(self) -> str:
        if type(self).send is not requests.Session.send:
            return "overridden send()"
        for adapter in self.adapters.values():
            if type(adapter) is not HTTPAdapter:
                return f"mounted adapter {type(adapter).__name__}"
        return ""

    def mount(self, prefix: Any, adapter: Any) -> None:
        self._custom = None
        super().mount(prefix, adapter)

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
        session = self.request_event._session or _standalone(self.request_event)
        _count_fallback(session, reason)
        whole = url if absolute_http_url_regexp.match(url) else f"{self.base_url}{url}"
        if self.user is not None:
            self.user._due_ns = self.user._blocked = self.user._missed = 0
        start_time, began = time.time(), time.perf_counter_ns()
        error: Exception | None = None
        try:
            real = super().request(method, whole, **kwargs)
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
        response.error = _lowest(error) if error is not None else None
        path = getattr(first.request, "path_url", url) if first.request is not None else url
        response._instants = (began, began, began, done)
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
        if catch:
            response._catch = True
            return response
        response._report(response._verdict())
        return response

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


class Stream:
    """The body of a streamed response, as requests reads it: `stream(amt)` and `read(amt)`. The engine reads a bounded bit ahead."""

    def __init__(self, client: Client, token: int, native: Native, switch: Callable[[], Any]) -> None:
        self._client, self._token, self._native, self._switch = client, token, native, switch
        self._left = b""
        self.closed = False

    def _piece(self) -> bytes:
        if self.closed or not self._client.read(self._token, getcurrent()):
            self.closed = True
            return b""
        try:
            piece = self._switch()
        except BaseException:
            self.close()
            raise
        if isinstance(piece, bytes):
            return piece
        self.closed = True
        if isinstance(piece, Native):
            raise ChunkedEncodingError((piece.problem or ("", "the body ended early", None))[1])
        return b""

    def stream(self, amt: int = 2**16, decode_content: bool | None = None) -> Generator[bytes, None, None]:
        while data := self.read(amt):
            yield data

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        while not self.closed and (amt is None or len(self._left) < amt):
            piece = self._piece()
            self._left += piece
            if piece and amt is not None and len(self._left) >= amt:
                break
        if amt is None:
            taken, self._left = self._left, b""
        else:
            taken, self._left = self._left[:amt], self._left[amt:]
        return taken

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._client.cancel(self._token)

    def release_conn(self) -> None:
        self.close()


def _is_basic(auth: Any) -> bool:
    return type(auth) is HTTPBasicAuth or (isinstance(auth, tuple) and len(auth) == 2)


def _basic(auth: Any) -> str:
    name, password = (auth.username, auth.password) if isinstance(auth, HTTPBasicAuth) else auth
    return str(_basic_auth_str(name, password))


def _header_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _timeouts(timeout: Any) -> tuple[float, float] | None:
    """(connect, read) seconds; None keeps the session's."""
    if timeout is None:
        return None
    if isinstance(timeout, tuple):
        connect, read = timeout
        return (PATIENCE if connect is None else float(connect), PATIENCE if read is None else float(read))
    return (float(timeout), float(timeout))


def _bad_url(url: str, error: Exception) -> RequestException:
    if "://" not in url:
        return MissingSchema(f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant https://{url}?")
    if not absolute_http_url_regexp.match(url):
        return InvalidSchema(f"No connection adapters were found for {url!r}")
    return InvalidURL(str(error))


_EXCEPTIONS: dict[str, type[Exception]] = {
    "refused": ConnectionRefusedError,
    "reset": ConnectionResetError,
    "unreachable": OSError,
    "exhausted": OSError,
}


def _exception(failure: tuple[str, str, int | None]) -> Exception:
    """What requests users expect for a failure below HTTP; Locust shows the lowest exception, so the OS's own where there is one."""
    cause, text, number = failure
    if cause in _EXCEPTIONS and number is not None:
        error: Exception = _EXCEPTIONS[cause](number, text)
    elif cause == "timeout_connect":
        error = ConnectTimeout(text)
    elif cause in ("timeout_first_byte", "timeout_body"):
        error = ReadTimeout(text)
    elif cause == "tls":
        error = SSLError(text)
    elif cause == "reset":
        error = ConnectionResetError(text)
    elif cause == "protocol":
        error = ChunkedEncodingError(text)
    elif cause == "refused":
        error = ProxyError(text)
    else:
        error = ConnectionError(text)
    error.katydid_cause = cause  # type: ignore[attr-defined]
    return error


def _lowest(error: BaseException) -> Exception:
    """The exception at the bottom of the chain, as Locust reports it."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return error  # type: ignore[return-value]


def _cause(failure: Exception, native: Native) -> str:
    cause = getattr(failure, "katydid_cause", None)
    if cause is not None:
        return str(cause)
    if isinstance(failure, HTTPError):
        return "status"
    if isinstance(failure, (ResponseError, AssertionError)):
        return "script"
    return "other"


def _text(failure: Exception) -> str:
    return str(failure.args[0]) if isinstance(failure, CatchResponseError) and failure.args else repr(failure)


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


def _standalone(request_event: Any) -> Any:
    """A session for clients that are used without a runner (a script, run_single_user): nothing is written."""
    from ._standalone import session_for

    return session_for(request_event)
