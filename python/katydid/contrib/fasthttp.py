"""`FastHttpUser` and its session: Locust's leaner client, here the engine's with the least Python around it.

A session holds defaults, cookies and a base URL; it is not a `requests.Session`. Its responses are the native ones. Differences from
`HttpUser` are Locust's: the default name is the URL as it was given, TLS certificates are not verified unless `insecure = False`,
and only the statuses in Locust's list are good.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from ssl import SSLContext
from typing import Any, ClassVar
from urllib.parse import unquote

from gevent import getcurrent

from .. import _transport as transport
from .._core import Client, InvalidUrl
from .._errors import absolute_http_url_regexp, exception_of
from .._fallback import session_of
from .._fast_response import (
    GOOD,
    ErrorResponse,
    FastRequest,
    FastResponse,
    LocustBadStatusCode,
    ResponseContextManager,
    StreamedContextManager,
    StreamedResponse,
)
from .._json import dumps
from .._report import context_at_the_end, report
from .._stream import Stream
from .._turns import turns
from ..exception import LocustError, StopTest
from ..rest import RestMixin, RestResponseContextManager
from ..user.users import User, headers_asked_for

__all__ = (
    "FAILURE_EXCEPTIONS",
    "ErrorResponse",
    "FastHttpSession",
    "FastHttpUser",
    "FastRequest",
    "FastResponse",
    "LocustBadStatusCode",
    "LocustUserAgent",
    "ResponseContextManager",
    "RestResponseContextManager",
    "insecure_ssl_context_factory",
)

logger = logging.getLogger("locust.fasthttp")

FAILURE_EXCEPTIONS = (ConnectionError, OSError, ValueError)

_KNOWN = frozenset(
    (
        "params",
        "files",
        "timeout",
        "verify",
        "cookies",
        "max_retries",
        "max_redirects",
        "debug_stream",
    )
)


def insecure_ssl_context_factory() -> SSLContext:
    """Kept for scripts that name it; katydid's TLS is configured by `insecure`."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


#: Attributes of a session of which the engine holds a copy.
_SETTINGS = frozenset(("base_url", "auth_header", "request"))


class LocustUserAgent:
    """Stands where Locust's user agent stands: `session.client.clientpool.close()` drops connections."""

    def __init__(self, session: FastHttpSession) -> None:
        self._session = session
        self.clientpool = self

    def close(self) -> None:
        if self._session._client is not None:
            self._session._client.close_idle()


class FastHttpSession:
    """The client of a FastHttpUser."""

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_client",
        "_fast",
        "_handlers",
        "_headers",
        "_jar",
        "_native_get",
        "_settings",
        "_stale",
        "_switch",
        "_vary",
        "auth_header",
        "base_url",
        "request_event",
        "request_name",
        "user",
    )

    def __init__(
        self,
        base_url: str,
        request_event: Any,
        user: Any,
        insecure: bool = True,
        client_pool: Any = None,
        ssl_context_factory: Callable[[], SSLContext] | None = None,
        **kwargs: Any,
    ) -> None:
        self.auth_header: str | None = None
        parts = re.match(r"^(https?://)([^/@]*)@(.*)$", base_url or "", re.IGNORECASE)
        if parts:
            base_url = parts[1] + parts[3]
            name, _, password = parts[2].partition(":")
            self.auth_header = _basic(unquote(name), unquote(password))
        self.base_url = base_url
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self._handlers = request_event._handlers
        self._switch = turns().switch
        self._jar: transport.Jar | None = None
        self._vary = False
        headers: dict[str, str] = {"User-Agent": "katydid", "Accept-Encoding": "gzip, deflate, br"}
        headers.update(kwargs.get("headers") or {})
        self._headers = headers
        self._fast = type(self).request is FastHttpSession.request
        proxy = None
        if kwargs.get("proxy_host"):
            proxy = f"http://{kwargs['proxy_host']}:{kwargs.get('proxy_port') or 80}"
        self._settings = (
            "accept" if insecure else "verify",
            proxy,
            float(kwargs.get("connection_timeout", 60.0)),
            float(kwargs.get("network_timeout", 60.0)),
        )
        self._connect()

    def _connect(self) -> None:
        """Gives the engine the settings as they are now."""
        tls, proxy, connect, read = self._settings
        headers = dict(self._headers)
        if self.auth_header:
            headers["Authorization"] = self.auth_header
        base = self.base_url or ""
        try:
            self._client: Client = Client(
                session_of(self), base, True, tls, proxy, connect, read, list(headers.items())
            )
        except ValueError as error:
            raise StopTest(f"The host {base!r} cannot be used: {error}") from None
        self._native_get: Any = self._client.get if self._fast else None
        self._stale = False
        if self._jar is not None:
            self._jar.changed = True

    def _session_changed(self) -> None:
        self._native_get = None
        self._stale = True

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "request":  # wrapped: every call is to go through it
            super().__setattr__("_fast", False)
        if name in _SETTINGS and hasattr(self, "_native_get"):
            self._session_changed()

    @property
    def client(self) -> LocustUserAgent:
        return LocustUserAgent(self)

    @property
    def cookiejar(self) -> CookieJar:
        """Made when it is first needed: most users never get a cookie."""
        if self._jar is None:
            self._jar = transport.Jar()
        return self._jar

    # the fast way ------------------------------------------------------------------------------------------------------

    def get(
        self, url: str, *, name: str | None = None, catch_response: bool = False, **kwargs: Any
    ) -> Any:
        """GET `url`; keyword arguments as `request`."""
        user, jar, native_get = self.user, self._jar, self._native_get
        if (
            kwargs
            or native_get is None
            or user is None
            or (jar is not None and (jar.changed or self._vary))
        ):
            if name is not None:
                kwargs["name"] = name
            if catch_response:
                kwargs["catch_response"] = catch_response
            return self.request("GET", url, **kwargs)
        name = name or self.request_name
        if user._due_ns:
            slot = user._due_ns, user._blocked, user._missed
            token = native_get(getcurrent(), url, name, catch_response, *slot)
            transport.slot_served(user)
        else:
            token = native_get(getcurrent(), url, name, catch_response)
        try:
            response = self._switch()
        except BaseException:
            self._client.cancel(token)
            raise
        if catch_response:
            if response.simple:
                return self._to_judge(response, "GET", name or url, {})
        elif response.plain:
            if self._handlers:
                event = response.event("GET", name or url, {**user.context()}, response)
                self.request_event.notify(event)
            return response
        return self._ended(response, "GET", url, name, None, None, {}, True, catch_response, {})

    # any request -------------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        headers: dict[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Makes a request. `name` groups it in the statistics; `catch_response` leaves the judgement to a with block; `context`
        goes to the listeners. Also: params, files, timeout (s or (connect, read)), cookies, max_redirects."""
        if kwargs:
            unknown = kwargs.keys() - _KNOWN
            if unknown:
                raise TypeError(
                    f"request() got an unexpected keyword argument {sorted(unknown)[0]!r}"
                )
            if kwargs.get("params"):
                # The name is that of the URL as it was given.
                name = name or self.request_name or url
                url = transport.with_params(url, kwargs["params"])
        name = name or self.request_name
        own = dict(headers) if headers else {}
        body = _body(own, data, json, kwargs.get("files"))
        if auth:
            own["Authorization"] = _basic(*auth)
        stream = bool(stream)
        judge = 0 if catch_response or stream else 1 if allow_redirects else 2
        response, token = self._exchange(method, url, name, own, body, kwargs, judge, stream)
        if own or body:
            response._sent = (own, body)
        if catch_response and response.simple and not stream:
            return self._to_judge(response, method, name or url, context or {})
        return self._ended(
            response,
            method,
            url,
            name,
            own,
            body,
            kwargs,
            allow_redirects,
            catch_response,
            context or {},
            token if stream else None,
        )

    def _to_judge(self, response: Any, method: str, name: str, context: dict[str, Any]) -> Any:
        response.__class__ = ResponseContextManager
        response._session = self
        response._row = (method, name)
        # Without listeners it is asked only if the script looks.
        response._context = (
            context_at_the_end(self, response, context) if self._handlers else context
        )
        return response

    def _exchange(
        self,
        method: str,
        url: str,
        name: str | None,
        headers: dict[str, Any],
        body: bytes | None,
        kwargs: dict[str, Any],
        judge: int,
        stream: bool,
    ) -> tuple[Any, int]:
        if self._stale:
            self._connect()
        jar = self._jar
        if jar is not None and jar.changed:
            constant, header = transport.constant_cookie_header(jar, self.base_url)
            self._client.set_cookies(header if constant else None)
            self._vary = not constant
            jar.changed = False
        if self._vary or kwargs.get("cookies"):
            sent = transport.jar_of(None)
            sent.update(jar or {})
            sent.update(kwargs.get("cookies") or {})
            value = transport.cookie_header(sent, self._whole(url))
            if value:
                headers.setdefault("Cookie", value)
        timeout = kwargs.get("timeout")
        if timeout is not None and not isinstance(timeout, tuple):
            timeout = (float(timeout), float(timeout))
        lines = [
            (key, value if isinstance(value, bytes) else str(value))
            for key, value in headers.items()
            if value is not None
        ]
        slot = transport.slot_of(self.user)
        try:
            token = self._client.submit(
                getcurrent(),
                method,
                url,
                name,
                lines or None,
                True,
                body,
                judge,
                *slot,
                timeout,
                stream,
            )
        except ValueError as error:
            raise InvalidUrl(f"{error}") from None
        if slot[0]:
            transport.slot_served(self.user)
        try:
            return self._switch(), token
        except BaseException:
            self._client.cancel(token)
            raise

    def _whole(self, url: str) -> str:
        return url if absolute_http_url_regexp.match(url) else f"{self.base_url}{url}"

    # the end of a request ----------------------------------------------------------------------------------------------

    def _ended(
        self,
        response: Any,
        method: str,
        url: str,
        name: str | None,
        headers: dict[str, Any] | None,
        body: bytes | None,
        kwargs: dict[str, Any],
        follow: bool,
        catch: bool,
        context: dict[str, Any],
        token: int | None = None,
    ) -> Any:
        first = response
        whole = self._whole(url)
        if first.has_cookies:
            transport.take_cookies(self.cookiejar, first, whole)  # type: ignore[arg-type]
        error: Exception | None = None
        history: list[Any] = []
        if follow and first.status_code in transport.REDIRECTS:
            response, error, history = self._follow(
                first, method, whole, name or url, headers or {}, body, kwargs
            )
        if token is not None and response.status_code:
            response.__class__ = StreamedResponse
            response.stream = Stream(self._client, token, self._switch)
        elif response.is_encoded and error is None:
            try:
                _ = response.content
            except ValueError as problem:
                error = problem
        if error is not None or response.problem is not None:
            response.error = error or exception_of(response.problem)
        if history:
            response.history = history
        if first.recorded and not self._handlers and not catch:
            return response
        due, asked, send, done = transport.timings(first)
        if response is not first:
            done = response.instants_ns[6]
        at = (due, asked, send, done)
        if token is not None:
            length = transport.whole_number(response.header("content-length"))
        else:
            length = 0 if error is not None else len(response.content or b"")
        context = context_at_the_end(self, first, context)
        meta: dict[str, Any] = {
            "request_type": method,
            "response_time": (done - asked) / 1e6,
            "name": name or url,
            "context": context,
            "response": response,
            "exception": None,
            "start_time": first.start_time,
            "url": whole,
            "response_length": length,
        }
        if catch:
            response.__class__ = (
                StreamedContextManager if token is not None else ResponseContextManager
            )
            response._session = self
            response._meta, response._at, response._endpoint = meta, at, first.endpoint
            return response
        self._report(response, meta, at, self._verdict(response))
        return response

    def _follow(
        self,
        response: Any,
        method: str,
        url: str,
        name: str,
        headers: dict[str, Any],
        body: bytes | None,
        kwargs: dict[str, Any],
    ) -> tuple[Any, Exception | None, list[Any]]:
        """One submit per hop; the whole chain is one sample."""
        history: list[Any] = []
        limit: Any = kwargs.get("max_redirects") or getattr(self.user, "max_redirects", 30)
        while (target := transport.redirect_target(response, url)) is not None:
            if len(history) >= limit:
                return response, LocustError(f"more than {limit} redirects"), history
            history.append(response)
            status = response.status_code
            method = transport.redirect_method(method, status)
            if status not in (307, 308):
                body = None
                headers = {k: v for k, v in headers.items() if k.lower() != "content-type"}
            if not transport.same_origin(url, target):
                headers = {
                    k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie")
                }
            hop = {key: kwargs[key] for key in ("timeout",) if key in kwargs}
            try:
                response, _ = self._exchange(method, target, name, headers, body, hop, 0, False)
            except ValueError as error:
                return response, error, history[:-1]
            url = target
            if response.has_cookies:
                transport.take_cookies(self.cookiejar, response, url)  # type: ignore[arg-type]
        return response, None, history

    def _verdict(self, response: Any) -> Exception | None:
        if response.error is not None:
            return response.error  # type: ignore[no-any-return]
        if response.status_code in GOOD:
            return None
        return LocustBadStatusCode(response.status_code, response.url)

    def _report(
        self,
        response: Any,
        meta: dict[str, Any],
        at: tuple[int, int, int, int],
        failure: Exception | None,
    ) -> None:
        report(self.request_event, response, meta, at, failure, lambda: _content(response))

    # names and methods -------------------------------------------------------------------------------------------------

    @contextmanager
    def rename_request(self, name: str) -> Generator[None, None, None]:
        """All requests inside the block are counted as `name`."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def iter_lines(self, url: str, method: str = "GET", **kwargs: Any) -> Iterator[str]:
        """The lines of a streamed response, as they arrive."""
        response = self.request(method, url, stream=True, **kwargs)
        left = b""
        while piece := response.stream.read(8192):
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r").decode("utf-8", "replace")
        if left:
            yield left.decode("utf-8", "replace")

    def delete(self, url: str, **kwargs: Any) -> Any:
        return self.request("DELETE", url, **kwargs)

    def head(self, url: str, **kwargs: Any) -> Any:
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def options(self, url: str, **kwargs: Any) -> Any:
        return self.request("OPTIONS", url, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> Any:
        return self.request("PATCH", url, data=data, **kwargs)

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
        return self.request("PUT", url, data=data, json=json, **kwargs)


def _content(response: Any) -> bytes | None:
    """The body, as far as it is there."""
    if response.error is not None or response.stream is not None or not response.status_code:
        return b""
    content: bytes | None = response.content
    return content


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")


def _body(headers: dict[str, Any], data: Any, json: Any, files: Any) -> bytes | None:
    """The bytes to send; adds the headers that go with them unless they are given."""
    given = {name.lower() for name in headers}
    if files:
        body, kind = transport.encode_files(files, data)
    elif not data and json is not None:
        body, kind = dumps(json, allow_nan=True), "application/json"
        if "accept" not in given:
            headers["Accept"] = "application/json"
    elif not data:
        return None
    elif isinstance(data, (dict, list, tuple)):
        body, kind = transport.encode_form(data), "application/x-www-form-urlencoded; charset=utf-8"
    elif isinstance(data, str):
        body, kind = data.encode(), "text/plain; charset=utf-8"
    else:
        body, kind = transport.read_body(data), "application/octet-stream"
    if "content-type" not in given:
        headers["Content-Type"] = kind
    return body


_warned: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        logger.warning(text)


class FastHttpUser(RestMixin, User):
    """A user whose `client` is a FastHttpSession."""

    _asks_engine: ClassVar[bool] = True
    network_timeout: float = 60.0
    """Seconds without a byte from the server."""
    connection_timeout: float = 60.0
    """Seconds to a connection."""
    max_redirects: int = 30
    max_retries: int = 0
    """Kept for compatibility: katydid never retries a request."""
    insecure: bool = True
    """Do not verify TLS certificates."""
    default_headers: dict[str, Any] | None = None
    concurrency: int = 10
    proxy_host: str | None = None
    proxy_port: int | None = None
    client_pool: Any = None
    ssl_context_factory: Callable[[], SSLContext] | None = None
    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if self.host is None:
            raise StopTest(
                "You must specify the base host. Either in the host attribute in the User class, or on the command line using the "
                "--host option."
            )
        if self.client_pool is not None or self.ssl_context_factory is not None:
            _warn_once(
                "FastHttpUser: client_pool and ssl_context_factory have no effect here. katydid's engine owns connections and TLS: "
                "`insecure` decides whether certificates are verified."
            )
        asked = headers_asked_for(environment)
        replaced = {name.lower() for name in asked}
        defaults = self.default_headers or {}
        own = {name: value for name, value in defaults.items() if name.lower() not in replaced}
        self.client = FastHttpSession(
            self.host,
            environment.events.request,
            self,
            insecure=self.insecure,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            headers={**own, **asked},
            proxy_host=self.proxy_host,
            proxy_port=self.proxy_port,
        )
