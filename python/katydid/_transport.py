"""What both clients share: bodies, parameters, cookies and redirects, in the terms of `requests`.

Knows HTTP's conventions, not sockets, sessions' settings or statistics. Cheap for the common case and correct, through the standard
library's cookie jar and requests' own encoders, for the rest.
"""

from __future__ import annotations

import json as json_module
from email.message import Message
from http.cookiejar import Cookie
from time import perf_counter_ns
from typing import Any
from urllib.parse import urljoin, urlsplit

from requests.cookies import MockRequest, RequestsCookieJar
from requests.models import RequestEncodingMixin
from requests.utils import requote_uri

#: requests' own encoders of queries, forms and uploads; its stubs do not name them.
_ENCODING: Any = RequestEncodingMixin


def slot_of(user: Any) -> tuple[int, int, int]:
    """(due, blocked, missed) for the first request of an iteration; zeros for the later ones, for which "now" is due."""
    if user is None or not user._due_ns:
        return 0, 0, 0
    return user._due_ns, user._blocked, user._missed


def slot_served(user: Any) -> None:
    """A request took the slot. One that could not be sent leaves it to the next."""
    if user is not None:
        if (
            user._due_ns and user._due_ns == user._flow_ns
        ):  # an arrival's, not one of `constant_pacing`
            user._held_ns = max(0, user._due_ns - perf_counter_ns())
        user._due_ns = user._blocked = user._missed = 0


def whole_number(text: str | None) -> int:
    """A header's number; 0 where it is none."""
    return int(text) if text and text.isdecimal() and text.isascii() else 0


def timings(native: Any) -> tuple[int, int, int, int]:
    """(due, asked, send, done) of a native response, ns; what was never sent was sent when it was asked for."""
    due, asked, _taken, _connected, send, _first_byte, done = native.instants_ns
    return due, asked, send or asked, done


REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Jar(RequestsCookieJar):
    """A cookie jar that remembers whether it changed since the Cookie header was last made from it."""

    changed = True

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:
        self.changed = True
        super().set_cookie(cookie, *args, **kwargs)

    def clear(self, *args: Any, **kwargs: Any) -> None:
        self.changed = True
        super().clear(*args, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        self.changed = True


def jar_of(cookies: Any) -> Jar:
    """`cookies` as a Jar: itself, or a new one with the same content."""
    if isinstance(cookies, Jar):
        return cookies
    jar = Jar()
    if cookies:
        jar.update(cookies)
    return jar


class _Url:
    """As much of a request as cookie rules need."""

    __slots__ = ("headers", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: dict[str, str] = {}


def cookie_header(jar: RequestsCookieJar, url: str) -> str | None:
    """The Cookie header of a request for `url`, by the jar's policy."""
    request = MockRequest(_Url(url))
    jar.add_cookie_header(request)  # type: ignore[arg-type]
    value: str | None = request.get_new_headers().get("Cookie")  # type: ignore[no-untyped-call]
    return value


def constant_cookie_header(jar: RequestsCookieJar, base_url: str) -> tuple[bool, str | None]:
    """(True, header) when every request to `base_url`'s origin carries the same cookies; (False, None) when it depends."""
    if not jar:
        return True, None
    for cookie in jar:
        if cookie.path != "/" or cookie.expires is not None or cookie.secure or cookie.port:
            return False, None
    host = urlsplit(base_url).hostname or ""
    plain = "." in host
    for cookie in jar:
        domain = cookie.domain.lstrip(".")
        if domain not in (host, "", host if plain else f"{host}.local"):
            return False, None
    return True, cookie_header(jar, base_url + "/" if not urlsplit(base_url).path else base_url)


class _Info:
    __slots__ = ("_message",)

    def __init__(self, response: Any) -> None:
        self._message = Message()
        for name, value in response.header_items():
            if name.lower() == "set-cookie":
                self._message["Set-Cookie"] = value

    def info(self) -> Message:
        return self._message


def take_cookies(jar: RequestsCookieJar, response: Any, url: str) -> None:
    """Puts the cookies that `response` sets for `url` into the jar."""
    jar.extract_cookies(_Info(response), MockRequest(_Url(url)))  # type: ignore[arg-type]


def with_params(url: str, params: Any) -> str:
    """The URL with `params` added to its query, as requests does."""
    encoded = _ENCODING._encode_params(params)
    if not encoded:
        return url
    if isinstance(encoded, bytes):
        encoded = encoded.decode()
    head, hash_, fragment = url.partition("#")
    head += ("&" if "?" in head else "?") + str(encoded)
    return head + hash_ + fragment


def encode_form(data: Any) -> bytes:
    """A form body from a dict or a list of pairs."""
    encoded = _ENCODING._encode_params(data)
    return encoded.encode() if isinstance(encoded, str) else bytes(encoded)


def encode_files(files: Any, data: Any) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    body, content_type = _ENCODING._encode_files(files, data)
    return bytes(body), str(content_type)


def read_body(data: Any) -> bytes:
    """The bytes of a str, bytes, file or iterable body. Iterables are sent whole, not in chunks."""
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if hasattr(data, "read"):
        content = data.read()
        return content.encode() if isinstance(content, str) else bytes(content)
    return b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in data)


def redirect_target(response: Any, url: str) -> str | None:
    """Where a response sends its client, absolute; None when it does not."""
    if response.status_code not in REDIRECTS:
        return None
    location = response.header("location")
    if location is None:
        return None
    # Header values arrive as latin-1; servers mean UTF-8.
    location = location.encode("latin-1").decode("utf-8", "replace")
    if location.startswith("//"):
        location = f"{urlsplit(url).scheme}:{location}"
    target: str = requote_uri(urljoin(url, requote_uri(location)))
    return target


def redirect_method(method: str, status: int) -> str:
    """Browsers' rules, which requests follows."""
    upper = method.upper()
    if (status in (302, 303) and upper != "HEAD") or (status == 301 and upper == "POST"):
        return "GET"
    return method


def same_origin(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    ports = {"http": 80, "https": 443}
    return (a.scheme, a.hostname, a.port or ports.get(a.scheme)) == (
        b.scheme,
        b.hostname,
        b.port or ports.get(b.scheme),
    )


def outline(content: bytes, content_type: str) -> str:
    """What a response looked like without what it said: JSON keys with values masked, else type and length."""
    kind = content_type.partition(";")[0].strip() or "unknown type"
    if "json" in kind and len(content) < 100_000:
        try:
            return f"{kind}, {len(content)} bytes: {json_module.dumps(_masked(json_module.loads(content)))[:300]}"
        except ValueError:
            pass
    return f"{kind}, {len(content)} bytes"


def _masked(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict):
        shown = list(value.items())[:12]
        return (
            {str(key)[:40]: _masked(item, depth + 1) for key, item in shown} if depth < 3 else "{…}"
        )
    if isinstance(value, list):
        return (
            ([_masked(value[0], depth + 1), f"… {len(value)} items"] if value else [])
            if depth < 3
            else "[…]"
        )
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return value if value is None or isinstance(value, bool) else "<number>"
